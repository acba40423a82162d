package history

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// finalAudit audits every view. A healthy view has no drift, whatever has happened.
func (h *history) finalAudit() {
	if h.violation != nil {
		return
	}
	// An audit that was killed no longer keeps other audits away.
	h.clock = h.clock.Add(time.Hour)
	report, err := h.beside.Audit().Tick(context.Background())
	if err != nil {
		h.fail(oracleDrift, "%v", err)
	}
	audited := map[view.Name]catalog.Findings{}
	for _, v := range report.Views {
		audited[v.Name] = v.Findings
		h.checkFindings(v.Name, v.Findings)
	}
	for v := range views {
		found, ok := audited[parseName(v)]
		if isKappa := h.generations[h.answers[v]].kappa; !isKappa &&
			(!ok || found.Error != "" || found.Run != h.head() || found.Unsettled > 0) {
			h.fail(oracleDrift, "view %s audited %v, up to run %d of %d, %d items unsettled, %q", viewNames[v], ok,
				found.Run, h.head(), found.Unsettled,
				found.Error)
		}
	}
}

// twins begins a new Kappa generation of every view while nothing else happens, and lets replay bring in everything.
// The answers must equal the plain fold by the speed window, and the stored states must equal those of the fold, byte
// for byte. A view that is Kappa already is rebuilt.
func (h *history) twins() {
	if h.violation != nil {
		return
	}
	h.checkStates()
	h.beginTwins()
	for n := 0; !h.deployedServe() || h.level != [views]uint64{h.head(), h.head(), h.head()}; n++ {
		if n == 100 {
			h.fail(oracleTwins, "after %d turns the twins do not serve: %+v", n, h.pointers)
		}
		h.clock = h.clock.Add(h.slotLength)
		if !h.turn() {
			return
		}
	}
	events, err := h.archivedWithin(h.layout.SpeedWindow)
	if err != nil {
		h.fail(oracleTwins, "%v", err)
		return
	}
	expected := h.plainFold(events)
	for v := range 2 * views {
		for _, key := range h.keys(v) {
			h.checkNow(v, key)
			a, err := h.query(everywhere, h.observer, v, keyOf(v, key))
			h.must(err)
			got, err := json.Marshal(withTotal(a))
			h.must(err)
			if want := rowsJSON(v, key, expected, false); !bytes.Equal(got, want) {
				h.fail(oracleTwins, "view %s, key %q:\n%s\nwant\n%s", viewNames[v], key, got, want)
				return
			}
		}
	}
	h.twinsAlike = !slices.ContainsFunc(h.identities, func(e *identity) bool {
		return h.repeatsBeyond(e, h.layout.SpeedWindow)
	})
	h.checkStates()
}

// beginTwins deploys the twins, and requests a rebuild of the views that are Kappa already.
func (h *history) beginTwins() {
	h.approve = false
	h.ownPrograms()
	h.observer.Programs = h.compiled.programs
	h.endEnvironments()
	twin := h.deployed
	for v, f := range twin {
		if !f.kappa {
			twin[v] = flavour{text: f.text % 2, kappa: true}
			continue
		}
		stored, err := h.catalog.View(everywhere, parseName(v))
		h.must(err)
		stored, err = stored.WantRebuild()
		h.must(err)
		h.must(h.catalog.PutView(everywhere, stored))
		h.onView(stored.Name)
	}
	h.learnGenerations()
	h.deploy(twin)
}

// checkStates compares the items of every Kappa generation that has everything with the fold, byte for byte, after
// merging the items of one key and page. The oracle decides which events count; package view folds them.
func (h *history) checkStates() {
	all, err := h.catalog.Views(everywhere)
	h.must(err)
	for _, v := range all {
		for _, stored := range v.Generations {
			g := h.generations[stored.ID]
			if !g.kappa || !stored.IsKept() || stored.State == lifecycle.Announced || stored.Run != h.head() ||
				stored.Horizon < stored.LiveFrom || h.hasDoubts(g) {
				continue
			}
			h.checkStatesOf(g)
		}
	}
}

