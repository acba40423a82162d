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

// SQSAPI is the part of *sqs.Client that SQS needs.
type SQSAPI interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(
		context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options),
	) (*sqs.DeleteMessageBatchOutput, error)
}

// SQS is the event source mapping of a standard queue. It deletes the messages that the function has processed. It
// leaves the others in the queue: they become visible again after the queue's visibility time-out, or go to its
// dead-letter queue.
//
// Source: AWS Lambda Developer Guide, with-sqs, services-sqs-errorhandling.
type SQS struct {
	API         SQSAPI        // Reads and deletes messages.
	QueueURL    string        // URL of the queue.
	QueueARN    string        // eventSourceARN of events, for example "arn:aws:sqs:us-east-1:123456789012:republish".
	Region      string        // awsRegion of events, for example "us-east-1".
	BatchSize   int           // Maximum of messages in an event, 1 to 10. 0 means AWS's default, 10.
	Wait        time.Duration // How long a request waits for messages: whole seconds, maximum 20 s. 0 means 20 s.
	Pause       time.Duration // Pause after a failed request. 0 means 1 s.
	Concurrency int           // Number of batches at once. 0 means AWS's minimum, 2.

	// ReportBatchItemFailures makes SQS read the failed messages from responses. Without it, every response counts as
	// success.
	ReportBatchItemFailures bool

	Invoke Invoke       // Runs the function.
	Log    *slog.Logger // Gets errors. nil discards them.
}

const (
	maxMessages = 10
	maxWait     = 20 * time.Second
)

func (q *SQS) validate() error {
	if q.BatchSize < 1 || q.BatchSize > maxMessages {
		return fmt.Errorf("invalid BatchSize %d: must be 1 to %d", q.BatchSize, maxMessages)
	}
	if q.Wait < 0 || q.Wait > maxWait || q.Wait%time.Second != 0 {
		return fmt.Errorf("invalid Wait %s: must be whole seconds; maximum is %s", q.Wait, maxWait)
	}
	if q.Concurrency < 1 {
		return fmt.Errorf("invalid Concurrency %d: minimum is 1", q.Concurrency)
	}
	return nil
}

// Run reads the queue until ctx ends. It returns when the running invocations have ended and the messages that they
// processed are deleted. It logs and retries failed requests.
//
// Errors: an invalid field. Do not retry.
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

// once receives a batch, invokes the function with it, and deletes the processed messages.
func (q *SQS) once(ctx context.Context) error {
	out, err := q.API.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.QueueURL, MaxNumberOfMessages: int32(q.BatchSize), WaitTimeSeconds: int32(q.Wait / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
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
	ctx = context.WithoutCancel(ctx) // an invocation that has begun runs to its end
	response, err := q.Invoke(ctx, payload)
	done := q.done(out.Messages, eventsource.ParseResponse(response, err))
	if left := len(out.Messages) - len(done); left > 0 {
		q.Log.InfoContext(
			ctx, "messages stay in the queue", "queue", q.QueueURL, "left", left, "of", len(out.Messages), "error", err,
		)
	}
	return q.delete(ctx, done)
}

// event returns the event that Lambda makes of messages.
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
				StringValue: a.StringValue, BinaryValue: a.BinaryValue, StringListValues: []string{}, BinaryListValues: [][]byte{},
				DataType: aws.ToString(a.DataType),
			}
		}
		e.Records = append(e.Records, record)
	}
	return e
}

// done returns the messages that the function has processed. The rules are those of streams with one exception: a
// failed message does not make the messages after it fail. If a response is malformed, or names a message that is not
// in the batch, the whole batch has failed.
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
	if len(failed) > 0 { // the response names messages that are not in the batch
		return nil
	}
	return done
}

// delete deletes messages. The queue delivers a message that is not deleted again.
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
		return fmt.Errorf(
			"delete: %d of %d messages are not deleted; the first: %s", len(out.Failed), len(messages),
			aws.ToString(out.Failed[0].Message),
		)
	}
	return nil
}
