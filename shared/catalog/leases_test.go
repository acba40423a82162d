package catalog_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
)

// TestFound checks a lease as it is for somebody who wants it, of the same or of another generation.
func TestFound(t *testing.T) {
	const (
		now    = event.Millis(1_795_555_500_000)
		length = 2 * time.Minute

		longestWait = time.Hour
	)
	held := catalog.Lease{Name: "build v", Revision: 7, Holder: "h", Until: now + 1, Of: "g", Killed: 1, Memory: 2048}
	expired := held
	expired.Until = now
	free := catalog.Lease{Name: "build v", Revision: 7, Of: "g", Memory: 2048}
	waiting := free
	waiting.Killed, waiting.Until = 2, now.Add(length)
	other := free
	other.Of = "h"
	fastClock, fastWait := held, waiting
	fastClock.Until, fastWait.Until = now.Add(24*time.Hour), now.Add(24*time.Hour)
	freeAfterKills := free
	freeAfterKills.Killed = 2
	freeAfterKill := free
	freeAfterKill.Killed = 1
	longWait := waiting
	longWait.Until = now.Add(longestWait)
	for name, c := range map[string]struct {
		stored      catalog.Lease
		of          string
		want        catalog.Lease
		busy, waits bool
		more        int // memory of the function that looks, above that of the lease
	}{
		"never taken":                    {catalog.Lease{Name: "a"}, "", catalog.Lease{Name: "a"}, false, false, 0},
		"held":                           {held, "g", held, true, false, 0},
		"held, about another generation": {held, "h", held, true, false, 0},
		"held, by a function whose clock is a day ahead":  {fastClock, "g", freeAfterKill, false, false, 0},
		"waits, by a function whose clock is a day ahead": {fastWait, "g", freeAfterKills, false, false, 0},
		"waits for as long as a lease ever does":          {longWait, "g", longWait, false, true, 0},
		"given back":                                      {held.Done(), "g", free, false, false, 0},
		"expired: its holder was killed":                  {expired, "g", waiting, false, true, 0},
		"another generation begins anew":                  {expired, "h", other, false, false, 0},
		"another memory begins anew":                      {expired, "g", free, false, false, 2048},
		"held, by a function with another memory":         {held, "g", held, true, false, 2048},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.stored.Found(c.of, c.stored.Memory+c.more, now.Time(), length)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if busy, waits := got.IsBusy(), got.Waits(now.Time()); busy != c.busy || waits != c.waits {
				t.Errorf("busy %v, waits %v; want %v, %v", busy, waits, c.busy, c.waits)
			}
		})
	}
}

// TestWaitsAfterKills checks that the wait after a kill doubles up to an hour, and that work which ends forgets it.
func TestWaitsAfterKills(t *testing.T) {
	const at = event.Millis(1_795_555_500_000)
	var l catalog.Lease
	for _, want := range []time.Duration{0, 2, 4, 8, 16, 32, 60, 60, 60} {
		l = l.LeftUndone(at, 2*time.Minute)
		if want *= time.Minute; l.Until != at.Add(want) {
			t.Errorf("after %d kills: waits %s, want %s", l.Killed, l.Until.Time().Sub(at.Time()), want)
		}
	}
	for range 100 {
		l = l.LeftUndone(at, 2*time.Minute)
	}
	if l.Until != at.Add(time.Hour) {
		t.Errorf("after %d kills: until %d", l.Killed, l.Until)
	}
	if l = l.Done(); l != (catalog.Lease{}) {
		t.Errorf("done: %+v", l)
	}
}

// TestSurvived checks that a kill is taken back from the count, that nothing else changes, and that no count is
// negative.
func TestSurvived(t *testing.T) {
	l := catalog.Lease{Name: "build v", Revision: 7, Holder: "h", Until: 5, Of: "g", Killed: 2, Memory: 2048}
	want := l
	for _, want.Killed = range []int{1, 0, 0} {
		if l = l.Survived(); l != want {
			t.Errorf("the lease is %+v, want %+v", l, want)
		}
	}
}
