package proof_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
)

// viewsFile writes definitions as a views file.
func viewsFile(definitions []view.Definition) string {
	var file strings.Builder
	file.WriteString("views:\n")
	for _, d := range definitions {
		fmt.Fprintf(&file, "  - name: %s\n    window: %s\n    key:\n", d.Name, view.WriteWindow(d.Window))
		for _, k := range d.Key {
			fmt.Fprintf(&file, "      %s: %s\n", k.Field, k.Expr)
		}
		file.WriteString("    aggregates:\n")
		for _, a := range d.Aggregates {
			fmt.Fprintf(&file, "      %s: %s\n", a.Name, a.Expr)
		}
	}
	return file.String()
}

// TestBatchAndSpeed sends generated events through the whole system, with copies of them: some before batch runs, some
// after it. Every answer that batch and speed make together must have what a list of the different events has.
func TestBatchAndSpeed(t *testing.T) {
	const n = 8000
	ctx := context.Background()
	maker := newMaker(*seed, time.Date(2025, 12, 28, 0, 0, 0, 0, time.UTC), 5)
	distinct, sent := maker.distinct(n)
	definitions := sales.definitions("sales")
	kit, err := simulation.Prepare(viewsFile(definitions))
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(*seed)
	if err != nil {
		t.Fatal(err)
	}
	tick := func() {
		w.Wait(time.Minute)
		if _, err := w.Tick(ctx); err != nil {
			t.Fatal(err)
		}
	}
	tick() // the views serve before the first event
	deliver(t, w, sent[:n/2])
	tick()
	deliver(t, w, sent[n/2:])

	cells, set := cellsOf(t, distinct), compile(t, definitions...)
	var e estimated
	both := 0
	for _, p := range set.Programs {
		found := 0
		for key := range keysOf(cells) {
			answer, err := simulation.Query(ctx, w.Serving, p.Definition.Name, map[string][]string{
				"key": {key}, "parts": {"true"}, "from": {"2025-12-20T00:00:00Z"}, "to": {"2026-01-02T00:00:00Z"},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range answer.Data {
				start, err := time.Parse(time.RFC3339, row.Start)
				if err != nil {
					t.Fatal(err)
				}
				at := cell{key, start.Unix()}
				compareFacts(t, &e, answeredIn(t, p, row), at, cells[at])
				found++
				if row.Parts.Batch != nil && row.Parts.Speed != nil {
					both++
				}
			}
		}
		if found != len(cells) {
			t.Errorf("%s: %d rows, want %d", p.Definition.Name, found, len(cells))
		}
	}
	if both < 100 {
		t.Errorf("only %d rows have a part of batch and one of speed", both)
	}
	t.Logf("%d rows of batch and speed", both)
	e.check(t, 5, 300, 500)
}

// deliver sends events in requests, and lets speed apply all that is streamed.
func deliver(t *testing.T, w *simulation.World, events []made) {
	t.Helper()
	const most = 500
	for first := 0; first < len(events); first += most {
		var texts []string
		for _, e := range events[first:min(first+most, len(events))] {
			texts = append(texts, string(e.json()))
		}
		answer, err := w.Send(t.Context(), texts...)
		if err != nil || len(answer.Rejected) > 0 {
			t.Fatalf("rejected %+v, error %v", answer.Rejected, err)
		}
		w.Wait(time.Second)
	}
	if err := w.DeliverAll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func keysOf(cells map[cell][]*fact) map[string]bool {
	keys := map[string]bool{}
	for at := range cells {
		keys[at.key] = true
	}
	return keys
}

// answeredIn returns a row of an answer.
func answeredIn(t *testing.T, p *view.Program, row present.Row) answered {
	t.Helper()
	member := func(of present.Object, name string) string {
		for _, m := range of {
			if m.Name == name {
				return string(m.Value)
			}
		}
		return ""
	}
	return answered{p, func(i int) (value, bound string, skipped int64) {
		name := p.Definition.Aggregates[i].Name
		skips := member(row.Skipped, name)
		skipped, err := strconv.ParseInt(skips, 10, 64)
		if err != nil && skips != "" {
			t.Errorf("skipped %q", skips)
		}
		return member(row.Values, name), member(row.Errors, name), skipped
	}}
}
