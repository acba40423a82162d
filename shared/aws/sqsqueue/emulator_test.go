//go:build emulator

package sqsqueue_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/sqsqueue"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/stream"
)

func TestConformance(t *testing.T) {
	client, url := awstest.Queue(t, awstest.Config(emulator.Start(t).Endpoint), awstest.Unique("republish"))
	conformance.Queue(t, func(*testing.T) (stream.Queue, func(*testing.T) []stream.Republish) {
		return sqsqueue.New(client, url), func(t *testing.T) []stream.Republish { return takeAll(t, client, url) }
	})
}

// takeAll receives and deletes all messages of the queue.
func takeAll(t *testing.T, client *sqs.Client, url string) (all []stream.Republish) {
	t.Helper()
	for {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		for _, message := range out.Messages {
			var request stream.Republish
			if err := json.Unmarshal([]byte(aws.ToString(message.Body)), &request); err != nil {
				t.Fatalf("message %q: %v", aws.ToString(message.Body), err)
			}
			all = append(all, request)
			if _, err := client.DeleteMessage(t.Context(),
				&sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: message.ReceiptHandle}); err != nil {
				t.Fatalf("delete: %v", err)
			}
		}
	}
}
