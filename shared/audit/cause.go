package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
)

// States cannot be subtracted from one another, but merging shows both kinds of mistake. If the stored state merged
// with a part gives the expected state, the part was not folded. If the expected state merged with a part gives the
// stored state, the part was folded twice. The audit tries every object, every slot of a run, every run, and the
// objects of no run.

// part is a group of events that may have been lost, or folded twice, as a whole.
type part struct {
	unit
	detail  string
	late    bool
	nowhere bool // of no run
}

// unit is the kind of a part, from the smallest.
type unit int

const (
	anObject unit = iota
	aSlot
	aRun
	allLost
)

// hypothesis explains a page.
type hypothesis struct {
	part
	cause catalog.Cause
}

// explain folds every part by itself and tries it on the drifting pages.
func (e *examination) explain(ctx context.Context) error {
	if !slices.ContainsFunc(e.drifting, (*driftingPage).isOpen) {
		return nil
	}
	// Find the same duplicates as before: start again from the first run.
	e.copies = newCopies(e.Layout)
	err := e.eachRun(ctx, 1, e.generation.Run, func(in *runs.Input) error {
		e.copies.markDuplicates(in, in.Manifest.Run <= e.built)
		return e.tryRun(in)
	})
	if err != nil {
		return err
	}
	all := e.program.NewDelta()
	err = e.eachLost(ctx, func(in *runs.Input) error {
		e.copies.markDuplicates(in, false)
		for i, delta := range in.FoldEach(e.program, e.Parallel) {
			e.try(part{unit: anObject, detail: "object " + string(in.Manifest.Objects[i].Key) + ", which no run holds",
				nowhere: true}, delta)
			all.Merge(delta)
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.try(part{unit: allLost, detail: fmt.Sprintf("%d objects that no run holds", len(e.lost)), nowhere: true}, all)
	return nil
}

// tryRun tries the run, its slots and its objects.
func (e *examination) tryRun(in *runs.Input) error {
	var (
		m       = in.Manifest
		objects = in.FoldEach(e.program, e.Parallel)
		whole   = e.program.NewDelta()
		ofSlot  *view.Delta
	)
	for i, delta := range objects {
		key := m.Objects[i].Key
		s, _, err := archive.ParseEventsKey(key)
		if err != nil {
			return err
		}
		e.try(part{unit: anObject, detail: fmt.Sprintf("object %s of run %d", key, m.Run), late: s < m.From}, delta)
		if ofSlot == nil {
			ofSlot = e.program.NewDelta()
		}
		ofSlot.Merge(delta)
		whole.Merge(delta)
		// Objects are in archive order, hence by slot.
		if i+1 == len(objects) || !strings.HasPrefix(string(m.Objects[i+1].Key), string(archive.SlotKey(s))) {
			e.try(part{unit: aSlot, detail: fmt.Sprintf("slot %s in run %d", s, m.Run)}, ofSlot)
			ofSlot = nil
		}
	}
	e.try(part{unit: aRun, detail: fmt.Sprintf("run %d", m.Run)}, whole)
	return nil
}

// isOpen says whether some part may explain the page: what is stored can be read, and something is expected.
func (p *driftingPage) isOpen() bool { return p.unread == "" && p.expected.Len() > 0 }

// try notes which drifting pages a part explains.
func (e *examination) try(p part, delta *view.Delta) {
	keys := make([]view.PageKey, len(e.drifting))
	for i, page := range e.drifting {
		keys[i] = page.PageKey
	}
	pages := pagesOf(delta, keys)
	for _, page := range e.drifting {
		folded, ok := pages[page.PageKey]
		if !ok || !page.isOpen() {
			continue
		}
		if e.sum(page.stored, folded, page.expected) {
			cause := catalog.Lost
			if p.late {
				cause = catalog.Late
			}
			e.note(page, hypothesis{p, cause})
		}
		if !p.nowhere && e.sum(page.expected, folded, page.stored) {
			e.note(page, hypothesis{p, catalog.Double})
		}
	}
}

// note records that a hypothesis explains a page. Each part is tried on each page once.
func (e *examination) note(page *driftingPage, h hypothesis) {
	page.causes = append(page.causes, h)
	e.explains[h]++
}

// sum says whether windows merged with a part give the windows that are wanted.
func (e *examination) sum(windows *view.Windows, folded view.DeltaPage, want *view.Windows) bool {
	sum := e.program.For(folded.Key).NewWindows()
	sum.Merge(windows)
	folded.MergeInto(sum)
	return sum.Agrees(want)
}

// cause returns the likeliest explanation of a page: the hypothesis that explains the most pages. Among equals it
// prefers the smallest lost part, or the largest part that was folded twice.
func (e *examination) cause(p *driftingPage) hypothesis {
	because := func(cause catalog.Cause, detail string) hypothesis { return hypothesis{part{detail: detail}, cause} }
	switch {
	case p.unread != "":
		return because(catalog.Altered, p.unread)
	case p.expected.Len() == 0:
		return because(catalog.Unexpected, "")
	}
	var (
		best  hypothesis
		score int // pages that it explains
		alike int // of its kind, that explain as many
	)
	for _, h := range p.causes {
		switch n := e.explains[h]; {
		case n > score || n == score && h.likelier(best):
			best, score, alike = h, n, 1
		case n == score && h.unit == best.unit && h.cause == best.cause:
			alike++
		}
	}
	switch {
	case p.absent && !best.nowhere && score <= 1:
		// What would explain this page alone is no more likely than that its item was deleted.
		return because(catalog.Deleted, "")
	case score == 0:
		return because(catalog.Altered, "")
	case alike > 1:
		best.detail = fmt.Sprintf("one of %d equally likely parts, such as %s", alike, best.detail)
	}
	return best
}

func (h hypothesis) likelier(than hypothesis) bool {
	if h.cause == catalog.Double && than.cause == catalog.Double {
		return h.unit > than.unit
	}
	return h.unit < than.unit
}
