package present_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
)

type amount = servingtest.Amount

var horizon = servingtest.Horizon

func parse(t testing.TB, query map[string][]string, accept string) present.Query {
	t.Helper()
	q, err := present.Parse("by_user", query, accept, horizon.Start())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestFormats checks how a format is chosen: by the parameter, else by the header Accept with its weights, else JSON.
func TestFormats(t *testing.T) {
	for _, c := range []struct{ format, accept, want string }{
		{"", "", "json"},
		{"", "*/*", "json"},
		{"", "application/json", "json"},
		{"", "text/csv", "csv"},
		{"", "TEXT/CSV; charset=utf-8", "csv"},
		{"", "text/csv, application/json", "csv"},
		{"", "application/json, text/csv", "json"},
		{"", "application/json;q=0.5, text/csv", "csv"},
		{"", "application/json, text/csv;q=0.9", "json"},
		{"", "text/csv, */*;q=0.1", "csv"},
		{"", "text/csv;q=0", "json"},
		{"", "text/csv;q=much", "json"},
		{"", "text/csv;q=NaN", "json"},
		{"", "text/csv;q=Inf", "json"},
		{"", "text/csv;q=0x1p-2", "json"},
		{"", "text/html,application/xhtml+xml,*/*;q=0.8", "json"},
		{"", ",;=/", "json"},
		{"csv", "application/json", "csv"},
		{"json", "text/csv", "json"},
	} {
		query := map[string][]string{"user": {"u"}}
		if c.format != "" {
			query["format"] = []string{c.format}
		}
		if q := parse(t, query, c.accept); q.Format.Name != c.want {
			t.Errorf("format %q, Accept %q: %s, want %s", c.format, c.accept, q.Format.Name, c.want)
		}
	}
}

// TestParse checks that a parameter that the interface does not know is a key field, and that a bound keeps the instant
// that was written.
func TestParse(t *testing.T) {
	q := parse(t, map[string][]string{
		"user": {"a=b", "c", "c"}, "having": {""}, "from": {"2026-11-22T10:00:00.5+01:00"}, "total": {""}, "parts": {"false"},
	}, "")
	from := time.Date(2026, 11, 22, 9, 0, 0, 5e8, time.UTC)
	want := serving.Selection{
		View:  "by_user",
		Key:   map[string][]string{"user": {"a=b", "c"}, "having": {""}},
		From:  &from,
		Total: true,
	}
	if diff := cmp.Diff(want, q.Selection, cmp.AllowUnexported(calendar.Step{})); diff != "" || q.Parts {
		t.Errorf("parts %v, selection (-want +got): %s", q.Parts, diff)
	}
}

// TestParseRefuses checks that an error names the parameter, what is wrong, and what would be right.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ query, accept, parameter, detail string }{
		{"format=xml", "", "format", `unknown format="xml"; write json, csv or ndjson`},
		{"format=", "", "format", `unknown format=""; write json, csv or ndjson`},
		{"format=csv&total=true", "", "total", "CSV has no total, since its rows are windows; use JSON for a total"},
		{"total=true", "application/x-ndjson", "total",
			"NDJSON has no total, since its rows are windows; use JSON for a total"},
		{"user=a&key.user=a", "", "user", "user and key.user are the same key field; write one of them"},
		{"total=true", "text/csv", "total", "CSV has no total, since its rows are windows; use JSON for a total"},
		{"total=1", "", "total", `total="1"; write true or false`},
	} {
		query := map[string][]string{}
		for _, pair := range strings.Split(c.query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			query[name] = append(query[name], value)
		}
		_, err := present.Parse("by_user", query, c.accept, horizon.Start())
		var wrong *serving.ParameterError
		if !errors.As(err, &wrong) || wrong.Parameter != c.parameter || wrong.Detail != c.detail {
			t.Errorf("%s: %v", c.query, err)
		}
	}
}

