package runs_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

var ctx = context.Background()

// seen returns an event. Identities are spread over few values, some of which share one half.
func seen(id uint64, arrival event.Millis, payload uint64) runs.Seen {
	return runs.Seen{Identity: event.Identity{Hi: id % 2, Lo: id / 2 * 64}, Arrival: arrival, Payload: payload}
}

// inputOf returns the input of a run with the events.
func inputOf(run uint64, all []runs.Seen) *runs.Input {
	return &runs.Input{Manifest: runs.Manifest{Run: run}, Seen: slices.Clone(all), Duplicate: make([]bool, len(all))}
}

// verdict is the result of MarkDuplicates.
type verdict struct {
	Duplicate             []bool
	Duplicates, Conflicts int64
}

func verdictOf(in *runs.Input) verdict { return verdict{in.Duplicate, in.Duplicates, in.Conflicts} }

// hold drops an event because of an earlier copy.
func (v *verdict) hold(i int, own, earlier runs.Seen) {
	v.Duplicate[i] = true
	v.Duplicates++
	if own.Payload != earlier.Payload {
		v.Conflicts++
	}
}

// history holds the events of the runs 1, 2, ..., each in archive order. The last run is the one to check.
type history struct {
	runs     [][]runs.Seen
	horizons []int64
	window   time.Duration
	below    slot.Slot // slot.Beginning: no bound
}

func drawHistory(t *rapid.T) history {
	h := history{window: time.Duration(rapid.Int64Range(0, 60).Draw(t, "window")) * time.Millisecond}
	end := int64(1000)
	for range rapid.IntRange(1, 6).Draw(t, "runs") {
		end += rapid.Int64Range(1, 40).Draw(t, "length")
		one := rapid.Custom(func(t *rapid.T) runs.Seen {
			// Some slots were claimed by an earlier run.
			return seen(
				rapid.Uint64Range(0, 4).Draw(t, "id"), event.Millis(rapid.Int64Range(end-60, end-1).Draw(t, "arrival")),
				rapid.Uint64Range(0, 2).Draw(t, "payload"),
			)
		})
		all := rapid.SliceOfN(one, 0, 12).Draw(t, "events")
		slices.SortStableFunc(all, func(a, b runs.Seen) int { return int(a.Arrival - b.Arrival) })
		h.runs, h.horizons = append(h.runs, all), append(h.horizons, end)
	}
	if rapid.Bool().Draw(t, "bounded") {
		h.below = slot.Slot(rapid.Int64Range(end-100, end+10).Draw(t, "below"))
	}
	return h
}

// last returns the number of the run to check.
func (h history) last() int { return len(h.runs) }

func (h history) counts(e runs.Seen) bool {
	return h.below == slot.Beginning || e.Arrival < h.below.Millis()
}

// copies reports whether an earlier event makes a later one a duplicate.
func (h history) copies(earlier, own runs.Seen) bool {
	return h.counts(earlier) && h.counts(own) && earlier.Identity == own.Identity &&
		own.Arrival.Time().Sub(earlier.Arrival.Time()).Abs() <= h.window
}

// expected follows the definition word for word: it compares every event of the last run with every earlier one. An
// event with several earlier copies is dropped because of the first one in an earlier run, or else because of the
// nearest one in its own run.
func (h history) expected() verdict {
	before, own := slices.Concat(h.runs[:h.last()-1]...), h.runs[h.last()-1]
	v := verdict{Duplicate: make([]bool, len(own))}
	for i, e := range own {
		isCopy := func(earlier runs.Seen) bool { return h.copies(earlier, e) }
		nearest := slices.Clone(own[:i])
		slices.Reverse(nearest)
		all := slices.Concat(before, nearest)
		if first := slices.IndexFunc(all, isCopy); first >= 0 {
			v.hold(i, e, all[first])
		}
	}
	return v
}

func (h history) rule() runs.Rule {
	return runs.Rule{Window: h.window, Below: h.below}
}

