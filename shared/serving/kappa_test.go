package serving_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// appendRuns commits runs up to the given horizons.
func appendRuns(t testing.TB, s *servingtest.Fixture, horizons ...slot.Slot) {
	t.Helper()
	for i, h := range horizons {
		if err := s.Catalog.Append(context.Background(), lifecycle.Run{N: uint64(i + 1), Horizon: h}); err != nil {
			t.Fatal(err)
		}
	}
}

func sweep(t testing.TB, s *servingtest.Fixture, run uint64) {
	t.Helper()
	loaded, err := s.Catalog.Swept(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Catalog.PutSwept(context.Background(), run, loaded); err != nil {
		t.Fatal(err)
	}
}

// newKappaFixture returns a fixture whose view is served by a Kappa generation.
func newKappaFixture(t testing.TB) (*servingtest.Fixture, *view.Program) {
	t.Helper()
	s := servingtest.New(t)
	p := s.Kappa(t)
	s.PointTo(
		t,
		lifecycle.View{
			Name:        "by_user",
			Serving:     "k",
			Generations: []lifecycle.Generation{servingtest.KappaGeneration(p, "k", lifecycle.Serving)},
		},
	)
	return s, p
}

// TestKappa checks that an answer merges all items of a Kappa generation, of every lane and of replay, and no others.
// No row is exact.
func TestKappa(t *testing.T) {
	s, p := newKappaFixture(t)
	s.PutKappa(t, p, "k", servingtest.Replayed, amount{"2026-11-21T10:30:00Z", "1"}, amount{"2026-11-22T09:30:00Z", "2"})
	s.PutKappa(t, p, "k", servingtest.LaneOne, amount{"2026-11-22T09:30:00Z", "4"})
	s.PutKappa(t, p, "k", servingtest.LaneTwo, amount{"2026-11-22T10:30:00Z", "8"})
	s.PutKappa(t, p, "another", servingtest.LaneOne, amount{"2026-11-22T10:30:00Z", "1000"})
	s.PutSpeed(t, horizon, amount{"2026-11-22T10:30:00Z", "1000"})
	s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1000"})
	appendRuns(t, s, horizon-slotMs)
	sweep(t, s, 1)
	a := s.Read(t, "total", "true")
	checkRows(t, a, "11-21T10:00 1 exact=false", "11-22T09:00 6 exact=false", "11-22T10:00 8 exact=false")
	for _, row := range a.Rows {
		if row.Batch.Exist() || servingtest.Number(row.Speed) != servingtest.Number(row.States) {
			t.Errorf("row %s has %+v and %+v", row.Start, row.Batch, row.Speed)
		}
	}
	if servingtest.Number(a.Total.States) != "15" || a.Total.Exact {
		t.Errorf("total is %+v", a.Total)
	}
	if !a.Horizon.IsZero() || !a.Complete.Equal((horizon - slotMs).Start()) {
		t.Errorf("horizon %v, complete %v", a.Horizon, a.Complete)
	}
	if len(a.Warnings) != 0 {
		t.Errorf("warnings are %q", a.Warnings)
	}
	t.Run("a range", func(t *testing.T) {
		checkRows(t, s.Read(t, "from", "2026-11-22T10:00:00Z", "to", "2026-11-22T11:00:00Z"), "11-22T10:00 8 exact=false")
	})
	t.Run("a total of no rows, before 1970", func(t *testing.T) {
		if a := s.Read(t, "to", "1960-01-01T00:00:00Z", "total", "true"); a.Total.Exact {
			t.Error("the total is marked exact")
		}
	})
	t.Run("batch is late", func(t *testing.T) {
		s.LateAfter = time.Second
		if a := s.Read(t); len(a.Warnings) != 0 {
			t.Errorf("warnings are %q: a late batch does not concern a Kappa view", a.Warnings)
		}
	})
	t.Run("described", func(t *testing.T) {
		d, err := s.Describe(context.Background(), "by_user")
		if err != nil || d.Generation.ID != "k" || !d.Horizon.IsZero() {
			t.Errorf("described as %+v, %v", d, err)
		}
	})
}

// TestKappaOrder checks the order of reads: first the view, then how far the sweep has come, then what the generation
// lacks by then, then the items. So the items hold at least what the earlier reads promise.
func TestKappaOrder(t *testing.T) {
	s, p := newKappaFixture(t)
	s.PutKappa(t, p, "k", servingtest.LaneOne, amount{"2026-11-22T10:30:00Z", "1"})
	appendRuns(t, s, horizon)
	sweep(t, s, 1)
	s.Read(t)
	s.Calls = nil
	s.Read(t)
	if diff := cmp.Diff([]string{"catalog.View", "catalog.Swept", "catalog.View", "catalog.Runs", "speed.Pages",
		"speed.Pages"},
		s.Calls); diff != "" {
		t.Error("calls (-want +made):", diff)
	}
}

// TestKappaSwitch switches the view to another generation during a query. The query must answer from the generation
// with which it began.
func TestKappaSwitch(t *testing.T) {
	s, p := newKappaFixture(t)
	s.PutKappa(t, p, "k", servingtest.LaneOne, amount{"2026-11-22T10:30:00Z", "1"})
	s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
	s.Items.Hook = func(memory.Call) memory.Fault {
		s.Items.Hook = nil
		s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "g", Generations: []lifecycle.Generation{
			{
				ID:         "g",
				Definition: s.Program.Hash,
				State:      lifecycle.Serving,
				Run:        1,
				Horizon:    horizon,
			}, servingtest.KappaGeneration(p, "k", lifecycle.Retained),
		}})
		return memory.Fault{}
	}
	if a := s.Read(t); a.Generation.ID != "k" {
		t.Errorf("answered by %s", a.Generation.ID)
	} else {
		checkRows(t, a, "11-22T10:00 1 exact=false")
	}
	checkRows(t, s.Read(t), "11-22T10:00 1 exact=true")
}

