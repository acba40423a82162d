package main

import (
	"net/http"
	"strings"
	"testing"
)

const (
	request  = `{"specversion":"1.0","id":"1","source":"shop","type":"web.request","data":{"path":"/","status":200,"bytes":7}}`
	misspelt = `{"specversion":"1.0","id":"1","source":"shop","type":"web.request","time":"2015-05-17T10:05:03Z",` +
		`"data":{"pth":"/a","status":200,"bytes":"x"}}`
)

// TestExplainEvent checks how events land: in a row, skipped at a key or an aggregate, or passed by.
func TestExplainEvent(t *testing.T) {
	s := newSession()
	s.do(t, exitOK, "views", "explain", sampleViews, "--event", misspelt)
	golden(t, "views_explain_misspelt.golden", s.out.String())
	s = newSession()
	s.do(t, exitOK, "views", "explain", sampleViews, "--event", file(t, "event.json", []byte(request)))
	golden(t, "views_explain_counts.golden", s.out.String())
	s = newSession()
	s.stdin = strings.NewReader(misspelt)
	s.do(t, exitOK, "views", "explain", sampleViews, "--event", "-", "-o", "json")
	golden(t, "views_explain_json.golden", s.out.String())
}

// TestExplainSkippedCondition checks an event for which where is neither true nor false, and one outside the calendar.
func TestExplainSkippedCondition(t *testing.T) {
	s := newSession()
	s.do(t, exitOK, "views", "explain", sampleViews, "--event",
		`{"specversion":"1.0","id":"1","source":"shop","type":"web.request","data":{"path":"/","sttus":200}}`)
	says(t, &s.out, "page_views: the event is skipped\n  where    skipped: missing  ",
		"the event has no data.status; it has data.sttus")
	orders := file(t, "orders.yaml", []byte("views: [{name: orders, key: {}, window: 1w, aggregates: "+
		"{amount: 'sum(data.items.map(i, i.price * i.pieces))', "+
		"parts: 'sum(data.items.map(i, i.parts.map(p, p - i.price)))'}}]"))
	s = newSession()
	s.do(t, exitOK, "views", "explain", orders, "--event",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"items":[{"price":2,"pieces":3},{"price":2}]}}`)
	says(t, &s.out, "amount  skipped: missing  ", "sum(data.items.map(i, i.price * i.pieces))",
		"\n  note: data.items[1] has no pieces\n")
	s = newSession()
	s.do(t, exitOK, "views", "explain", orders, "--event",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"items":[{"price":2,"pieces":3,"parts":[1]},`+
			`{"price":null,"pieces":2,"parts":[1,"x"]},{"pieces":"1","parts":[]}]}}`)
	says(t, &s.out, "\n  note: data.items[1].price is null, not a number; 1 more element has no such value\n"+
		"  note: data.items[2].pieces is a string, not a number\n"+
		"  note: data.items[1].parts[1] is a string, not a number\n")
	s = newSession()
	s.do(t, exitOK, "views", "explain", orders, "--event",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"items":null}}`)
	says(t, &s.out, "amount  skipped: missing  ", "\n  note: data.items is null, not an array\n")
	definition := file(t, "week.yaml", []byte("views: [{name: week, key: {}, window: 1w, aggregates: {n: count()}}]"))
	s = newSession()
	s.do(t, exitOK, "views", "explain", definition, "--event",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"9999-12-31T23:59:59Z"}`)
	says(t, &s.out, "week: the event is skipped\n  time    skipped: out of range\n")
}

// TestExplainRollups checks that an event is shown in every roll-up in which it counts.
func TestExplainRollups(t *testing.T) {
	definition := file(t, "rolled.yaml", []byte("views: [{name: v, key: {a: data.a, b: data.b}, rollups: [[b], []], "+
		"window: 1h, aggregates: {n: count()}}]"))
	const event = `{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"a":"x","b":7}}`
	s := newSession()
	s.do(t, exitOK, "views", "explain", definition, "--event", event)
	says(t, &s.out, "  key        b    \"7\" ", "\n  roll-up    [b]  \"7\"\n", "\n  roll-up    []\n",
		"\n  aggregate  n    1 ")
	s = newSession()
	s.do(t, exitOK, "views", "explain", definition, "-o", "json", "--event", event)
	says(t, &s.out, `"rollups":[["b"],[]]`)
}

