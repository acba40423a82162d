// Package sqsqueue keeps republish requests in an SQS queue: the Queue of shared/stream, and no policy. Lambda reads the queue and calls
// functions/republish; how often a request is tried, and where it goes then, is the queue's redrive policy.
package sqsqueue

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/anabranch/anabranch/shared/stream"
)

// Queue is an SQS queue, standard not FIFO.
type Queue struct {
	client *sqs.Client
	url    string
}

var _ stream.Queue = (*Queue)(nil)

// New uses the queue with the URL, which must exist. It makes no request.
func New(client *sqs.Client, url string) *Queue { return &Queue{client: client, url: url} }

// Enqueue implements stream.Queue: a message is the request as JSON. One of all 4,096 lanes that a layout may have is 60 KB; SQS takes 256 KB.
func (q *Queue) Enqueue(ctx context.Context, request stream.Republish) error {
	text, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", request.Object, err)
	}
	if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String(string(text))}); err != nil {
		return fmt.Errorf("enqueue %s: %w", request.Object, err)
	}
	return nil
}
