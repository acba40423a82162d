package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// Views are the views of the simulated world. The oracle knows what they mean without reading this text.
const Views = `
views:
  - name: by_user
    where: type == "purchase" && data.kind != "test"
    key:
      user: data.user
    rollups: [[]]
    window: 1m
    aggregates:
      purchases: count()
      amount: sum(data.amount)
      mean: mean(data.amount)
      smallest: min(data.amount)
      largest: max(data.amount)
      gains: sum(data.amount, data.amount > 0.5)
      ids: distinct(id)
      first: first(id)
      last: last(id)
  - name: everything
    key: {}
    window: 1h
    aggregates:
      events: count()
      amount: sum(data.amount)
      spread: quantiles(data.amount)
      often: top(type, 2)
`

// Event is an event as the oracle reads it.
type Event struct {
	Source string    `json:"source"`
	ID     string    `json:"id"`
	Type   string    `json:"type"`
	Time   time.Time `json:"time"`
	Data   struct {
		User   json.RawMessage `json:"user"`
		Kind   *string         `json:"kind"`
		Amount json.RawMessage `json:"amount"`
	} `json:"data"`
}

// Counts returns the key under which by_user counts an event, and whether it does. It does not when its where is false
// or cannot be decided, since there is no kind, nor when user is no string.
func (e Event) Counts() (user string, ok bool) {
	if e.Type != "purchase" || e.Data.Kind == nil || *e.Data.Kind == "test" || json.Unmarshal(e.Data.User, &user) != nil {
		return "", false
	}
	return user, string(e.Data.User) != "null"
}

// Cell names one row of one view by its key and the start of its window: RFC 3339, or Total.
type Cell struct {
	View, Key, Start string
}

// AllUsers is the Key of the rows of by_user's roll-up. No user has this name.
const AllUsers = "\x00all users"

// Total is the Start of the row that merges all windows.
const Total = "total"

// Expected folds the distinct events of the archive in the simplest way: every object, every line, one by one. before
// bounds the objects by key, to select what had arrived before a horizon; "" selects all.
func (w *World) Expected(ctx context.Context, before archive.Key) (map[Cell]map[string]string, error) {
	events, err := w.archived(ctx, before)
	if err != nil {
		return nil, err
	}
	return Fold(events), nil
}

// Fold returns every row of the views, and the total of every key, for events that are all distinct.
func Fold(events []Event) map[Cell]map[string]string {
	groups := map[Cell][]Event{}
	for _, e := range events {
		add := func(name, key string, window time.Duration) {
			for _, start := range []string{e.Time.UTC().Truncate(window).Format(time.RFC3339), Total} {
				c := Cell{name, key, start}
				groups[c] = append(groups[c], e)
			}
		}
		if user, ok := e.Counts(); ok {
			add("by_user", user, time.Minute)
			add("by_user", AllUsers, time.Minute)
		}
		add("everything", "", time.Hour)
	}
	expected := map[Cell]map[string]string{}
	for c, events := range groups {
		amounts := amountsOf(events)
		count, total := fmt.Sprint(len(events)), "null"
		if len(amounts) > 0 {
			total = decimal(sum(amounts))
		}
		if c.View == "everything" {
			expected[c] = map[string]string{
				"events": count, "amount": total, "spread": Quantiles(unitsOf(amounts)), "often": Often(2, typesOf(events)),
			}
			continue
		}
		expected[c] = map[string]string{
			"purchases": count, "amount": total, "mean": "null", "smallest": "null", "largest": "null",
			"gains": gainsOf(amounts),
			"ids":   distinctIDs(events), "first": endOf(events, -1), "last": endOf(events, 1),
		}
		if len(amounts) > 0 {
			slices.SortFunc(amounts, (*big.Rat).Cmp)
			expected[c]["mean"] = rounded(new(big.Rat).Quo(sum(amounts), big.NewRat(int64(len(amounts)), 1)))
			expected[c]["smallest"], expected[c]["largest"] = decimal(amounts[0]), decimal(amounts[len(amounts)-1])
		}
	}
	return expected
}

