package handler_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/agents"
	"github.com/anabranch/anabranch/shared/lifecycle"
)

// follow calls a tool until there is no cursor, and returns what pick takes from each answer.
func (s *fixture) follow(t *testing.T, tool, arguments string, pick func(answer) []json.RawMessage) (all []string) {
	t.Helper()
	next := ""
	for range 1000 {
		with := arguments
		if next != "" {
			with = strings.TrimSuffix(arguments, "}") + `,"cursor":"` + next + `"}`
		}
		a := s.must(t, tool, with)
		for _, one := range pick(a) {
			all = append(all, string(one))
		}
		if next = a.Next; next == "" {
			return all
		}
	}
	t.Fatalf("%s %s: the cursors do not end", tool, arguments)
	return nil
}

func rows(a answer) []json.RawMessage { return a.Rows }

// TestPages checks that the answers behind cursors together have all rows, keys and views, each once and in order.
func TestPages(t *testing.T) {
	s := newFixture(t)
	var keys, hours, groups []string
	for i := range 150 {
		user := fmt.Sprintf("user %03d", i)
		s.buy(t, "2026-01-01T00:10:00Z", fmt.Sprintf(`{"user":%q,"shop":"a","amount":%d}`, user, 150-i))
		keys = append(keys, fmt.Sprintf(`{"user":%q,"shop":"a"}`, user))
		groups = append(groups, user)
	}
	for i := range 60 {
		at := fmt.Sprintf("2026-01-%02dT%02d:10:00Z", 2+i/24, i%24)
		s.buy(t, at, `{"user":"user 000","shop":"a","amount":0}`)
		hours = append(hours, at[:14])
	}
	if diff := cmp.Diff(keys, s.follow(t, "list_keys", `{"view":"purchases","limit":70}`,
		func(a answer) []json.RawMessage { return a.Keys })); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	of := func(all []string, begin, end string) (cut []string) {
		for _, row := range all {
			_, rest, _ := strings.Cut(row, begin)
			text, _, _ := strings.Cut(rest, end)
			cut = append(cut, text)
		}
		return cut
	}
	one := `{"view":"purchases","key":{"user":"user 000","shop":"a"},"from":"2026-01-02","to":"2026-02-01"}`
	got := s.follow(t, "query", one, rows)
	if diff := cmp.Diff(hours, of(got, `"start":"`, "00:00Z")); diff != "" {
		t.Errorf("rows of a key (-want +got):\n%s", diff)
	}
	for _, arguments := range []string{
		`{"view":"purchases","group_by":["user"],"step":"all","order":"-amount"}`,
		`{"view":"purchases","group_by":"user","step":"all","limit":40}`,
		`{"view":"purchases","step":"all","order":"-largest","limit":40}`,
	} {
		if diff := cmp.Diff(groups, of(s.follow(t, "query", arguments, rows), `"user":"`, `"`)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", arguments, diff)
		}
	}
	if got := s.follow(t, "explain_row", `{"view":"purchases","window":"2026-01-01"}`, rows); len(got) != len(groups) {
		t.Errorf("%d explained rows, want %d", len(got), len(groups))
	}
}

