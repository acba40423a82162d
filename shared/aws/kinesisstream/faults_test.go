//go:build emulator

package kinesisstream_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
	"github.com/anabranch/anabranch/localstack/wire/wiretest"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/kinesisstream"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// faults is a stream behind a wire that injects faults.
type faults struct {
	cfg    aws.Config
	name   string
	opened int
	reader *reader
}

func TestFaults(t *testing.T) {
	f := &faults{cfg: awstest.Config(emulator.Start(t).Endpoint), name: "faults"}
	f.reader = &reader{awstest.Stream(t, f.cfg, f.name, 1), f.name, nil, map[string]int{}}
	transport := wire.New(http.DefaultTransport, 1)
	f.cfg.HTTPClient = transport
	wiretest.Run(t, transport, []wiretest.Site{
		{Name: "publish", Prepare: func(*testing.T) wiretest.Try { return f.publish(5) }},
		{Name: "publish in two requests", Prepare: func(*testing.T) wiretest.Try { return f.publish(501) }},
	})
}

// publish puts n records. On nil, the stream holds exactly the records that were not returned as failed. A record may
// be there twice only if an answer was lost.
func (f *faults) publish(n int) wiretest.Try {
	f.opened++
	s := kinesisstream.New(kinesis.NewFromConfig(f.cfg), f.name)
	entries := make([]stream.Entry, n)
	for i := range entries {
		entries[i] = stream.Entry{Lane: event.Lane{Layout: 1, Count: 4, N: i % 4},
			Data: fmt.Appendf(nil, "%d/%d", f.opened, i)}
	}
	var failed []int
	return wiretest.Try{
		Do: func(ctx context.Context) (err error) {
			failed, err = s.Publish(ctx, entries)
			return err
		},
		Check: func(t *testing.T, err error) {
			if err != nil {
				if len(failed) > 0 {
					t.Errorf("entries %v are returned as failed beside error %v", failed, err)
				}
				failed, err = s.Publish(t.Context(), entries) // a retry is harmless, and must succeed now
				if len(failed) > 0 || err != nil {
					t.Errorf("publish again: failed %v, error %v", failed, err)
				}
			}
			got := f.reader.read(t)
			for i, e := range entries {
				if put, named := got[string(e.Data)], slices.Contains(failed, i); named != (put == 0) {
					t.Errorf("entry %d is in the stream %d times; returned as failed: %t", i, put, named)
				}
			}
		},
	}
}

// reader reads the stream past the wire, and continues where it stopped.
type reader struct {
	client   *kinesis.Client
	name     string
	iterator *string
	got      map[string]int // how often each record's data was read
}

func (r *reader) read(t *testing.T) map[string]int {
	t.Helper()
	if r.iterator == nil {
		out, err := r.client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: &r.name, ShardId: shards(t, r.client, r.name)[0].ShardId, ShardIteratorType: "TRIM_HORIZON",
		})
		if err != nil {
			t.Fatalf("shard iterator: %v", err)
		}
		r.iterator = out.ShardIterator
	}
	for {
		out, err := r.client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: r.iterator})
		if err != nil {
			t.Fatalf("get records: %v", err)
		}
		r.iterator = out.NextShardIterator
		for _, record := range out.Records {
			r.got[string(record.Data)]++
		}
		if len(out.Records) == 0 && aws.ToInt64(out.MillisBehindLatest) == 0 {
			return r.got
		}
	}
}
