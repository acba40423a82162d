package serving_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

const slotMs = servingtest.SlotMs

var horizon = servingtest.Horizon

type amount = servingtest.Amount

func checkRows(t *testing.T, a serving.Result, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), servingtest.Rows(a)); diff != "" {
		t.Error("rows (-want +got):", diff)
	}
}

// TestHorizon checks that each slot counts once: below the horizon by the base item, from the horizon on by speed
// items. Speed items below the horizon may still exist and must not count.
func TestHorizon(t *testing.T) {
	const at = "2026-11-22T10:30:00Z"
	for _, c := range []struct {
		name  string
		slots []slot.Slot // relative to the horizon
		want  string
	}{
		{"no speed item", nil, "11-22T10:00 1000 exact=true"},
		{"the slot before the horizon", []slot.Slot{-1}, "11-22T10:00 1000 exact=true"},
		{"the slot at the horizon", []slot.Slot{0}, "11-22T10:00 1002 exact=false"},
		{"the slot after the horizon", []slot.Slot{1}, "11-22T10:00 1004 exact=false"},
		{"all three", []slot.Slot{-1, 0, 1}, "11-22T10:00 1006 exact=false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := servingtest.New(t)
			s.PutBase(t, horizon, amount{at, "1000"})
			for _, n := range c.slots {
				s.PutSpeed(t, horizon+n*slotMs, amount{at, map[slot.Slot]string{-1: "1", 0: "2", 1: "4"}[n]})
			}
			checkRows(t, s.Read(t), c.want)
		})
	}
	t.Run("no base item", func(t *testing.T) {
		s := servingtest.New(t)
		for n, of := range map[slot.Slot]string{-1: "1", 0: "2", 1: "4"} {
			s.PutSpeed(t, horizon+n*slotMs, amount{at, of})
		}
		checkRows(t, s.Read(t), "11-22T10:00 6 exact=false")
	})
	t.Run("no item at all", func(t *testing.T) {
		s := servingtest.New(t)
		if a := s.Read(t); len(a.Rows) != 0 || a.From != nil || a.To != nil {
			t.Errorf("answer is %+v", a)
		}
	})
}

// TestItemAhead checks a run in progress that has moved some items to its horizon and not yet others. Each item must be
// right as of its own horizon, and its row must say so.
func TestItemAhead(t *testing.T) {
	const today, yesterday = "2026-11-22T10:30:00Z", "2026-11-21T10:30:00Z"
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{yesterday, "1000"})
	s.PutBase(t, horizon+2*slotMs, amount{today, "1000"})
	for n, of := range map[slot.Slot]string{-1: "1", 0: "2", 1: "4", 2: "8"} {
		s.PutSpeed(t, horizon+n*slotMs, amount{today, of}, amount{yesterday, of})
	}
	// A window of the page that is in speed items alone has the page's horizon, too.
	s.PutSpeed(t, horizon+3*slotMs, amount{"2026-11-22T11:30:00Z", "16"})
	a := s.Read(t)
	checkRows(t, a, "11-21T10:00 1014 exact=false", "11-22T10:00 1008 exact=false as of 11-22T11:10",
		"11-22T11:00 16 exact=false as of 11-22T11:10")
	if !a.Horizon.Equal(horizon.Start()) {
		t.Errorf("the result's horizon is %s", a.Horizon)
	}
	// The run ends: the catalog follows, and the moved row does not change.
	s.MoveTo(t, horizon+2*slotMs)
	checkRows(t, s.Read(t), "11-21T10:00 1008 exact=false", "11-22T10:00 1008 exact=false",
		"11-22T11:00 16 exact=false")
}

// TestItemBehind checks an item that the last runs did not touch. It keeps its old horizon; the generation's horizon
// counts.
func TestItemBehind(t *testing.T) {
	const at = "2026-11-22T09:30:00Z"
	s := servingtest.New(t)
	s.PutBase(t, horizon-6*slotMs, amount{at, "1000"})
	s.PutSpeed(t, horizon-7*slotMs, amount{at, "1"})
	s.PutSpeed(t, horizon-slotMs, amount{at, "2"})
	checkRows(t, s.Read(t), "11-22T09:00 1000 exact=true")
}