func (h *history) checkStatesOf(g *generation) {
	set, err := h.compiled.programs.Of(everywhere, h.kit.texts, []view.Hash{g.hash})
	if err != nil {
		h.fail(oracleItself, "%v", err)
		return
	}
	expected := h.foldedPages(set, g)
	merged, err := h.mergedPages(set.Programs[0], g)
	if err != nil {
		h.fail(oracleStates, "view %s, generation %s: %v", viewNames[g.view], g.id, err)
		return
	}
	for key, states := range merged {
		if !bytes.Equal(states, expected[key]) {
			h.fail(oracleStates, "view %s, generation %s, live from %s on: key %q, page %d is %x, want %x",
				viewNames[g.view], g.id, g.live, key.Key,
				key.Page, states, expected[key])
			return
		}
	}
	if len(merged) != len(expected) {
		h.fail(oracleStates, "view %s, generation %s has %d pages, the fold %d", viewNames[g.view], g.id, len(merged),
			len(expected))
	}
	h.pages += len(merged)
}

// foldedPages returns the pages of the fold of the copies that count.
func (h *history) foldedPages(set *view.Set, g *generation) map[view.PageKey][]byte {
	var lines []byte
	rows := 0
	for _, o := range h.landed {
		body, _, err := h.archive.Get(everywhere, o.key)
		h.must(err)
		text, err := h.kit.codec.Decompress(nil, body)
		h.must(err)
		own := slices.Collect(bytes.Lines(text))
		for i, c := range o.copies {
			isLive := slices.ContainsFunc(c.positions, func(p *position) bool {
				return p.copyOf == c && p.counts && p.object.slot >= g.live
			})
			if isLive || h.isReplayed(c, g) {
				lines = append(lines, own[i]...)
				rows++
			}
		}
	}
	batch := &event.Batch{}
	h.must(set.Fields().Scan(lines, batch))
	all := make([]int32, rows)
	for i := range all {
		all[i] = int32(i)
	}
	delta := set.Programs[0].NewDelta()
	delta.Fold(batch, all)
	pages := map[view.PageKey][]byte{}
	for page := range delta.Pages() {
		pages[page.PageKey] = page.Encode()
	}
	return pages
}

// mergedPages returns the pages of a Kappa generation. A page that is in a single item stays as stored.
func (h *history) mergedPages(program *view.Program, g *generation) (map[view.PageKey][]byte, error) {
	items := map[view.PageKey][]viewstore.SpeedItem{}
	for after := ""; ; {
		some, next, err := h.items.Scan(everywhere, g.set, after)
		if err != nil {
			return nil, err
		}
		for _, item := range some {
			at := view.PageKey{Key: item.Key, Page: item.Page}
			items[at] = append(items[at], item)
		}
		if after = next; after == "" {
			break
		}
	}
	pages := map[view.PageKey][]byte{}
	for at, parts := range items {
		if len(parts) == 1 {
			pages[at] = parts[0].States
			continue
		}
		windows := program.For(at.Key).NewWindows()
		for _, item := range parts {
			if err := windows.MergePage(at.Page, item.States, nil); err != nil {
				return nil, err
			}
		}
		pages[at] = windows.AppendPage(nil, at.Page)
	}
	return pages, nil
}

// countsAlike reports whether a Kappa view counts the same events as a Lambda view, whichever copy comes first: no two
// copies of an event are further apart than the speed window, and none differ.
func (h *history) countsAlike() bool {
	for _, e := range h.identities {
		for _, c := range e.copies {
			if c.variant != e.copies[0].variant || c.time() != e.copies[0].time() {
				return false
			}
		}
		if h.repeatsBeyond(e, h.layout.SpeedWindow) {
			return false
		}
	}
	return true
}