// appendRun commits run n, from 1.
func (h history) appendRun(t failer, s *stores, n int) {
	s.append(t, lifecycle.Run{N: uint64(n), Horizon: slot.Slot(h.horizons[n-1])}, h.runs[n-1])
}

// TestMarkDuplicates compares the verdict with its definition, before and after the run is committed.
func TestMarkDuplicates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, s := drawHistory(t), newStores()
		for n := 1; n < h.last(); n++ {
			h.appendRun(t, s, n)
		}
		want := h.expected()
		examine := func(when string) {
			in := inputOf(uint64(h.last()), h.runs[h.last()-1])
			if err := s.reader().MarkDuplicates(ctx, in, h.rule()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, verdictOf(in)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", when, diff)
			}
		}
		examine("before the run is committed")
		h.appendRun(t, s, h.last())
		examine("when the run is read again")
		s.append(t, lifecycle.Run{N: uint64(h.last() + 1), Horizon: slot.Slot(h.horizons[h.last()-1] + 1)}, h.runs[0])
		examine("when there is a later run")
	})
}

// TestValidateAtTheEdge checks that the end of the window is within it, and so is the last instant below the bound.
// Dropped copies count as copies.
func TestValidateAtTheEdge(t *testing.T) {
	for _, c := range []struct {
		name     string
		earlier  []runs.Seen // events of run 1
		own      []runs.Seen
		below    slot.Slot
		want     []bool
		conflict int64
	}{
		{
			name:    "within the window",
			earlier: []runs.Seen{seen(1, 1000, 0)},
			own:     []runs.Seen{seen(1, 1100, 0)},
			want:    []bool{true},
		},
		{
			name:    "beyond the window",
			earlier: []runs.Seen{seen(1, 1000, 0)},
			own:     []runs.Seen{seen(1, 1101, 0)},
			want:    []bool{false},
		},
		{
			name:    "a late object",
			earlier: []runs.Seen{seen(1, 1100, 0)},
			own:     []runs.Seen{seen(1, 1000, 0)},
			want:    []bool{true},
		},
		{
			name:    "a late object beyond the window",
			earlier: []runs.Seen{seen(1, 1101, 0)},
			own:     []runs.Seen{seen(1, 1000, 0)},
			want:    []bool{false},
		},
		{
			name: "each forbids the next",
			own:  []runs.Seen{seen(1, 1000, 0), seen(1, 1100, 0), seen(1, 1200, 0), seen(1, 1301, 0)},
			want: []bool{false, true, true, false},
		},
		{
			name:    "another identity",
			earlier: []runs.Seen{seen(1, 1000, 0)},
			own:     []runs.Seen{seen(0, 1000, 0), seen(2, 1000, 0)},
			want:    []bool{false, false},
		},
		{
			name:     "another payload",
			earlier:  []runs.Seen{seen(1, 1000, 0)},
			own:      []runs.Seen{seen(1, 1000, 1), seen(1, 1000, 0)},
			want:     []bool{true, true},
			conflict: 1,
		},
		{
			name:    "an earlier copy at the bound",
			earlier: []runs.Seen{seen(1, 1050, 0)},
			own:     []runs.Seen{seen(1, 1000, 0)},
			below:   1050,
			want:    []bool{false},
		},
		{
			name:    "an earlier copy at the bound, of a run from below",
			earlier: []runs.Seen{seen(2, 1000, 0), seen(1, 1050, 0)},
			own:     []runs.Seen{seen(1, 1000, 0)},
			below:   1050,
			want:    []bool{false},
		},
		{
			name:    "an earlier copy below the bound",
			earlier: []runs.Seen{seen(1, 1049, 0)},
			own:     []runs.Seen{seen(1, 1000, 0)},
			below:   1050,
			want:    []bool{true},
		},
		{
			name:  "a later copy at the bound",
			own:   []runs.Seen{seen(1, 1000, 0), seen(1, 1049, 0), seen(1, 1050, 0)},
			below: 1050,
			want:  []bool{false, true, false},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStores()
			s.append(t, lifecycle.Run{N: 1, Horizon: 1200}, c.earlier)
			in := inputOf(2, c.own)
			if err := s.reader().MarkDuplicates(ctx, in, runs.Rule{Window: 100 * time.Millisecond, Below: c.below}); err != nil {
				t.Fatal(err)
			}
			want := verdict{Duplicate: c.want, Conflicts: c.conflict}
			for _, dropped := range c.want {
				if dropped {
					want.Duplicates++
				}
			}
			if diff := cmp.Diff(want, verdictOf(in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestValidateAsksForLittle checks that only the identities of runs that can hold a copy are read, in order.
func TestValidateAsksForLittle(t *testing.T) {
	s := newStores()
	for i, all := range [][]runs.Seen{
		{seen(1, 1001, 0)},                   // 1: its horizon, 1100, is before the window, so its identities are not read
		{seen(1, 1120, 0)},                   // 2: its events are before the window
		{seen(1, 1290, 0)},                   // 3
		nil,                                  // 4: has no events
		{seen(1, 1150, 0)},                   // 5: a late object from before the window
		{seen(1, 1180, 0), seen(1, 1550, 0)}, // 6
		{seen(1, 1650, 0)},                   // 7: its events are after the window
	} {
		s.append(t, lifecycle.Run{N: uint64(i + 1), Horizon: slot.Slot(1100 + 100*i)}, all)
	}
	get := func(run uint64) string { return "archive.Get " + identitiesOf(run) }
	for _, c := range []struct {
		name  string
		own   []runs.Seen
		below slot.Slot
		want  []string
	}{
		{"an event", []runs.Seen{seen(1, 1300, 0)}, 0, []string{"catalog.Runs", get(3), get(6)}},
		{
			"an event below the bound",
			[]runs.Seen{seen(1, 1280, 0), seen(1, 1900, 0)}, 1285,
			[]string{"catalog.Runs", get(6)},
		},
		{"no event", nil, 0, nil},
		{"no event below the bound", []runs.Seen{seen(1, 1300, 0)}, 1300, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.calls = nil
			rule := runs.Rule{Window: 100 * time.Millisecond, Below: c.below}
			if err := s.reader().MarkDuplicates(ctx, inputOf(8, c.own), rule); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, s.calls); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestValidateFails checks that there is no verdict without the identities of every run that may hold a copy.
func TestValidateFails(t *testing.T) {
	s := newStores()
	run := lifecycle.Run{N: 1, Horizon: 1100, Identities: "lost", FirstArrival: 1000, LastArrival: 1000}
	if err := s.catalog.Append(ctx, run); err != nil {
		t.Fatal(err)
	}
	err := s.reader().MarkDuplicates(ctx, inputOf(2, []runs.Seen{seen(1, 1000, 0)}), runs.Rule{})
	if !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("error %v, want %v", err, archive.ErrNotFound)
	}
}

// TestMet checks that over all history, an event counts once, however far apart its copies are.
func TestMet(t *testing.T) {
	known := runs.Known{}
	first := inputOf(1, []runs.Seen{seen(1, 1000, 0), seen(2, 1000, 7), seen(1, 9000, 5)})
	second := inputOf(2, []runs.Seen{seen(2, 90_000, 7), seen(3, 90_000, 0), seen(1, 90_000, 5)})
	known.MarkDuplicates(first, backwards)
	known.MarkDuplicates(second, backwards)
	for _, c := range []struct {
		in   *runs.Input
		want verdict
	}{
		{first, verdict{[]bool{false, false, true}, 1, 0}},
		{second, verdict{[]bool{true, false, true}, 2, 0}},
	} {
		if diff := cmp.Diff(c.want, verdictOf(c.in)); diff != "" {
			t.Errorf("run %d (-want +got):\n%s", c.in.Manifest.Run, diff)
		}
	}
}
