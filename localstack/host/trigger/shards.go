package trigger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/anabranch/anabranch/shared/eventsource"
)

// KinesisAPI is the part of *kinesis.Client that Kinesis needs.
type KinesisAPI interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	GetShardIterator(
		context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options),
	) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// shard is the state of polling a shard.
type shard struct {
	polling  bool                 // whether a poll runs
	due      time.Time            // when the next poll is due
	iterator string               // the iterator that continues at position; "" means that the next poll needs a new one
	position eventsource.Position // the position at the end of the last poll
	tip      time.Time            // when the last poll that reached the tip of the shard began
	gone     bool                 // whether Kinesis does not know the shard; it has expired if no listing has it, either
}

func (r *reading) shard(id eventsource.ShardID) *shard {
	s, ok := r.shards[id]
	if !ok {
		s = &shard{}
		r.shards[id] = s
	}
	return s
}

// startListing starts a listing of the shards if it is due. It returns when the next one is due.
func (r *reading) startListing(ctx context.Context, now time.Time) time.Time {
	if r.listing {
		return now.Add(r.list) // the end of the listing wakes the loop earlier
	}
	if r.listAt.After(now) {
		return r.listAt
	}
	r.listing = true
	r.listAt = now.Add(r.list)
	r.fly(func() func() error {
		list, err := r.listShards(ctx)
		return func() error { return r.tookListing(ctx, list, err, now) }
	})
	return r.listAt
}

// listShards lists all shards, page by page.
func (r *reading) listShards(ctx context.Context) ([]eventsource.Shard, error) {
	var list []eventsource.Shard
	in := &kinesis.ListShardsInput{StreamName: &r.Stream}
	for {
		out, err := r.API.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list shards: %w", err)
		}
		for _, s := range out.Shards {
			entry := eventsource.Shard{ID: eventsource.ShardID(aws.ToString(s.ShardId))}
			for _, parent := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
				if aws.ToString(parent) != "" {
					entry.Parents = append(entry.Parents, eventsource.ShardID(*parent))
				}
			}
			list = append(list, entry)
		}
		if aws.ToString(out.NextToken) == "" {
			return list, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken} // the API refuses a token together with a name
	}
}

func (r *reading) tookListing(ctx context.Context, list []eventsource.Shard, err error, begun time.Time) error {
	r.listing = false
	if err != nil {
		r.failed(ctx, err)
		r.listAt = time.Now().Add(r.every)
		return nil
	}
	if err := r.mapping.Shards(list); err != nil {
		return err
	}
	r.listed = begun
	for id, s := range r.shards {
		if !s.gone || s.polling {
			continue
		}
		s.gone = false // the loop polls the shard again if the listing has it
		if !slices.ContainsFunc(list, func(l eventsource.Shard) bool { return l.ID == id }) {
			r.Log.WarnContext(ctx, "shard has expired", "stream", r.Stream, "shard", id)
			if err := r.ended(id, nil); err != nil {
				return err
			}
		}
	}
	r.keep(r.mapping.Snapshot())
	return nil
}

// poll starts a request for the records of a shard.
func (r *reading) poll(ctx context.Context, s *shard, p eventsource.Poll) {
	s.polling = true
	begun := time.Now()
	iterator := s.iterator
	if s.position != p.From {
		iterator = ""
	}
	r.fly(func() func() error {
		out, err := r.records(ctx, p, iterator)
		return func() error { return r.tookRecords(ctx, s, p, out, err, begun) }
	})
}

func (r *reading) records(ctx context.Context, p eventsource.Poll, iterator string) (*kinesis.GetRecordsOutput, error) {
	if iterator == "" {
		in := &kinesis.GetShardIteratorInput{
			StreamName: &r.Stream, ShardId: aws.String(string(p.Shard)), ShardIteratorType: types.ShardIteratorType(p.From.From),
		}
		if p.From.Sequence != "" {
			in.StartingSequenceNumber = aws.String(string(p.From.Sequence))
		}
		out, err := r.API.GetShardIterator(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("iterator of shard %s from %s %s: %w", p.Shard, p.From.From, p.From.Sequence, err)
		}
		iterator = aws.ToString(out.ShardIterator)
	}
	out, err := r.API.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: &iterator, Limit: aws.Int32(int32(p.Limit))})
	if err != nil {
		return nil, fmt.Errorf("records of shard %s: %w", p.Shard, err)
	}
	return out, nil
}

func (r *reading) tookRecords(
	ctx context.Context, s *shard, p eventsource.Poll, out *kinesis.GetRecordsOutput, err error, begun time.Time,
) error {
	s.polling = false
	s.due = begun.Add(r.every)
	if err != nil {
		r.lost(ctx, s, err)
		return nil
	}
	records := convert(out.Records)
	r.count(func(c *Counts) {
		c.Polls++
		c.Records += len(records)
	})
	if out.NextShardIterator == nil {
		return r.ended(p.Shard, records)
	}
	if err := r.mapping.Read(p.Shard, records, false, time.Now()); err != nil {
		return err
	}
	s.iterator, s.position = *out.NextShardIterator, p.From
	if n := len(records); n > 0 {
		s.position = eventsource.Position{From: eventsource.AfterSequence, Sequence: records[n-1].Sequence}
	}
	if behind := aws.ToInt64(out.MillisBehindLatest) > 0; behind || len(records) == p.Limit {
		s.due = begun.Add(min(r.every, behindEvery))
	} else {
		s.tip = begun
	}
	return nil
}

// ended takes the last records of a shard. It makes a listing due at once, to find the children of the shard.
func (r *reading) ended(id eventsource.ShardID, records []eventsource.Record) error {
	if err := r.mapping.Read(id, records, true, time.Now()); err != nil {
		return err
	}
	r.closedAt = time.Now()
	r.listAt = time.Time{}
	r.keep(r.mapping.Snapshot())
	return nil
}

// lost handles a failed poll: the next one uses a new iterator.
func (r *reading) lost(ctx context.Context, s *shard, err error) {
	s.iterator = ""
	var expired *types.ExpiredIteratorException
	var unknown *types.ResourceNotFoundException
	switch {
	case errors.As(err, &expired):
		s.due = time.Time{}
	case errors.As(err, &unknown):
		s.gone = true
		r.listAt = time.Time{}
	}
	r.failed(ctx, err)
}

func (r *reading) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // this run has cancelled the request
	}
	r.count(func(c *Counts) { c.Failures++ })
	r.Log.WarnContext(ctx, "stream", "stream", r.Stream, "error", err)
}

func convert(records []types.Record) []eventsource.Record {
	converted := make([]eventsource.Record, len(records))
	for i, r := range records {
		converted[i] = eventsource.Record{
			PartitionKey: aws.ToString(r.PartitionKey), Sequence: eventsource.Sequence(aws.ToString(r.SequenceNumber)),
			Data: r.Data, Arrival: aws.ToTime(r.ApproximateArrivalTimestamp),
		}
	}
	return converted
}
