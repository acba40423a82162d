package trigger

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

// behindEvery is the wait between two polls of a shard that lies behind: five a second are allowed.
//
// Source: Kinesis API Reference, GetRecords.
const behindEvery = 200 * time.Millisecond

// reading is one run. Its loop owns all of it: requests and invocations run beside it, and hand back what is to be done with their results.
type reading struct {
	*Kinesis
	mapping *eventsource.Mapping
	every   time.Duration
	list    time.Duration

	shards   map[eventsource.ShardID]*shard
	listing  bool      // a listing is under way
	listAt   time.Time // when the next one is due
	listed   time.Time // when the last complete one was begun
	closedAt time.Time // when the last shard was seen to end: its children may not be in a listing begun before

	done    chan func() error
	flights int // that will hand back something
	drains  chan chan struct{}
	waiting []drain
}

// drain is somebody who waits for all that was in the stream at a time.
type drain struct {
	since   time.Time
	drained chan struct{}
}

func (r *reading) run(ctx context.Context) error {
	requests, cancel := context.WithCancel(ctx)
	err := r.loop(requests)
	cancel()
	// What has been invoked is finished, and its end is kept.
	for ; r.flights > 0; r.flights-- {
		if apply := <-r.done; err == nil {
			err = apply()
		}
	}
	return err
}

func (r *reading) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		next, err := r.step(ctx)
		if err != nil {
			return err
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case drained := <-r.drains:
			r.waiting = append(r.waiting, drain{time.Now(), drained})
			r.hurry()
		case apply := <-r.done:
			r.flights--
			if err := apply(); err != nil {
				return err
			}
			r.answerDrains()
		}
	}
	return nil
}

// fly does something beside the loop, and in the loop what it then returns.
func (r *reading) fly(do func() func() error) {
	r.flights++
	go func() { r.done <- do() }()
}

// step starts what is due, and says when it is to be called again at the latest.
func (r *reading) step(ctx context.Context) (next time.Time, err error) {
	now := time.Now()
	next = r.startListing(ctx, now)
	started, gaveUp := r.mapping.Invocations(now)
	for _, invocation := range started {
		r.invoke(ctx, invocation)
	}
	if err := r.discard(ctx, gaveUp); err != nil {
		return next, err
	}
	for _, poll := range r.mapping.Polls() {
		s := r.shard(poll.Shard)
		switch {
		case s.polling:
		case s.due.After(now):
			next = earlier(next, s.due)
		default:
			r.poll(ctx, s, poll)
		}
	}
	if at, ok := r.mapping.Wake(now); ok {
		next = earlier(next, at)
	}
	return next, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// invoke runs the function with one batch.
func (r *reading) invoke(ctx context.Context, invocation eventsource.Invocation) {
	ctx = context.WithoutCancel(ctx)
	r.fly(func() func() error {
		payload := eventsource.AppendEvent(nil, r.Mapping.Source, invocation.Shard, invocation.Records)
		response, err := r.Invoke(ctx, payload)
		result := eventsource.ParseResponse(response, err)
		if err != nil {
			r.Log.WarnContext(ctx, "invocation", "stream", r.Stream, "shard", invocation.Shard, "records", len(invocation.Records), "error", err)
		}
		return func() error { return r.finished(ctx, invocation.ID, result) }
	})
}

func (r *reading) finished(ctx context.Context, id eventsource.InvocationID, result eventsource.Result) error {
	r.count(func(c *Counts) {
		c.Invocations++
		switch {
		case result.Outcome == eventsource.Throttled:
			c.Throttled++
		case result.Outcome != eventsource.Returned:
			c.Errors++
		case len(result.Failures) > 0:
			c.Partial++
		}
	})
	gaveUp, err := r.mapping.Finished(id, result, time.Now())
	if err != nil {
		return err
	}
	if err := r.discard(ctx, gaveUp); err != nil {
		return err
	}
	r.keep(r.mapping.Snapshot())
	return nil
}

// discard hands over what was given up. Where the mapping stands is kept only afterwards: it counts that as done.
func (r *reading) discard(ctx context.Context, gaveUp []eventsource.Discarded) error {
	for _, d := range gaveUp {
		r.count(func(c *Counts) { c.Discarded += len(d.Records) })
	}
	switch {
	case len(gaveUp) == 0:
	case r.Discard != nil:
		if err := r.Discard(context.WithoutCancel(ctx), gaveUp); err != nil {
			return fmt.Errorf("hand over what was given up: %w", err)
		}
	default:
		for _, d := range gaveUp {
			r.Log.ErrorContext(ctx, "records given up", "stream", r.Stream, "shard", d.Shard, "condition", d.Condition, "records", len(d.Records),
				"from", d.Records[0].Sequence)
		}
	}
	return nil
}

// hurry makes all polls and the listing due.
func (r *reading) hurry() {
	r.listAt = time.Time{}
	for _, s := range r.shards {
		s.due = time.Time{}
	}
}

func (r *reading) answerDrains() {
	var waiting []drain
	for _, d := range r.waiting {
		if r.drained(d.since) {
			close(d.drained)
		} else {
			waiting = append(waiting, d)
		}
	}
	r.waiting = waiting
}

// drained: a listing, and in every shard a poll that found its end, were begun after that time, and all that was read is done with.
func (r *reading) drained(since time.Time) bool {
	if r.listed.Before(since) || r.listed.Before(r.closedAt) {
		return false
	}
	for _, s := range r.mapping.Snapshot().Shards {
		if !s.Drained && (s.Position.From == eventsource.AtSequence || r.shard(s.ID).tip.Before(since)) {
			return false
		}
	}
	return true
}
