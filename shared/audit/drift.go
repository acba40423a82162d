package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// driftingPage is a page that is not as expected, kept so that the cause can be looked for.
type driftingPage struct {
	view.PageKey
	program  *view.Program // of the page's key
	expected *view.Windows
	stored   *view.Windows // empty when there is no item, or none that can be read
	absent   bool          // there is no item
	unread   string        // why the item cannot be read; "" for it can

	windows []view.Window
	causes  []hypothesis // that explain it
}

// verdict loads the suspects once more. A page that still differs is drift, unless batch has written the item for a
// later run than the generation's. verdict counts all drift, and keeps the first pages.
func (e *examination) verdict(ctx context.Context, suspects []view.PageKey) error {
	kept := 0 // windows of the pages kept
	return e.compare(ctx, suspects, func(c comparison) error {
		if c.stored && c.item.Horizon > e.generation.Horizon {
			head, err := e.Catalog.Head(ctx)
			if err != nil {
				return fmt.Errorf("read head: %w", err)
			}
			// Batch makes a run real before it writes items of it.
			if c.item.Horizon <= head.Horizon {
				e.found.Unsettled++
				return nil
			}
		}
		page := e.drift(c)
		e.found.Drift += int64(len(page.windows))
		if len(page.windows) > 0 && kept < maxListed {
			e.drifting = append(e.drifting, page)
			kept += len(page.windows)
		}
		return nil
	})
}

// drift compares a page window by window.
func (e *examination) drift(c comparison) *driftingPage {
	program := e.program.For(c.key.Key)
	p := &driftingPage{
		PageKey: c.key, program: program, expected: program.NewWindows(), stored: program.NewWindows(), absent: !c.stored,
	}
	c.expected.MergeInto(p.expected)
	if c.stored && c.item.Horizon > e.generation.Horizon {
		p.unread = fmt.Sprintf("the item's horizon, %s, is above that of the last run", c.item.Horizon)
	} else if c.stored {
		if err := p.stored.MergePage(c.key.Page, c.item.States, nil); err != nil {
			p.stored, p.unread = program.NewWindows(), "the item cannot be read: "+err.Error()
		}
	}
	all := append(p.expected.Sorted(), p.stored.Sorted()...)
	slices.Sort(all)
	for _, window := range slices.Compact(all) {
		if p.unread != "" || !p.expected.AgreesAt(p.stored, window) {
			p.windows = append(p.windows, window)
		}
	}
	if p.unread != "" && len(all) == 0 {
		p.windows = []view.Window{p.firstWindow()}
	}
	return p
}

// firstWindow is the first window of the page.
func (p *driftingPage) firstWindow() view.Window {
	const most = 24 * 60 * 60 * 1000 // windows of a day
	perPage := sort.Search(most, func(i int) bool { return p.program.PageOf(view.Window(i)) > 0 })
	return view.Window(int64(p.Page) * int64(perPage))
}

// report lists the drifts of the pages kept, each with its likely cause.
func (e *examination) report() error {
	size := 0
	for _, p := range e.drifting {
		cause := e.cause(p)
		subset, key, _ := e.program.Definition.ValuesOf(p.Key)
		for _, window := range p.windows {
			drift := catalog.Drift{
				Subset: subset, Key: key, Start: event.MillisOf(e.program.Start(window)), Cause: cause.cause, Detail: cause.detail,
				Expected: p.present(p.expected, window), Stored: p.present(p.stored, window),
			}
			encoded, err := json.Marshal(drift)
			if err != nil {
				return fmt.Errorf("key of a drift: %w", err)
			}
			if size += len(encoded); size > maxBytes || len(e.found.Drifts) == maxListed {
				return nil
			}
			e.found.Drifts = append(e.found.Drifts, drift)
		}
	}
	return nil
}

// present is what the aggregates of a window present, by name, as JSON; nil where there is no such window.
func (p *driftingPage) present(windows *view.Windows, window view.Window) json.RawMessage {
	if !windows.Has(window) {
		return nil
	}
	text := []byte{'{'}
	for i, a := range p.program.Definition.Aggregates {
		if i > 0 {
			text = append(text, ',')
		}
		text = fmt.Appendf(text, "%q:", a.Name)
		text = windows.AppendValue(text, i, window)
	}
	return append(text, '}')
}