// TestExplainLane checks that --dir names the lane of the event in a directory of anabranch dev.
func TestExplainLane(t *testing.T) {
	dir := t.TempDir()
	s := newSession()
	s.do(t, exitUsage, "views", "explain", sampleViews, "--event", request, "--dir", dir)
	says(t, &s.err, "--dir: "+dir+" has no archive of anabranch dev")
	_, stop := startDev(t, dir)
	stop()
	s = newSession()
	s.do(t, exitOK, "views", "explain", sampleViews, "--event", request, "--dir", dir)
	if first, _, _ := strings.Cut(s.out.String(), "\n"); !strings.HasPrefix(first, "lane 1.4.") {
		t.Errorf("the first line is %q", first)
	}
}

// TestExplainRow checks the question to the server, and why a row is or is not exact.
func TestExplainRow(t *testing.T) {
	const row = `{"start":"2015-05-17T10:00:00Z","end":"2015-05-17T11:00:00Z","values":{"views":3},`
	const head = `{"view":"page_views","key":{"path":"/"},"window":"PT1H","definition":"4f1c0e9d2b7a66aa01",` +
		`"generation":"g-7",`
	const batchRan = `"horizon":"2026-03-01T12:00:00Z","lag":{"batch_seconds":12.3},`
	for answer, want := range map[string]string{
		batchRan + `"data":[` + row + `"exact":true,"parts":{"batch":{"views":3}}}]}`: "\nExact: batch has folded every " +
			"event that arrived before the horizon, 2026-03-01T12:00:00Z.\nA later event",
		batchRan + `"read":{"batch":{"items":1,"bytes":412},"speed":{"items":3,"bytes":99}},"data":[` + row +
			`"exact":true,"parts":{"batch":{"views":3}}}]}`: "\nread        1 item (412 bytes) of batch, 3 items (99 bytes) " +
			"of speed\n",
		batchRan + `"data":[` + row + `"exact":true,"horizon":"2026-03-01T12:05:00Z","parts":{"batch":{"views":3}}}]}`: "before " +
			"the horizon, 2026-03-01T12:05:00Z.\n",
		batchRan + `"data":[` + row + `"exact":false,"parts":{"batch":{"views":2},"speed":{"views":1}}}]}`: "\nNot exact: " +
			"speed has events that batch has not folded. The horizon is 2026-03-01T12:00:00Z.\n",
		`"horizon":"2015-05-17T10:30:00Z","data":[` + row + `"exact":false,"parts":{"batch":{"views":3}}}]}`: "\nNot exact: " +
			"the window ends after the horizon, 2015-05-17T10:30:00Z. Events",
		`"horizon":null,"data":[` + row + `"exact":false,"parts":{"speed":{"views":3}}}]}`: "\nNot exact: the stream alone " +
			"maintains this view. The server does not know yet",
		`"complete":"2026-03-01T12:00:00Z","data":[` + row + `"exact":false,"parts":{}}]}`: "the stream alone maintains this view",
		batchRan + `"data":[` + row + `"exact":false,"parts":{"batch":{"views":3}}}]}`:     "a run of batch is being applied to this row",
	} {
		address, last := asked(t, viewThen("PT1H", head+answer))
		s := newSession()
		s.do(t, exitOK, "views", "explain", "page_views", "path=/", "--window=2015-05-17T10:00:00Z", "--url", address)
		says(t, &s.out, want)
		const question = "GET /v1/views/page_views/query?from=2015-05-17T10%3A00%3A00Z&key.path=%2F&parts=true&" +
			"to=2015-05-17T11%3A00%3A00Z"
		if last() != question {
			t.Errorf("asked %s", last())
		}
	}
	for window, to := range map[string]string{
		"PT1H30M": "2026-03-01T12%3A30%3A00Z", "P1D": "2026-03-02T11%3A00%3A00Z", "P1W": "2026-03-08T11%3A00%3A00Z",
	} {
		address, last := asked(t, viewThen(window, emptyAnswer))
		newSession().do(t, exitRejected, "views", "explain", "v", "--window=-1h", "--url", address)
		if !strings.HasSuffix(last(), "&to="+to) {
			t.Errorf("%s: asked %s", window, last())
		}
	}
	address, _ := asked(t, viewThen("an hour", ""))
	s := newSession()
	s.do(t, exitUnreachable, "views", "explain", "v", "--window=-1h", "--url", address)
	says(t, &s.err, `the server's window "an hour" is not a duration`)
	address, _ = asked(t, viewThen("PT1H", emptyAnswer))
	s = newSession()
	s.do(t, exitRejected, "views", "explain", "page_views", "path=/", "--window", "-1h", "--url", address)
	says(t, &s.err, "no row of page_views with this key has a window that starts at 2026-03-01T11:00:00Z")
}