// gainsOf returns the sum of the amounts above 0.5.
func gainsOf(amounts []*big.Rat) string {
	gains := slices.DeleteFunc(slices.Clone(amounts), func(a *big.Rat) bool { return a.Cmp(big.NewRat(1, 2)) <= 0 })
	if len(gains) == 0 {
		return "null"
	}
	return decimal(sum(gains))
}

// archived returns the distinct events of the archive: the first copy of each identity, in archive order.
func (w *World) archived(ctx context.Context, before archive.Key) ([]Event, error) {
	if before == "" {
		before = archive.EndOfEvents
	}
	objects, _, err := w.Archive.List(ctx, archive.FirstEvent, before, 1<<30)
	if err != nil {
		return nil, err
	}
	var all []Event
	met := map[[2]string]bool{}
	for _, o := range objects {
		body, _, err := w.Archive.Get(ctx, o.Key)
		if err != nil {
			return nil, err
		}
		lines, err := w.codec.Decompress(nil, body)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(lines) {
			var e Event
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, err
			}
			if id := [2]string{e.Source, e.ID}; !met[id] {
				met[id] = true
				all = append(all, e)
			}
		}
	}
	return all, nil
}

// places are the decimals that every number keeps.
const places = 27

// amountsOf returns the valid amounts, rounded half to even to 27 decimals: numbers that are below 10^30 then.
func amountsOf(events []Event) []*big.Rat {
	var amounts []*big.Rat
	limit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(30), nil))
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil))
	for _, e := range events {
		r, ok := new(big.Rat).SetString(string(e.Data.Amount))
		if !ok {
			continue
		}
		r = new(big.Rat).SetInt(halfToEven(r.Mul(r, unit)))
		if r.Quo(r, unit); new(big.Rat).Abs(r).Cmp(limit) < 0 {
			amounts = append(amounts, r)
		}
	}
	return amounts
}

// halfToEven is the whole number nearest to r.
func halfToEven(r *big.Rat) *big.Int {
	whole, rest := new(big.Int).QuoRem(new(big.Int).Abs(r.Num()), r.Denom(), new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(r.Denom()); c > 0 || c == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(1))
	}
	if r.Sign() < 0 {
		whole.Neg(whole)
	}
	return whole
}

// HasAmount reports whether the event's amount is valid.
func (e Event) HasAmount() bool { return len(amountsOf([]Event{e})) > 0 }

func sum(amounts []*big.Rat) *big.Rat {
	all := new(big.Rat)
	for _, a := range amounts {
		all.Add(all, a)
	}
	return all
}

// decimal formats a number with at most 27 decimals.
func decimal(r *big.Rat) string {
	text := r.FloatString(places)
	text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	if text == "-0" {
		return "0"
	}
	return text
}

// rounded formats a number with 16 significant digits, or all before the point where there are more, rounded half to
// even.
func rounded(r *big.Rat) string {
	if r.Sign() == 0 {
		return "0"
	}
	abs := new(big.Rat).Abs(r)
	ten, scale := big.NewRat(10, 1), 0
	low := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(15), nil))
	for ; abs.Cmp(low) < 0; scale++ {
		abs.Mul(abs, ten)
	}
	result := new(big.Rat).SetInt(halfToEven(abs))
	for ; scale > 0; scale-- {
		result.Quo(result, ten)
	}
	if r.Sign() < 0 {
		result.Neg(result)
	}
	text := result.FloatString(60)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// Check compares every answer with the oracle. All values must equal the fold of the whole archive. Rows and totals
// marked exact must also equal the fold of what had arrived before their horizon. For the keys of the archive, Check
// also finds rows that the archive does not explain.
func (w *World) Check(ctx context.Context) error { return w.check(ctx, true) }

// CheckExact checks only rows and totals marked exact, for moments at which some events are not visible yet.
func (w *World) CheckExact(ctx context.Context) error { return w.check(ctx, false) }

