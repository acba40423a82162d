package serving_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// shadowed has every query answered by the candidate too, and notes what came of it.
func (s *station) shadowed() *[]serving.ShadowReport {
	var reports []serving.ShadowReport
	s.Shadow = func() bool { return true }
	s.OnShadow = func(r serving.ShadowReport) { reports = append(reports, r) }
	return &reports
}

func checkReports(t *testing.T, got *[]serving.ShadowReport, want ...serving.ShadowReport) {
	t.Helper()
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Error("reports (-want +got):", diff)
	}
}

// TestShadow: the candidate is asked the same, and windows that it has otherwise are counted. The answer is that of the one that serves.
func TestShadow(t *testing.T) {
	const early, late = "2026-11-22T09:30:00Z", "2026-11-22T10:30:00Z"
	s := newStation(t)
	p := s.kappa(t)
	s.against(t, candidate(s.program, "old", lifecycle.Retained), kappaGeneration(p, "k", lifecycle.Building))
	s.putBase(t, horizon, amount{early, "1"}, amount{late, "2"})
	s.putKappa(t, p, "k", replayed, amount{"2026-11-20T00:00:00Z", "1"}, amount{early, "1"}, amount{late, "3"})
	got := s.shadowed()
	const both = "11-22T09:00 1 exact=true"
	checkRows(t, s.ask(t), both, "11-22T10:00 2 exact=true")
	checkRows(t, s.ask(t, "to", "2026-11-22T10:00:00Z", "from", "2026-11-22T09:00:00Z"), both)
	checkReports(t, got,
		serving.ShadowReport{View: "by_user", Serving: "g", Candidate: "k", Rows: 3, Differing: 2},
		serving.ShadowReport{View: "by_user", Serving: "g", Candidate: "k", Rows: 1},
	)
}

// TestShadowCandidates: who is asked, and when nobody is.
func TestShadowCandidates(t *testing.T) {
	for _, c := range []struct {
		name   string
		others func(s *station) []lifecycle.Generation
		want   lifecycle.GenerationID
	}{
		{"nobody is there", func(*station) []lifecycle.Generation { return nil }, ""},
		{"one that is built", func(s *station) []lifecycle.Generation {
			return []lifecycle.Generation{candidate(s.program, "old", lifecycle.Retained), candidate(s.program, "new", lifecycle.Building)}
		}, "new"},
		{"one that is built, and not far enough", func(s *station) []lifecycle.Generation {
			g := candidate(s.program, "new", lifecycle.Building)
			g.Live = horizon + slotMs
			return []lifecycle.Generation{g}
		}, ""},
		{"one that is not built, and one that is retained", func(s *station) []lifecycle.Generation {
			return []lifecycle.Generation{{ID: "new", Definition: s.program.Hash, State: lifecycle.Building}, candidate(s.program, "old", lifecycle.Retained)}
		}, "old"},
		{"one that needs no replay", func(s *station) []lifecycle.Generation {
			return []lifecycle.Generation{{ID: "k", Definition: s.program.Hash, State: lifecycle.Building, Architecture: view.Kappa}}
		}, "k"},
		{"one that is announced, and one that is given up", func(s *station) []lifecycle.Generation {
			return []lifecycle.Generation{candidate(s.program, "next", lifecycle.Announced), candidate(s.program, "gone", lifecycle.Dropping)}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStation(t)
			s.against(t, c.others(s)...)
			got := s.shadowed()
			s.ask(t)
			switch {
			case c.want == "" && len(*got) > 0:
				t.Errorf("reports are %+v", *got)
			case c.want != "":
				checkReports(t, got, serving.ShadowReport{View: "by_user", Serving: "g", Candidate: c.want})
			}
		})
	}
	t.Run("the one that answers, as none serves yet", func(t *testing.T) {
		s := newStation(t)
		s.pointTo(t, lifecycle.View{Name: "by_user", Generations: []lifecycle.Generation{candidate(s.program, "g", lifecycle.Building)}})
		got := s.shadowed()
		s.ask(t)
		checkReports(t, got)
	})
	t.Run("it is not time", func(t *testing.T) {
		s := newStation(t)
		s.against(t, candidate(s.program, "h", lifecycle.Retained))
		got := s.shadowed()
		s.Shadow = func() bool { return false }
		s.ask(t)
		checkReports(t, got)
	})
	t.Run("a query that has no answer", func(t *testing.T) {
		s := newStation(t)
		s.against(t, candidate(s.program, "h", lifecycle.Retained))
		got := s.shadowed()
		if _, err := s.try("total", "perhaps"); !errors.Is(err, serving.ErrBadParameter) {
			t.Error(err)
		}
		checkReports(t, got)
	})
}