// TestExact checks that a row is exact when its window has ended by the row's horizon and speed has no part in it.
func TestExact(t *testing.T) {
	for _, c := range []struct {
		name string
		at   slot.Slot // the generation's horizon
		own  slot.Slot // the item's horizon
		want []string
	}{
		{"the horizon is the end of the window", horizon, horizon,
			[]string{"11-22T10:00 1 exact=true", "11-22T11:00 2 exact=false"}},
		{"a slot before the end", horizon - slotMs, horizon - slotMs,
			[]string{"11-22T10:00 1 exact=false", "11-22T11:00 2 exact=false"}},
		{"a slot after the end", horizon + slotMs, horizon + slotMs,
			[]string{"11-22T10:00 1 exact=true", "11-22T11:00 2 exact=false"}},
		{"exact by the item's horizon", horizon - slotMs, horizon, []string{
			"11-22T10:00 1 exact=true as of 11-22T11:00", "11-22T11:00 2 exact=false as of 11-22T11:00",
		}},
		{"exact by the generation's horizon", horizon + 12*slotMs, horizon,
			[]string{"11-22T10:00 1 exact=true", "11-22T11:00 2 exact=true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := servingtest.New(t)
			s.PutBase(t, c.own, amount{"2026-11-22T10:30:00Z", "1"}, amount{"2026-11-22T11:30:00Z", "2"})
			s.MoveTo(t, c.at)
			checkRows(t, s.Read(t), c.want...)
		})
	}
	t.Run("speed in another window of the page", func(t *testing.T) {
		s := servingtest.New(t)
		s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-22T10:30:00Z", "1"})
		s.PutSpeed(t, horizon, amount{"2026-11-22T09:30:00Z", "1"})
		checkRows(t, s.Read(t), "11-22T09:00 2 exact=false", "11-22T10:00 1 exact=true")
	})
}

// TestTotal checks that the total merges all rows, and is exact when no window in the requested range is open.
func TestTotal(t *testing.T) {
	for _, c := range []struct {
		name, to string
		speed    bool
		want     string
	}{
		{"no end", "", false, "3 exact=true"},
		{"no end, and speed has a part", "", true, "7 exact=false"},
		{"to the horizon", "2026-11-22T11:00:00Z", false, "3 exact=true"},
		{"beyond the horizon", "2026-11-22T11:00:01Z", false, "3 exact=false"},
		{"up to the last row", "2026-11-22T10:00:00Z", true, "1 exact=true"},
		{"a range without rows, closed", "2026-11-22T09:00:00Z", true, "null exact=true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := servingtest.New(t)
			s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-22T10:30:00Z", "2"})
			if c.speed {
				s.PutSpeed(t, horizon, amount{"2026-11-22T10:30:00Z", "4"})
			}
			parameters := []string{"total", "true"}
			if c.to != "" {
				parameters = append(parameters, "to", c.to)
			}
			a := s.Read(t, parameters...)
			if got := fmt.Sprintf("%s exact=%v", servingtest.Number(a.Total.States), a.Total.Exact); got != c.want {
				t.Errorf("total is %s, want %s", got, c.want)
			}
		})
	}
	t.Run("to the middle of a window that is open and has no row", func(t *testing.T) {
		s := servingtest.New(t)
		s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "2"})
		s.MoveTo(t, horizon+6*slotMs)
		if a := s.Read(t, "total", "true", "to", "2026-11-22T11:15:00Z"); a.Total.Exact {
			t.Errorf("total as of %s is %+v", a.Horizon, a.Total)
		}
	})
	t.Run("of no rows, without an end", func(t *testing.T) {
		if a := servingtest.New(t).Read(t, "total", "true"); servingtest.Number(a.Total.States) != "null" || a.Total.Exact {
			t.Errorf("total is %+v", a.Total)
		}
	})
	t.Run("not requested", func(t *testing.T) {
		if a := servingtest.New(t).Read(t, "total", "false"); a.Total != nil {
			t.Errorf("total is %+v", a.Total)
		}
	})
}

