package handler_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestGroups checks answers for many keys in all formats, and how one page leads to the next.
func TestGroups(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"=ann","amount":1}`)
	s.buy(t, "2026-01-01T00:20:00Z", `{"user":"bob","amount":2}`)
	s.buy(t, "2026-01-01T01:30:00Z", `{"user":"bob","amount":3}`)
	const best = "step=all&order=-amount&limit=1&from=2026-01-01&to=2026-01-02"
	r := s.query(t, "purchases", best)
	var a struct {
		Key, Plan json.RawMessage
		GroupBy   []string `json:"group_by"`
		Step      string
		Data      []struct {
			Key        json.RawMessage
			Start, End string
			Values     struct{ Amount json.Number }
		}
		Next string
	}
	if err := json.Unmarshal([]byte(r.Body), &a); err != nil || len(a.Data) != 1 {
		t.Fatal(responseText(r))
	}
	if row := a.Data[0]; string(row.Key) != `{"user":"bob"}` || row.Values.Amount != "5" ||
		row.Start != "2026-01-01T00:00:00Z" || row.End != "2026-01-02T00:00:00Z" {
		t.Errorf("the first row is %+v", row)
	}
	if string(a.Plan) != `{"from":"keys","keys":2}` || a.Step != "all" || string(a.Key) != "{}" || len(a.GroupBy) != 1 {
		t.Errorf("the head is %+v", a)
	}
	r = s.query(t, "purchases", best+"&format=csv&cursor="+url.QueryEscape(a.Next))
	const header = "key.user,start,end,values.n,values.amount,"
	if lines := strings.Split(r.Body, "\r\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], header) ||
		!strings.HasPrefix(lines[1], "'=ann,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z,1,1,") {
		t.Errorf("as CSV: %s", responseText(r))
	}
	if next, ok := r.Headers["anabranch-next"]; ok {
		t.Errorf("the last page has the header anabranch-next: %s", next)
	}
	r = s.query(t, "purchases", "user=bob&user==ann&limit=1&format=ndjson")
	if !strings.HasPrefix(r.Body, `{"key":{"user":"=ann"},"start":"2026-01-01T00:00:00Z",`) || strings.Count(r.Body, "\n") != 1 {
		t.Errorf("as lines: %s", responseText(r))
	}
	r = s.query(t, "purchases", "user=bob&user==ann&format=ndjson&limit=1&cursor="+r.Headers["anabranch-next"])
	if strings.Count(r.Body, `"key":{"user":"bob"}`) != 2 {
		t.Errorf("the page after: %s", responseText(r))
	}
	r = s.query(t, "purchases", "group_by=&step=all&parts")
	if !strings.Contains(r.Body, `"data":[{"key":{},`) || !strings.Contains(r.Body, `"parts":{"batch":null,"speed":{"n":3,`) {
		t.Errorf("one group: %s", responseText(r))
	}
	r = s.query(t, "purchases", best+"&cursor=eyJnIjoiZ29uZSIsImsiOiIifQ")
	if r.StatusCode != 410 || !strings.Contains(r.Body, `"code":"cursor_gone"`) {
		t.Errorf("the cursor of another generation: %s", responseText(r))
	}
}

// TestTooManyKeys checks what a query is told that needs more than the server reads.
func TestTooManyKeys(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","amount":1}`)
	s.buy(t, "2026-01-01T00:20:00Z", `{"user":"bob","amount":2}`)
	s.World.Serving.MaxKeys = 1
	r := s.query(t, "purchases", "order=-n")
	const want = `"detail":"view purchases: too many keys: the selection has more than 1 keys, the maximum; narrow the keys ` +
		`with key.user=VALUE"`
	if r.StatusCode != 422 || !strings.Contains(r.Body, `"code":"too_many_keys"`) || !strings.Contains(r.Body, want) {
		t.Errorf("too many keys: %s", responseText(r))
	}
	s.World.Serving.MaxKeys, s.World.Serving.MaxRead = 2, 1
	r = s.query(t, "purchases", "group_by=")
	if r.StatusCode != 422 || !strings.Contains(r.Body, "more than 1 bytes of items") {
		t.Errorf("too many items: %s", responseText(r))
	}
}