// TestComplete checks that an answer is complete through the last swept run, but not further than replay has come. The
// answer must warn when that is not known, or when replay has not finished.
func TestComplete(t *testing.T) {
	const swept = "the sweep has not checked any run yet: events that the stream lost may be missing"
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
		{"there is nothing to replay", func(g *lifecycle.Generation) {
			g.Run, g.LiveFrom, g.Horizon = 0, 0, 0
		}, 2, "2026-11-22T11:05:00Z", ""},
		{
			"replay is under way", func(g *lifecycle.Generation) { g.LiveFrom = horizon + slotMs }, 2, "2026-11-22T11:00:00Z",
			"replay is running: events that arrived from 2026-11-22T11:00:00Z to 2026-11-22T11:05:00Z are missing until it " +
				"reaches them",
		},
		{
			"replay has not begun", func(g *lifecycle.Generation) { g.Run, g.Horizon = 0, 0 }, 2, "",
			"replay has not begun: events that arrived before 2026-11-22T10:00:00Z are missing",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := newKappaFixture(t)
			appendRuns(t, s, horizon, horizon+slotMs, horizon+2*slotMs)
			if c.swept > 0 {
				sweep(t, s, c.swept)
			}
			g := servingtest.KappaGeneration(p, "k", lifecycle.Serving)
			c.change(&g)
			s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "k", Generations: []lifecycle.Generation{g}})
			a := s.Read(t)
			complete := ""
			if !a.Complete.IsZero() {
				complete = a.Complete.Format(time.RFC3339)
			}
			if complete != c.want {
				t.Errorf("complete is %q, want %q", complete, c.want)
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

// TestKappaNotServing checks which generation answers before any serves: one with nothing to replay does, one that
// waits for replay does not.
func TestKappaNotServing(t *testing.T) {
	for _, c := range []struct {
		name    string
		state   lifecycle.State
		live    slot.Slot
		run     uint64
		answers bool
		why     string // it does not answer
	}{
		{"live from the first slot on", lifecycle.Building, 0, 0, true, ""},
		{"announced only", lifecycle.Announced, 0, 0, false, "it is announced; batch confirms it at its next tick"},
		{"replay has not begun", lifecycle.Building, horizon, 0, false, "replay is building it"},
		{"replay has begun", lifecycle.Building, horizon, 1, true, ""},
		{"given up", lifecycle.Dropping, 0, 1, false, "it has no generation; deploy or rebuild its definition"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := newKappaFixture(t)
			g := lifecycle.Generation{
				ID:           "k",
				Definition:   p.Hash,
				State:        c.state,
				Architecture: view.Kappa,
				LiveFrom:     c.live,
				Run:          c.run,
			}
			s.PointTo(t, lifecycle.View{Name: "by_user", Generations: []lifecycle.Generation{g}})
			_, err := s.Try()
			if (err == nil) != c.answers || err != nil && !strings.HasSuffix(err.Error(), ": by_user: "+c.why) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestKappaStoresFail(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, name := range []string{"catalog.Swept", "catalog.Runs", "speed.Pages"} {
		t.Run(name, func(t *testing.T) {
			s, _ := newKappaFixture(t)
			appendRuns(t, s, horizon)
			sweep(t, s, 1)
			s.Fail(name, lost)
			_, err := s.Try()
			checkInternal(t, err, lost)
		})
	}
	t.Run("a swept run that is none", func(t *testing.T) {
		s, _ := newKappaFixture(t)
		sweep(t, s, 1)
		_, err := s.Try()
		checkInternal(t, err, catalog.ErrNotFound)
	})
	t.Run("a corrupt item", func(t *testing.T) {
		s, _ := newKappaFixture(t)
		item := viewstore.SpeedItem{
			SpeedKey: viewstore.SpeedKey{Set: lifecycle.OfGeneration("k"), Key: servingtest.UserKey, Lane: servingtest.LaneOne},
			Applied:  "1",
			States:   []byte("x"),
		}
		if err := s.Items.Put(context.Background(), item, ""); err != nil {
			t.Fatal(err)
		}
		_, err := s.Try()
		checkInternal(t, err, view.ErrCorruptPage)
	})
}

// TestNoGeneration checks that a view whose only generation was given up is left out, and that other views are still
// listed.
func TestNoGeneration(t *testing.T) {
	s := servingtest.New(t)
	s.Against(t, servingtest.Candidate(s.Program, "h", lifecycle.Retained))
	if err := s.Catalog.PutView(t.Context(), lifecycle.View{Name: "abandoned", Held: "d"}); err != nil {
		t.Fatal(err)
	}
	all, err := s.Views(t.Context())
	if err != nil || len(all) != 1 || all[0].View.Name != "by_user" {
		t.Errorf("views are %+v, %v", all, err)
	}
	if d, err := s.Describe(t.Context(), "abandoned"); !errors.Is(err, serving.ErrUnknownView) {
		t.Errorf("the view is %+v, %v", d, err)
	}
}
