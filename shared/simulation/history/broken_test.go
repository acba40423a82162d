package history_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/simulation/history"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// TestBrokenWorlds breaks a store on purpose, and sees that an oracle finds it within a few seeds. Each is a promise
// that the layers rely on.
func TestBrokenWorlds(t *testing.T) {
	drop := func(call string, oneIn int) history.Tamper {
		return func(w *history.World, name, _ string) bool { return name == call && w.Random.IntN(oneIn) == 0 }
	}
	for _, test := range []struct {
		name    string
		tamper  history.Tamper
		oracles []string // any of these
	}{
		{"a speed write is lost, and acknowledged", drop("speed.Put", 50),
			[]string{"the speed part holds every counting position once", halves}},
		{"a seen item is lost, and acknowledged", drop("seen.Put", 3),
			[]string{"the speed part holds every counting position once", halves}},
		{"a base write is lost, and acknowledged", drop("base.Put", 20),
			[]string{"the batch part is the fold of the runs below the horizon"}},
		{"an object is lost, and acknowledged", dropEvents,
			[]string{"acknowledged events are archived", "what is streamed is archived"}},
		// single ones the sweep mends
		{"no record is kept, and all are acknowledged", drop("stream.Publish", 1), []string{"all work ends", visible}},
		{"a base item is altered", alterBase, []string{"the batch part is the fold of the runs below the horizon"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			const enough = 40
			for seed := uint64(1); seed <= enough; seed++ {
				_, err := history.RunBroken(seed, test.tamper)
				var failure *history.Failure
				if !errors.As(err, &failure) {
					continue
				}
				for _, oracle := range test.oracles {
					if failure.Oracle == oracle {
						t.Logf("caught by seed %d: %s", seed, failure.Detail)
						return
					}
				}
				t.Fatalf("caught by another oracle than meant: %v", err)
			}
			t.Fatalf("not caught by %d seeds", enough)
		})
	}
}

const (
	halves  = "a Kappa answer is its live half and its replayed half"
	visible = "acknowledged events become visible in time" // Kappa views need the stream
)

// TestLies has a store lie to replay or to speed, and sees that an oracle finds what comes of it within some seeds.
func TestLies(t *testing.T) {
	for name, test := range map[string]struct {
		lie     history.Lie
		oracles []string
	}{
		"replay's items have no applied position": {history.NoApplied, []string{halves}},
		"nothing was streamed": {history.NothingSeen,
			[]string{halves, "an event counts twice in two cases only"}},
		"live from the first slot": {history.LiveFromZero, []string{halves}},
		"a replayed item is lost":  {history.NoObjects, []string{halves}},
		"everything is swept":      {history.AllSwept, []string{halves, "what is complete has all that arrived before"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const enough = 200
			for seed := uint64(1); seed <= enough; seed++ {
				_, err := history.RunLied(seed, test.lie)
				var failure *history.Failure
				if !errors.As(err, &failure) {
					continue
				}
				if !slices.Contains(test.oracles, failure.Oracle) {
					t.Fatalf("caught by another oracle than meant: %v", err)
				}
				t.Logf("caught by seed %d: %s: %s", seed, failure.Oracle, failure.Detail)
				return
			}
			t.Fatalf("not caught by %d seeds", enough)
		})
	}
}

// dropEvents loses an object of events now and then.
func dropEvents(w *history.World, name, key string) bool {
	return name == "archive.Put" && strings.HasPrefix(key, "events/") && w.Random.IntN(10) == 0
}

// alterBase puts the states of one base item of a view in the place of another's, once in a while: values that are not
// theirs.
func alterBase(w *history.World, name, _ string) bool {
	if name != "base.Load" || w.Random.IntN(10) > 0 {
		return false
	}
	ctx := context.Background()
	for _, generation := range w.Generations() {
		all, err := w.Base.Pages(ctx, generation, view.EncodeKey([]string{"g0"}), view.FirstPage, view.LastPage)
		if err != nil || len(all) == 0 {
			continue
		}
		other, err := w.Base.Pages(ctx, generation, view.EncodeKey([]string{"g1"}), all[0].Page, all[0].Page)
		if err != nil || len(other) == 0 {
			continue
		}
		item := viewstore.BaseItem{BaseKey: all[0].BaseKey, Horizon: all[0].Horizon, States: other[0].States}
		if w.Base.Put(ctx, item, item.Horizon) == nil {
			return false
		}
	}
	return false
}
