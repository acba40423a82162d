package serving

import (
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

// merging merges windows into rows: the windows of a step, or of a whole range. Row i is window i of its states.
//
// A merged row is exact when it has ended by the horizon that was read with the pointer, no speed item took part in it,
// and no part of it is ahead of that horizon: then it is the fold of the distinct events that arrived before that one
// horizon. A row without windows is exact by the same rule. Rows exact as of different horizons do not add up to an
// exact one. A row that the selected range cuts is never exact.
type merging struct {
	reader  Reader
	to      merged
	inexact map[view.Window]bool // rows of which speed is a part, or of which a part is ahead
}

func (r Reader) newMerging() merging {
	p := r.Program
	return merging{
		reader: r, to: merged{batch: p.NewWindows(), speed: p.NewWindows(), all: p.NewWindows()},
		inexact: map[view.Window]bool{},
	}
}

// add adds a window of a key's states to a row.
func (g *merging) add(row view.Window, m merged, w view.Window) {
	g.to.batch.MergeInto(row, m.batch, w)
	g.to.speed.MergeInto(row, m.speed, w)
	g.to.all.MergeInto(row, m.all, w)
	if m.speed.Has(w) || m.horizons[g.reader.Program.PageOf(w)] > g.reader.Generation.Horizon {
		g.inexact[row] = true
	}
}

// row returns a row as far as it is merged. ended says that all of it has ended by the horizon, and that the range does
// not cut it.
func (g *merging) row(row view.Window, ended bool) Row {
	g.to.all.Add(row) // empty states, if it has no windows
	return Row{
		States: statesOf(g.to.all, row), Batch: statesOf(g.to.batch, row), Speed: statesOf(g.to.speed, row),
		Exact: ended && !g.inexact[row],
	}
}

// secondsOf returns the whole seconds from start to end. Time.Sub stops at 292 years, and a range may be longer.
func secondsOf(start, end time.Time) int64 { return end.Unix() - start.Unix() }

// setSeconds says how long a row is. Rates are per second of it.
func (g *merging) setSeconds(row view.Window, seconds int64) {
	for _, half := range []*view.Windows{g.to.all, g.to.batch, g.to.speed} {
		half.SetSeconds(row, seconds)
	}
}
