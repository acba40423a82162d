// Package proof_test compares the numbers of views with independent computations: over real requests with DuckDB, and
// over generated events with plain lists of events and math/big.
//
// Source: docs/views.md, the table of aggregates.
package proof_test

import (
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// The aggregates of the three views of one key. A name ending in _if has a condition.
var (
	exactNames = []string{"n", "total", "mean", "least", "greatest", "variance", "stddev", "frequency", "rate",
		"earliest", "latest"}
	sketchNames = []string{"uniques", "spread"}
	topNames    = []string{"often", "heavy"}
	arrayNames  = []string{"basket", "average_basket"} // sums over an array: exact, too
)

// fields says what the aggregates of a view read.
type fields struct {
	key       []view.KeyField
	window    time.Duration
	number    string // of total, mean and the like
	scalar    string // of earliest and latest
	user      string // of uniques
	item      string // of often and heavy
	weight    string // of heavy
	condition string
	array     string // of basket and average_basket: the sum of it; "" if the events have no arrays
}

// shown is the number of values that tops show.
const shown = 10

// expression returns an aggregate as a definition writes it.
func (f fields) expression(name, condition string) string {
	call := map[string][2]string{
		"n": {"count", ""}, "total": {"sum", f.number}, "mean": {"mean", f.number}, "least": {"min", f.number},
		"greatest": {"max", f.number}, "variance": {"variance", f.number}, "stddev": {"stddev", f.number},
		"frequency": {"rate", ""}, "rate": {"rate", f.number}, "earliest": {"first", f.scalar},
		"latest": {"last", f.scalar}, "uniques": {"distinct", f.user}, "spread": {"quantiles", f.number},
		"basket": {"sum", f.array}, "average_basket": {"mean", f.array},
		"often": {"top", f.item + ", 10"}, "heavy": {"top", f.item + ", 10, " + f.weight},
	}[name]
	switch {
	case condition == "":
		return call[0] + "(" + call[1] + ")"
	case call[1] == "":
		return call[0] + "(" + condition + ")"
	}
	return call[0] + "(" + call[1] + ", " + condition + ")"
}

// definition returns a view of some of the aggregates, each with and without the condition.
func (f fields) definition(name view.Name, names []string) view.Definition {
	d := view.Definition{Name: name, Key: f.key, Window: f.window}
	for _, n := range names {
		d.Aggregates = append(d.Aggregates, view.Aggregate{Name: n, Expr: f.expression(n, "")},
			view.Aggregate{Name: n + "_if", Expr: f.expression(n, f.condition)})
	}
	return d
}

// definitions returns the views of the exact aggregates, of the sketches and of the tops.
func (f fields) definitions(name view.Name) []view.Definition {
	exact := exactNames
	if f.array != "" {
		exact = slices.Concat(exactNames, arrayNames)
	}
	return []view.Definition{
		f.definition(name+"_exact", exact),
		f.definition(name+"_sketch", sketchNames),
		f.definition(name+"_top", topNames),
	}
}

func compile(tb testing.TB, definitions ...view.Definition) *view.Set {
	tb.Helper()
	set, err := view.Compile(definitions...)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// batches scans compact JSON events, some hundred to a batch.
func batches(tb testing.TB, set *view.Set, events [][]byte) (all []*event.Batch) {
	tb.Helper()
	const most = 500
	for first := 0; first < len(events); first += most {
		var lines []byte
		for i, e := range events[first:min(first+most, len(events))] {
			lines = event.AppendLine(lines, e, event.Stamp{Request: ulid.ULID{1}, Index: first + i})
		}
		b, err := set.Fields().NewBatch(lines)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// folded returns what one pass makes of batches.
func folded(p *view.Program, batches []*event.Batch) *view.Delta {
	delta := p.NewDelta()
	for _, b := range batches {
		delta.Fold(b, rowsOf(b))
	}
	return delta
}

func rowsOf(b *event.Batch) []int32 {
	rows := make([]int32, b.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

// cell is one row of a view.
type cell struct {
	key   string // the values of the key, joined
	start int64  // of the window, in Unix seconds
}

// answered is a row of a view.
type answered struct {
	program *view.Program

	// value returns the answer of an aggregate, its error bound, and how many events it skipped.
	value func(i int) (value, bound string, skipped int64)
}

// answeredBy returns a row of its states.
func answeredBy(p *view.Program, windows *view.Windows, w view.Window) answered {
	return answered{p, func(i int) (value, bound string, skipped int64) {
		return string(windows.AppendValue(nil, i, w)), string(windows.AppendError(nil, i, w)), windows.Skipped(i, w)
	}}
}

// rows returns the rows of a delta whose key has one field or none.
func rows(tb testing.TB, p *view.Program, delta *view.Delta) map[cell]answered {
	tb.Helper()
	all := map[cell]answered{}
	for page := range delta.Pages() {
		if page.Key == view.SkippedKey {
			continue
		}
		values, ok := view.DecodeKey(page.Key)
		if !ok || len(values) > 1 {
			tb.Fatalf("key %q", page.Key)
		}
		windows := p.NewWindows()
		page.MergeInto(windows)
		for _, w := range windows.Sorted() {
			all[cell{append(values, "")[0], p.Start(w).Unix()}] = answeredBy(p, windows, w)
		}
	}
	return all
}
