package handler_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/present"
)

// skips are what an answer or a description says that the view could not use, a line each.
func skips(t testing.TB, r events.APIGatewayV2HTTPResponse) (lines []string, warnings []string) {
	t.Helper()
	var a struct {
		Skipped  []present.Skip `json:"skipped"`
		Warnings []string       `json:"warnings"`
	}
	if err := json.Unmarshal([]byte(r.Body), &a); err != nil || r.StatusCode != 200 {
		t.Fatal(responseText(r), err)
	}
	lines = []string{}
	for _, s := range a.Skipped {
		lines = append(lines, fmt.Sprintf("%s %s %d = %d + %d, exact %v, since %s, %s %s", s.Place, s.Reason, s.Events,
			s.Batch, s.Speed, s.Exact, s.Since, s.Sample.Source, s.Sample.ID))
	}
	return lines, a.Warnings
}

// TestSkipped checks what an answer and the description of a view say of events that the view could not use: while only
// speed has them, once batch has them, under a key without any, and in a range without any.
func TestSkipped(t *testing.T) {
	s := newFixture(t)
	for _, data := range []string{
		`{"user":"ann","amount":5}`, `{"user":"ann"}`, `{"amount":1}`, `{"user":null,"amount":1}`,
		`{"user":"ann","amount":"7"}`, `{"user":"bob","amount":true}`,
	} {
		s.buy(t, "2026-01-01T00:10:00Z", data)
	}
	s.buy(t, "2026-01-01T01:10:00Z", `{}`)
	const lost = "the view could not use 4 events of these windows, which are in no row of any key: where " +
		"(missing), key.user (missing); see skipped"
	const short = "events of these rows without a usable argument or condition are left out: of amount 1 event, " +
		"of mean 1 event, of smallest 1 event, of largest 1 event; see skipped"
	check := func(raw string, lines, warnings []string) {
		t.Helper()
		got, warned := skips(t, s.query(t, "purchases", raw))
		if diff := cmp.Diff(lines, got); diff != "" {
			t.Errorf("%s: skipped (-want +got): %s", raw, diff)
		}
		if diff := cmp.Diff(warnings, warned); diff != "" {
			t.Errorf("%s: warnings (-want +got): %s", raw, diff)
		}
	}
	all := func(batch, speed int, exact bool) []string {
		half := func(n int) string {
			return fmt.Sprintf("%d = %d + %d, exact %v, since 2026-01-01T00:00:00Z, shop ", n, batch*n, speed*n, exact)
		}
		lines := []string{"where missing " + half(2) + "2", "key.user missing " + half(2) + "3"}
		for _, name := range []string{"amount", "mean", "smallest", "largest"} {
			lines = append(lines, "aggregates."+name+" not a number "+half(2)+"5")
		}
		return lines
	}
	described := func(lines []string) {
		t.Helper()
		view := s.call(t, "view.json", asCaptured)
		if got, _ := skips(t, view); cmp.Diff(lines, got) != "" {
			t.Error("description (-want +got):", cmp.Diff(lines, got))
		}
		if list := s.call(t, "views.json", asCaptured).Body; !strings.Contains(list, view.Body) {
			t.Errorf("the list %s does not have the description %s", list, view.Body)
		}
	}

	check("user=ann", all(0, 1, false), []string{lost, short})
	check("user=nobody", all(0, 1, false), []string{lost})
	check("user=ann&values=mean", slices.Concat(all(0, 1, false)[:2], all(0, 1, false)[3:4]), []string{lost,
		"events of these rows without a usable argument or condition are left out: of mean 1 event; see skipped"})
	check("user=ann&to=2026-01-01T00:00:00Z", []string{}, []string{})
	check("user=ann&from=2026-01-01T01:00:00Z",
		[]string{"where missing 1 = 0 + 1, exact false, since 2026-01-01T01:00:00Z, shop 7"},
		[]string{strings.Replace(strings.Replace(lost, "4 events", "1 event", 1), ", key.user (missing)", "", 1)})
	described(all(0, 1, false))

	s.Wait(3 * time.Hour)
	s.tick(t)
	check("user=ann", all(1, 0, true), []string{lost, short})
	check("user=bob&total=true", all(1, 0, true), []string{lost, short})
	described(all(1, 0, true))

	s.Wait(8 * 24 * time.Hour)
	s.tick(t)
	described([]string{})
	check("user=ann", all(1, 0, true), []string{lost, short})
}