// TestTotalWhileARunIsApplied checks a run in progress that has moved one page and not yet its neighbour. Each row is
// exact as of its own horizon. But their sum is the fold as of no horizon, so the total is exact only once the run is
// applied.
func TestTotalWhileARunIsApplied(t *testing.T) {
	const today, yesterday = "2026-11-22T10:30:00Z", "2026-11-21T10:30:00Z"
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{yesterday, "1"}, amount{today, "1"})
	// A late event of yesterday. Today's page has a late event too, but the run has not moved that page yet.
	s.PutBase(t, horizon+slotMs, amount{yesterday, "1"}, amount{yesterday, "5"})
	checkTotal := func(want string, parameters ...string) {
		t.Helper()
		a := s.Read(t, append(parameters, "total", "true")...)
		if got := fmt.Sprintf("%s exact=%v", servingtest.Number(a.Total.States), a.Total.Exact); got != want {
			t.Errorf("total of %v is %s, want %s", parameters, got, want)
		}
	}
	checkRows(t, s.Read(t), "11-21T10:00 6 exact=true as of 11-22T11:05", "11-22T10:00 1 exact=true")
	checkTotal("7 exact=false")
	checkTotal("7 exact=false", "to", "2026-11-22T11:00:00Z")
	checkTotal("6 exact=false", "to", "2026-11-22T00:00:00Z")
	checkTotal("1 exact=true", "from", "2026-11-22T00:00:00Z")
	s.PutBase(t, horizon+slotMs, amount{today, "1"}, amount{today, "3"})
	s.MoveTo(t, horizon+slotMs)
	checkTotal("10 exact=true")
}

// TestParts checks the states that each half has of a row. A half without events of the row has no states.
func TestParts(t *testing.T) {
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-22T10:30:00Z", "2"})
	s.PutSpeed(t, horizon, amount{"2026-11-22T10:30:00Z", "4"}, amount{"2026-11-22T11:30:00Z", "8"})
	var got []string
	for _, row := range s.Read(t).Rows {
		text := servingtest.Number(row.States) + " ="
		for _, part := range []serving.States{row.Batch, row.Speed} {
			if part.Exist() {
				text += " " + servingtest.Number(part)
			} else {
				text += " none"
			}
		}
		got = append(got, text)
	}
	if diff := cmp.Diff([]string{"1 = 1 none", "6 = 2 4", "8 = none 8"}, got); diff != "" {
		t.Error("parts (-want +got):", diff)
	}
}

// TestNothingCached checks that each query reads the view, then base items, then speed items, both of the key and of
// what the view skipped, and keeps none of them. Only programs are cached, since a hash names the same text for ever.
func TestNothingCached(t *testing.T) {
	const at = "2026-11-22T10:30:00Z"
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{at, "1000"})
	s.PutSpeed(t, horizon, amount{at, "1"})
	s.Calls = nil
	checkRows(t, s.Read(t), "11-22T10:00 1001 exact=false")
	if diff := cmp.Diff([]string{"catalog.View", "catalog.Definition", "base.Pages", "speed.Slots", "base.Pages",
		"speed.Slots"}, s.Calls); diff != "" {
		t.Error("calls of the first query (-want +made):", diff)
	}
	s.PutSpeed(t, horizon+slotMs, amount{at, "2"})
	checkRows(t, s.Read(t), "11-22T10:00 1003 exact=false")
	s.PutBase(t, horizon+slotMs, amount{at, "1001"})
	checkRows(t, s.Read(t), "11-22T10:00 1003 exact=false as of 11-22T11:05")
	s.MoveTo(t, horizon+2*slotMs)
	s.PutBase(t, horizon+2*slotMs, amount{at, "1003"})
	s.Calls = nil
	checkRows(t, s.Read(t), "11-22T10:00 1003 exact=true")
	if diff := cmp.Diff([]string{"catalog.View", "base.Pages", "speed.Slots", "base.Pages", "speed.Slots"},
		s.Calls); diff != "" {
		t.Error("calls of a later query (-want +made):", diff)
	}
}

// TestMovesMeanwhile moves the horizon between any two reads of a query. The answer must still be right: every slot
// counts once.
func TestMovesMeanwhile(t *testing.T) {
	const at = "2026-11-22T10:30:00Z"
	for _, moment := range []string{"catalog.View", "base.Pages", "speed.Slots"} {
		t.Run("before "+moment, func(t *testing.T) {
			s := servingtest.New(t)
			s.PutBase(t, horizon, amount{at, "1000"})
			s.PutSpeed(t, horizon, amount{at, "1"})
			s.PutSpeed(t, horizon+slotMs, amount{at, "2"})
			s.Read(t)
			hook := func(call memory.Call) memory.Fault {
				if call.Name == moment {
					s.Hook(nil)
					s.PutBase(t, horizon+slotMs, amount{at, "1001"})
					s.MoveTo(t, horizon+slotMs)
				}
				return memory.Fault{}
			}
			s.Hook(hook)
			if a := s.Read(t); len(a.Rows) != 1 || servingtest.Number(a.Rows[0].States) != "1003" {
				t.Errorf("rows are %v, want 1003", servingtest.Rows(a))
			}
		})
	}
}