// TestCursors checks that a cursor belongs to its tool and its arguments, and to a generation.
func TestCursors(t *testing.T) {
	s := newFixture(t)
	for i := range 60 {
		s.buy(t, "2026-01-01T00:10:00Z", fmt.Sprintf(`{"user":"user %03d","shop":"a","amount":1}`, i))
	}
	next := s.must(t, "query", `{"view":"purchases"}`).Next
	if next == "" {
		t.Fatal("60 rows fit into an answer")
	}
	for _, c := range [][2]string{{"query", `"step":"1d"`}, {"list_keys", `"view":"purchases"`}} {
		if a := s.call(t, c[0], `{"view":"purchases",`+c[1]+`,"cursor":"`+next+`"}`); !strings.Contains(a.Error,
			"the cursor belongs to a call with other arguments") {
			t.Errorf("%s: %s", c, a.text)
		}
	}
	v, err := s.Catalog.View(t.Context(), "purchases")
	if err != nil {
		t.Fatal(err)
	}
	v.Serving, v.Generations[0].ID = "01KDVDNA00ANOTHERANOTHERAN", "01KDVDNA00ANOTHERANOTHERAN"
	if err := s.Catalog.PutView(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if a := s.call(t, "query", `{"view":"purchases","cursor":"`+next+`"}`); !strings.Contains(a.Error, "cursor_gone") {
		t.Errorf("another generation: %s", a.text)
	}
}

// TestListKeysOverASwitch checks that a list of keys goes on in the generation in which it began, and says that another
// one answers now; and that it refuses the cursor once that generation is gone.
func TestListKeysOverASwitch(t *testing.T) {
	s := newFixture(t)
	for i := range 60 {
		s.buy(t, "2026-01-01T00:10:00Z", fmt.Sprintf(`{"user":"user %0200d","shop":"a","amount":1}`, i))
	}
	const other = "01KDVDNA00ANOTHERANOTHERAN"
	const byAPI, byCount = `{"view":"purchases","limit":5`, `{"view":"purchases","limit":1000`
	first := s.must(t, "list_keys", byAPI+`}`)
	cut := s.must(t, "list_keys", byCount+`}`)
	if first.Next == "" || cut.Next == "" || len(cut.Warnings) > 0 || !strings.Contains(cut.text, `"horizon"`) {
		t.Fatalf("%s\n%s", first.text, cut.text)
	}
	change := func(do func(v *lifecycle.View)) {
		v, err := s.Catalog.View(t.Context(), "purchases")
		if err == nil {
			do(&v)
			err = s.Catalog.PutView(t.Context(), v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	change(func(v *lifecycle.View) {
		now := v.Generations[0]
		now.ID, v.Serving, v.Generations[0].State = other, other, lifecycle.Retained
		v.Generations = append(v.Generations, now)
	})
	a := s.must(t, "list_keys", byAPI+`,"cursor":"`+first.Next+`"}`)
	if len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "another one, "+other+", answers now") ||
		!strings.Contains(a.text, strings.Repeat("0", 199)+"5") || strings.Contains(a.text, `"horizon":"`) {
		t.Errorf("after a switch: %s", a.text)
	}
	if a := s.call(t, "list_keys", byCount+`,"cursor":"`+cut.Next+`"}`); !strings.Contains(a.Error, "cursor_gone") {
		t.Errorf("after a switch, within a page: %s", a.text)
	}
	change(func(v *lifecycle.View) { v.Generations = v.Generations[1:] })
	for arguments, next := range map[string]string{byAPI: first.Next, byCount: cut.Next} {
		if a := s.call(t, "list_keys", arguments+`,"cursor":"`+next+`"}`); !strings.Contains(a.Error, "cursor_gone") ||
			!strings.Contains(a.Error, "generation") || !strings.Contains(a.Error, "begin again without a cursor") {
			t.Errorf("the generation is gone: %s", a.text)
		}
	}
}

// TestLargeRow checks that a row which exceeds the size of an answer comes without its largest members, and says so.
// Keys and values have every character that JSON escapes.
func TestLargeRow(t *testing.T) {
	s := newFixture(t)
	for i := range 30 {
		word, err := json.Marshal(fmt.Sprintf("%02d", i) + strings.Repeat("\x01<\u202e\"", 30))
		if err != nil {
			t.Fatal(err)
		}
		s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","shop":"a","amount":1,"word":`+string(word)+`}`)
	}
	a := s.must(t, "query", `{"view":"totals","from":"2026-01-01"}`)
	if !slices.Equal(a.Omitted, []string{"rows[].values.words"}) || len(a.Rows) != 1 ||
		!strings.Contains(string(a.Rows[0]), `"n":30`) {
		t.Errorf("%s", a.text)
	}
	user, err := json.Marshal(strings.Repeat("\x02", 890))
	if err != nil {
		t.Fatal(err)
	}
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":`+string(user)+`,"shop":"a","amount":12345678901234567890.123}`)
	a = s.must(t, "query", `{"view":"purchases","key":{"user":`+string(user)+`},"from":"2026-01-01"}`)
	if len(a.Omitted) == 0 || !strings.Contains(a.text, "12345678901234567890.123") {
		t.Errorf("%s", a.text)
	}
	if len(a.raw) > agents.MaxAnswer || strings.ContainsAny(a.raw, "\u202e\x02") {
		t.Errorf("%d bytes: %q", len(a.raw), a.raw)
	}
}
