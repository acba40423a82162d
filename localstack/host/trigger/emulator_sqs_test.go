//go:build emulator

package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/host/trigger"
	"github.com/anabranch/anabranch/shared/aws/awstest"
)

func TestMiniStackSQS(t *testing.T) {
	client, queue := awstest.Queue(t, awstest.Config(emulator.Start(t).Endpoint), "q")
	if _, err := client.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: &queue, Attributes: map[string]string{"VisibilityTimeout": "1"},
	}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	times := map[string]int{}
	done := make(chan string, 100)
	invoke := func(_ context.Context, payload []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		var e events.SQSEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		var response events.SQSEventResponse
		for _, m := range e.Records {
			times[m.Body]++
			switch {
			case m.Body == "bad" && times[m.Body] == 1:
				response.BatchItemFailures = append(
					response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId},
				)
			case m.Body == "worse" && times[m.Body] == 1:
				return nil, errors.New("crashed")
			}
		}
		for _, m := range e.Records {
			if times[m.Body] > 1 || m.Body == "good" {
				done <- m.Body
			}
		}
		return json.Marshal(response)
	}
	for _, body := range []string{"good", "bad", "worse"} {
		if _, err := client.SendMessage(
			t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body},
		); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	q := trigger.SQS{
		API: client, QueueURL: queue, BatchSize: 1, Wait: time.Second, ReportBatchItemFailures: true, Invoke: invoke,
	}
	go func() { ended <- q.Run(ctx) }()
	seen := map[string]int{}
	for range 3 {
		seen[receive(t, done)]++
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"good": 1, "bad": 1, "worse": 1}, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"good": 1, "bad": 2, "worse": 2}, times); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}
