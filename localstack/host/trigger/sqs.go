package trigger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/anabranch/anabranch/shared/eventsource"
)

// SQSAPI is what SQS needs of *sqs.Client.
type SQSAPI interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

// SQS is the event source mapping of a standard queue. Messages that are done are deleted. The others are left to become visible again, when the
// queue's time for that is over, or to go to its dead-letter queue.
//
// Source: AWS Lambda Developer Guide, with-sqs, services-sqs-errorhandling.
type SQS struct {
	API                     SQSAPI
	QueueURL                string
	QueueARN                string        // "arn:aws:sqs:us-east-1:123456789012:republish": eventSourceARN
	Region                  string        // "us-east-1": awsRegion
	BatchSize               int           // messages of one event, 1 to 10; 0: 10, as AWS's
	Wait                    time.Duration // of one request for messages when there are none, whole seconds, at most 20 s; 0: 20 s
	Pause                   time.Duration // after a request that failed; 0: 1 s
	Concurrency             int           // batches at once; 0: 2, the fewest that AWS allows
	ReportBatchItemFailures bool          // look at responses; without it whatever a function returns is success
	Invoke                  Invoke
	Log                     *slog.Logger // nil: nothing is logged
}

const (
	maxMessages = 10
	maxWait     = 20 * time.Second
)

func (q *SQS) validate() error {
	if q.BatchSize < 1 || q.BatchSize > maxMessages {
		return fmt.Errorf("setting BatchSize is %d, want 1 to %d", q.BatchSize, maxMessages)
	}
	if q.Wait < 0 || q.Wait > maxWait || q.Wait%time.Second != 0 {
		return fmt.Errorf("field Wait is %s, want whole seconds up to %s", q.Wait, maxWait)
	}
	if q.Concurrency < 1 {
		return fmt.Errorf("field Concurrency is %d, want at least 1", q.Concurrency)
	}
	return nil
}

// Run reads the queue until ctx ends, and returns when the invocations under way have ended and what they are done with is deleted. Requests that
// fail are logged and made again.
//
// Errors: settings that are none.
func (q *SQS) Run(ctx context.Context) error {
	with := *q
	with.Log = orSilent(q.Log)
	with.BatchSize, with.Wait = cmp.Or(q.BatchSize, maxMessages), cmp.Or(q.Wait, maxWait)
	with.Concurrency, with.Pause = cmp.Or(q.Concurrency, 2), cmp.Or(q.Pause, time.Second)
	if err := with.validate(); err != nil {
		return fmt.Errorf("read queue %s: %w", q.QueueURL, err)
	}
	var pollers sync.WaitGroup
	for range with.Concurrency {
		pollers.Go(func() { with.poll(ctx) })
	}
	pollers.Wait()
	return nil
}

func (q *SQS) poll(ctx context.Context) {
	for ctx.Err() == nil {
		if err := q.once(ctx); err != nil && ctx.Err() == nil {
			q.Log.WarnContext(ctx, "queue", "queue", q.QueueURL, "error", err)
			select {
			case <-time.After(q.Pause):
			case <-ctx.Done():
			}
		}
	}
}

// once receives a batch, invokes the function with it, and deletes what is done.
func (q *SQS) once(ctx context.Context) error {
	out, err := q.API.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.QueueURL, MaxNumberOfMessages: int32(q.BatchSize), WaitTimeSeconds: int32(q.Wait / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		return fmt.Errorf("receive messages: %w", err)
	}
	if len(out.Messages) == 0 {
		return nil
	}
	payload, err := json.Marshal(q.event(out.Messages))
	if err != nil {
		return fmt.Errorf("encode messages: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // what has begun is finished
	response, err := q.Invoke(ctx, payload)
	done := q.done(out.Messages, eventsource.ParseResponse(response, err))
	if left := len(out.Messages) - len(done); left > 0 {
		q.Log.InfoContext(ctx, "messages left in the queue", "queue", q.QueueURL, "left", left, "of", len(out.Messages), "error", err)
	}
	return q.delete(ctx, done)
}

// event is what Lambda makes of messages.
func (q *SQS) event(messages []types.Message) events.SQSEvent {
	var e events.SQSEvent
	for _, m := range messages {
		record := events.SQSMessage{
			MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
			Md5OfBody: aws.ToString(m.MD5OfBody), Md5OfMessageAttributes: aws.ToString(m.MD5OfMessageAttributes),
			Attributes: m.Attributes, MessageAttributes: map[string]events.SQSMessageAttribute{},
			EventSource: "aws:sqs", EventSourceARN: q.QueueARN, AWSRegion: q.Region,
		}
		for name, a := range m.MessageAttributes {
			record.MessageAttributes[name] = events.SQSMessageAttribute{
				StringValue: a.StringValue, BinaryValue: a.BinaryValue, StringListValues: []string{}, BinaryListValues: [][]byte{}, DataType: aws.ToString(a.DataType),
			}
		}
		e.Records = append(e.Records, record)
	}
	return e
}

// done are the messages that need not come again. The rules are those of streams, but that a message which failed takes no other with it: an answer
// that names none of the batch, or is of no right form, leaves them all.
//
// Source: AWS Lambda Developer Guide, services-sqs-errorhandling, success and failure conditions.
func (q *SQS) done(messages []types.Message, r eventsource.Result) []types.Message {
	switch {
	case r.Outcome == eventsource.FunctionError || r.Outcome == eventsource.Throttled:
		return nil
	case !q.ReportBatchItemFailures:
		return messages
	case r.Outcome == eventsource.BadResponse:
		return nil
	}
	failed := map[string]bool{}
	for _, id := range r.Failures {
		failed[string(id)] = true
	}
	var done []types.Message
	for _, m := range messages {
		if id := aws.ToString(m.MessageId); failed[id] {
			delete(failed, id)
		} else {
			done = append(done, m)
		}
	}
	if len(failed) > 0 { // it names messages that are not in the batch
		return nil
	}
	return done
}

// delete deletes messages. One that is not deleted comes again.
func (q *SQS) delete(ctx context.Context, messages []types.Message) error {
	if len(messages) == 0 {
		return nil
	}
	entries := make([]types.DeleteMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle}
	}
	out, err := q.API.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.QueueURL, Entries: entries})
	if err != nil {
		return fmt.Errorf("delete %d messages: %w", len(messages), err)
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("delete: %d of %d messages are still there, the first: %s", len(out.Failed), len(messages), aws.ToString(out.Failed[0].Message))
	}
	return nil
}
