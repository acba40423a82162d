//go:build emulator

package kinesisstream_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/kinesisstream"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

func TestEmulator(t *testing.T) {
	name := awstest.Unique("events")
	client := awstest.Stream(t, awstest.Config(emulator.Start(t).Endpoint), name, 4)
	t.Run("conformance", func(t *testing.T) {
		conformance.Publisher(t, func(*testing.T) (stream.Publisher, func(*testing.T) []stream.Record) {
			return kinesisstream.New(client, name), func(t *testing.T) []stream.Record { return readAll(t, client, name) }
		})
	})
	t.Run("lanes spread evenly over the shards", func(t *testing.T) { lanesSpread(t, client, name) })
}

// lanesSpread publishes one record for each of 8 lanes. Each of the 4 shards must hold two neighbouring lanes.
func lanesSpread(t *testing.T, client *kinesis.Client, name string) {
	const layout, lanes = 7, 8
	var entries []stream.Entry
	for n := range lanes {
		entries = append(entries, stream.Entry{Lane: event.Lane{Layout: layout, Count: lanes, N: n}, Data: []byte{byte(n)}})
	}
	if failed, err := kinesisstream.New(client, name).Publish(t.Context(), entries); err != nil || len(failed) > 0 {
		t.Fatalf("publish: failed %v, error %v", failed, err)
	}
	for s, shard := range shards(t, client, name) {
		var got []int
		for _, r := range readShard(t, client, name, shard) {
			if lane, err := event.ParseLane(r.PartitionKey); err == nil && lane.Layout == layout && lane.Count == lanes {
				got = append(got, lane.N)
			}
		}
		if len(got) != 2 || got[0]/2 != s || got[1]/2 != s {
			t.Errorf("shard %d holds lanes %v, want %d and %d", s, got, 2*s, 2*s+1)
		}
	}
}

func shards(t *testing.T, client *kinesis.Client, name string) []types.Shard {
	t.Helper()
	out, err := client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &name})
	if err != nil {
		t.Fatalf("list shards: %v", err)
	}
	return out.Shards
}

func readAll(t *testing.T, client *kinesis.Client, name string) (all []stream.Record) {
	t.Helper()
	for _, shard := range shards(t, client, name) {
		all = append(all, readShard(t, client, name, shard)...)
	}
	return all
}

// readShard reads a shard from its beginning until now.
func readShard(t *testing.T, client *kinesis.Client, name string, shard types.Shard) (all []stream.Record) {
	t.Helper()
	begin, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: &name, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatalf("shard iterator: %v", err)
	}
	for iterator := begin.ShardIterator; iterator != nil; {
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			t.Fatalf("get records: %v", err)
		}
		for _, r := range out.Records {
			all = append(all, stream.Record{
				PartitionKey: aws.ToString(r.PartitionKey), Sequence: event.Sequence(aws.ToString(r.SequenceNumber)), Data: r.Data,
			})
		}
		if len(out.Records) == 0 && aws.ToInt64(out.MillisBehindLatest) == 0 {
			return all
		}
		iterator = out.NextShardIterator
	}
	return all
}
