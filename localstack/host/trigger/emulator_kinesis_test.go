//go:build emulator

package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/localstack/host/kinesislocal"
	"github.com/anabranch/anabranch/localstack/host/trigger"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/eventsource"
)

// keys is the number of partition keys of the tests. Each has its own place among the hash keys.
const keys = 8

func hashKey(key int) *string {
	n := new(big.Int).Lsh(big.NewInt(1), 128)
	return aws.String(n.Mul(n, big.NewInt(int64(key))).Div(n, big.NewInt(keys)).String())
}

// batch is the number of records in one request of the load.
const batch = 100

// load puts records until it is stopped, in order for each key.
type load struct {
	client *kinesis.Client
	wanted map[string][]string
	stop   chan struct{}
	ended  sync.WaitGroup
	err    error
}

func startLoad(t *testing.T, client *kinesis.Client, atMost int) *load {
	l := &load{client: client, wanted: map[string][]string{}, stop: make(chan struct{})}
	l.ended.Go(func() {
		for n := 0; n < atMost; n += batch {
			select {
			case <-l.stop:
				return
			default:
			}
			if l.err = l.put(t.Context(), n, batch); l.err != nil {
				return
			}
		}
	})
	return l
}

// put puts records, and repeats each request until all of its records are stored.
func (l *load) put(ctx context.Context, from, n int) error {
	var entries []types.PutRecordsRequestEntry
	for i := from; i < from+n; i++ {
		key, data := fmt.Sprint(i%keys), fmt.Sprintf("record %d", i)
		entries = append(
			entries, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(data), ExplicitHashKey: hashKey(i % keys)},
		)
		l.wanted[key] = append(l.wanted[key], data)
	}
	out, err := l.client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("events"), Records: entries})
	if err == nil && aws.ToInt32(out.FailedRecordCount) > 0 {
		err = fmt.Errorf("%d records failed", *out.FailedRecordCount)
	}
	return err
}

// end waits until the load has ended, and returns the records that must be delivered.
func (l *load) end(t *testing.T) map[string][]string {
	t.Helper()
	l.ended.Wait()
	if l.err != nil {
		t.Fatalf("put records: %v", l.err)
	}
	return l.wanted
}

// throughHost makes the bootstrap pass every event on to f, so that a real process is in between.
func throughHost(t *testing.T, f *function) (*host.Host, trigger.Invoke) {
	t.Helper()
	url := handle(t, f.invoke)
	h := newHost(t, host.Function{Env: map[string]string{"POST": url, "RETURN": "posted"}})
	return h, trigger.Function(h, "f")
}

// TestMiniStackKinesis also kills a process in the middle of a batch. The records that it had processed are delivered
// again, and no others.
func TestMiniStackKinesis(t *testing.T) {
	client := awstest.Stream(t, awstest.Config(emulator.Start(t).Endpoint), "events", 4)
	f := newFunction()
	h, invoke := throughHost(t, f)
	h.Break(func(c host.Call) host.Fault {
		switch c.N {
		case 3:
			return host.Fault{Stop: host.KillRunning}
		case 5:
			return host.Fault{ColdStart: true}
		}
		return host.Fault{}
	})
	l := startLoad(t, client, 4000)
	k := reader(client, invoke, func(s *eventsource.Settings) { s.BatchSize = 100 })
	k.Every = 20 * time.Millisecond
	stop := start(t, k)
	wanted := l.end(t)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f.again > 100 {
		t.Errorf("%d records came twice, want at most those of one batch", f.again)
	}
	t.Logf("%+v; %+v", k.Counts(), h.Stats("f"))
}

// TestKinesisLocalReshard splits and merges shards under load, and restarts the reader in between. No record may be
// lost or delivered twice, and the records of each key must come in order.
func TestKinesisLocalReshard(t *testing.T) {
	cfg := awstest.Config(kinesislocal.Start(t).Endpoint)
	client := awstest.Stream(t, cfg, "events", 2)
	f := newFunction()
	h, invoke := throughHost(t, f)
	k := reader(client, invoke, func(s *eventsource.Settings) { s.BatchSize = 50 })
	k.Every = 20 * time.Millisecond
	stop := start(t, k)
	l := startLoad(t, client, 1<<30)
	split(t, client, 0)
	split(t, client, 0)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	merge(t, client, 0)
	stop = start(t, k)
	split(t, client, 1)
	merge(t, client, 1)
	close(l.stop)
	wanted := l.end(t)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f.again != 0 {
		t.Errorf("%d records came twice", f.again)
	}
	shards := k.Snapshot().Shards
	if len(shards) != 10 {
		t.Errorf("%d shards were met, want 2, and 2 for each split, and 1 for each merge", len(shards))
	}
	t.Logf("%+v; %+v", k.Counts(), h.Stats("f"))
}

// open returns the open shards in the order of their hash keys.
func open(t *testing.T, client *kinesis.Client) []types.Shard {
	t.Helper()
	out, err := client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("events")})
	if err != nil {
		t.Fatal(err)
	}
	var list []types.Shard
	for _, s := range out.Shards {
		if s.SequenceNumberRange.EndingSequenceNumber == nil {
			list = append(list, s)
		}
	}
	for i := range list {
		for j := i; j > 0 && begin(t, list[j]).Cmp(begin(t, list[j-1])) < 0; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list
}

func begin(t *testing.T, s types.Shard) *big.Int {
	n, ok := new(big.Int).SetString(*s.HashKeyRange.StartingHashKey, 10)
	if !ok {
		t.Fatalf("hash key %q", *s.HashKeyRange.StartingHashKey)
	}
	return n
}

func split(t *testing.T, client *kinesis.Client, at int) {
	t.Helper()
	s := open(t, client)[at]
	end, _ := new(big.Int).SetString(*s.HashKeyRange.EndingHashKey, 10)
	middle := end.Add(end, begin(t, s)).Rsh(end, 1)
	reshard(t, client, func() error {
		_, err := client.SplitShard(t.Context(), &kinesis.SplitShardInput{
			StreamName: aws.String("events"), ShardToSplit: s.ShardId, NewStartingHashKey: aws.String(middle.String()),
		})
		return err
	})
}

func merge(t *testing.T, client *kinesis.Client, at int) {
	t.Helper()
	list := open(t, client)
	reshard(t, client, func() error {
		_, err := client.MergeShards(t.Context(), &kinesis.MergeShardsInput{
			StreamName: aws.String("events"), ShardToMerge: list[at].ShardId, AdjacentShardToMerge: list[at+1].ShardId,
		})
		return err
	})
}

// reshard changes the stream and waits until the change is done.
func reshard(t *testing.T, client *kinesis.Client, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Fatal(err)
	}
	waiter := kinesis.NewStreamExistsWaiter(
		client, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 20 * time.Millisecond },
	)
	if err := waiter.Wait(
		t.Context(), &kinesis.DescribeStreamInput{StreamName: aws.String("events")}, time.Minute,
	); err != nil {
		t.Fatal(errors.Join(errors.New("wait for the stream"), err))
	}
}