// TestRange checks that an answer has the windows that start in [from, to), and that only pages which may hold such
// windows are read.
func TestRange(t *testing.T) {
	s := servingtest.New(t)
	hour := func(h int) amount {
		at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC).Add(time.Duration(h) * time.Hour)
		return amount{at.Format(time.RFC3339), fmt.Sprint(h)}
	}
	var all []amount
	for _, h := range []int{0, 23, 24, 25, 47} {
		all = append(all, hour(h))
	}
	s.PutBase(t, horizon, all...)
	s.PutSpeed(t, horizon, hour(48), hour(25), hour(71))
	page := view.Page(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC).Unix() / 86_400)
	for _, c := range []struct {
		name, from, to string
		want           string // starts of the windows, in hours after the 21st
		first, last    view.Page
	}{
		{"all", "", "", "0 23 24 25 47 48 71", view.FirstPage, view.LastPage},
		{"from a second before a window", "2026-11-21T23:59:59Z", "", "24 25 47 48 71", page + 1, view.LastPage},
		{"from its start", "2026-11-22T00:00:00Z", "", "24 25 47 48 71", page + 1, view.LastPage},
		{"from a second after", "2026-11-22T00:00:01Z", "", "25 47 48 71", page + 1, view.LastPage},
		{"from half a second after", "2026-11-22T00:00:00.0005Z", "", "25 47 48 71", page + 1, view.LastPage},
		{"from the last window of a page", "2026-11-21T23:00:00Z", "", "23 24 25 47 48 71", page, view.LastPage},
		{"to a second before a window", "", "2026-11-21T23:59:59Z", "0 23", view.FirstPage, page},
		{"to its start", "", "2026-11-22T00:00:00Z", "0 23", view.FirstPage, page},
		{"to a second after", "", "2026-11-22T00:00:01Z", "0 23 24", view.FirstPage, page + 1},
		{"one window", "2026-11-22T01:00:00Z", "2026-11-22T02:00:00Z", "25", page + 1, page + 1},
		{"across pages", "2026-11-21T12:00:00Z", "2026-11-23T12:00:00Z", "23 24 25 47 48", page, page + 2},
		{"another zone", "2026-11-22T02:00:00+02:00", "2026-11-22T02:30:00+02:00", "24", page + 1, page + 1},
		{"no window starts in it", "2026-11-22T00:00:01Z", "2026-11-22T00:59:59Z", "", page + 1, page + 1},
		{"the years before 1970", "0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "", -719_528, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var parameters []string
			if c.from != "" {
				parameters = append(parameters, "from", c.from)
			}
			if c.to != "" {
				parameters = append(parameters, "to", c.to)
			}
			a := s.Read(t, parameters...)
			var got []string
			for _, row := range a.Rows {
				got = append(got, fmt.Sprint(row.Start.Sub(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)).Hours()))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("windows are %v, want %s", got, c.want)
			}
			if s.Base.From != c.first || s.Base.To != c.last {
				t.Errorf("pages %d to %d were read, want %d to %d", s.Base.From, s.Base.To, c.first, c.last)
			}
		})
	}
	t.Run("no window starts in it, at the end of a page", func(t *testing.T) {
		s.Read(t, "from", "2026-11-21T23:00:01Z", "to", "2026-11-21T23:59:59Z")
		if s.Base.From > s.Base.To {
			t.Errorf("pages %d to %d were read: a store may refuse a range that ends before it begins", s.Base.From, s.Base.To)
		}
	})
}

// TestRangeOfAnswer checks that the answer names the requested range, or else the range of the rows.
func TestRangeOfAnswer(t *testing.T) {
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-22T10:30:00Z", "1"})
	for _, c := range []struct{ from, to, wantFrom, wantTo string }{
		{"", "", "2026-11-22T09:00:00Z", "2026-11-22T11:00:00Z"},
		{"2026-11-22T09:30:00.5+00:00", "2026-11-23T01:00:00+01:00", "2026-11-22T09:30:00.5Z", "2026-11-23T00:00:00Z"},
	} {
		var parameters []string
		if c.from != "" {
			parameters = []string{"from", c.from, "to", c.to}
		}
		a := s.Read(t, parameters...)
		if got := []string{a.From.Format(time.RFC3339Nano), a.To.Format(time.RFC3339Nano)}; got[0] != c.wantFrom ||
			got[1] != c.wantTo {
			t.Errorf("range is %s, want [%s, %s)", got, c.wantFrom, c.wantTo)
		}
	}
}

