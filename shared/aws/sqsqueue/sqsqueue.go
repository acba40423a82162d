// Package sqsqueue keeps republish requests in an SQS queue. It implements the Queue of shared/stream, and has no
// policy. Lambda reads the queue and calls functions/republish. The queue's redrive policy decides how often a request
// is tried and where it goes then.
package sqsqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/anabranch/anabranch/shared/stream"
)

// Queue is an SQS queue, standard not FIFO.
type Queue struct {
	client *sqs.Client
	url    string
}

var _ stream.Queue = (*Queue)(nil)

// New returns the queue with a URL. The queue must exist. New makes no request.
func New(client *sqs.Client, url string) *Queue { return &Queue{client: client, url: url} }

// Enqueue implements stream.Queue. A message is the request as JSON. A request for all 4,096 lanes that a layout may
// have takes 60 KB; SQS accepts 256 KB.
func (q *Queue) Enqueue(ctx context.Context, request stream.Republish) error {
	text, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", request.Object, err)
	}
	if _, err := q.client.SendMessage(ctx,
		&sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String(string(text))}); err != nil {
		return fmt.Errorf("enqueue %s: %w", request.Object, err)
	}
	return nil
}

// counted are the attributes that make up what waits. Each is approximate: SQS tells it some seconds late.
//
// Source: Amazon SQS API Reference, GetQueueAttributes.
var counted = []types.QueueAttributeName{
	types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

// Waiting implements stream.Queue.
func (q *Queue) Waiting(ctx context.Context) (int, error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: counted})
	if err != nil {
		return 0, fmt.Errorf("read how many requests wait: %w", err)
	}
	sum := 0
	for _, name := range counted {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("read how many requests wait: attribute %s is %q, want a number", name,
				out.Attributes[string(name)])
		}
		sum += n
	}
	return sum, nil
}
