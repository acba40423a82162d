package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/localstack/host/trigger"
)

// fakeSQS delivers its messages once.
type fakeSQS struct {
	mu       sync.Mutex
	messages []types.Message
	asked    []*sqs.ReceiveMessageInput
	deleted  []string // receipt handles
	refuse   string   // receipt handle of a message that cannot be deleted
	empty    chan struct{}
	once     sync.Once
	fail     error // error of the next receive
}

func newFakeSQS(bodies ...string) *fakeSQS {
	f := &fakeSQS{empty: make(chan struct{})}
	for i, body := range bodies {
		f.messages = append(f.messages, types.Message{
			MessageId:     aws.String(fmt.Sprintf("id-%d", i)),
			ReceiptHandle: aws.String(fmt.Sprintf("handle-%d", i)),
			Body:          &body,
			MD5OfBody:     aws.String("md5"),
			Attributes:    map[string]string{"ApproximateReceiveCount": "1"},
			MessageAttributes: map[string]types.MessageAttributeValue{
				"a": {StringValue: aws.String("v"), DataType: aws.String("String")},
			},
		})
	}
	return f
}

func (f *fakeSQS) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	f.mu.Lock()
	f.asked = append(f.asked, in)
	if err := f.fail; err != nil {
		f.fail = nil
		f.mu.Unlock()
		return nil, err
	}
	n := min(int(in.MaxNumberOfMessages), len(f.messages))
	out := &sqs.ReceiveMessageOutput{Messages: f.messages[:n:n]}
	f.messages = f.messages[n:]
	f.mu.Unlock()
	if n == 0 {
		f.once.Do(func() { close(f.empty) })
		<-ctx.Done() // a long poll
		return nil, ctx.Err()
	}
	return out, nil
}

func (f *fakeSQS) DeleteMessageBatch(
	_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &sqs.DeleteMessageBatchOutput{}
	for _, entry := range in.Entries {
		if *entry.ReceiptHandle == f.refuse {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: entry.Id, Message: aws.String("internal error")})
			continue
		}
		f.deleted = append(f.deleted, *entry.ReceiptHandle)
	}
	return out, nil
}

// runSQS reads a queue until it is empty, and returns the receipt handles that were deleted.
func runSQS(t *testing.T, f *fakeSQS, q trigger.SQS) []string {
	t.Helper()
	q.API, q.QueueURL, q.Concurrency = f, "http://queue", 1
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	<-f.empty
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	slices.Sort(f.deleted)
	return f.deleted
}

func TestSQSEvent(t *testing.T) {
	var got events.SQSEvent
	f := newFakeSQS("first", "second")
	runSQS(t, f, trigger.SQS{
		QueueARN: "arn:aws:sqs:eu-west-1:000000000000:q", Region: "eu-west-1", Wait: time.Second,
		Invoke: func(_ context.Context, payload []byte) ([]byte, error) { return nil, json.Unmarshal(payload, &got) },
	})
	want := events.SQSMessage{
		MessageId: "id-1", ReceiptHandle: "handle-1", Body: "second", Md5OfBody: "md5",
		Attributes: map[string]string{"ApproximateReceiveCount": "1"},
		MessageAttributes: map[string]events.SQSMessageAttribute{"a": {
			StringValue: aws.String("v"), StringListValues: []string{}, BinaryListValues: [][]byte{}, DataType: "String",
		}},
		EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:000000000000:q", AWSRegion: "eu-west-1",
	}
	if len(got.Records) != 2 {
		t.Fatalf("event %+v", got)
	}
	if diff := cmp.Diff(want, got.Records[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if in := f.asked[0]; in.MaxNumberOfMessages != 10 || in.WaitTimeSeconds != 1 || *in.QueueUrl != "http://queue" ||
		!slices.Equal(
			in.MessageSystemAttributeNames, []types.MessageSystemAttributeName{"All"},
		) || !slices.Equal(in.MessageAttributeNames, []string{"All"}) {
		t.Errorf("request %+v", in)
	}
}

func TestSQSResponses(t *testing.T) {
	all := []string{"handle-0", "handle-1", "handle-2"}
	for _, test := range []struct {
		name, response string
		err            error
		report         bool
		deleted        []string
	}{
		{"success", `{"batchItemFailures":[]}`, nil, true, all},
		{"null", `null`, nil, true, all},
		{"nothing", ``, nil, true, all},
		{"a null list", `{"batchItemFailures":null}`, nil, true, all},
		{"one failed", `{"batchItemFailures":[{"itemIdentifier":"id-1"}]}`, nil, true, []string{"handle-0", "handle-2"}},
		{
			"all failed",
			`{"batchItemFailures":[{"itemIdentifier":"id-1"},{"itemIdentifier":"id-0"},{"itemIdentifier":"id-2"}]}`,
			nil,
			true,
			nil,
		},
		{"failures that nobody asked for", `{"batchItemFailures":[{"itemIdentifier":"id-1"}]}`, nil, false, all},
		{"an unknown message", `{"batchItemFailures":[{"itemIdentifier":"id-7"}]}`, nil, true, nil},
		{"an empty name", `{"batchItemFailures":[{"itemIdentifier":""}]}`, nil, true, nil},
		{"a name spelt differently", `{"batchItemFailures":[{"itemId":"id-1"}]}`, nil, true, nil},
		{"no JSON", `done`, nil, true, nil},
		{"an error", ``, errors.New("crashed"), true, nil},
		{"an error that nobody looks for", ``, errors.New("crashed"), false, nil},
		{"throttled", ``, host.ErrThrottled, true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := runSQS(t, newFakeSQS("a", "b", "c"), trigger.SQS{
				ReportBatchItemFailures: test.report,
				Invoke:                  func(context.Context, []byte) ([]byte, error) { return []byte(test.response), test.err },
			})
			if diff := cmp.Diff(test.deleted, got); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSQSBatchesAndTrouble(t *testing.T) {
	var sizes []int
	f := newFakeSQS("a", "b", "c", "d", "e")
	f.fail = errors.New("internal error")
	f.refuse = "handle-4"
	got := runSQS(t, f, trigger.SQS{
		BatchSize: 2, Pause: time.Millisecond,
		Invoke: func(_ context.Context, payload []byte) ([]byte, error) {
			var e events.SQSEvent
			err := json.Unmarshal(payload, &e)
			sizes = append(sizes, len(e.Records))
			return nil, err
		},
	})
	if diff := cmp.Diff([]string{"handle-0", "handle-1", "handle-2", "handle-3"}, got); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	if !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("batches of %v, want 2, 2, 1", sizes)
	}
}

func TestSQSSettings(t *testing.T) {
	for _, test := range []struct {
		problem string
		q       trigger.SQS
	}{
		{"invalid BatchSize 11", trigger.SQS{BatchSize: 11}},
		{"invalid Wait 21s", trigger.SQS{Wait: 21 * time.Second}},
		{"invalid Wait 1.5s", trigger.SQS{Wait: 1500 * time.Millisecond}},
		{"invalid Concurrency -1", trigger.SQS{Concurrency: -1}},
	} {
		if err := test.q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), test.problem) {
			t.Errorf("error %v, want %q", err, test.problem)
		}
	}
}
