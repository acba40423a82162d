package viewfile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
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
// another type, and one number in three notations as a key.
func TestInputsAreCounted(t *testing.T) {
	for file, want := range map[string]map[string]string{
		"llm_cost.ndjson": {"cost of acme": "calls 3, cost 0.0036171000000000000998, dearest 0.002"},
		"latency_seconds.ndjson": {
			"cost of latency": "calls 200, cost " + sumOf(t, "latency_seconds.ndjson") + ", dearest 0.01265097399999604",
		},
		"trade.ndjson": {
			"value of ETH-USD": "n 2, usd 4059.8595651226234542585, eth 1.623456789012345678",
			"uptime of a":      "n 2, secs 10800 without 1, hours 3.0000000000000024 without 1",

			"uptime skips aggregates.secs":  "1 not a number, such as vm2",
			"uptime skips aggregates.hours": "1 not a number, such as vm2",
		},
		"number_keys.ndjson": {"by_user of 3": "n 3"},
	} {
		if diff := cmp.Diff(want, folded(t, file)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func readCounted(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/counted", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// folded sends a file through ingest's validation and folds it into every view. It returns the values by view and key.
func folded(t *testing.T, file string) map[string]string {
	t.Helper()
	definitions, err := viewfile.Parse("views.yaml", readCounted(t, "views.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := view.Compile(definitions...)
	if err != nil {
		t.Fatal(err)
	}
	validated, err := event.Validate(event.Lines, readCounted(t, file), event.DefaultLimits())
	if err != nil || len(validated.Rejected) > 0 {
		t.Fatalf("error %v, rejected %+v", err, validated.Rejected)
	}
	var lines []byte
	for i, accepted := range validated.Accepted {
		lines = event.AppendLine(lines, accepted.JSON, event.Stamp{Request: ulid.ULID{1}, Index: i})
	}
	b, err := set.Fields().NewBatch(lines)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, p := range set.Programs {
		rows := make([]int32, b.Len())
		for i := range rows {
			rows[i] = int32(i)
		}
		d := p.NewDelta()
		d.Fold(b, rows)
		for _, s := range d.Skips() {
			what := fmt.Sprintf("%s skips %s", p.Definition.Name, s.Name)
			values[what] = fmt.Sprintf("%d %s, such as %s", s.Events, s.Reason, s.ID)
		}
		for page := range d.Pages() {
			if page.Key == view.SkippedKey {
				continue
			}
			key, _ := view.DecodeKey(page.Key)
			w := p.NewWindows()
			page.MergeInto(w)
			for _, window := range w.Sorted() {
				values[fmt.Sprintf("%s of %s", p.Definition.Name, key[0])] = valuesOf(p, w, window)
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
