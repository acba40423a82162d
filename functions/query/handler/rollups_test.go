package handler_test

import (
	"strings"
	"testing"
	"time"
)

// TestRollups checks that a query takes the smallest roll-up that has its fields, in every format, and names it.
func TestRollups(t *testing.T) {
	s := newFixtureOf(t, `views:
  - name: pages
    key: {path: data.path, status: string(data.status), host: data.host}
    rollups: [[status], [host, path], []]
    window: 1h
    aggregates: {n: count(), paths: distinct(data.path)}`)
	s.buy(t, "2026-01-01T00:10:00Z", `{"path":"/a","status":200,"host":"h"}`)
	s.buy(t, "2026-01-01T00:11:00Z", `{"path":"/b","status":200,"host":"h"}`)
	s.Wait(3 * time.Hour)
	s.tick(t)
	s.buy(t, "2026-01-01T00:12:00Z", `{"path":"/b","status":200,"host":"g"}`)
	s.buy(t, "2026-01-01T00:13:00Z", `{"path":"/b","status":404,"host":"h"}`)
	s.buy(t, "2026-01-01T00:14:00Z", `{"status":404,"host":"h"}`) // in no roll-up, since the view skips it
	const status, all = `"plan":{"from":"rollup","rollup":["status"],"keys":1}`, `{"from":"rollup","rollup":[],"keys":1}`
	for query, want := range map[string][]string{
		"status=200&group_by=":            {status, `"key":{"status":"200"},"group_by":[]`, `"values":{"n":3,"paths":2},"exact":false`},
		"status=404&group_by=status":      {`"data":[{"key":{"status":"404"},`, `"values":{"n":1,"paths":1}`, "key.path (missing)"},
		"status=500&group_by=":            {status, `"key":{"status":"500"}`, `"data":[]`},
		"group_by=":                       {all, `"data":[{"key":{},`, `"values":{"n":4,"paths":2}`, `"lag":`},
		"group_by=host&path=/b&host=h":    {`"rollup":["path","host"]`, `"data":[{"key":{"host":"h"},`, `"values":{"n":2,"paths":1}`},
		"host=h&path=/a&group_by=":        {`"values":{"n":1,"paths":1},"exact":true`},
		"group_by=&parts=true":            {`"parts":{"batch":{"n":2,"paths":2},"speed":{"n":2,"paths":1}}`},
		"group_by=status":                 {`"rollup":["status"],"keys":2}`, `{"n":3,"paths":2}`, `{"n":1,"paths":1}`},
		"group_by=path":                   {`"rollup":["path","host"],"keys":3}`, `{"n":1,"paths":1}`, `{"n":3,"paths":1}`},
		"group_by=path,status":            {`"plan":{"from":"keys","keys":4}`},
		"status=200&group_by=&format=csv": {"start,end,values.n,", "\r\n2026-01-01T00:00:00Z,"},
		"group_by=status&format=csv":      {"key.status,start,", "\r\n200,2026-01-01T00:00:00Z,"},
		"group_by=&format=ndjson":         {`{"key":{},"start"`},
		"status=200":                      {`"plan":{"from":"keys","keys":3}`},
		"":                                {`"plan":{"from":"keys","keys":4}`},
	} {
		if r := s.query(t, "pages", query); r.StatusCode != 200 || !containsAll(r.Body, want) {
			t.Errorf("%q: %d %s, want %q", query, r.StatusCode, r.Body, want)
		}
	}
	const full = "path=/b&status=200&host=h"
	if r := s.query(t, "pages", full); r.StatusCode != 200 || strings.Contains(r.Body, `"plan"`) ||
		!strings.Contains(r.Body, `"values":{"n":1,"paths":1}`) {
		t.Errorf("the full key: %d %s", r.StatusCode, r.Body)
	}
	r := s.call(t, "views.json", asCaptured)
	if want := `"rollups":[["status"],["path","host"],[]]`; !strings.Contains(r.Body, want) {
		t.Errorf("the list of views: %s, want %s", r.Body, want)
	}
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
