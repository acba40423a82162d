package history

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
)

// askGroups asks for all keys of a view while other functions run: by_user for each user, marks for all groups merged
// into one. A row that is marked exact must be the fold of the runs up to the answer's horizon, over all of its keys.
// Every window in which this fold has events must have a row. Every other question for the users is for the two with
// the most purchases.
func (h *history) askGroups(v int) {
	parameters := map[string][]string{"group_by": {map[int]string{byUser: "user", marks: ""}[v]}}
	limit := 0
	if h.lists++; v == byUser && h.lists%2 == 0 {
		limit = 2
		parameters["order"], parameters["limit"] = []string{"-purchases"}, []string{strconv.Itoa(limit)}
	}
	body := func(ctx context.Context, e *environment) {
		a, err := h.query(ctx, e.query, v, parameters)
		if err != nil {
			return // a fault of a store, or the view does not serve yet
		}
		if h.violation == nil && e.isChecked() {
			h.checkGroups(v, a, limit)
		}
	}
	h.invoke(queryRole, "all keys of "+viewNames[v], body, func(bool) {})
}

// groupCell is a row of a group.
type groupCell struct {
	key   string // the user; "" of marks
	start int64
}

func (h *history) checkGroups(v int, a present.Answer, limit int) {
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
	if limit > 0 {
		h.checkOrder(a, limit, expected)
	}
	missing := slices.SortedFunc(maps.Keys(expected), func(a, b groupCell) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.key, b.key))
	})
	for _, c := range missing {
		h.fail(oracleBatch, "all keys of %s, as of run %d: there is no row %q %s, but the fold has %d events", viewNames[v],
			h.runOf[horizon], c.key, time.UnixMilli(c.start).UTC(), expected[c].count)
	}
}

// checkOrder checks an answer for the users with the most purchases: their order, and that none is left out who has
// more than the last of them. left are the expected rows that the answer does not have; checkOrder removes those of the
// users who are left out. An answer may hold later purchases, too, but never fewer.
func (h *history) checkOrder(a present.Answer, limit int, left map[groupCell]state) {
	var users []string
	sums := map[string]int64{}
	for i := range a.Data {
		row, user := &a.Data[i], ""
		h.must(json.Unmarshal((*row.Key)[0].Value, &user))
		if !slices.Contains(users, user) {
			users = append(users, user)
		}
		n, err := strconv.ParseInt(string(row.Values[0].Value), 10, 64)
		h.must(err)
		sums[user] += n
	}
	most := func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) }
	if len(users) > limit || !slices.IsSortedFunc(users, most) {
		h.fail(oracleOrder, "users with the most purchases: %v of %v, want %d at most, in order", users, sums, limit)
		return
	}
	others := map[string]int64{}
	for c, fold := range left {
		if !slices.Contains(users, c.key) {
			others[c.key] += fold.count
			delete(left, c)
		}
	}
	for _, user := range slices.Sorted(maps.Keys(others)) {
		if len(users) < limit || others[user] > sums[users[limit-1]] {
			h.fail(oracleOrder, "users with the most purchases: %v of %v; %s with %d is left out", users, sums, user,
				others[user])
		}
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