// TestLate checks that a result says when it was read and how far batch is behind, and warns when that is too far.
func TestLate(t *testing.T) {
	for _, c := range []struct {
		behind, late time.Duration
		warned       bool
	}{
		{90 * time.Second, 0, false},
		{90 * time.Second, 90 * time.Second, false},
		{90*time.Second + 1500*time.Microsecond, 90 * time.Second, true},
		{-5 * time.Second, time.Second, false},
	} {
		s := servingtest.New(t)
		s.Now = func() time.Time { return horizon.Start().Add(c.behind) }
		s.LateAfter = c.late
		a := s.Read(t)
		if behind := a.ReadAt.Sub(a.Horizon); behind != c.behind || (len(a.Warnings) > 0) != c.warned || a.Warnings == nil {
			t.Errorf("%s behind: it tells %s, warnings are %q", c.behind, behind, a.Warnings)
		}
	}
}

// TestNewView checks a new view: an answer has no event that arrived between the horizon and the slot from which speed
// folds the view, whatever speed items there are, and the answer says so.
func TestNewView(t *testing.T) {
	for _, c := range []struct {
		live slot.Slot
		want []string
		row  string // of speed items of two slots, from the horizon on
	}{
		{horizon - slotMs, []string{}, "11-22T10:00 1006 exact=false"},
		{horizon, []string{}, "11-22T10:00 1006 exact=false"},
		{horizon + slotMs, []string{"the view is new: events that arrived from 2026-11-22T11:00:00Z to " +
			"2026-11-22T11:05:00Z are missing until batch covers them"}, "11-22T10:00 1004 exact=false"},
	} {
		s := servingtest.New(t)
		s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1000"})
		s.PutSpeed(t, horizon, amount{"2026-11-22T10:30:00Z", "2"})
		s.PutSpeed(t, horizon+slotMs, amount{"2026-11-22T10:30:00Z", "4"})
		v, err := s.Catalog.View(context.Background(), "by_user")
		if err != nil {
			t.Fatal(err)
		}
		v.Generations[0].LiveFrom = c.live
		s.PointTo(t, v)
		answer := s.Read(t)
		checkRows(t, answer, c.row)
		if diff := cmp.Diff(c.want, answer.Warnings); diff != "" {
			t.Errorf("live from %s: warnings (-want +got): %s", c.live, diff)
		}
	}
}

func TestTooManyRows(t *testing.T) {
	s := servingtest.New(t)
	s.PutBase(
		t, horizon, amount{"2026-11-22T08:30:00Z", "1"}, amount{"2026-11-22T09:30:00Z", "1"},
		amount{"2026-11-22T10:30:00Z", "1"},
	)
	s.MaxRows = 3
	checkRows(t, s.Read(t), "11-22T08:00 1 exact=true", "11-22T09:00 1 exact=true", "11-22T10:00 1 exact=true")
	s.MaxRows = 2
	if _, err := s.Try(); !errors.Is(err, serving.ErrTooManyWindows) {
		t.Errorf("error is %v, want ErrTooManyWindows", err)
	}
	if a := s.Read(t, "from", "2026-11-22T09:00:00Z"); len(a.Rows) != 2 {
		t.Errorf("narrowed: rows are %v", servingtest.Rows(a))
	}
}

