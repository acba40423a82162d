package viewfile_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// TestInputsAreCounted folds events as users sent them: floats as programs print them, products of decimals, fields of
// another type, one number in three notations as a key, texts of every kind as a key, two events on a line, and events
// on which an ordinary expression would take seconds.
func TestInputsAreCounted(t *testing.T) {
	tooCostly := func(events int, first string) map[string]string {
		return map[string]string{
			"plain of all at 2004-11-03 19h": fmt.Sprintf("n %d", events),

			"hostile skips where, too costly": fmt.Sprintf("%d, such as %s", events, first),
		}
	}
	for _, c := range []struct {
		views, events string
		want          map[string]string
	}{
		{"counted/views.yaml", "llm_cost.ndjson", map[string]string{
			"cost of acme at 2026-03-01 00h": "calls 3, cost 0.0036171000000000000998, dearest 0.002",
		}},
		{"counted/views.yaml", "latency_seconds.ndjson", map[string]string{
			"cost of latency at 2026-03-01 00h": "calls 200, cost " + sumOf(t, "latency_seconds.ndjson") +
				", dearest 0.01265097399999604",
		}},
		{"counted/views.yaml", "trade.ndjson", map[string]string{
			"value of ETH-USD at 2026-03-01 00h": "n 2, usd 4059.8595651226234542585, eth 1.623456789012345678",
			"uptime of a at 2026-03-01 00h":      "n 2, secs 10800 without 1, hours 3.0000000000000024 without 1",

			"uptime skips aggregates.secs, not a number":  "1, such as vm2",
			"uptime skips aggregates.hours, not a number": "1, such as vm2",

			// h5 has its JSON in base64, and counts. h2 has its status as a string, h3 has none, h4 has no host, and h6 has
			// its JSON in a string.
			"all_requests of all at 2026-03-01 10h":     "n 6",
			"errors of a at 2026-03-01 10h":             "n 2",
			"errors skips where, missing":               "1, such as h3",
			"errors skips where, JSON in a string":      "1, such as h6",
			"errors skips where, wrong type":            "1, such as h2",
			"errors skips key.host, missing":            "1, such as h4",
			"ok_requests skips where, missing":          "1, such as h3",
			"ok_requests skips where, JSON in a string": "1, such as h6",
			"ok_requests skips where, wrong type":       "1, such as h2",
		}},
		{"counted/views.yaml", "number_keys.ndjson", map[string]string{"by_user of 3 at 2026-03-05 00h": "n 3"}},
		{"counted/views.yaml", "two_on_a_line.ndjson", map[string]string{
			"rejected w1": "malformed_json: byte 128 of the line: need nothing after the event, got '{'",
		}},
		{"counted/views.yaml", "requests.ndjson", ofRequests()},
		{"read/text_joined_in_exists.yaml", "long_text_and_list.ndjson.gz", tooCostly(1, "m1")},
		{"read/text_joined_in_exists.yaml", "long_texts_and_lists.ndjson.gz", tooCostly(15, "q0")},
		{"read/text_joined_in_map.yaml", "long_text_and_list.ndjson.gz", tooCostly(1, "m1")},
		{"read/text_joined_in_map.yaml", "long_texts_and_lists.ndjson.gz", tooCostly(15, "q0")},
		{"read/long_regular_expression.yaml", "long_texts.ndjson.gz", tooCostly(15, "r0")},
	} {
		if diff := cmp.Diff(c.want, folded(t, c.views, c.events)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.events, diff)
		}
	}
}

