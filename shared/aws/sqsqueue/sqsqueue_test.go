package sqsqueue_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/sqsqueue"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

const queueURL = "http://aws.test/000000000000/republish"

func open(t *testing.T, answers ...awstest.Answer) (*awstest.Wire, *sqsqueue.Queue) {
	t.Helper()
	wire, cfg := awstest.NewWire(t, answers...)
	return wire, sqsqueue.New(sqs.NewFromConfig(cfg), queueURL)
}

var sent = awstest.JSON(`{"MessageId":"1"}`)

// The message of request must stay readable for functions/republish for as long as messages live.
var request = stream.Republish{Object: "events/dt=2026-11-22/slot=211500/01JD8Z6B1QZ0W6V3T5YJ9K4M2N.ndjson.zst",
	Lanes: []string{"1.4.0", "1.4.3"}}

const message = `{"object":"events/dt=2026-11-22/slot=211500/01JD8Z6B1QZ0W6V3T5YJ9K4M2N.ndjson.zst","lanes":["1.4.0","1.4.3"]}`

func TestEnqueueSendsOneMessage(t *testing.T) {
	wire, q := open(t, sent)
	if err := q.Enqueue(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	r := wire.Requests()[0]
	if diff := cmp.Diff(map[string]any{"QueueUrl": queueURL, "MessageBody": message}, r.JSON(t)); diff != "" ||
		r.Operation() != "SendMessage" {
		t.Errorf("%s (-want +got):\n%s", r.Operation(), diff)
	}
}

func TestEnqueueTriesAgain(t *testing.T) {
	for name, first := range map[string]awstest.Answer{"lost": {}, "503": {Status: 503},
		"throttled": awstest.Failure("ThrottlingException")} {
		t.Run(name, func(t *testing.T) {
			wire, q := open(t, first, sent)
			if err := q.Enqueue(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			for _, r := range wire.Requests() {
				if body := r.JSON(t)["MessageBody"]; body != message {
					t.Errorf("message %v", body)
				}
			}
		})
	}
}

func TestEnqueueFails(t *testing.T) {
	for name, answers := range map[string][]awstest.Answer{
		"no such queue": {awstest.Failure("QueueDoesNotExist")}, "lost": {{}, {}, {}},
		"503": {{Status: 503}, {Status: 503}, {Status: 503}},
	} {
		t.Run(name, func(t *testing.T) {
			_, q := open(t, answers...)
			if err := q.Enqueue(t.Context(), request); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestARequestForEveryLaneFitsAMessage(t *testing.T) {
	every := stream.Republish{Object: request.Object}
	for n := range event.MaxLanes {
		every.Lanes = append(every.Lanes, event.Lane{Layout: 1000, Count: event.MaxLanes, N: n}.String())
	}
	text, err := json.Marshal(every)
	if err != nil || len(text) > 256<<10 {
		t.Errorf("%d bytes, error %v", len(text), err)
	}
}

// TestWaiting checks that Waiting counts messages that can be received, that are being worked on, and that are delayed.
func TestWaiting(t *testing.T) {
	wire, q := open(t, awstest.JSON(`{"Attributes":{"ApproximateNumberOfMessages":"3","ApproximateNumberOfMessagesNotVisible":"4",`+
		`"ApproximateNumberOfMessagesDelayed":"5"}}`), awstest.JSON(`{"Attributes":{"ApproximateNumberOfMessages":"3"}}`),
		awstest.Failure("QueueDoesNotExist"))
	if n, err := q.Waiting(t.Context()); n != 12 || err != nil {
		t.Errorf("%d wait, error %v; want 12", n, err)
	}
	if operation := wire.Requests()[0].Operation(); operation != "GetQueueAttributes" {
		t.Errorf("asked by %s", operation)
	}
	for _, answer := range []string{"without two of the three", "a failure"} {
		if n, err := q.Waiting(t.Context()); err == nil {
			t.Errorf("%s: %d wait, want an error", answer, n)
		}
	}
}
