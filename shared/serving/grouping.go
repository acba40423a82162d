package serving

import (
	"fmt"

	"github.com/anabranch/anabranch/shared/view"
)

// grouping merges the items of many keys into rows of groups. The rules of merging say which rows are exact.
type grouping struct {
	groupReader
	question
	groups map[view.Key]*group

	all, batch, speed *view.Windows // states of rows: row i is window i; the halves only where they are asked for
	totals            *view.Windows // states of groups over the range: group i is window i; nil where rows have them

	rows        int         // rows made so far
	items       int         // items merged so far
	keys        int         // keys merged so far
	bytes       int         // of the items merged so far
	first, last view.Window // first and last window with events, where there are rows
	piece       piece       // the step that was found last
	err         error       // why windows cannot be rows
}

// group is the keys of one group, merged.
type group struct {
	place
	values []string
	number view.Window         // among the groups
	rows   map[int64]*groupRow // by window, or by the start of the step; 0 for the whole range
	latest *groupRow
}

// groupRow is a row that grows.
type groupRow struct {
	piece          // without windows
	at       int64 // its place in group.rows
	number   view.Window
	inexact  bool // speed is a part of it, or a part is ahead of the pointer's horizon
	measured bool // it stands for another time than a window
}

func (r groupReader) newGrouping(q question) *grouping {
	p := r.Program
	g := &grouping{
		groupReader: r, question: q, groups: map[view.Key]*group{},
		all: p.NewWindows(), batch: p.NewWindows(), speed: p.NewWindows(),
	}
	if q.order.byValue && !q.Whole {
		g.totals = p.NewWindows()
	}
	return g
}

// add merges the items of a key into its group.
//
// Errors: ErrTooManyKeys, ErrTooManyRows, *ParameterError, view.ErrCorruptPage; not retryable.
func (g *grouping) add(key ListedKey, found items) error {
	g.keys++
	if g.items += len(found.base) + len(found.speed); g.items > g.maxItems {
		return g.tooMany(g.question, fmt.Sprintf("more than %d items in this range, the maximum; narrow from and to",
			g.maxItems))
	}
	to := g.groupOf(key.Values)
	for _, item := range found.base {
		g.bytes += len(item.States)
		ahead := item.Horizon > g.Generation.Horizon
		if err := g.addItem(to, item.Page, item.States, g.batch, ahead); err != nil {
			return err
		}
	}
	for _, item := range found.speed {
		g.bytes += len(item.States)
		if err := g.addItem(to, item.Page, item.States, g.speed, true); err != nil {
			return err
		}
	}
	return g.err
}

func (g *grouping) groupOf(values []string) *group {
	of := make([]string, len(g.by))
	for i, at := range g.by {
		of[i] = values[at]
	}
	key := g.Program.KeyOf(g.subset, of) // with the subset, as keys of the directory: a cursor names one of either
	if known, ok := g.groups[key]; ok {
		return known
	}
	made := &group{place: place{key: key}, values: of, number: view.Window(len(g.groups)), rows: map[int64]*groupRow{}}
	g.groups[key] = made
	return made
}

func (g *grouping) addItem(to *group, page view.Page, states []byte, half *view.Windows, inexact bool) error {
	row := func(w view.Window) (view.Window, bool) {
		if !g.at.includes(w) {
			return 0, false
		}
		row := g.rowOf(to, w)
		row.inexact = row.inexact || inexact
		return row.number, true
	}
	if err := g.all.MergePageInto(page, states, row); err != nil {
		return err
	}
	if g.Parts {
		if err := half.MergePageInto(page, states, row); err != nil {
			return err
		}
	}
	if g.totals == nil {
		return nil
	}
	return g.totals.MergePageInto(page, states, func(w view.Window) (view.Window, bool) {
		return to.number, g.at.includes(w)
	})
}

// rowOf returns the row of a group that a window belongs to.
func (g *grouping) rowOf(to *group, w view.Window) *groupRow {
	if g.rows == 0 {
		g.first, g.last = w, w
	}
	g.first, g.last = min(g.first, w), max(g.last, w)
	at, of := g.pieceOf(w)
	if to.latest != nil && to.latest.at == at {
		return to.latest
	}
	row, ok := to.rows[at]
	if !ok {
		row = &groupRow{piece: of, at: at, number: view.Window(g.rows), measured: g.Whole || g.at.step.Step.Exists()}
		to.rows[at] = row
		if g.rows++; g.MaxRows > 0 && g.rows > g.mostRows() {
			g.err = fmt.Errorf("%w: the selection merges more than %d rows; narrow from and to, or ask for longer steps "+
				"with step", ErrTooManyRows, g.mostRows())
		}
	}
	to.latest = row
	return row
}

// mostMerged bounds the rows in memory, as a multiple of those of an answer: groups are chosen once all are merged.
const mostMerged = 10

// mostRows returns the maximum number of rows in memory. Without a limit of groups, the answer has them all.
func (g *grouping) mostRows() int {
	if g.Limit > 0 && !g.isPaged() {
		return mostMerged * g.MaxRows
	}
	return g.MaxRows
}

// pieceOf returns the piece of a window, and what names it among the rows of a group.
func (g *grouping) pieceOf(w view.Window) (at int64, of piece) {
	switch {
	case g.Whole:
		return 0, piece{}
	case !g.question.at.step.Step.Exists():
		return int64(w), piece{start: g.Program.Start(w), end: g.Program.End(w)}
	}
	start := g.Program.Start(w)
	if start.Before(g.piece.start) || !start.Before(g.piece.end) {
		g.piece = g.pieceAt(g.question.at, start)
	}
	if g.Program.End(w).After(g.piece.end) {
		g.err = g.inside(g.question.at, g.piece.end)
	}
	return g.piece.start.UnixMilli(), g.piece
}
