package history

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
)

// What a view could not use is, for the oracle, a view of its own with one key. All that holds for rows holds for it:
// the batch part is the fold of the runs below the horizon, the speed part has every counting position once, and so on.
// An event that the view skips counts in it, and adds a power of ten that stands for the place and the reason.

// skippedOf returns the number of the view that has what a view could not use.
func skippedOf(view int) int { return views + view }

// labels are the places and reasons for which a history's views skip events. The power of ten of each is its index
// times digitsOfLabel, so that a sum tells how often each label occurs.
var labels = []string{
	"where missing", "key.user missing", "key.user wrong type",
	"aggregates.amount missing", "aggregates.amount not a number", "aggregates.amount too large",
}

const digitsOfLabel = 4

// numberOf is what an event with a label adds, in units of 10^-27.
func numberOf(label string) *big.Int {
	at := slices.Index(labels, label)
	if at < 0 {
		panic("unknown label " + label)
	}
	return new(big.Int).Mul(power(int64(at*digitsOfLabel)), unit)
}

// users and kinds of events that by_user cannot use, with the label of each.
var faulty = []struct{ user, kind, label string }{
	{`"user":"u0",`, "", "where missing"},
	{"", `"kind":"",`, "key.user missing"},
	{`"user":null,`, `"kind":"",`, "key.user missing"},
	{`"user":{"name":"u0"},`, `"kind":"",`, "key.user wrong type"},
	{`"user":["u0"],`, `"kind":"",`, "key.user wrong type"},
}

// labelOf returns the label of an amount that sums ignore: the text of its JSON, "" for none.
func labelOf(amount string) string {
	switch {
	case amount == "" || amount == "null":
		return "aggregates.amount missing"
	case amount[0] == '"':
		return "aggregates.amount not a number"
	}
	return "aggregates.amount too large"
}

// query queries a view, or what a view could not use; the latter in the form of an answer, with a total.
func (h *history) query(
	ctx context.Context, s *serving.Serving, v int, parameters map[string][]string,
) (present.Answer, error) {
	if v < views {
		return simulation.Query(ctx, s, parseName(v), parameters)
	}
	return h.querySkipped(ctx, s, v, parameters["parts"] != nil)
}

func (h *history) querySkipped(ctx context.Context, s *serving.Serving, v int, parts bool) (present.Answer, error) {
	result, err := s.ReadSkipped(ctx, serving.Selection{View: parseName(v), Total: true})
	if err != nil {
		return present.Answer{}, err
	}
	answer := present.NewAnswer(result, parts)
	for i, row := range result.Rows {
		answer.Data[i].Values, answer.Data[i].Skipped = h.labelsOf(row.States.Skips()), nil
		if parts && row.Batch.Exist() {
			*answer.Data[i].Parts.Batch = h.labelsOf(row.Batch.Skips())
		}
		if parts && row.Speed.Exist() {
			*answer.Data[i].Parts.Speed = h.labelsOf(row.Speed.Skips())
		}
	}
	answer.Total.Values = h.labelsOf(result.Total.States.Skips())
	return answer, nil
}

// labelsOf counts skips. The aggregates of by_user skip the same events, so only the first of them counts.
func (h *history) labelsOf(all []view.Skip) present.Object {
	var n int64
	sum := new(big.Int)
	for _, s := range all {
		switch s.Name {
		case "aggregates.mean", "aggregates.smallest", "aggregates.largest", "aggregates.gains", "aggregates.spread":
			continue
		}
		label := s.Name + " " + s.Reason.String()
		if !slices.Contains(labels, label) || s.ID == "" || s.Source != "shop" {
			h.fail(oracleQuery, "skipped has %+v", s)
			continue
		}
		n += s.Events
		sum.Add(sum, new(big.Int).Mul(numberOf(label), big.NewInt(s.Events)))
	}
	text := "null"
	if n > 0 {
		text = decimal(sum)
	}
	return present.Object{{Name: "events", Value: []byte(fmt.Sprint(n))}, {Name: "labels", Value: []byte(text)}}
}

// checkSkippedList checks that the list in an answer of the view adds up to the windows that it stands for: those of
// skipped, which was read at this very moment.
func (h *history) checkSkippedList(v int, skipped present.Answer) {
	keys := h.keys(v)
	if len(keys) == 0 {
		return
	}
	a, err := h.query(everywhere, h.observer, v, parametersOf(v, keys[0]))
	if err != nil {
		h.fail(oracleQuery, "view %s: %v", viewNames[v], err)
		return
	}
	got := map[string]int64{}
	var events int64
	for _, s := range a.Skipped {
		if s.Batch+s.Speed != s.Events || s.Exact != skipped.Total.Exact || got[s.Place+" "+s.Reason] != 0 {
			h.fail(oracleQuery, "view %s: skipped has %+v, exact is %v", viewNames[v], s, skipped.Total.Exact)
		}
		got[s.Place+" "+s.Reason] = s.Events
	}
	sum := new(big.Int)
	for _, label := range labels {
		events += got[label]
		sum.Add(sum, new(big.Int).Mul(numberOf(label), big.NewInt(got[label])))
	}
	want := skipped.Total.Values
	if valueOf(want, "events") != fmt.Sprint(events) || events > 0 && valueOf(want, "labels") != decimal(sum) {
		h.fail(oracleQuery, "view %s: skipped adds up to %v, its windows to %s", viewNames[v], got, show(&want))
	}
}

// foldSkipped returns every row of what by_user and everything could not use, and the totals, for events that are all
// distinct.
func foldSkipped(events []simulation.Event) map[simulation.Cell]map[string]string {
	counts, sums := map[simulation.Cell]int{}, map[simulation.Cell]*big.Int{}
	add := func(e simulation.Event, v int, label string) {
		if label == "" {
			return
		}
		for _, start := range []string{e.Time.UTC().Truncate(viewWindows[v]).Format(time.RFC3339), simulation.Total} {
			c := simulation.Cell{View: viewNames[skippedOf(v)], Start: start}
			if sums[c] == nil {
				sums[c] = new(big.Int)
			}
			counts[c]++
			sums[c].Add(sums[c], numberOf(label))
		}
	}
	for _, e := range events {
		amount := ""
		if !e.HasAmount() {
			amount = labelOf(string(e.Data.Amount))
		}
		add(e, everything, amount)
		_, used := e.Counts()
		switch {
		case used:
			add(e, byUser, amount)
		case e.Type == "purchase" && e.Data.Kind == nil:
			add(e, byUser, "where missing")
		case e.Type == "purchase" && *e.Data.Kind != "test":
			add(e, byUser, labelOfUser(string(e.Data.User)))
		}
	}
	all := map[simulation.Cell]map[string]string{}
	for c, n := range counts {
		all[c] = map[string]string{"events": fmt.Sprint(n), "labels": decimal(sums[c])}
	}
	return all
}

// labelOfUser returns the label of a user that is no key.
func labelOfUser(user string) string {
	if user == "" || user == "null" {
		return "key.user missing"
	}
	return "key.user wrong type"
}
