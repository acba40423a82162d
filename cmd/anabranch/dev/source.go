package dev

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/anabranch/anabranch/shared/memory"
)

// source runs the event source mapping: it polls the stream in memory and invokes speed with the payloads of the
// mapping.
type source struct {
	stream  *memory.Stream
	mapping *eventsource.Mapping
	invoke  func(ctx context.Context, payload []byte) ([]byte, error)

	answers chan answer
	running int
}

type answer struct {
	id     eventsource.InvocationID
	result eventsource.Result
}

// The defaults of AWS, except for a short window: on a laptop people watch.
const (
	window    = 100 * time.Millisecond
	batchSize = 1000
	pollEvery = 50 * time.Millisecond
)

// memorySource is the source that the events name.
var memorySource = eventsource.Source{StreamARN: "arn:aws:kinesis:local:000000000000:stream/memory", Region: "local"}

func newSource(records *memory.Stream, invoke func(context.Context, []byte) ([]byte, error)) (*source, error) {
	settings := eventsource.Defaults()
	settings.Source = memorySource
	settings.StartingPosition = eventsource.TrimHorizon
	settings.BatchSize = batchSize
	settings.MaximumBatchingWindow = window
	settings.BisectBatchOnFunctionError = true
	settings.ReportBatchItemFailures = true
	mapping, err := eventsource.New(settings)
	if err != nil {
		return nil, err
	}
	return &source{stream: records, mapping: mapping, invoke: invoke, answers: make(chan answer)}, nil
}

// drain reads until speed has handled every record of the stream.
func (s *source) drain(ctx context.Context) error { return s.run(ctx, s.drained) }

func (s *source) drained() bool {
	for _, shard := range s.stream.Shards() {
		at, known := s.mapping.Checkpoint(eventsource.ShardID(shard.ID))
		if !known || at.From == eventsource.AtSequence {
			return false
		}
		left, _, err := s.stream.Read(shard.ID, at.Sequence, 1)
		if err != nil || len(left) > 0 {
			return false
		}
	}
	return s.running == 0
}

// run reads the stream until done returns true or ctx ends. Then it waits for the running invocations.
func (s *source) run(ctx context.Context, done func() bool) error {
	defer func() {
		for ; s.running > 0; s.running-- {
			<-s.answers
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := s.step(ctx); err != nil {
			return err
		}
		if done() {
			return nil
		}
		wait := pollEvery
		if at, ok := s.mapping.Wake(time.Now()); ok {
			wait = max(0, min(wait, time.Until(at)))
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case a := <-s.answers:
			s.running--
			if _, err := s.mapping.Finished(a.id, a.result, time.Now()); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
}

// step lists the shards, starts the invocations that are due, and answers every poll.
func (s *source) step(ctx context.Context) error {
	var list []eventsource.Shard
	for _, shard := range s.stream.Shards() {
		entry := eventsource.Shard{ID: eventsource.ShardID(shard.ID)}
		for _, parent := range shard.Parents {
			entry.Parents = append(entry.Parents, eventsource.ShardID(parent))
		}
		list = append(list, entry)
	}
	if err := s.mapping.Shards(list); err != nil {
		return err
	}
	for _, poll := range s.mapping.Polls() {
		if err := s.poll(poll); err != nil {
			return err
		}
	}
	// The mapping never gives up a batch: it has no limit on tries or age.
	started, _ := s.mapping.Invocations(time.Now())
	for _, invocation := range started {
		s.start(ctx, invocation)
	}
	for _, shard := range list {
		if at, ok := s.mapping.Checkpoint(shard.ID); ok && at.From == eventsource.AfterSequence {
			s.stream.Trim(string(shard.ID), at.Sequence)
		}
	}
	return nil
}

func (s *source) poll(p eventsource.Poll) error {
	// The mapping begins at the trim horizon, and then continues after the last record that it has read.
	found, ended, err := s.stream.Read(string(p.Shard), p.From.Sequence, p.Limit)
	if err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	records := make([]eventsource.Record, len(found))
	for i, r := range found {
		records[i] = eventsource.Record{PartitionKey: r.PartitionKey, Sequence: r.Sequence, Data: r.Data, Arrival: r.Arrival}
	}
	return s.mapping.Read(p.Shard, records, ended, time.Now())
}

// start invokes the function as Lambda does: each shard on its own.
func (s *source) start(ctx context.Context, invocation eventsource.Invocation) {
	s.running++
	// An invocation that has started runs to its end, even if the server stops.
	ctx = context.WithoutCancel(ctx)
	go func() {
		payload := eventsource.AppendEvent(nil, memorySource, invocation.Shard, invocation.Records)
		response, err := s.invoke(ctx, payload)
		s.answers <- answer{invocation.ID, eventsource.ParseResponse(response, err)}
	}()
}
