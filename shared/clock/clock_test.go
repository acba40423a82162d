package clock_test

import (
	"errors"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/clock"
)

func TestMargin(t *testing.T) {
	store := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const margin = clock.Margin(30 * time.Second)
	for off, ok := range map[time.Duration]bool{
		0: true, 30 * time.Second: true, 31 * time.Second: true, 31*time.Second + 1: false, -31 * time.Second: true,
		-31*time.Second - 1: false,
	} {
		if err := margin.Check(store.Add(off), store); (err == nil) != ok || !ok && !errors.Is(err, clock.ErrMargin) {
			t.Errorf("a clock that is off by %s: %v", off, err)
		}
	}
	if err := margin.Check(store, time.Time{}); err != nil {
		t.Errorf("a store without a clock: %v", err)
	}
}

// TestApart checks that Apart is the maximum difference between two clocks that pass Check.
func TestApart(t *testing.T) {
	store := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, margin := range []clock.Margin{0, clock.Margin(time.Second), clock.Margin(30 * time.Second)} {
		late, early := store.Add(margin.Apart()/2), store.Add(-margin.Apart()/2)
		if errors.Join(margin.Check(late, store), margin.Check(early, store)) != nil {
			t.Errorf("margin %d: clocks that are %s apart do not pass", margin, late.Sub(early))
		}
		if margin.Check(late.Add(1), store) == nil || margin.Check(early.Add(-1), store) == nil {
			t.Errorf("margin %d: clocks that are further apart than %s pass", margin, margin.Apart())
		}
	}
}
