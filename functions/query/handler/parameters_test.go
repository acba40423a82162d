package handler_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// brokenParameters are query strings that are wrong, each for the view purchases, whose key field is user. The golden
// file has the answer to each.
var brokenParameters = []string{
	"users=ann", "User=ann", "user=ann&key.user=ann", "user=ann&order=-n&order=n", "key.=ann", "key=ann",
	"key.path=/", "key.user.name=ann",
	"keys.user=ann", "key[user]=ann", "user=ann&path=/", "user=ann&=1", "user=ann&key.from=x",
	"user=ann&key.format=csv", "user=ann&total=yes", "user=ann&total=1", "user=ann&total=TRUE",
	"user=ann&total=true&total=true", "user=ann&parts=0", "user=ann&parts=both",
	"user=ann&format=xml", "user=ann&format=", "user=ann&format=JSON",
	"user=ann&format=csv&format=json", "user=ann&format=csv&total=true",
	"user=ann&values=", "user=ann&values=m", "user=ann&values=n.p50", "user=ann&values=n&values=mean",
	"user=ann&format=ndjson&total=true", "user=ann&From=2026-01-01T00:00:00Z", "user=%zz", "user=%",
	"user=ann;total=true", "user=%ff", "user=ann&from=%ff", "user=ann&parts=%00",
	"user=ann&since=-7d", "user=ann&%66rom=x", "user=ann&where=1", "$select=user", "user=ann&&&x",
	"group_by=users", "group_by=user,user", "group_by=user,", "order=", "order=-", "order=-views", "order=n.p95",
	"order=n desc", "order=--n", "limit=0", "limit=-1", "limit=ten", "limit=10001", "limit=", "cursor=", "cursor=x",
	"cursor=e30", "total=true", "step=all&fill=true", "user=ann&step=all&total=true", "step=ALL",
	"group_by=user&group_by=user",
	"group_by=&limit=1&format=csv&total=true",
	"order=-n&cursor=eyJnIjoiMDFLRFZETkEwMEVISjBEQURTNUUwNlo4R00iLCJrIjoiWVFBPSJ9",
}

// TestBrokenParameters checks that a broken query is refused, and that its message is the one of the golden file:
// what is wrong, where, and what would be right.
func TestBrokenParameters(t *testing.T) {
	const file = "testdata/broken-parameters.txt"
	s := newFixture(t)
	var got strings.Builder
	for _, query := range brokenParameters {
		r := s.query(t, "purchases", query)
		var p struct{ Code, Detail, Parameter string }
		if err := json.Unmarshal([]byte(r.Body), &p); err != nil || r.StatusCode != 400 || p.Detail == "" {
			t.Errorf("%q: %d %s, %v", query, r.StatusCode, r.Body, err)
		}
		fmt.Fprintf(&got, "?%s\n    %s (%s): %s\n", query, p.Code, p.Parameter, p.Detail)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" || len(brokenParameters) < 35 {
		t.Errorf("%d queries (-golden +got):\n%s", len(brokenParameters), diff)
	}
}

// FuzzQuery checks that no query string makes the handler panic or answer 5xx, and that each answer is as documented.
func FuzzQuery(f *testing.F) {
	for _, query := range brokenParameters {
		f.Add(query)
	}
	for _, query := range []string{
		"user=ann&from=2026-01-01T00:00:00Z&to=2026-01-01T03:00:00Z&total=true&parts=true", "key.user=ann&format=csv",
		"user=ann&format=ndjson&parts", "user=ann&from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", "user=%F0%9F%98%80",
		"", "user=ann&user=bob", "group_by=&step=all", "order=-n&limit=1", "limit=1&format=csv", "step=1d&order=mean&parts",
	} {
		f.Add(query)
	}
	s := newFixture(f)
	s.buy(f, "2026-01-01T00:10:00Z", `{"user":"ann","amount":1}`)
	f.Fuzz(func(t *testing.T, query string) {
		if r := s.query(t, "purchases", query); r.StatusCode >= 500 {
			t.Errorf("%q: %s", query, responseText(r))
		}
	})
}
