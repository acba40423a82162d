package compare_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// shadowed compares every result of a fixture with the candidate's, and records the reports.
type shadowed struct {
	*servingtest.Fixture
	compare.Shadow
	reports []compare.ShadowReport
}

func newShadowed(s *servingtest.Fixture) *shadowed {
	d := &shadowed{Fixture: s}
	d.Shadow = compare.Shadow{
		Comparer: compare.Comparer{Stores: s.Stores}, When: func() bool { return true },
		Report: func(r compare.ShadowReport) { d.reports = append(d.reports, r) },
	}
	return d
}

// ask reads as a query does, and then queries the candidate.
func (d *shadowed) ask(t testing.TB, parameters ...string) serving.Result {
	t.Helper()
	result := d.Fixture.Read(t, parameters...)
	d.Ask(context.Background(), result)
	return result
}

func checkRows(t *testing.T, r serving.Result, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, servingtest.Rows(r)); diff != "" {
		t.Error("rows (-want +got):", diff)
	}
}

func checkReports(t *testing.T, got []compare.ShadowReport, want ...compare.ShadowReport) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("reports (-want +got):", diff)
	}
}

// TestNoShadowOfManyKeys checks that no candidate answers a query of many keys.
func TestNoShadowOfManyKeys(t *testing.T) {
	s := servingtest.New(t)
	s.Against(t, servingtest.Candidate(s.Program, "old", lifecycle.Retained))
	d := newShadowed(s)
	result, err := s.Serving.Read(t.Context(), serving.Selection{View: "by_user"})
	if err != nil {
		t.Fatal(err)
	}
	d.Ask(t.Context(), result)
	checkReports(t, d.reports)
}

// TestShadow checks that the candidate gets the same query, and that differing windows are counted. The result is that
// of the serving generation.
func TestShadow(t *testing.T) {
	const early, late = "2026-11-22T09:30:00Z", "2026-11-22T10:30:00Z"
	s := servingtest.New(t)
	p := s.Kappa(t)
	s.Against(
		t, servingtest.Candidate(s.Program, "old", lifecycle.Retained),
		servingtest.KappaGeneration(p, "k", lifecycle.Building),
	)
	s.PutBase(t, horizon, amount{early, "1"}, amount{late, "2"})
	s.PutKappa(t, p, "k", servingtest.Replayed, amount{"2026-11-20T00:00:00Z", "1"}, amount{early, "1"}, amount{late, "3"})
	d := newShadowed(s)
	const both = "11-22T09:00 1 exact=true"
	checkRows(t, d.ask(t), both, "11-22T10:00 2 exact=true")
	checkRows(t, d.ask(t, "to", "2026-11-22T10:00:00Z", "from", "2026-11-22T09:00:00Z"), both)
	checkReports(t, d.reports,
		compare.ShadowReport{View: "by_user", Serving: "g", Candidate: "k", Rows: 3, Differing: 2},
		compare.ShadowReport{View: "by_user", Serving: "g", Candidate: "k", Rows: 1},
	)
}

// TestShadowCandidates checks which generation is the candidate, and when there is none.
func TestShadowCandidates(t *testing.T) {
	for _, c := range []struct {
		name   string
		others func(s *servingtest.Fixture) []lifecycle.Generation
		want   lifecycle.GenerationID
	}{
		{"no other generation", func(*servingtest.Fixture) []lifecycle.Generation { return nil }, ""},
		{"one that is building", func(s *servingtest.Fixture) []lifecycle.Generation {
			return []lifecycle.Generation{servingtest.Candidate(s.Program, "old", lifecycle.Retained),
				servingtest.Candidate(s.Program, "new", lifecycle.Building)}
		}, "new"},
		{"one that is building and behind", func(s *servingtest.Fixture) []lifecycle.Generation {
			g := servingtest.Candidate(s.Program, "new", lifecycle.Building)
			g.LiveFrom = horizon + slotMs
			return []lifecycle.Generation{g}
		}, ""},
		{"one that is not built yet, and one that is retained", func(s *servingtest.Fixture) []lifecycle.Generation {
			return []lifecycle.Generation{{ID: "new", Definition: s.Program.Hash, State: lifecycle.Building},
				servingtest.Candidate(s.Program, "old", lifecycle.Retained)}
		}, "old"},
		{"one that needs no replay", func(s *servingtest.Fixture) []lifecycle.Generation {
			return []lifecycle.Generation{{ID: "k", Definition: s.Program.Hash, State: lifecycle.Building,
				Architecture: view.Kappa}}
		}, "k"},
		{"one that is announced, and one that was given up", func(s *servingtest.Fixture) []lifecycle.Generation {
			return []lifecycle.Generation{servingtest.Candidate(s.Program, "next", lifecycle.Announced),
				servingtest.Candidate(s.Program, "gone", lifecycle.Dropping)}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := servingtest.New(t)
			s.Against(t, c.others(s)...)
			d := newShadowed(s)
			d.ask(t)
			switch {
			case c.want == "" && len(d.reports) > 0:
				t.Errorf("reports are %+v", d.reports)
			case c.want != "":
				checkReports(t, d.reports, compare.ShadowReport{View: "by_user", Serving: "g", Candidate: c.want})
			}
		})
	}
	t.Run("the one that answers itself, since none serves yet", func(t *testing.T) {
		s := servingtest.New(t)
		s.PointTo(
			t,
			lifecycle.View{
				Name:        "by_user",
				Generations: []lifecycle.Generation{servingtest.Candidate(s.Program, "g", lifecycle.Building)},
			},
		)
		d := newShadowed(s)
		d.ask(t)
		checkReports(t, d.reports)
	})
	t.Run("When returns false", func(t *testing.T) {
		s := servingtest.New(t)
		s.Against(t, servingtest.Candidate(s.Program, "h", lifecycle.Retained))
		d := newShadowed(s)
		d.When = func() bool { return false }
		d.ask(t)
		checkReports(t, d.reports)
	})
}

