package history

import (
	"context"
	"maps"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// found is a key under which an answer of a generation had rows.
type found struct {
	view       int
	generation lifecycle.GenerationID
	key        string
}

// isListed reports whether the live keys of its slot list the key of a speed item at this moment.
func (h *history) isListed(item viewstore.SpeedItem) bool {
	for shard := range viewstore.Shards {
		keys, err := h.items.Live(everywhere, item.Set, shard, item.Slot)
		h.must(err)
		if slices.Contains(keys, item.Key) {
			return true
		}
	}
	return false
}

// askKeys lists the keys of a view, a few at a time, while other functions run. Every key under which an answer of the
// same generation had rows before must be listed, in order and once.
func (h *history) askKeys(v int) {
	limit := 1 + h.random.IntN(5)
	down := h.random.IntN(2) == 0
	body := func(ctx context.Context, e *environment) {
		before := maps.Clone(h.found)
		selection := serving.KeySelection{View: parseName(v), Filter: serving.KeyFilter{Limit: limit, Down: down}}
		var all []view.Key
		for {
			page, err := e.query.Keys(ctx, selection)
			if err != nil {
				return // a fault of a store, the view does not serve yet, or the generation is gone
			}
			for _, listed := range page.Keys {
				all = append(all, listed.Key)
			}
			if selection.Cursor = page.Next; selection.Cursor == "" {
				if !e.isChecked() {
					return
				}
				h.checkKeys(v, page.Generation.ID, down, all, before)
				return
			}
		}
	}
	h.invoke(queryRole, "keys of "+viewNames[v], body, func(bool) {})
}

func (h *history) checkKeys(v int, g lifecycle.GenerationID, down bool, all []view.Key, before map[found]bool) {
	ordered := slices.Clone(all)
	if down {
		slices.Reverse(ordered)
	}
	if !slices.IsSorted(ordered) || len(slices.Compact(ordered)) < len(all) {
		h.fail(oracleListed, "view %s: the keys %q are out of order", viewNames[v], all)
	}
	for _, key := range h.keys(v) {
		same := func(k view.Key) bool { return keyText(v, k) == key }
		if key != simulation.AllUsers && before[found{v, g, key}] && !slices.ContainsFunc(all, same) {
			h.fail(oracleListed, "view %s: key %q of generation %s was found before, but is not in the list %q", viewNames[v],
				key, g, all)
		}
	}
}
