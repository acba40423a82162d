package trigger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

// Kinesis is the event source mapping of a stream: it reads the shards through Kinesis' API and invokes the function as the rules of
// shared/eventsource say. It must not be copied once it has run.
//
// Where it stands is kept in memory, so that Run again goes on from there; batches may be cut differently then.
type Kinesis struct {
	API     KinesisAPI
	Stream  string               // its name
	Mapping eventsource.Settings // Source.StreamARN is what events say; it is not used to find the stream
	Invoke  Invoke
	Every   time.Duration // between two polls of a shard that has nothing more; 0: 1 s, as AWS. One that lies behind is polled each 200 ms, as AWS allows
	List    time.Duration // between two listings of the shards; 0: 5 s. When a shard ends they are listed at once
	// Discard takes what was given up, before it counts as done. With an error the run ends, and what it was about comes again. nil: it is logged.
	Discard func(context.Context, []eventsource.Discarded) error
	Log     *slog.Logger // nil: nothing is logged

	mu       sync.Mutex
	snapshot *eventsource.Snapshot
	counts   Counts
	running  bool
	drains   chan chan struct{}
}

// Counts say what a Kinesis has done so far, over all its runs.
type Counts struct {
	Polls       int // of shards
	Failures    int // requests to Kinesis that failed, and were made again
	Records     int // read; those read again after a restart count again
	Invocations int
	Errors      int // of those: errors of the function
	Partial     int // of those: partial responses
	Throttled   int // of those: not run
	Discarded   int // records given up
}

// Counts returns what was done so far.
func (k *Kinesis) Counts() Counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.counts
}

func (k *Kinesis) count(change func(*Counts)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.counts)
}

// Snapshot is where the mapping stands: what is done with is behind it. Before the first run: nothing is known.
func (k *Kinesis) Snapshot() eventsource.Snapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.snapshot == nil {
		return eventsource.Snapshot{}
	}
	return *k.snapshot
}

// Restore has the next run begin at a snapshot, also one of another Kinesis.
func (k *Kinesis) Restore(s eventsource.Snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.snapshot = &s
}

func (k *Kinesis) keep(s eventsource.Snapshot) { k.Restore(s) }

// Run reads the stream until ctx ends; then it waits for the invocations under way, and counts what they have done. Requests that fail are logged and
// made again.
//
// Errors: settings or a snapshot that are none; a Kinesis that runs already; that of Discard; a stream that breaks its own rules, such as records out
// of order.
func (k *Kinesis) Run(ctx context.Context) error {
	r, err := k.begin()
	if err != nil {
		return fmt.Errorf("read stream %s: %w", k.Stream, err)
	}
	defer k.end()
	if err := r.run(ctx); err != nil {
		return fmt.Errorf("read stream %s: %w", k.Stream, err)
	}
	return nil
}

func (k *Kinesis) begin() (*reading, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running {
		return nil, errors.New("it is being read by this Kinesis already, want another one for a second reader")
	}
	if k.Every < 0 || k.List < 0 {
		return nil, fmt.Errorf("field Every is %s and List %s, want no negative time", k.Every, k.List)
	}
	var mapping *eventsource.Mapping
	var err error
	if k.snapshot == nil {
		mapping, err = eventsource.New(k.Mapping)
	} else {
		mapping, err = eventsource.Restore(k.Mapping, *k.snapshot)
	}
	if err != nil {
		return nil, err
	}
	k.running = true
	k.Log = orSilent(k.Log)
	return &reading{
		Kinesis: k, mapping: mapping, every: cmp.Or(k.Every, time.Second), list: cmp.Or(k.List, 5*time.Second),
		shards: map[eventsource.ShardID]*shard{}, done: make(chan func() error), drains: k.requests(),
	}, nil
}

func (k *Kinesis) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running = false
}

// requests is where Drain asks. k.mu is held.
func (k *Kinesis) requests() chan chan struct{} {
	if k.drains == nil {
		k.drains = make(chan chan struct{})
	}
	return k.drains
}

// Drain returns when all that was put into the stream before the call has been delivered and is done with. It needs a Run.
func (k *Kinesis) Drain(ctx context.Context) error {
	k.mu.Lock()
	requests := k.requests()
	k.mu.Unlock()
	drained := make(chan struct{})
	select {
	case requests <- drained:
	case <-ctx.Done():
		return fmt.Errorf("drain stream %s: %w", k.Stream, ctx.Err())
	}
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain stream %s: %w", k.Stream, ctx.Err())
	}
}