// TestExplainRowInsideAWindow checks that a time at which no window begins is refused, with the times that would be
// right.
func TestExplainRowInsideAWindow(t *testing.T) {
	const answer = `{"view":"v","key":{},"window":"PT1H","horizon":"2026-03-01T12:00:00Z","data":[],"warnings":[` +
		`"from=2015-05-17T10:30:00Z cuts the window that begins at 2015-05-17T10:00:00Z: it is left out, since it begins ` +
		`before the range"]}`
	address, _ := asked(t, viewThen("PT1H", answer))
	for _, output := range []string{"table", "json"} {
		s := newSession()
		s.do(t, exitUsage, "views", "explain", "v", "--window=2015-05-17T10:30:00Z", "-o", output, "--url", address)
		says(t, &s.err, `--window: "2015-05-17T10:30:00Z": no window begins at 2015-05-17T10:30:00Z; `+
			"windows begin at 2015-05-17T10:00:00Z and 2015-05-17T11:00:00Z")
		if s.out.Len() > 0 {
			t.Errorf("stdout: %s", &s.out)
		}
	}
}

// TestExplainRowOfEachKey checks that each key has its reason where fields without a value match several keys.
func TestExplainRowOfEachKey(t *testing.T) {
	const answer = `{"view":"v","key":{},"group_by":["a"],"window":"PT1H","horizon":"2026-03-01T12:00:00Z","data":[` +
		`{"key":{"a":"1"},"start":"2015-05-17T10:00:00Z","end":"2015-05-17T11:00:00Z","values":{"n":3},"exact":true,` +
		`"parts":{"batch":{"n":3}}},` +
		`{"key":{"a":"2"},"start":"2015-05-17T10:00:00Z","end":"2015-05-17T11:00:00Z","values":{"n":1},"exact":false,` +
		`"parts":{"speed":{"n":1}}}]}`
	address, _ := asked(t, viewThen("PT1H", answer))
	s := newSession()
	s.do(t, exitOK, "views", "explain", "v", "--window=2015-05-17T10:00:00Z", "--url", address)
	says(t, &s.out, "\na=1: Exact: batch has folded every event", "\na=2: Not exact: speed has events")
}

// viewThen answers what a view is, and a query.
func viewThen(window, answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/query") {
			ok(answer)(w, r)
			return
		}
		ok(`{"name":"page_views","window":"`+window+`"}`)(w, r)
	}
}

// TestExplainSlips checks flags that do not belong together, and events that are none.
func TestExplainSlips(t *testing.T) {
	for says1, args := range map[string][]string{
		"give either --event":                  {"page_views"},
		"give either --event, to":              {"v.yaml", "--event={}", "--window=now"},
		`"path=/": a key belongs to --window`:  {"v.yaml", "path=/", "--event={}"},
		"--dir belongs to --event":             {"v", "--window=now", "--dir=d"},
		"--window: ":                           {"v", "--window=sometime"},
		"no such file":                         {"v.yaml", "--event={}"},
		"--event: open missing.json":           {sampleViews, "--event=missing.json"},
		"--event: there is no event":           {sampleViews, "--event", file(t, "empty", nil)},
		"--event: there are 2 events; explain": {sampleViews, "--event", request + "\n" + request},
	} {
		s := newSession()
		s.do(t, exitUsage, append([]string{"views", "explain"}, args...)...)
		says(t, &s.err, says1)
	}
	s := newSession()
	s.do(t, exitRejected, "views", "explain", sampleViews, "--event", `{"specversion":"1.0","id":"1","source":"shop"}`)
	says(t, &s.err, "ingest would reject the event: the event has no type")
}
