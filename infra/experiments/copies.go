package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/klauspost/compress/zstd"
)

// reader reads the stream and counts the lines of one source.
type reader struct {
	*Lab
	source string
	unpack *zstd.Decoder
	stamps map[string]bool
	lines  int64
}

// copies counts the lines of a source that the stream has received since a time. copies are those whose stamp is there
// already: somebody has put them into the stream again.
func (l *Lab) copies(ctx context.Context, source string, since time.Time) (lines, copies int64, err error) {
	r := &reader{Lab: l, source: source, stamps: map[string]bool{}}
	if r.unpack, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
		return 0, 0, err
	}
	defer r.unpack.Close()
	name := l.Outputs["StreamName"]
	for in := (&kinesis.ListShardsInput{StreamName: &name}); ; {
		listed, err := l.Kinesis.ListShards(ctx, in)
		if err != nil {
			return 0, 0, fmt.Errorf("list the shards of the stream: %w", err)
		}
		for _, shard := range listed.Shards {
			if err := r.readShard(ctx, name, aws.ToString(shard.ShardId), since); err != nil {
				return 0, 0, fmt.Errorf("read shard %s: %w", aws.ToString(shard.ShardId), err)
			}
		}
		if listed.NextToken == nil {
			return r.lines, r.lines - int64(len(r.stamps)), nil
		}
		in = &kinesis.ListShardsInput{NextToken: listed.NextToken}
	}
}

// pause keeps a reader below the limit of 5 reads a second and shard, which it shares with Lambda.
const pause = 400 * time.Millisecond

// readShard reads a shard to its end, which is where its records of now are.
func (r *reader) readShard(ctx context.Context, stream, shard string, since time.Time) error {
	at, err := r.Kinesis.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: &since,
	})
	if err != nil {
		return err
	}
	for iterator := at.ShardIterator; iterator != nil; {
		got, err := r.Kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			return err
		}
		for _, record := range got.Records {
			if err := r.take(record.Data); err != nil {
				return fmt.Errorf("record %s: %w", aws.ToString(record.SequenceNumber), err)
			}
		}
		if len(got.Records) == 0 && aws.ToInt64(got.MillisBehindLatest) == 0 {
			return nil
		}
		iterator = got.NextShardIterator
		if err := r.Wait(ctx, pause); err != nil {
			return err
		}
	}
	return nil
}

// take counts the lines of one record.
func (r *reader) take(data []byte) error {
	text, err := r.unpack.DecodeAll(data, nil)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		var e struct{ Source, Stamp string }
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if e.Source == r.source {
			r.lines++
			r.stamps[e.Stamp] = true
		}
	}
	return nil
}
