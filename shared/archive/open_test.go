package archive_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
)

// goldenSecond never changes: it is the layout of the first stack that took over an archive.
const goldenSecond = `{
  "version": 2,
  "layout": 2,
  "begins": "2026-11-22T21:15:00Z",
  "slot": "5m0s",
  "lanes": 8,
  "hash_key": "000102030405060708090a0b0c0d0eff",
  "dedupe_window": "24h0m0s",
  "speed_window": "1h0m0s",
  "stream": "second-stream"
}
`

// second returns the layout that a new stack wants, which takes over an archive. It does not know the hash key.
func second() archive.Layout {
	l := wanted()
	l.Number, l.Lanes, l.Stream, l.HashKey = 2, 8, "second-stream", event.HashKey{9}
	return l
}

// TestALaterLayoutTakesOver checks what a later layout takes from the one before, what is its own, and that every
// function of the new stack finds the same.
func TestALaterLayoutTakesOver(t *testing.T) {
	a := withLayout(t, goldenLayout)
	want := second()
	want.HashKey, want.Begins = wanted().HashKey, slot.Slot(instant.Truncate(5*time.Minute).UnixMilli())
	for _, later := range []time.Duration{0, time.Hour} {
		a.Now = func() time.Time { return instant.Add(later) }
		got, _, err := archive.OpenLayout(t.Context(), a, second())
		if err != nil || got != want {
			t.Errorf("%s later: %v, (-want +got):\n%s", later, err, cmp.Diff(want, got))
		}
	}
	text, _, err := a.Get(t.Context(), archive.LayoutKey(2))
	if diff := cmp.Diff(goldenSecond, string(text)); diff != "" || err != nil {
		t.Errorf("stored (-want +got), error %v:\n%s", err, diff)
	}
	if newest, err := archive.NewestLayout(t.Context(), a); err != nil || newest != want {
		t.Errorf("the newest layout is %+v, %v", newest, err)
	}
	if old, _, err := archive.OpenLayout(t.Context(), a, wanted()); err != nil || old != wanted() {
		t.Errorf("the first stack opens %+v, %v", old, err)
	}
	if before := want.Begins.Add(-5 * time.Minute); want.Streams(before) || !want.Streams(want.Begins) ||
		!wanted().Streams(slot.Beginning) {
		t.Error("the events of slots before a layout begins go through its stream, or those from there on do not")
	}
}

func TestNewestLayoutOfAnEmptyArchive(t *testing.T) {
	if l, err := archive.NewestLayout(t.Context(), newArchive()); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestLayoutsThatCannotFollow(t *testing.T) {
	for says, change := range map[string]func(*archive.Layout){
		"slot length 5m0s, not 10m0s":       func(l *archive.Layout) { l.Slot = slot.Length(10 * time.Minute) },
		"dedupe window 24h0m0s, not 25h0m0": func(l *archive.Layout) { l.DedupeWindow = 25 * time.Hour },
		"speed window 1h0m0s, not 2h0m0":    func(l *archive.Layout) { l.SpeedWindow = 2 * time.Hour },
		"has the same stream":               func(l *archive.Layout) { l.Stream = wanted().Stream },
		"layout 4 follows layout 3":         func(l *archive.Layout) { l.Number = 4 },
		"0 lanes":                           func(l *archive.Layout) { l.Lanes = 0 },
	} {
		a := withLayout(t, goldenLayout)
		l := second()
		change(&l)
		if _, _, err := archive.OpenLayout(t.Context(), a, l); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
		if newest, err := archive.NewestLayout(t.Context(), a); err != nil || newest.Number != 1 {
			t.Errorf("%s: layout %d was written, %v", says, newest.Number, err)
		}
	}
}

// TestALayoutBeginsByTheStoresClock checks that a store that does not say the time creates no later layout, and that no
// layout begins before the one that it follows.
func TestALayoutBeginsByTheStoresClock(t *testing.T) {
	a := withLayout(t, goldenLayout)
	a.Now = func() time.Time { return time.Time{} }
	if l, _, err := archive.OpenLayout(t.Context(), a, second()); err == nil {
		t.Errorf("without a clock: %+v", l)
	}
	a.Now = func() time.Time { return instant }
	two, _, err := archive.OpenLayout(t.Context(), a, second())
	if err != nil {
		t.Fatal(err)
	}
	a.Now = func() time.Time { return instant.Add(-time.Hour) }
	third := second()
	third.Number, third.Stream = 3, "third-stream"
	if l, _, err := archive.OpenLayout(t.Context(), a, third); err != nil || l.Begins != two.Begins {
		t.Errorf("layout 3 begins at %s, layout 2 at %s, %v", l.Begins, two.Begins, err)
	}
}

// TestPutsInFlight plays functions that start at the same time: S3 answers that another put is in flight.
func TestPutsInFlight(t *testing.T) {
	conflict := errors.New("409")
	for conflicts, opens := range map[int]bool{1: true, 2: true, 3: false} {
		a, left := newArchive(), conflicts
		a.Hook = func(c memory.Call) memory.Fault {
			if c.Name == "archive.Put" && left > 0 {
				left--
				return memory.Fault{Err: conflict}
			}
			return memory.Fault{}
		}
		_, _, err := archive.OpenLayout(t.Context(), a, wanted())
		if opens != (err == nil) || !opens && !errors.Is(err, conflict) {
			t.Errorf("%d conflicts: %v", conflicts, err)
		}
	}
}

// TestALayoutIsReadBeforeItIsPut checks that a function that starts with a layout puts nothing.
func TestALayoutIsReadBeforeItIsPut(t *testing.T) {
	a := withLayout(t, goldenLayout)
	a.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "archive.Put" {
			t.Error("the layout is put")
		}
		return memory.Fault{}
	}
	if _, _, err := archive.OpenLayout(context.Background(), a, wanted()); err != nil {
		t.Error(err)
	}
}
