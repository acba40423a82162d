package handler_test

import (
	"strings"
	"testing"
	"time"
)

// newLatencyFixture returns a fixture with a view that has estimates. Its one row has the latencies 10, 20 and 30.
func newLatencyFixture(t *testing.T) *fixture {
	t.Helper()
	s := newFixtureOf(t, `views:
  - name: latencies
    key: {path: data.path}
    window: 1h
    aggregates:
      n: count()
      latency: quantiles(data.ms)
      users: distinct(data.user)
      paid: "sum(data.items.map(i, i.price * i.pieces))"`)
	s.buy(t, "2026-01-01T00:10:00Z", `{"path":"/a","ms":10,"user":"u","items":[{"price":0.1,"pieces":3}]}`)
	s.buy(t, "2026-01-01T00:11:00Z", `{"path":"/a","ms":20,"user":"v","items":[{"price":1}]}`)
	s.Wait(3 * time.Hour)
	s.tick(t)
	s.buy(t, "2026-01-01T00:12:00Z", `{"path":"/a","ms":30,"user":"u","items":[{"price":1,"pieces":2},{"price":2,"pieces":1}]}`)
	return s
}

// TestValues checks which aggregates and readings an answer shows, in each format, with the bounds of estimates.
func TestValues(t *testing.T) {
	s := newLatencyFixture(t)
	const relative = `{"relative":0.01}`
	for query, want := range map[string][]string{
		"": {
			`"values":{"n":3,"latency":{"p50":20.`, `"p90":20.`, `"p95":20.`, `"p99":20.`, `"users":2,"paid":4.3}`,
			`"errors":{"latency":` + relative + `},"skipped":{"paid":1}`,
		},
		"&values=users,n":                  {`"values":{"users":2,"n":3},"exact":false}`},
		"&values=latency.p100,n":           {`"values":{"latency":{"p100":30.`, `},"n":3}`, `"errors":{"latency":` + relative + `}`},
		"&values=latency.p0,latency.p99.9": {`"values":{"latency":{"p0":`, `,"p99.9":20.`},
		"&values=latency,latency.p0.1":     {`{"latency":{"p50":20.`, `,"p99":20.`, `,"p0.1":`},
		"&values=n,n":                      {`"values":{"n":3},"exact"`},
		"&values=+paid+,+n":                {`"values":{"paid":4.3,"n":3},"exact":false,"skipped":{"paid":1}}`},
		"&values=latency.p99&parts=true":   {`"parts":{"batch":{"latency":{"p99":`, `"speed":{"latency":{"p99":30.`},
		"&values=latency.p99&total=true":   {`"total":{"values":{"latency":{"p99":20.`, `"exact":false,"errors":{"latency":`},
		"&values=n&step=1d&total=true":     {`"total":{"values":{"n":3}`},
		"&format=csv": {
			"key.path,start,end,values.n,values.latency.p50,values.latency.p90,values.latency.p95,values.latency.p99," +
				"values.users,values.paid,exact,horizon,complete,errors.latency,skipped.latency,errors.users,",
			`,"{""relative"":0.01}",`,
		},
		"&format=csv&values=latency.p99.9,n": {
			"key.path,start,end,values.latency.p99.9,values.n,exact,horizon,complete,errors.latency,skipped.latency,window_",
		},
		"&format=csv&parts=true&values=latency.p1": {",parts.batch.latency.p1,parts.speed.latency.p1\r\n"},
		"&format=ndjson&values=latency.p1":         {`"values":{"latency":{"p1":`, `"errors":{"latency":` + relative + `}`},
	} {
		if r := s.query(t, "latencies", "path=/a"+query); r.StatusCode != 200 || !containsAll(r.Body, want) {
			t.Errorf("%q: %d %s, want %q", query, r.StatusCode, r.Body, want)
		}
	}
	if r := s.query(t, "latencies", "path=/a&values=n"); strings.Contains(r.Body, "errors") {
		t.Errorf("errors of an aggregate that is not shown: %s", r.Body)
	}
}

// TestBrokenValues checks that a wrong name is refused, and that the answer says what would be right.
func TestBrokenValues(t *testing.T) {
	s := newLatencyFixture(t)
	const named = `"parameter":"values"`
	for values, want := range map[string]string{
		"":               `values=\"\" has an empty name; write aggregates with commas between them, as in values=views,latency.p99`,
		"n,":             `values=\"n,\" has an empty name`,
		"latencyy":       `values=\"latencyy\" names no aggregate of view latencies; did you mean \"latency\"?`,
		"latencyy.p50":   `did you mean \"latency\"?`,
		"p95":            `values=\"p95\" names no aggregate of view latencies; did you mean latency.p95?`,
		"visits":         `the aggregates are n, latency, users, paid`,
		"n.p50":          `values=\"n.p50\" names a reading, but count() has one value; write n`,
		"latency.":       `names no reading of quantiles(data.ms); write for example latency.p50 or latency.p99.9`,
		"latency.95":     `values=\"latency.95\" names no reading of quantiles(data.ms); did you mean latency.p95?`,
		"latency.P95":    `did you mean latency.p95?`,
		"latency.p101":   `write for example latency.p50 or latency.p99.9`,
		"latency.median": `write for example latency.p50 or latency.p99.9`,
		"values.n":       `the aggregates are n, latency, users, paid`,

		strings.Repeat("n,", 100) + "n": `values has 101 names; the maximum is 100`,
	} {
		r := s.query(t, "latencies", "path=/a&values="+values)
		if r.StatusCode != 400 || !containsAll(r.Body, []string{want, named, `"code":"bad_parameter"`}) {
			t.Errorf("%q: %d %s, want %s", values, r.StatusCode, r.Body, want)
		}
	}
}
