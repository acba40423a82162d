package history

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
)

// askGroups asks for all keys of a view while other functions run: by_user for each user, marks for all groups merged
// into one. A row that is marked exact must be the fold of the runs up to the answer's horizon, over all of its keys.
// Every window in which this fold has events must have a row.
func (h *history) askGroups(v int) {
	by := map[int]string{byUser: "user", marks: ""}[v]
	body := func(ctx context.Context, e *environment) {
		a, err := h.query(ctx, e.query, v, map[string][]string{"group_by": {by}})
		if err != nil {
			return // a fault of a store, or the view does not serve yet
		}
		if h.violation == nil && e.isChecked() {
			h.checkGroups(v, a)
		}
	}
	h.invoke(queryRole, "all keys of "+viewNames[v], body, func(bool) {})
}

// groupCell is a row of a group.
type groupCell struct {
	key   string // the user; "" of marks
	start int64
}

func (h *history) checkGroups(v int, a present.Answer) {
	g := h.generations[a.Generation]
	if g == nil || g.kappa {
		return
	}
	horizon, err := parseSlot(horizonOf(a))
	if err != nil || h.runOf[horizon] == 0 {
		h.fail(oracleHorizon, "all keys of %s: no run has the horizon %q", viewNames[v], horizonOf(a))
		return
	}
	expected := h.expectGroups(v, g, h.runOf[horizon])
	for i := range a.Data {
		row := &a.Data[i]
		start, err := time.Parse(time.RFC3339Nano, row.Start)
		h.must(err)
		c := groupCell{start: start.UnixMilli()}
		for _, m := range *row.Key {
			h.must(json.Unmarshal(m.Value, &c.key))
		}
		if want := expected[c]; row.Exact && !want.is(v, row.Values) {
			h.fail(oracleExact, "all keys of %s, row %q %s, as of run %d: %s is marked exact, want %s", viewNames[v], c.key,
				row.Start, h.runOf[horizon], show(&row.Values), want.show(v))
		}
		delete(expected, c)
	}
	missing := slices.SortedFunc(maps.Keys(expected), func(a, b groupCell) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.key, b.key))
	})
	for _, c := range missing {
		h.fail(oracleBatch, "all keys of %s, as of run %d: there is no row %q %s, but the fold has %d events", viewNames[v],
			h.runOf[horizon], c.key, time.UnixMilli(c.start).UTC(), expected[c].count)
	}
}

// expectGroups returns the rows that the runs up to one give.
func (h *history) expectGroups(v int, g *generation, run uint64) map[groupCell]state {
	expected := map[groupCell]state{}
	for _, key := range h.keys(v) {
		if key == simulation.AllUsers {
			continue
		}
		c := groupCell{}
		if v == byUser {
			c.key = key
		}
		for _, start := range h.windows[g.rows(key)] {
			c.start = start
			if fold := h.folds[cell{g.rows(key), start}].at(run); fold.count > 0 {
				expected[c] = expected[c].merge(fold)
			}
		}
	}
	return expected
}
