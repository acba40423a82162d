package serving_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// lanes of the stream, and that of replay.
var laneOne, laneTwo, replayed = event.Lane{Layout: 1, Count: 2}, event.Lane{Layout: 1, Count: 2, N: 1}, event.ReplayLane

// kappa stores the station's definition as that of a Kappa view.
func (s *station) kappa(t testing.TB) *view.Program {
	t.Helper()
	d := s.program.Definition
	d.Architecture = view.Kappa
	set, err := view.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.catalog.PutDefinition(context.Background(), d.Hash(), d.Text()); err != nil {
		t.Fatal(err)
	}
	return set.Programs[0]
}

// kappaGeneration is one that replay has brought up to run 1.
func kappaGeneration(p *view.Program, id lifecycle.GenerationID, state lifecycle.State) lifecycle.Generation {
	return lifecycle.Generation{ID: id, Definition: p.Hash, State: state, Architecture: view.Kappa, Live: horizon - 12*slotMs, Run: 1, Horizon: horizon}
}

// putKappa puts items of a Kappa generation.
func (s *station) putKappa(t testing.TB, p *view.Program, id lifecycle.GenerationID, lane event.Lane, amounts ...amount) {
	t.Helper()
	for page, states := range statesOf(t, p, amounts...) {
		key := viewstore.SpeedKey{Set: lifecycle.OfGeneration(id), Key: userKey, Slot: viewstore.NoSlot, Page: page, Lane: lane}
		if err := s.items.Put(context.Background(), viewstore.SpeedItem{SpeedKey: key, Fence: "1", States: states}, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// appendRuns makes runs real, up to the given horizons.
func (s *station) appendRuns(t testing.TB, horizons ...slot.Slot) {
	t.Helper()
	for i, h := range horizons {
		if err := s.catalog.Append(context.Background(), lifecycle.Run{N: uint64(i + 1), Horizon: h}); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *station) sweep(t testing.TB, run uint64) {
	t.Helper()
	loaded, err := s.catalog.Swept(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.catalog.PutSwept(context.Background(), run, loaded); err != nil {
		t.Fatal(err)
	}
}

// newKappaStation is a station whose view a Kappa generation serves.
func newKappaStation(t testing.TB) (*station, *view.Program) {
	t.Helper()
	s := newStation(t)
	p := s.kappa(t)
	s.pointTo(t, lifecycle.View{Name: "by_user", Serving: "k", Generations: []lifecycle.Generation{kappaGeneration(p, "k", lifecycle.Serving)}})
	return s, p
}

// TestKappa: all items of a Kappa generation are merged, of every lane and of replay, and nothing but them. No row is exact.
func TestKappa(t *testing.T) {
	s, p := newKappaStation(t)
	s.putKappa(t, p, "k", replayed, amount{"2026-11-21T10:30:00Z", "1"}, amount{"2026-11-22T09:30:00Z", "2"})
	s.putKappa(t, p, "k", laneOne, amount{"2026-11-22T09:30:00Z", "4"})
	s.putKappa(t, p, "k", laneTwo, amount{"2026-11-22T10:30:00Z", "8"})
	s.putKappa(t, p, "another", laneOne, amount{"2026-11-22T10:30:00Z", "1000"})
	s.putSpeed(t, horizon, amount{"2026-11-22T10:30:00Z", "1000"})
	s.putBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1000"})
	s.appendRuns(t, horizon-slotMs)
	s.sweep(t, 1)
	a := s.ask(t, "parts", "true", "total", "true")
	checkRows(t, a, "11-21T10:00 1 exact=false", "11-22T09:00 6 exact=false", "11-22T10:00 8 exact=false")
	for _, row := range a.Data {
		if row.Parts.Batch != nil || string((*row.Parts.Speed)[0].Value) != string(row.Values[0].Value) {
			t.Errorf("row %s has the parts %+v", row.Start, row.Parts)
		}
	}
	if string(a.Total.Values[0].Value) != "15" || a.Total.Exact {
		t.Errorf("total is %+v", a.Total)
	}
	if a.Horizon != nil || a.Lag.BatchSeconds != nil || a.Complete == nil || *a.Complete != "2026-11-22T10:55:00Z" || *a.Lag.CompleteSeconds != 390 {
		t.Errorf("horizon %v, complete %v, lag %+v", a.Horizon, a.Complete, a.Lag)
	}
	if len(a.Warnings) != 0 {
		t.Errorf("warnings are %q", a.Warnings)
	}
	t.Run("a range", func(t *testing.T) {
		checkRows(t, s.ask(t, "from", "2026-11-22T10:00:00Z", "to", "2026-11-22T11:00:00Z"), "11-22T10:00 8 exact=false")
	})
	t.Run("a total of nothing, before there was time", func(t *testing.T) {
		if a := s.ask(t, "to", "1960-01-01T00:00:00Z", "total", "true"); a.Total.Exact {
			t.Error("it is called exact")
		}
	})
	t.Run("batch is late", func(t *testing.T) {
		s.LateAfter = time.Second
		if a := s.ask(t); len(a.Warnings) != 0 {
			t.Errorf("warnings are %q: batch is nothing to a Kappa view", a.Warnings)
		}
	})
	t.Run("described", func(t *testing.T) {
		d, err := s.View(context.Background(), "by_user")
		if err != nil || d.Architecture != "kappa" || d.Horizon != nil {
			t.Errorf("described as %+v, %v", d, err)
		}
	})
}

// TestKappaOrder: the pointer comes first, then how far the sweep has come, and then items: they hold at least what the two say.
func TestKappaOrder(t *testing.T) {
	s, p := newKappaStation(t)
	s.putKappa(t, p, "k", laneOne, amount{"2026-11-22T10:30:00Z", "1"})
	s.appendRuns(t, horizon)
	s.sweep(t, 1)
	s.ask(t)
	s.calls = nil
	s.ask(t)
	if diff := cmp.Diff([]string{"lifecycle.View", "catalog.Swept", "catalog.Runs", "speed.Pages"}, s.calls); diff != "" {
		t.Error("calls (-want +made):", diff)
	}
}

// TestKappaSwitch: the pointer moves to another generation while a query reads. It answers from the one that it began with.
func TestKappaSwitch(t *testing.T) {
	s, p := newKappaStation(t)
	s.putKappa(t, p, "k", laneOne, amount{"2026-11-22T10:30:00Z", "1"})
	s.putBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
	s.items.Hook = func(memory.Call) memory.Fault {
		s.items.Hook = nil
		s.pointTo(t, lifecycle.View{Name: "by_user", Serving: "g", Generations: []lifecycle.Generation{
			{ID: "g", Definition: s.program.Hash, State: lifecycle.Serving, Run: 1, Horizon: horizon}, kappaGeneration(p, "k", lifecycle.Retained),
		}})
		return memory.Fault{}
	}
	if a := s.ask(t); a.Generation != "k" {
		t.Errorf("answered by %s", a.Generation)
	} else {
		checkRows(t, a, "11-22T10:00 1 exact=false")
	}
	checkRows(t, s.ask(t), "11-22T10:00 1 exact=true")
}

// TestComplete: an answer is complete through the last run that has been swept, as far as replay has come with what it has to bring; and says so when
// that is not known, or when replay is not through.
func TestComplete(t *testing.T) {
	const swept = "nothing has been swept yet: what the stream may have lost is not known"
	for _, c := range []struct {
		name    string
		change  func(*lifecycle.Generation)
		swept   uint64
		want    string
		warning string
	}{
		{"nothing swept", func(*lifecycle.Generation) {}, 0, "", swept},
		{"swept", func(g *lifecycle.Generation) { g.Run = 3 }, 2, "2026-11-22T11:05:00Z", ""},
		{"swept further than replay has come", func(g *lifecycle.Generation) { g.Run = 1 }, 2, "2026-11-22T11:00:00Z", ""},
		{"there is nothing to replay", func(g *lifecycle.Generation) { g.Run, g.Live, g.Horizon = 0, 0, 0 }, 2, "2026-11-22T11:05:00Z", ""},
		{
			"replay is under way", func(g *lifecycle.Generation) { g.Live = horizon + slotMs }, 2, "2026-11-22T11:00:00Z",
			"replay is under way: what arrived from 2026-11-22T11:00:00Z to 2026-11-22T11:05:00Z is missing until it has come there",
		},
		{
			"replay has not begun", func(g *lifecycle.Generation) { g.Run, g.Horizon = 0, 0 }, 2, "",
			"replay has not begun: what arrived before 2026-11-22T10:00:00Z is missing",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := newKappaStation(t)
			s.appendRuns(t, horizon, horizon+slotMs, horizon+2*slotMs)
			if c.swept > 0 {
				s.sweep(t, c.swept)
			}
			g := kappaGeneration(p, "k", lifecycle.Serving)
			c.change(&g)
			s.pointTo(t, lifecycle.View{Name: "by_user", Serving: "k", Generations: []lifecycle.Generation{g}})
			a := s.ask(t)
			if got := a.Complete; (got == nil) != (c.want == "") || got != nil && *got != c.want || (got == nil) != (a.Lag.CompleteSeconds == nil) {
				t.Errorf("complete is %v, lag %+v; want %q", got, a.Lag, c.want)
			}
			want := []string{}
			if c.warning != "" {
				want = append(want, c.warning)
			}
			if diff := cmp.Diff(want, a.Warnings); diff != "" {
				t.Error("warnings (-want +got):", diff)
			}
		})
	}
}

// TestKappaNotServing: before any generation serves, one that has nothing to be replayed answers, and one that waits for replay does not.
func TestKappaNotServing(t *testing.T) {
	for _, c := range []struct {
		name    string
		state   lifecycle.State
		live    slot.Slot
		run     uint64
		answers bool
	}{
		{"from the first slot on", lifecycle.Building, 0, 0, true},
		{"announced only", lifecycle.Announced, 0, 0, false},
		{"replay has not begun", lifecycle.Building, horizon, 0, false},
		{"replay has begun", lifecycle.Building, horizon, 1, true},
		{"given up", lifecycle.Dropping, 0, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := newKappaStation(t)
			g := lifecycle.Generation{ID: "k", Definition: p.Hash, State: c.state, Architecture: view.Kappa, Live: c.live, Run: c.run}
			s.pointTo(t, lifecycle.View{Name: "by_user", Generations: []lifecycle.Generation{g}})
			if _, err := s.try(); (err == nil) != c.answers {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestKappaStoresFail(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, name := range []string{"catalog.Swept", "catalog.Runs", "speed.Pages"} {
		t.Run(name, func(t *testing.T) {
			s, _ := newKappaStation(t)
			s.appendRuns(t, horizon)
			s.sweep(t, 1)
			hook := func(call memory.Call) memory.Fault {
				if call.Name == name {
					return memory.Fault{Err: lost}
				}
				return memory.Fault{}
			}
			s.catalog.Hook, s.items.Hook = hook, hook
			_, err := s.try()
			checkInternal(t, err, lost)
		})
	}
	t.Run("a swept run that is none", func(t *testing.T) {
		s, _ := newKappaStation(t)
		s.sweep(t, 1)
		_, err := s.try()
		checkInternal(t, err, catalog.ErrNotFound)
	})
	t.Run("a corrupt item", func(t *testing.T) {
		s, _ := newKappaStation(t)
		item := viewstore.SpeedItem{SpeedKey: viewstore.SpeedKey{Set: lifecycle.OfGeneration("k"), Key: userKey, Lane: laneOne}, Fence: "1", States: []byte("x")}
		if err := s.items.Put(context.Background(), item, ""); err != nil {
			t.Fatal(err)
		}
		_, err := s.try()
		checkInternal(t, err, view.ErrCorruptPage)
	})
}

// TestNoGeneration: a view whose only generation was given up is not told, and keeps no other from being told.
func TestNoGeneration(t *testing.T) {
	s := newStation(t)
	s.against(t, candidate(s.program, "h", lifecycle.Retained))
	if err := s.catalog.PutView(t.Context(), lifecycle.View{Name: "abandoned", Held: "d"}); err != nil {
		t.Fatal(err)
	}
	all, err := s.Views(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "by_user" {
		t.Errorf("views are %+v, %v", all, err)
	}
	if d, err := s.View(t.Context(), "abandoned"); !errors.Is(err, serving.ErrUnknownView) {
		t.Errorf("the view is %+v, %v", d, err)
	}
}