// TestShadowFails: whatever befalls the candidate, the query's answer is the same, and the report says what it was.
func TestShadowFails(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, c := range []struct {
		name   string
		change func(t *testing.T, s *station)
		want   string
	}{
		{"its items cannot be read", func(t *testing.T, s *station) {
			s.against(t, kappaGeneration(s.kappa(t), "k", lifecycle.Building))
			s.items.Hook = func(call memory.Call) memory.Fault {
				if call.Name == "speed.Pages" {
					return memory.Fault{Err: lost}
				}
				return memory.Fault{}
			}
		}, "generation k: read speed items: lost on the way"},
		{"an item of its is corrupt", func(t *testing.T, s *station) {
			s.against(t, kappaGeneration(s.kappa(t), "k", lifecycle.Building))
			item := viewstore.SpeedItem{SpeedKey: viewstore.SpeedKey{Set: lifecycle.OfGeneration("k"), Key: userKey, Lane: laneOne}, Fence: "1", States: []byte("x")}
			if err := s.items.Put(context.Background(), item, ""); err != nil {
				t.Fatal(err)
			}
		}, "generation k: page 0 of view by_user, after 0 windows: format is not the one this version reads (1): corrupt page"},
		{"its definition is gone", func(t *testing.T, s *station) {
			s.against(t, lifecycle.Generation{ID: "h", Definition: "none", State: lifecycle.Retained})
		}, "read definition none: not in the catalog"},
		{"it has other windows", func(t *testing.T, s *station) {
			s.against(t, candidate(s.define(t, func(d *view.Definition) { d.Window = 24 * time.Hour }), "h", lifecycle.Retained))
		}, "the windows differ: serving has PT1H, the candidate has P1D"},
		{"the client has gone", func(t *testing.T, s *station) {
			s.against(t, kappaGeneration(s.kappa(t), "k", lifecycle.Building))
			s.items.Hook = func(call memory.Call) memory.Fault {
				if call.Name == "speed.Pages" {
					return memory.Fault{Err: context.Canceled}
				}
				return memory.Fault{}
			}
		}, "generation k: read speed items: context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStation(t)
			s.putBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
			want := s.ask(t)
			c.change(t, s)
			got := s.shadowed()
			if diff := cmp.Diff(want, s.ask(t)); diff != "" {
				t.Error("answer (-without +with):", diff)
			}
			if len(*got) != 1 || (*got)[0].Error != c.want || (*got)[0].Rows != 0 {
				t.Errorf("reports are %+v, want %q", *got, c.want)
			}
		})
	}
}

// TestShadowMeanwhile: an event that comes in after the answer was read is in the candidate's reading already, and no difference.
func TestShadowMeanwhile(t *testing.T) {
	const at = "2026-11-22T10:30:00Z"
	s := newStation(t)
	p := s.kappa(t)
	s.against(t, kappaGeneration(p, "k", lifecycle.Building))
	s.putBase(t, horizon, amount{at, "1"})
	s.putKappa(t, p, "k", replayed, amount{at, "1"})
	got := s.shadowed()
	s.Shadow = func() bool {
		s.putSpeedOf(t, lifecycle.OfDefinition(s.program.Hash), horizon, s.program, userKey, amount{at, "2"})
		s.putKappa(t, p, "k", laneOne, amount{at, "2"})
		return true
	}
	checkRows(t, s.ask(t), "11-22T10:00 1 exact=true")
	checkReports(t, got, serving.ShadowReport{View: "by_user", Serving: "g", Candidate: "k", Rows: 1})
}