func presented(t testing.TB, q present.Query, r serving.Result) string {
	t.Helper()
	var body strings.Builder
	if rows, _, err := q.Present(&body, r); err != nil || rows != len(r.Rows) {
		t.Fatal(rows, err)
	}
	return body.String()
}

// TestCSV checks that there is one record per window, with exact digits, and that each row says as of when it is exact.
// A half without a part in the row has empty cells.
func TestCSV(t *testing.T) {
	s := servingtest.New(t)
	q := parse(t, map[string][]string{"user": {"u"}, "format": {"csv"}, "parts": {"true"}}, "")
	const head = "key.user,start,end,values.amount,exact,horizon,complete,skipped.amount," +
		"window_skipped.key.user,window_skipped.time,parts.batch.amount,parts.speed.amount\r\n"
	if diff := cmp.Diff(head, presented(t, q, s.Read(t))); diff != "" {
		t.Error("of nothing (-want +got):", diff)
	}
	s.PutBase(t, horizon+servingtest.SlotMs, amount{"2026-11-21T10:30:00Z", "0.000000000000000001"})
	s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "9007199254740993"}, amount{"2026-11-22T10:30:00Z", `"a lot"`})
	s.PutSpeed(t, horizon, amount{"2026-11-22T10:30:00Z", "-4"})
	want := head +
		"u,2026-11-21T10:00:00Z,2026-11-21T11:00:00Z,0.000000000000000001,true,2026-11-22T11:05:00Z,,0,0,0," +
		"0.000000000000000001,\r\n" +
		"u,2026-11-22T09:00:00Z,2026-11-22T10:00:00Z,9007199254740993,true,2026-11-22T11:00:00Z,,0,0,0," +
		"9007199254740993,\r\n" +
		"u,2026-11-22T10:00:00Z,2026-11-22T11:00:00Z,-4,false,2026-11-22T11:00:00Z,,1,0,0,,-4\r\n"
	if diff := cmp.Diff(want, presented(t, q, s.Read(t))); diff != "" {
		t.Error("(-want +got):", diff)
	}
}

// TestCSVOfKappa checks that the answer has a time through which it is complete, no horizon, and no number where a
// function has none. No two columns have one name, even if an aggregate is called "time".
func TestCSVOfKappa(t *testing.T) {
	s := servingtest.New(t)
	p := s.Define(t, func(d *view.Definition) {
		d.Architecture = view.Kappa
		d.Aggregates = []view.Aggregate{{Name: "n", Expr: "count()"}, {Name: "time", Expr: "max(data.amount)"}}
	})
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "k", Generations: []lifecycle.Generation{
		servingtest.KappaGeneration(p, "k", lifecycle.Serving),
	}})
	s.PutKappa(t, p, "k", servingtest.LaneOne, amount{"2026-11-22T10:30:00Z", `"a lot"`})
	if err := s.Catalog.Append(t.Context(), lifecycle.Run{N: 1, Horizon: horizon}); err != nil {
		t.Fatal(err)
	}
	if err := s.Catalog.PutSwept(t.Context(), 1, 0); err != nil {
		t.Fatal(err)
	}
	want := "key.user,start,end,values.n,values.time,exact,horizon,complete,skipped.time," +
		"window_skipped.key.user,window_skipped.time\r\n" +
		"u,2026-11-22T10:00:00Z,2026-11-22T11:00:00Z,1,,false,,2026-11-22T11:00:00Z,1,0,0\r\n"
	if diff := cmp.Diff(want, presented(t, parse(t, nil, "text/csv"), s.Read(t))); diff != "" {
		t.Error("(-want +got):", diff)
	}
}

// texts of keys that CSV or a spreadsheet could misread.
var texts = []string{
	"", "u", " u ", "a,b", `say "no"`, `"`, "line\nbreak", "line\r\nbreak", "\r", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'", "'=1", "ü𝄞", "a\x00b", "\xff",
}