// TestStoresFail checks that a failing store is not reported as an error of the client.
func TestStoresFail(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, name := range []string{"catalog.View", "catalog.Definition", "base.Pages", "speed.Slots"} {
		t.Run(name, func(t *testing.T) {
			s := servingtest.New(t)
			s.Fail(name, lost)
			_, err := s.Try()
			checkInternal(t, err, lost)
		})
	}
	t.Run("a corrupt base item", func(t *testing.T) {
		s := servingtest.New(t)
		item := viewstore.BaseItem{
			BaseKey: viewstore.BaseKey{Generation: "g", Key: servingtest.UserKey},
			Horizon: horizon,
			States:  []byte("x"),
		}
		if err := s.Base.Put(context.Background(), item, 0); err != nil {
			t.Fatal(err)
		}
		_, err := s.Try()
		checkInternal(t, err, view.ErrCorruptPage)
	})
	t.Run("a corrupt speed item", func(t *testing.T) {
		s := servingtest.New(t)
		item := viewstore.SpeedItem{
			SpeedKey: viewstore.SpeedKey{Set: lifecycle.OfDefinition(s.Program.Hash), Key: servingtest.UserKey, Slot: horizon},
			Applied:  "1",
			States:   []byte("x"),
		}
		if err := s.Items.Put(context.Background(), item, ""); err != nil {
			t.Fatal(err)
		}
		_, err := s.Try()
		checkInternal(t, err, view.ErrCorruptPage)
	})
	t.Run("a corrupt speed item of a slot that batch has covered", func(t *testing.T) {
		s := servingtest.New(t)
		item := viewstore.SpeedItem{
			SpeedKey: viewstore.SpeedKey{
				Set:  lifecycle.OfDefinition(s.Program.Hash),
				Key:  servingtest.UserKey,
				Slot: horizon - slotMs,
			},
			Applied: "1",
			States:  []byte("x"),
		}
		if err := s.Items.Put(context.Background(), item, ""); err != nil {
			t.Fatal(err)
		}
		s.Read(t)
	})
}

func checkInternal(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
	for _, clients := range []error{serving.ErrUnknownView, serving.ErrBadParameter, serving.ErrNotServing,
		serving.ErrTooManyWindows} {
		if errors.Is(err, clients) {
			t.Errorf("error is %v, which blames the client", err)
		}
	}
}

// TestNotServing checks that a registered view that is not built yet is described, but not answered from.
func TestNotServing(t *testing.T) {
	s := servingtest.New(t)
	s.PointTo(
		t,
		lifecycle.View{
			Name:        "by_user",
			Generations: []lifecycle.Generation{{ID: "g", Definition: s.Program.Hash, State: lifecycle.Building}},
		},
	)
	if _, err := s.Try(); !errors.Is(err, serving.ErrNotServing) {
		t.Errorf("error is %v, want ErrNotServing", err)
	}
	d, err := s.Describe(context.Background(), "by_user")
	if err != nil || d.Generation.State != lifecycle.Building || !d.Horizon.IsZero() {
		t.Errorf("described as %+v, %v", d, err)
	}
	behind := servingtest.Candidate(s.Program, "g", lifecycle.Building)
	behind.AnswersFrom = 3
	s.PointTo(t, lifecycle.View{Name: "by_user", Generations: []lifecycle.Generation{behind}})
	const why = "view is not ready yet: by_user: it is built up to run 1 and may answer from run 3 on; batch brings it " +
		"the runs between"
	if _, err := s.Try(); err == nil || err.Error() != why {
		t.Errorf("error is %v, want %s", err, why)
	}
	if _, err := s.Describe(context.Background(), "nobody's"); !errors.Is(err, serving.ErrUnknownView) {
		t.Errorf("error is %v, want ErrUnknownView", err)
	}
}

// TestRollback checks that queries follow a switch to another generation with another definition.
func TestRollback(t *testing.T) {
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
	other := s.Program.Definition
	other.Aggregates = []view.Aggregate{{Name: "n", Expr: "count()"}}
	if err := s.Catalog.PutDefinition(context.Background(), other.Hash(), other.Text()); err != nil {
		t.Fatal(err)
	}
	v, err := s.Catalog.View(context.Background(), "by_user")
	if err != nil {
		t.Fatal(err)
	}
	v.Generations = append(
		v.Generations,
		lifecycle.Generation{ID: "h", Definition: other.Hash(), State: lifecycle.Serving, Run: 1, Horizon: horizon - slotMs},
	)
	v.Serving = "h"
	s.PointTo(t, v)
	if a := s.Read(t); a.Generation.ID != "h" || a.Program.Hash != other.Hash() || len(a.Rows) != 0 ||
		!a.Horizon.Equal((horizon - slotMs).Start()) {
		t.Errorf("answer is %+v", a)
	}
	v.Serving = "g"
	s.PointTo(t, v)
	checkRows(t, s.Read(t), "11-22T10:00 1 exact=true")
}
