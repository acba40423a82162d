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

// question is a question for all keys of a view.
type question struct {
	view  int
	field string // one group per value of this key field; empty: one group of all keys
	step  step
	limit int // of groups, those with the most purchases; 0: all
}

// step is the length of the rows of an answer, as a query says it.
type step struct {
	length, zone string               // length is empty: a row per window
	of           func(at int64) int64 // the start of the step that holds an instant, both in Unix milliseconds
}

// The offset of a zone is not a whole number of hours, so that its days do not begin with an hour of UTC.
var steps = []step{
	{"5m", "", multipleOf(5*time.Minute, 0)},
	{"1d", "Asia/Kolkata", multipleOf(24*time.Hour, 5*time.Hour+30*time.Minute)},
	{"1h", "", multipleOf(time.Hour, 0)},
	{"2m", "", multipleOf(2*time.Minute, 0)},
}

// multipleOf cuts time into steps of a length, in a zone that is ahead of UTC.
func multipleOf(length, ahead time.Duration) func(int64) int64 {
	return func(at int64) int64 { return at - (at+ahead.Milliseconds())%length.Milliseconds() }
}

func (q question) parameters() map[string][]string {
	all := map[string][]string{"group_by": {q.field}}
	if q.limit > 0 {
		all["order"], all["limit"] = []string{"-purchases"}, []string{strconv.Itoa(q.limit)}
	}
	if q.step.length != "" {
		all["step"] = []string{q.step.length}
	}
	if q.step.zone != "" {
		all["tz"] = []string{q.step.zone}
	}
	return all
}

func (q question) String() string {
	text := "all keys of " + viewNames[q.view]
	if q.field == "" {
		text += ", merged"
	}
	if q.step.length != "" {
		text += ", by " + q.step.length
	}
	return text
}

// nextQuestion returns the next question for all keys of a view. by_user is asked for each user, for the two with the
// most purchases, for each user by steps, and for its roll-up of all users by steps. marks has no roll-up, so its
// groups are merged, by windows and by steps in turn.
func (h *history) nextQuestion(v int) question {
	q := question{view: v}
	turn := h.lists[v]
	h.lists[v]++
	by := steps[turn/4%len(steps)]
	switch {
	case v == marks && turn%2 == 1:
		q.step = by
	case v == byUser:
		q.field = "user"
		switch turn % 4 {
		case 1:
			q.limit = 2
		case 2:
			q.field, q.step = "", by
		case 3:
			q.step = by
		}
	}
	return q
}

// askGroups asks for all keys of a view while other functions run. A row that is marked exact must be the fold of the
// runs up to the answer's horizon, over all keys of its group and all windows of its step. Every step in which this
// fold has events must have a row.
func (h *history) askGroups(v int) {
	q := h.nextQuestion(v)
	body := func(ctx context.Context, e *environment) {
		a, err := h.query(ctx, e.query, v, q.parameters())
		if err != nil {
			return // a fault of a store, or the view does not serve yet
		}
		if h.violation == nil && e.isChecked() {
			h.checkGroups(q, a)
		}
	}
	h.invoke(queryRole, q.String(), body, func(bool) {})
}

// groupCell is a row of a group.
type groupCell struct {
	key   string // the user; empty: of all keys
	start int64
}

func (h *history) checkGroups(q question, a present.Answer) {
	g := h.generations[a.Generation]
	if g == nil || g.kappa {
		return
	}
	horizon, err := parseSlot(horizonOf(a))
	if err != nil || h.runOf[horizon] == 0 {
		h.fail(oracleHorizon, "%s: no run has the horizon %q", q, horizonOf(a))
		return
	}
	expected := h.expectGroups(q, g, h.runOf[horizon])
	for i := range a.Data {
		row := &a.Data[i]
		start, err := time.Parse(time.RFC3339Nano, row.Start)
		h.must(err)
		c := groupCell{start: start.UnixMilli()}
		for _, m := range *row.Key {
			h.must(json.Unmarshal(m.Value, &c.key))
		}
		if want := expected[c]; row.Exact && !want.is(q.view, row.Values) {
			h.fail(oracleExact, "%s, row %q %s, as of run %d: %s is marked exact, want %s", q, c.key,
				row.Start, h.runOf[horizon], show(&row.Values), want.show(q.view))
		}
		if row.Exact && q.step.length != "" {
			h.exactSteps[q.view]++
		}
		delete(expected, c)
	}
	if q.limit > 0 {
		h.checkOrder(a, q.limit, expected)
	}
	missing := slices.SortedFunc(maps.Keys(expected), func(a, b groupCell) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.key, b.key))
	})
	for _, c := range missing {
		h.fail(oracleBatch, "%s, as of run %d: there is no row %q %s, but the fold has %d events", q,
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
func (h *history) expectGroups(q question, g *generation, run uint64) map[groupCell]state {
	expected := map[groupCell]state{}
	for _, key := range h.keys(q.view) {
		if key == simulation.AllUsers {
			continue
		}
		c := groupCell{}
		if q.field != "" {
			c.key = key
		}
		for _, start := range h.windows[g.rows(key)] {
			if c.start = start; q.step.length != "" {
				c.start = q.step.of(start)
			}
			if fold := h.folds[cell{g.rows(key), start}].at(run); fold.count > 0 {
				expected[c] = expected[c].merge(fold)
			}
		}
	}
	return expected
}