func cellOf(t testing.TB, text string) string {
	t.Helper()
	s := servingtest.New(t)
	r := s.Read(t)
	r.Key = []string{text}
	s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
	r.Rows = s.Read(t).Rows
	records, err := csv.NewReader(strings.NewReader(presented(t, parse(t, nil, "text/csv"), r))).ReadAll()
	if err != nil || len(records) != 2 {
		t.Fatalf("%q: %q, %v", text, records, err)
	}
	return records[1][0]
}

// checkCell checks that no spreadsheet takes the cell for a formula, and that the text is what follows the apostrophe.
func checkCell(t testing.TB, text string) {
	t.Helper()
	cell := cellOf(t, text)
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		t.Errorf("%q is %q, which is a formula", text, cell)
	}
	// encoding/csv reads every line break as \n, within quotes too.
	want := strings.ReplaceAll(strings.ToValidUTF8(text, string(utf8.RuneError)), "\r\n", "\n")
	if got := strings.TrimPrefix(cell, "'"); got != want {
		t.Errorf("%q is read as %q", text, got)
	}
}

func TestCSVTexts(t *testing.T) {
	for _, text := range texts {
		checkCell(t, text)
	}
}

func FuzzCSVTexts(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkCell(t, text) })
}

// TestLag checks the lag to the millisecond: the age of the horizon, or of the time through which a Kappa answer is
// complete.
func TestLag(t *testing.T) {
	s := servingtest.New(t)
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{90 * time.Second, "90"}, {90*time.Second + 1500*time.Microsecond, "90.001"}, {-5 * time.Second, "-5"},
	} {
		r := s.Read(t)
		r.ReadAt = r.Horizon.Add(c.ago)
		if got := lagOf(t, r); got != `{"batch_seconds":`+c.want+`}` {
			t.Errorf("%s ago: %s", c.ago, got)
		}
		r.Horizon, r.Complete = time.Time{}, r.Horizon
		if got := lagOf(t, r); got != `{"complete_seconds":`+c.want+`}` {
			t.Errorf("complete through %s ago: %s", c.ago, got)
		}
	}
}

func lagOf(t testing.TB, r serving.Result) string {
	t.Helper()
	text, err := json.Marshal(present.NewAnswer(r, false).Lag)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAnswerBounds checks that the year 1 is a valid bound, and not taken for a missing one.
func TestAnswerBounds(t *testing.T) {
	s := servingtest.New(t)
	a := present.NewAnswer(s.Read(t, "from", "0001-01-01T00:00:00Z", "to", "2026-11-22T12:00:00+01:00"), false)
	if a.From == nil || *a.From != "0001-01-01T00:00:00Z" || a.To == nil || *a.To != "2026-11-22T11:00:00Z" {
		t.Errorf("from %v, to %v", a.From, a.To)
	}
	if a := present.NewAnswer(s.Read(t), false); a.From != nil || a.To != nil || a.Data == nil || a.Total != nil {
		t.Errorf("of nothing: %+v", a)
	}
}

// TestHeadersAreBounded checks that warnings which do not fit into a header are counted there.
func TestHeadersAreBounded(t *testing.T) {
	s := servingtest.New(t)
	q := parse(t, map[string][]string{"user": {"u"}, "format": {"csv"}}, "")
	r := s.Read(t)
	r.Warnings = nil
	if headers := q.Headers(r); headers != nil {
		t.Errorf("an answer without warnings has the headers %v", headers)
	}
	for range 10 {
		r.Warnings = append(r.Warnings, strings.Repeat("ü", 100))
	}
	var got []string
	value := q.Headers(r)[present.WarningsHeader]
	if err := json.Unmarshal([]byte(value), &got); err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(r.Warnings[:6]),
		"4 more warnings do not fit into this header; the answer in JSON has them")
	if diff := cmp.Diff(want, got); diff != "" || len(value) > 4096 {
		t.Errorf("%d bytes; (-want +got): %s", len(value), diff)
	}
}