// ofRequests returns the right values of requests.ndjson: every path has a row of its own, letter by letter, and weeks
// begin on Monday.
func ofRequests() map[string]string {
	want := map[string]string{
		"agents_quoted of curl at 2026-03-08 06h": "n 21, ms 262.5",
		"agents_quoted skips key.agent, missing":  "2, such as r91",
		"by_label of shop at 2026-03-08 06h":      "n 21",
		"by_label skips key.app, missing":         "2, such as r91",
		"weekly of all at 2026-03-02 00h":         "n 21",
		"weekly of all at 2026-10-26 00h":         "n 2",
		"local_hour of 1 at 2026-03-08 00h":       "n 21",           // before the clock goes forward
		"local_hour of 1 at 2026-11-01 00h":       "n 2",            // before and after the clock goes back
		"by_path skips key.path, too large":       "2, such as r13", // 2,001 bytes each
		"by_path of /esc/x at 2026-11-01 05h":     "n 1",            // written /esc\u002fx
		"by_path of /esc/x at 2026-11-01 06h":     "n 1",
		"rejected r90":                            `invalid_utf8: the string has a \u escape for half of a surrogate pair; both halves are needed`,
	}
	for _, path := range []string{
		"/a b", "/a%20b", "/a+b", "/a&b=c", "/a?utm_source=x&y=1", "/pricing", "/Pricing", "/pricing/", " /pricing", "",
		"/caf\u00e9", "/cafe\u0301", "/\U0001f600", "/nul\x00x", "/tab\tx", "/nl\nx", "=", "a=b",
		"/100%",
	} {
		want["by_path of "+keyText(view.EncodeKey([]string{path}))+" at 2026-03-08 06h"] = "n 1"
	}
	return want
}

// keyText is the value of a key.
func keyText(key view.Key) string {
	values, _ := view.DecodeKey(key)
	if len(values) == 0 {
		return "all"
	}
	return values[0]
}

func readCounted(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata/counted", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var plain io.Reader = file
	if filepath.Ext(name) == ".gz" {
		if plain, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// folded sends a file of events through ingest's validation and folds it into every view of a file of views. It
// returns the values by view and key, what the views skip, and what ingest rejects.
func folded(t *testing.T, views, events string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", views))
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := viewfile.Parse(views, text)
	if err != nil {
		t.Fatal(err)
	}
	set, err := view.Compile(definitions...)
	if err != nil {
		t.Fatal(err)
	}
	validated, err := event.Validate(event.Lines, readCounted(t, events), event.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, r := range validated.Rejected {
		values["rejected "+r.ID] = fmt.Sprintf("%s: %s", r.Code, r.Detail)
	}
	var lines []byte
	for i, accepted := range validated.Accepted {
		lines = event.AppendLine(lines, accepted.JSON, event.Stamp{Request: ulid.ULID{1}, Index: i})
	}
	b, err := set.Fields().NewBatch(lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Programs {
		rows := make([]int32, b.Len())
		for i := range rows {
			rows[i] = int32(i)
		}
		d := p.NewDelta()
		d.Fold(b, rows)
		for _, s := range d.Skips() {
			what := fmt.Sprintf("%s skips %s, %s", p.Definition.Name, s.Name, s.Reason)
			values[what] = fmt.Sprintf("%d, such as %s", s.Events, s.ID)
		}
		for page := range d.Pages() {
			if page.Key == view.SkippedKey {
				continue
			}
			w := p.NewWindows()
			page.MergeInto(w)
			for _, window := range w.Sorted() {
				row := fmt.Sprintf("%s of %s at %s", p.Definition.Name, keyText(page.Key), p.Start(window).Format("2006-01-02 15h"))
				values[row] = valuesOf(p, w, window)
			}
		}
	}
	return values
}

func valuesOf(p *view.Program, w *view.Windows, window view.Window) (text string) {
	for i, a := range p.Definition.Aggregates {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %s", a.Name, w.AppendValue(nil, i, window))
		if n := w.Skipped(i, window); n > 0 {
			text += fmt.Sprintf(" without %d", n)
		}
	}
	return text
}

// sumOf adds up data.cost, with all digits.
func sumOf(t *testing.T, file string) string {
	t.Helper()
	sum := new(big.Rat)
	for line := range bytes.Lines(readCounted(t, file)) {
		var e struct {
			Data struct{ Cost json.Number }
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		cost, ok := new(big.Rat).SetString(e.Data.Cost.String())
		if !ok {
			t.Fatalf("%s is no number", e.Data.Cost)
		}
		sum.Add(sum, cost)
	}
	return string(bytes.TrimRight([]byte(sum.FloatString(40)), "0"))
}