// TestShadowFails checks that a failing candidate does not change the query's answer, and that the report names the
// error.
func TestShadowFails(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, c := range []struct {
		name   string
		change func(t *testing.T, s *servingtest.Fixture)
		want   string
	}{
		{"its items cannot be read", func(t *testing.T, s *servingtest.Fixture) {
			s.Against(t, servingtest.KappaGeneration(s.Kappa(t), "k", lifecycle.Building))
			s.Items.Hook = func(call memory.Call) memory.Fault {
				if call.Name == "speed.Pages" {
					return memory.Fault{Err: lost}
				}
				return memory.Fault{}
			}
		}, "generation k: read speed items: lost on the way"},
		{"one of its items is corrupt", func(t *testing.T, s *servingtest.Fixture) {
			s.Against(t, servingtest.KappaGeneration(s.Kappa(t), "k", lifecycle.Building))
			item := viewstore.SpeedItem{SpeedKey: viewstore.SpeedKey{Set: lifecycle.OfGeneration("k"), Key: servingtest.UserKey,
				Lane: servingtest.LaneOne}, Applied: "1", States: []byte("x")}
			if err := s.Items.Put(context.Background(), item, ""); err != nil {
				t.Fatal(err)
			}
		}, "generation k: page 0 of view by_user, after 0 windows: unknown page format: this version reads format 1: " +
			"corrupt page"},
		{"its definition is gone", func(t *testing.T, s *servingtest.Fixture) {
			s.Against(t, lifecycle.Generation{ID: "h", Definition: "none", State: lifecycle.Retained})
		}, "read definition none: not in the catalog"},
		{"it has other windows", func(t *testing.T, s *servingtest.Fixture) {
			s.Against(t, servingtest.Candidate(s.Define(t, func(d *view.Definition) {
				d.Window = 24 * time.Hour
			}), "h", lifecycle.Retained))
		}, "the windows differ: the serving generation has PT1H, the other one has P1D"},
		{"the client has gone", func(t *testing.T, s *servingtest.Fixture) {
			s.Against(t, servingtest.KappaGeneration(s.Kappa(t), "k", lifecycle.Building))
			s.Items.Hook = func(call memory.Call) memory.Fault {
				if call.Name == "speed.Pages" {
					return memory.Fault{Err: context.Canceled}
				}
				return memory.Fault{}
			}
		}, "generation k: read speed items: context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := servingtest.New(t)
			s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
			c.change(t, s)
			d := newShadowed(s)
			if rows := servingtest.Rows(d.ask(t)); !slices.Equal(rows, []string{"11-22T10:00 1 exact=true"}) {
				t.Errorf("rows are %q", rows)
			}
			if len(d.reports) != 1 || (d.reports)[0].Error != c.want || (d.reports)[0].Rows != 0 {
				t.Errorf("reports are %+v, want %q", d.reports, c.want)
			}
		})
	}
}

// TestShadowMeanwhile checks an event that comes after the answer was read. The candidate has it already, and it is no
// difference.
func TestShadowMeanwhile(t *testing.T) {
	const at = "2026-11-22T10:30:00Z"
	s := servingtest.New(t)
	p := s.Kappa(t)
	s.Against(t, servingtest.KappaGeneration(p, "k", lifecycle.Building))
	s.PutBase(t, horizon, amount{at, "1"})
	s.PutKappa(t, p, "k", servingtest.Replayed, amount{at, "1"})
	d := newShadowed(s)
	d.When = func() bool {
		s.PutSpeedOf(t, lifecycle.OfDefinition(s.Program.Hash), horizon, s.Program, servingtest.UserKey, amount{at, "2"})
		s.PutKappa(t, p, "k", servingtest.LaneOne, amount{at, "2"})
		return true
	}
	checkRows(t, d.ask(t), "11-22T10:00 1 exact=true")
	checkReports(t, d.reports, compare.ShadowReport{View: "by_user", Serving: "g", Candidate: "k", Rows: 1})
}
