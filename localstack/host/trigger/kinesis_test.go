package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/localstack/host/trigger"
	"github.com/anabranch/anabranch/shared/eventsource"
)

// function processes records, and fails as a test tells it to.
type function struct {
	mu sync.Mutex
	// by partition key: the data of its records in order, without failed and repeated deliveries
	delivered map[string][]string
	again     int // number of records that had been delivered before
	seen      map[string]bool
	fail      func(call int, e events.KinesisEvent) (response string, err error) // nil: every call succeeds
	calls     int
}

func newFunction() *function {
	return &function{delivered: map[string][]string{}, seen: map[string]bool{}}
}

func (f *function) invoke(_ context.Context, payload []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	var e events.KinesisEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	response := `{"batchItemFailures":[]}`
	if f.fail != nil {
		var err error
		if response, err = f.fail(f.calls, e); err != nil {
			return nil, err
		}
	}
	for _, r := range e.Records {
		if strings.Contains(response, `"`+r.Kinesis.SequenceNumber+`"`) {
			break // this record and those after it are delivered again
		}
		if f.seen[r.EventID] {
			f.again++
			continue
		}
		f.seen[r.EventID] = true
		f.delivered[r.Kinesis.PartitionKey] = append(f.delivered[r.Kinesis.PartitionKey], string(r.Kinesis.Data))
	}
	return []byte(response), nil
}

// failure returns a response that names a record.
func failure(r events.KinesisEventRecord) string {
	return fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":"%s"}]}`, r.Kinesis.SequenceNumber)
}

func reader(api trigger.KinesisAPI, invoke trigger.Invoke, change func(*eventsource.Settings)) *trigger.Kinesis {
	settings := eventsource.Defaults()
	settings.Source = eventsource.Source{
		StreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/events", Region: "us-east-1", RoleARN: "role",
	}
	settings.StartingPosition = eventsource.TrimHorizon
	settings.ReportBatchItemFailures = true
	if change != nil {
		change(&settings)
	}
	return &trigger.Kinesis{
		API: api, Stream: "events", Mapping: settings, Invoke: invoke, Every: time.Millisecond, List: 10 * time.Millisecond,
	}
}

// start runs a reader. stop ends it and returns its error.
func start(t testing.TB, k *trigger.Kinesis) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func drain(t testing.TB, k *trigger.Kinesis) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := k.Drain(ctx); err != nil {
		t.Fatalf("%v; %+v; at %+v", err, k.Counts(), k.Snapshot())
	}
}

// put adds n records with ten keys to a stream. It returns the records that must be delivered for each key.
func put(f *fakeKinesis, from, n int, wanted map[string][]string) map[string][]string {
	if wanted == nil {
		wanted = map[string][]string{}
	}
	for i := from; i < from+n; i++ {
		key, data := fmt.Sprintf("%d", i%10), fmt.Sprintf("record %d", i)
		f.put(key, data)
		wanted[key] = append(wanted[key], data)
	}
	return wanted
}

func TestKinesis(t *testing.T) {
	stream, f := newFakeKinesis(3), newFunction()
	wanted := put(stream, 0, 500, nil)
	k := reader(stream, f.invoke, func(s *eventsource.Settings) { s.BatchSize = 7 })
	stop := start(t, k)
	drain(t, k)
	put(stream, 500, 500, wanted)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := k.Counts(); f.again != 0 || got.Records != 1000 || got.Invocations != f.calls ||
		got.Errors+got.Failures+got.Partial+got.Throttled+got.Discarded != 0 {
		t.Errorf("%d delivered again, %+v", f.again, got)
	}
}

func TestTheEventIsThatOfLambda(t *testing.T) {
	stream := newFakeKinesis(1)
	stream.put("1", "data")
	var got events.KinesisEvent
	k := reader(
		stream, func(_ context.Context, payload []byte) ([]byte, error) { return nil, json.Unmarshal(payload, &got) }, nil,
	)
	stop := start(t, k)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(got.Records) != 1 {
		t.Fatalf("event %+v", got)
	}
	r := got.Records[0]
	if r.EventSourceArn != k.Mapping.Source.StreamARN || r.AwsRegion != "us-east-1" || r.InvokeIdentityArn != "role" ||
		r.EventID != "shardId-000000000000:"+r.Kinesis.SequenceNumber ||
		string(r.Kinesis.Data) != "data" || r.Kinesis.PartitionKey != "1" {
		t.Errorf("record %+v", r)
	}
}

// TestKinesisFailures checks that partial responses, errors, throttling and failed requests cost only time.
func TestKinesisFailures(t *testing.T) {
	stream, f := newFakeKinesis(2), newFunction()
	stream.page = 20
	requests := 0
	stream.fail = func(string) error {
		if requests++; requests%3 == 0 {
			return errors.New("ProvisionedThroughputExceededException")
		}
		if requests%40 == 0 {
			stream.expired = stream.given
		}
		return nil
	}
	f.fail = func(call int, e events.KinesisEvent) (string, error) {
		switch {
		case call%5 == 1:
			return failure(e.Records[len(e.Records)/2]), nil
		case call%5 == 2:
			return "", errors.New("crashed")
		case call%5 == 3:
			return "", host.ErrThrottled
		}
		return "null", nil
	}
	wanted := put(stream, 0, 300, nil)
	k := reader(stream, f.invoke, func(s *eventsource.Settings) { s.BatchSize = 25 })
	stop := start(t, k)
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := k.Counts(); got.Failures == 0 || got.Errors == 0 ||
		got.Partial == 0 || got.Throttled == 0 || got.Discarded != 0 || f.again != 0 {
		t.Errorf("%d delivered again, %+v; want some of everything but discarded", f.again, got)
	}
}

// TestReshardUnderLoad splits and merges shards under load. No record may be lost or delivered twice, and the records
// of each key must come in order.
func TestReshardUnderLoad(t *testing.T) {
	stream, f := newFakeKinesis(2), newFunction()
	stream.pageSize = 2
	k := reader(stream, f.invoke, func(s *eventsource.Settings) { s.BatchSize, s.ParallelizationFactor = 5, 3 })
	stop := start(t, k)
	wanted := put(stream, 0, 200, nil)
	for i, reshard := range []func(){
		func() { stream.split(0) },    // 2, 3
		func() { stream.split(1) },    // 4, 5
		func() { stream.merge(3, 4) }, // 6
		func() { stream.split(6) },    // 7, 8
		func() { stream.merge(2, 7) }, // 9
		func() { stream.merge(8, 5) }, // 10
	} {
		reshard()
		put(stream, 200+200*i, 200, wanted)
	}
	drain(t, k)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, f.delivered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(stream.polls) != 11 || f.again != 0 {
		t.Errorf("%d shards were read, %d records came twice; want 11 and 0", len(stream.polls), f.again)
	}
}
