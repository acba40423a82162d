package speed_test

import (
	"context"
	"sync"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// flight counts the puts of items that are in flight at once. Each put waits until so many have begun.
type flight struct {
	memory.Speed
	until     int
	mu        sync.Mutex
	begun     chan struct{}
	now, most int
}

func (f *flight) Put(ctx context.Context, item viewstore.SpeedItem, loaded event.Sequence) error {
	f.mu.Lock()
	f.now++
	if f.most = max(f.most, f.now); f.now == f.until {
		close(f.begun)
		f.until = 0
	}
	f.mu.Unlock()
	<-f.begun
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now--
	}()
	return f.Speed.Put(ctx, item, loaded)
}

// TestWritesInFlight checks that an invocation writes as many items at once as its runner allows, and no more.
func TestWritesInFlight(t *testing.T) {
	const workers = 4
	s := newFixture(t, byUser())
	store := &flight{until: workers, begun: make(chan struct{})}
	s.Items, s.Parallel = store, runner.Parallel(workers)
	if report := s.apply(t, s.record(0, many(60, 30)...)); report.Items != 30 {
		t.Errorf("%d items, want 30", report.Items)
	}
	if store.most != workers {
		t.Errorf("%d puts at once, want %d", store.most, workers)
	}
}
