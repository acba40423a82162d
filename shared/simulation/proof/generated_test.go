package proof_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

var (
	events = flag.Int("events", 100_000, "how many events TestGeneratedEvents makes")
	seed   = flag.Uint64("seed", 1, "the seed of the events of TestGeneratedEvents")
)

var sales = fields{
	key: []view.KeyField{{Field: "key", Expr: "data.key"}}, window: day, number: "data.amount", scalar: "data.user",
	user: "data.user", item: "data.item", weight: "data.weight", condition: "data.weight > 10",
	array: "data.lines.map(l, l.price * l.pieces)",
}

// TestGeneratedEvents compares every aggregate over generated events, with and without a condition, with a computation
// over the list of events, and all splits with one pass.
func TestGeneratedEvents(t *testing.T) {
	all, _ := newMaker(*seed, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), 300).distinct(*events)
	cells := cellsOf(t, all)
	texts := make([][]byte, len(all))
	for i := range all {
		texts[i] = all[i].json()
	}
	set := compile(t, sales.definitions("sales")...)
	scanned, random := batches(t, set, texts), rand.New(rand.NewPCG(*seed, 15))
	var e estimated
	values, agree := 0, 0
	for _, p := range set.Programs {
		got := rows(t, p, folded(p, scanned))
		if len(got) != len(cells) {
			t.Fatalf("%s: %d rows, want %d", p.Definition.Name, len(got), len(cells))
		}
		for at, a := range got {
			values += compareFacts(t, &e, a, at, cells[at])
		}
		agree += checkSplits(t, p, scanned, random)
	}
	t.Logf("%d events, %d rows, %d values; %d pages agree without being equal", len(all), len(cells), values, agree)
	e.check(t, *events/4000, *events/50, *events/200)
}

// cellsOf returns the facts of events by key and day.
func cellsOf(t *testing.T, events []made) map[cell][]*fact {
	cells := map[cell][]*fact{}
	for i := range events {
		f := factOf(&events[i])
		at := cell{decoded[string](t, json.RawMessage(events[i].key)), floor(f.millis, day.Milliseconds()) / 1000}
		cells[at] = append(cells[at], &f)
	}
	return cells
}

func floor(n, by int64) int64 { return n - (n%by+by)%by }

func compareFacts(t *testing.T, e *estimated, a answered, at cell, facts []*fact) (values int) {
	t.Helper()
	for i, aggregate := range a.program.Definition.Aggregates {
		where := fmt.Sprintf("%s of %q at %d", aggregate.Expr, at.key, at.start)
		value, bound, skipped := a.value(i)
		used, lacking := chosen(aggregate.Name, facts)
		if skipped != lacking {
			t.Errorf("%s: %d skipped, want %d", where, skipped, lacking)
		}
		values++
		if want, ok := exactly(aggregate.Name, used, int64(day.Seconds())); ok {
			if value != want || bound != "" {
				t.Errorf("%s: %s with error %q, want %s", where, value, bound, want)
			}
			continue
		}
		switch function := a.program.Functions[i]; function.Name() {
		case "distinct":
			e.checkDistinct(t, where, value, bound, users(used))
		case "quantiles":
			e.checkQuantiles(t, where, value, quantiles(used))
		case "top":
			e.checkTop(t, where, value, bound, sums(used, len(function.Arguments()) == 2))
		}
	}
	return values
}
