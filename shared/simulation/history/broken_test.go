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

// TestBrokenWorlds breaks a store on purpose, and checks that an oracle finds it within a few seeds. Each break
// violates a promise of the store that the layers rely on.
func TestBrokenWorlds(t *testing.T) {
	drop := func(call string, oneIn int) history.Tamper {
		return func(w *history.World, name, _ string) bool { return name == call && w.Random.IntN(oneIn) == 0 }
	}
	for _, test := range []struct {
		name    string
		tamper  history.Tamper
		oracles []string // one of these must find it
	}{
		{"a speed write is lost but reported as successful", drop("speed.Put", 50),
			[]string{"the speed part holds every counting position once", halves}},
		{"a seen item is lost but reported as successful", drop("seen.Put", 3),
			[]string{"the speed part holds every counting position once", halves}},
		{"a base write is lost but reported as successful", drop("base.Put", 20),
			[]string{"the batch part is the fold of the runs below the horizon"}},
		{"an object is lost but reported as successful", dropEvents,
			[]string{"acknowledged events are archived", "every streamed event is archived"}},
		// the sweep would repair single lost records, so all are lost
		{"all records are lost but reported as successful", drop("stream.Publish", 1), []string{"all work ends", visible}},
		{"the states of a base item are altered", alterBase,
			[]string{"the batch part is the fold of the runs below the horizon"}},
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
				t.Fatalf("caught by an unexpected oracle: %v", err)
			}
			t.Fatalf("not caught by %d seeds", enough)
		})
	}
}

const (
	halves  = "a Kappa answer is its live half plus its replayed half"
	visible = "acknowledged events become visible in time" // Kappa views need the stream
)

// TestLies lets a store lie to replay or to speed, and checks that an oracle finds the consequences within some seeds.
func TestLies(t *testing.T) {
	for name, test := range map[string]struct {
		lie     history.Lie
		oracles []string
	}{
		"replay's items seem to have no applied position": {history.NoApplied, []string{halves}},
		"nothing seems to be streamed": {history.NothingSeen,
			[]string{halves, "an event counts twice only in the two allowed cases"}},
		"the views seem to be live from the first slot": {history.LiveFromZero, []string{halves}},
		"writes of replay are lost":                     {history.NoObjects, []string{halves}},
		"everything seems to be swept": {history.AllSwept,
			[]string{halves, "a complete answer has every event that arrived before"}},
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
					t.Fatalf("caught by an unexpected oracle: %v", err)
				}
				t.Logf("caught by seed %d: %s: %s", seed, failure.Oracle, failure.Detail)
				return
			}
			t.Fatalf("not caught by %d seeds", enough)
		})
	}
}

// dropEvents loses one object of events in ten.
func dropEvents(w *history.World, name, key string) bool {
	return name == "archive.Put" && strings.HasPrefix(key, "events/") && w.Random.IntN(10) == 0
}

// alterBase now and then overwrites the states of one base item with those of another one.
func alterBase(w *history.World, name, _ string) bool {
	if name != "base.Load" || w.Random.IntN(10) > 0 {
		return false
	}
	ctx := context.Background()
	for _, generation := range w.Generations() {
		all, _, err := w.Base.Pages(ctx, generation, view.EncodeKey([]string{"g0"}), view.FirstPage, view.LastPage, "")
		if err != nil || len(all) == 0 {
			continue
		}
		other, _, err := w.Base.Pages(ctx, generation, view.EncodeKey([]string{"g1"}), all[0].Page, all[0].Page, "")
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
