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

// Kinesis is the event source mapping of a stream. It reads the shards through Kinesis' API, and invokes the function
// by the rules of shared/eventsource. Do not copy it after its first run.
//
// It keeps its position in memory, so the next Run continues there. That Run may cut batches differently.
type Kinesis struct {
	API     KinesisAPI           // Reads the stream.
	Stream  string               // Name of the stream.
	Mapping eventsource.Settings // Settings of the mapping. Its Source.StreamARN appears only in events.
	Invoke  Invoke               // Runs the function.

	// Every is the time between two polls of a shard that has no more records. 0 means 1 s, as on AWS. Kinesis polls a
	// shard that has more every 200 ms, which is AWS's limit.
	Every time.Duration

	// List is the time between two listings of the shards. 0 means 5 s. When a shard ends, Kinesis lists the shards at
	// once.
	List time.Duration

	// Discard gets the records that the mapping gave up, before they count as done. If it fails, Run returns the error,
	// and the next Run delivers the records again. nil logs them.
	Discard func(context.Context, []eventsource.Discarded) error

	Log *slog.Logger // Gets errors. nil discards them.

	mu       sync.Mutex
	snapshot *eventsource.Snapshot
	counts   Counts
	running  bool
	drains   chan chan struct{}
}

// Counts counts the work of a Kinesis over all its runs.
type Counts struct {
	Polls       int // Polls of shards.
	Failures    int // Failed requests to Kinesis. Each was retried.
	Records     int // Records read. Records that are read again after a restart count again.
	Invocations int // Invocations of the function, failed and throttled ones included.
	Errors      int // Invocations that ended with an error of the function.
	Partial     int // Invocations with a partial response.
	Throttled   int // Invocations that were throttled, so the function did not run.
	Discarded   int // Records given up.
}

// Counts returns the counts so far.
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

// Snapshot returns the position of the mapping: all records before it are done. Before the first run it is the zero
// Snapshot.
func (k *Kinesis) Snapshot() eventsource.Snapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.snapshot == nil {
		return eventsource.Snapshot{}
	}
	return *k.snapshot
}

// Restore makes the next run begin at a snapshot. The snapshot may come from another Kinesis.
func (k *Kinesis) Restore(s eventsource.Snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.snapshot = &s
}

func (k *Kinesis) keep(s eventsource.Snapshot) { k.Restore(s) }

// Run reads the stream until ctx ends. It then waits for the running invocations, and keeps the position that they
// reach. It logs and retries failed requests.
//
// Errors: invalid settings or an invalid snapshot; this Kinesis runs already; the error of Discard; a stream that
// breaks its own rules, for example with records out of order. Only an error of Discard is worth a retry.
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
		return nil, errors.New("this Kinesis reads the stream already: use another one for a second reader")
	}
	if k.Every < 0 || k.List < 0 {
		return nil, fmt.Errorf("invalid Every %s or List %s: must not be negative", k.Every, k.List)
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

// requests returns the channel for the requests of Drain. The caller holds k.mu.
func (k *Kinesis) requests() chan chan struct{} {
	if k.drains == nil {
		k.drains = make(chan chan struct{})
	}
	return k.drains
}

// Drain returns when all records that were in the stream at the time of the call are done. It returns only while Run
// runs, or when ctx ends.
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