func (w *World) check(ctx context.Context, all bool) error {
	expected, err := w.Expected(ctx, "")
	if err != nil {
		return err
	}
	keys := map[Cell]bool{{View: "everything"}: true}
	for c := range expected {
		keys[Cell{View: c.View, Key: c.Key}] = true
	}
	found := map[string][]string{}
	past := past{world: w, folds: map[string]map[Cell]map[string]string{}}
	for key := range keys {
		answer, err := w.Ask(ctx, key.View, key.Key)
		if err == nil {
			err = past.checkRows(ctx, key, answer)
		}
		if err == nil && all {
			err = checkValues(key, answer, expected)
		}
		if err != nil {
			return fmt.Errorf("view %s, key %q: %w", key.View, key.Key, err)
		}
		if len(answer.Data) > 0 {
			found[key.View] = append(found[key.View], key.Key)
		}
	}
	for name, keys := range found {
		if err := w.checkListed(ctx, name, keys); err != nil {
			return err
		}
	}
	return nil
}

// past is the oracle for what had arrived before a horizon.
type past struct {
	world *World
	folds map[string]map[Cell]map[string]string // by horizon
}

func (p past) before(ctx context.Context, horizon string) (map[Cell]map[string]string, error) {
	if fold, ok := p.folds[horizon]; ok {
		return fold, nil
	}
	at, err := time.Parse(time.RFC3339, horizon)
	if err != nil {
		return nil, err
	}
	fold, err := p.world.Expected(ctx, archive.SlotKey(p.world.layout.Slot.At(at)))
	p.folds[horizon] = fold
	return fold, err
}

// checkRows compares the rows marked exact, and an exact total, with what had arrived before their horizon.
func (p past) checkRows(ctx context.Context, key Cell, answer present.Answer) error {
	all := present.Row{Start: Total, Values: answer.Total.Values, Exact: answer.Total.Exact}
	for _, row := range append(slices.Clone(answer.Data), all) {
		if !row.Exact {
			continue
		}
		horizon := *answer.Horizon // set, since the answer has an exact row
		if row.Horizon != nil {
			horizon = *row.Horizon
		}
		expected, err := p.before(ctx, horizon)
		if err != nil {
			return err
		}
		if got, want := valuesOf(row.Values), expected[Cell{key.View, key.Key, row.Start}]; !equalValues(got, want) {
			return fmt.Errorf("window %s, marked exact as of %s: got %v, want %v", row.Start, horizon, got, want)
		}
	}
	return nil
}

func checkValues(key Cell, answer present.Answer, expected map[Cell]map[string]string) error {
	got := map[Cell]map[string]string{}
	if len(answer.Data) > 0 {
		got[Cell{key.View, key.Key, Total}] = valuesOf(answer.Total.Values)
	}
	for _, row := range answer.Data {
		c := Cell{key.View, key.Key, row.Start}
		got[c] = valuesOf(row.Values)
		if expected[c] == nil {
			return fmt.Errorf("window %s: got %v, want no such row", c.Start, got[c])
		}
	}
	for c, want := range expected {
		if c.View == key.View && c.Key == key.Key && !equalValues(got[c], want) {
			return fmt.Errorf("window %s: got %v, want %v", c.Start, got[c], want)
		}
	}
	return nil
}

// Ask queries a view of the simulated world for one key.
func (w *World) Ask(ctx context.Context, name, key string) (present.Answer, error) {
	parameters := map[string][]string{"parts": {"true"}, "total": {"true"}}
	switch {
	case key == AllUsers:
		parameters["group_by"] = []string{""}
	case name == "by_user":
		parameters["user"] = []string{key}
	}
	return Query(ctx, w.Serving, view.Name(name), parameters)
}

// Query queries a view as the query API does, and returns the answer in its JSON form.
func Query(
	ctx context.Context,
	s *serving.Serving,
	name view.Name,
	parameters map[string][]string,
) (present.Answer, error) {
	query, err := present.Parse(name, parameters, "", s.Now())
	if err != nil {
		return present.Answer{}, err
	}
	result, err := s.Read(ctx, query.Selection)
	if err != nil {
		return present.Answer{}, err
	}
	return present.NewAnswer(result, query.Parts), nil
}

func valuesOf(values present.Object) map[string]string {
	all := map[string]string{}
	for _, m := range values {
		all[m.Name] = string(m.Value)
	}
	return all
}
