package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/eventsource"
)

// TestRestart checks that records which were processed before a restart are not delivered again, and that all others
// are.
func TestRestart(t *testing.T) {
	stream, f := newFakeKinesis(2), newFunction()
	wanted := put(stream, 0, 100, nil)
	k := reader(stream, f.invoke, func(s *eventsource.Settings) { s.BatchSize = 3 })
	blocked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.fail = func(call int, e events.KinesisEvent) (string, error) {
		if call < 10 {
			return "null", nil
		}
		once.Do(func() { close(blocked) })
		<-release
		return "", errors.New("crashed")
	}
	stop := start(t, k)
	<-blocked
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	close(release)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if k.Snapshot().Shards == nil {
		t.Fatal("no snapshot was kept")
	}
	f.fail = nil
	put(stream, 100, 100, wanted)
	second := reader(stream, f.invoke, func(s *eventsource.Settings) { s.BatchSize = 50 })
	second.Restore(k.Snapshot())
	stop = start(t, second)
	drain(t, second)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" || f.again != 0 {
		t.Errorf("%d came twice (-want +got):\n%s", f.again, diff)
	}
}

// TestTwoReaders checks that each of two readers delivers everything.
func TestTwoReaders(t *testing.T) {
	stream, f := newFakeKinesis(1), newFunction()
	put(stream, 0, 50, nil)
	one, two := reader(stream, f.invoke, nil), reader(stream, f.invoke, nil)
	stopOne, stopTwo := start(t, one), start(t, two)
	drain(t, one)
	drain(t, two)
	if err := errors.Join(stopOne(), stopTwo()); err != nil {
		t.Fatal(err)
	}
	if f.again != 50 {
		t.Errorf("%d records came twice, want 50", f.again)
	}
}

func TestDiscard(t *testing.T) {
	stream, f := newFakeKinesis(1), newFunction()
	wanted := put(stream, 0, 10, nil)
	f.fail = func(_ int, e events.KinesisEvent) (string, error) {
		for _, r := range e.Records {
			if string(r.Kinesis.Data) == "record 4" {
				return failure(r), nil
			}
		}
		return "null", nil
	}
	k := reader(stream, f.invoke, func(s *eventsource.Settings) { s.MaximumRetryAttempts = 1 })
	var discarded []eventsource.Discarded
	k.Discard = func(_ context.Context, d []eventsource.Discarded) error {
		discarded = append(discarded, d...)
		return nil
	}
	stop := start(t, k)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	// The batch was cut at record 4, so this record and those after it are given up.
	if len(discarded) != 1 || discarded[0].Condition != eventsource.RetryAttemptsExhausted ||
		len(discarded[0].Records) != 6 ||
		string(discarded[0].Records[0].Data) != "record 4" || k.Counts().Discarded != 6 {
		t.Errorf("discarded %+v, %+v", discarded, k.Counts())
	}
	for i := 4; i < 10; i++ {
		delete(wanted, fmt.Sprint(i))
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDiscardFails checks that records that could not be handed over are delivered again.
func TestDiscardFails(t *testing.T) {
	stream, f := newFakeKinesis(1), newFunction()
	wanted := put(stream, 0, 10, nil)
	f.fail = func(int, events.KinesisEvent) (string, error) { return "", errors.New("crashed") }
	k := reader(stream, f.invoke, func(s *eventsource.Settings) { s.MaximumRetryAttempts = 0 })
	broken := errors.New("no bucket")
	k.Discard = func(context.Context, []eventsource.Discarded) error { return broken }
	if err := k.Run(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("run ended with %v, want that of Discard", err)
	}
	f.fail = nil
	stop := start(t, k)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestExpiredShard checks that a shard that no longer exists does not stop the others.
func TestExpiredShard(t *testing.T) {
	stream, f := newFakeKinesis(1), newFunction()
	put(stream, 0, 10, nil)
	k := reader(stream, f.invoke, nil)
	stop := start(t, k)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	stream.split(0)
	put(stream, 10, 10, nil)
	stream.forget() // before its end was read
	stop = start(t, k)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, records := range f.delivered {
		all = append(all, records...)
	}
	if len(all) != 20 || f.again != 0 {
		slices.Sort(all)
		t.Errorf("%d records, %d twice: %v", len(all), f.again, all)
	}
}

func TestLatest(t *testing.T) {
	stream, f := newFakeKinesis(1), newFunction()
	put(stream, 0, 10, nil)
	k := reader(stream, f.invoke, func(s *eventsource.Settings) { s.StartingPosition = eventsource.Latest })
	stop := start(t, k)
	drain(t, k)
	wanted := put(stream, 10, 10, nil)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKinesisErrors(t *testing.T) {
	stream, f := newFakeKinesis(1), newFunction()
	if err := reader(stream, f.invoke, func(s *eventsource.Settings) { s.BatchSize = 0 }).Run(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "BatchSize") {
		t.Errorf("without a batch size: %v", err)
	}
	k := reader(stream, f.invoke, nil)
	k.Every = -1
	if err := k.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Every") {
		t.Errorf("with a negative time: %v", err)
	}
	k.Every = time.Millisecond
	stop := start(t, k)
	drain(t, k)
	if err := k.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("run twice: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Drain(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("drain without a run: %v", err)
	}
}
