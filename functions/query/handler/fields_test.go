package handler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// TestFieldsNamedLikeParameters checks that a key field may have any name: key.NAME reaches it, and the parameter of
// that name keeps its meaning beside it.
func TestFieldsNamedLikeParameters(t *testing.T) {
	s := newFixtureOf(t, `views:
  - name: routes
    key: {from: data.from, to: data.to, format: data.f, limit: data.l, key: data.k}
    window: 1h
    aggregates: {n: count()}`)
	s.buy(t, "2026-01-01T00:10:00Z", `{"from":"BER","to":"MUC","f":"A380","l":"none","k":"x"}`)
	const fields = "key.from=BER&key.to=MUC&key.format=A380&key.limit=none&key=x"
	for query, rows := range map[string]int{
		fields: 1,
		strings.Replace(fields, "&key=", "&key.key=", 1):          1,
		fields + "&from=2026-01-01T00:00:00Z":                     1,
		fields + "&from=2026-01-01T01:00:00Z":                     0,
		strings.Replace(fields, "BER", "HAM", 1) + "&format=json": 0,
		"key.from=BER&key.to=MUC":                                 1,
	} {
		if a := decoded(t, s.query(t, "routes", query)); len(a.Data) != rows {
			t.Errorf("%s: %d rows, want %d", query, len(a.Data), rows)
		}
	}
	for query, want := range map[string]string{
		fields + "&key.key=x":   `"detail":"key and key.key are the same key field; write one of them","parameter":"key"`,
		fields + "&path=/":      `"detail":"unknown parameter \"path\"; view routes takes key.from, key.to, key.format, `,
		fields + "&key.total=1": `"detail":"view routes has no key field \"total\"; it takes key.from, key.to, key.format, `,
	} {
		if r := s.query(t, "routes", query); r.StatusCode != 400 || !strings.Contains(r.Body, want) {
			t.Errorf("%s: %d %s, want %s", query, r.StatusCode, r.Body, want)
		}
	}
}

// TestLines checks the answer as lines of JSON, which the client requests by header or by parameter.
func TestLines(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann ü","amount":"a lot"}`)
	s.buy(t, "2026-01-01T01:10:00Z", `{"user":"ann ü","amount":1e3}`)
	s.Wait(3 * time.Hour)
	s.tick(t)
	s.buy(t, "2026-01-01T00:20:00Z", `{"user":"ann ü","amount":0.25}`)
	const query = "user=ann+%C3%BC&parts=true"
	golden(t, "query-ndjson.http", s.query(t, "purchases", query+"&format=ndjson"))
	golden(t, "query-ndjson.http", s.call(t, "query.json", func(r *events.APIGatewayV2HTTPRequest) {
		r.RawQueryString, r.Headers["accept"] = query, "application/x-ndjson, text/csv;q=0.5"
	}))
}