// TestListedThoughUnreadable checks that the list of views tells which of them cannot be read, without the words of a
// store, and that the log has them.
func TestListedThoughUnreadable(t *testing.T) {
	s := newFixture(t)
	s.World.Base.Hook = func(call memory.Call) memory.Fault {
		if call.Name == "base.Pages" {
			return memory.Fault{Err: errors.New("a word of the store")}
		}
		return memory.Fault{}
	}
	const want = `"error":"what the view skipped could not be read; try again"`
	r := s.call(t, "views.json", asCaptured)
	if r.StatusCode != 200 || strings.Count(r.Body, want) != strings.Count(r.Body, `"generation":`) ||
		strings.Contains(r.Body, "a word") {
		t.Error(responseText(r))
	}
}

// TestWarningsInCSV checks that CSV says in a header what JSON says under warnings, also where there is no row; and
// that no other answer has the header.
func TestWarningsInCSV(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","amount":5}`)
	s.buy(t, "2026-01-01T00:10:00Z", `{"amount":1}`)
	for _, c := range []struct {
		query    string
		warnings []string
	}{
		{"user=ann", []string{"the view could not use 1 event of these windows, which are in no row of any key: " +
			"key.user (missing); see skipped"}},
		{"user=nobody", []string{"the view could not use 1 event of these windows, which are in no row of any key: " +
			"key.user (missing); see skipped"}},
		{"user=+%C3%BC%F0%9F%98%80&from=2026-01-01T01:00:00Z", []string{`no row has user=" ü😀", which holds a space. ` +
			`A + in the query of a URL means a space: if you meant "+ü😀", write user=%2B%C3%BC%F0%9F%98%80`}},
		{"user=+a&group_by=&from=2026-01-01T01:00:00Z", []string{`no row has user=" a", which holds a space. ` +
			`A + in the query of a URL means a space: if you meant "+a", write user=%2Ba`}},
		{"user=/a+b&from=2026-01-01T01:00:00Z", []string{`no row has user="/a b", which holds a space. ` +
			`A + in the query of a URL means a space: if you meant "/a+b", write user=%2Fa%2Bb`}},
		{"user=+a&user=b&from=2026-01-01T01:00:00Z", []string{`no row has user=" a", which holds a space. ` +
			`A + in the query of a URL means a space: if you meant "+a", write user=%2Ba`}},
		{"user=ann&from=2026-01-01T01:00:00Z", nil},
	} {
		_, warned := skips(t, s.query(t, "purchases", c.query))
		if diff := cmp.Diff(append([]string{}, c.warnings...), warned); diff != "" {
			t.Errorf("%s: in JSON (-want +got): %s", c.query, diff)
		}
		if header, ok := s.query(t, "purchases", c.query).Headers[present.WarningsHeader]; ok {
			t.Errorf("%s: the answer in JSON has the header %s", c.query, header)
		}
		r := s.query(t, "purchases", c.query+"&format=csv")
		header, ok := r.Headers[present.WarningsHeader]
		if ok != (c.warnings != nil) || !isASCII(header) {
			t.Errorf("%s: in CSV the header is %q", c.query, header)
		}
		var got []string
		if err := json.Unmarshal([]byte(header), &got); ok && (err != nil || cmp.Diff(c.warnings, got) != "") {
			t.Errorf("%s: in CSV the header is %q: %v %s", c.query, header, err, cmp.Diff(c.warnings, got))
		}
	}
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0
}
