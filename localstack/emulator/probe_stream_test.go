//go:build emulator

package emulator_test

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/anabranch/anabranch/shared/aws/awstest"
)

func (p *prober) stream(shards int32) (*kinesis.Client, *string) {
	name := p.name()
	return awstest.Stream(p, p.cfg, name, shards), &name
}

func (p *prober) putRecords(c *kinesis.Client, stream *string, n, size int) (*kinesis.PutRecordsOutput, error) {
	var records []types.PutRecordsRequestEntry
	for i := range n {
		records = append(
			records, types.PutRecordsRequestEntry{Data: make([]byte, size), PartitionKey: aws.String(fmt.Sprint("key", i))},
		)
	}
	return c.PutRecords(p.ctx, &kinesis.PutRecordsInput{StreamName: stream, Records: records})
}

func (p *prober) shards(c *kinesis.Client, stream *string) []types.Shard {
	out, err := c.ListShards(p.ctx, &kinesis.ListShardsInput{StreamName: stream})
	p.must(err)
	return out.Shards
}

// read reads a shard from its beginning until now, and reports whether the shard has ended.
func (p *prober) read(c *kinesis.Client, stream *string, shard types.Shard) (records []types.Record, ended bool) {
	begin, err := c.GetShardIterator(
		p.ctx,
		&kinesis.GetShardIteratorInput{
			StreamName: stream, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		},
	)
	p.must(err)
	iterator := begin.ShardIterator
	for range 20 {
		out, err := c.GetRecords(p.ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
		p.must(err)
		records = append(records, out.Records...)
		if iterator = out.NextShardIterator; iterator == nil {
			return records, true
		}
		if len(out.Records) == 0 {
			break
		}
	}
	return records, false
}

// readable counts the records that can be read from all listed shards, these shards, and those that have ended.
func (p *prober) readable(c *kinesis.Client, stream *string) string {
	records, ended := 0, 0
	shards := p.shards(c, stream)
	for _, shard := range shards {
		of, end := p.read(c, stream, shard)
		records += len(of)
		if end {
			ended++
		}
	}
	return fmt.Sprintf("%d records, %d shards, %d ended", records, len(shards), ended)
}

func kinesisQuirks() []quirk {
	put := func(n, size int) func(p *prober) string {
		return func(p *prober) string {
			c, stream := p.stream(1)
			out, err := p.putRecords(c, stream, n, size)
			if err != nil {
				return code(err)
			}
			if failed := aws.ToInt32(out.FailedRecordCount); failed > 0 {
				return "some fail"
			}
			return "OK"
		}
	}
	return []quirk{
		{"Kinesis", "ExplicitHashKey over the partition key", "the shard of the hash key", "", func(p *prober) string {
			c, stream := p.stream(4)
			_, err := c.PutRecords(p.ctx, &kinesis.PutRecordsInput{StreamName: stream, Records: []types.PutRecordsRequestEntry{{
				Data:            []byte("a"),
				PartitionKey:    aws.String("same"),
				ExplicitHashKey: aws.String("255211775190703847597530955573826158592"),
			}}})
			p.must(err)
			if records, _ := p.read(c, stream, p.shards(c, stream)[3]); len(records) == 1 {
				return "the shard of the hash key"
			}
			return "another shard"
		}},
		{"Kinesis", "501 records in a request", "ValidationException", "", put(501, 1)},
		{"Kinesis", "a record above 1 MiB", "ValidationException", "", put(1, 1<<20+1)},
		{"Kinesis", "a record of 1 MiB with its key", "ValidationException", "OK", put(1, 1<<20)},
		{"Kinesis", "a request of 6 MB (10 MiB since 2025-10)", "some fail", "ValidationException", put(6, 1_000_000)},
		{"Kinesis", "4 MB in a second into a shard", "some fail", "OK", put(4, 1_000_000)},
		{"Kinesis", "digits of a sequence number", "56", "30", func(p *prober) string {
			c, stream := p.stream(1)
			out, err := p.putRecords(c, stream, 1, 1)
			p.must(err)
			return fmt.Sprint(len(aws.ToString(out.Records[0].SequenceNumber)))
		}},
		{"Kinesis", "arrival times", "milliseconds", "", func(p *prober) string {
			c, stream := p.stream(1)
			for range 5 {
				_, err := p.putRecords(c, stream, 1, 1)
				p.must(err)
			}
			records, _ := p.read(c, stream, p.shards(c, stream)[0])
			for _, r := range records {
				if r.ApproximateArrivalTimestamp.Nanosecond() != 0 {
					return "milliseconds"
				}
			}
			return "whole seconds"
		}},
		{"Kinesis", "100 records, then SplitShard", "100 records, 3 shards, 1 ended", "0 records, 2 shards, 0 ended",
			func(p *prober) string {
				c, stream := p.stream(1)
				_, err := p.putRecords(c, stream, 100, 10)
				p.must(err)
				_, err = c.SplitShard(p.ctx, &kinesis.SplitShardInput{
					StreamName:         stream,
					ShardToSplit:       p.shards(c, stream)[0].ShardId,
					NewStartingHashKey: aws.String("170141183460469231731687303715884105728"),
				})
				p.must(err)
				return p.readable(c, stream)
			}},
		{"Kinesis", "children name their parent after SplitShard", "2 of 3", "2 of 2", func(p *prober) string {
			c, stream := p.stream(1)
			_, err := c.SplitShard(p.ctx, &kinesis.SplitShardInput{
				StreamName:         stream,
				ShardToSplit:       p.shards(c, stream)[0].ShardId,
				NewStartingHashKey: aws.String("170141183460469231731687303715884105728"),
			})
			p.must(err)
			named, shards := 0, p.shards(c, stream)
			for _, shard := range shards {
				if shard.ParentShardId != nil {
					named++
				}
			}
			return fmt.Sprintf("%d of %d", named, len(shards))
		}},
		{"Kinesis", "100 records, then UpdateShardCount from 2 to 4",
			"100 records, 6 shards, 2 ended", "0 records, 4 shards, 0 ended",
			func(p *prober) string {
				c, stream := p.stream(2)
				_, err := p.putRecords(c, stream, 100, 10)
				p.must(err)
				_, err = c.UpdateShardCount(
					p.ctx,
					&kinesis.UpdateShardCountInput{
						StreamName: stream, TargetShardCount: aws.Int32(4), ScalingType: types.ScalingTypeUniformScaling,
					},
				)
				p.must(err)
				return p.readable(c, stream)
			}},
	}
}

func queueQuirks() []quirk {
	return []quirk{
		{"SQS", "queue URLs", "the endpoint's", "", func(p *prober) string {
			_, url := awstest.Queue(p, p.cfg, p.name())
			if strings.HasPrefix(url, p.endpoint) {
				return "the endpoint's"
			}
			return url[:strings.LastIndexByte(url, ':')]
		}},
		{"SQS", "a message received more often than the redrive policy says", "goes to the dead-letter queue", "",
			func(p *prober) string {
				c, dead := awstest.Queue(p, p.cfg, p.name())
				arn, err := c.GetQueueAttributes(
					p.ctx, &sqs.GetQueueAttributesInput{QueueUrl: &dead, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}},
				)
				p.must(err)
				_, url := awstest.Queue(p, p.cfg, p.name())
				_, err = c.SetQueueAttributes(p.ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{
					"RedrivePolicy":     `{"deadLetterTargetArn":"` + arn.Attributes["QueueArn"] + `","maxReceiveCount":"1"}`,
					"VisibilityTimeout": "0",
				}})
				p.must(err)
				_, err = c.SendMessage(p.ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("poison")})
				p.must(err)
				for range 3 {
					_, err := c.ReceiveMessage(p.ctx, &sqs.ReceiveMessageInput{QueueUrl: &url})
					p.must(err)
				}
				out, err := c.ReceiveMessage(p.ctx, &sqs.ReceiveMessageInput{QueueUrl: &dead})
				p.must(err)
				if len(out.Messages) == 1 {
					return "goes to the dead-letter queue"
				}
				return "stays"
			}},
	}
}

// putRecord returns a request for a record of one byte.
func putRecord(stream *string, b byte) *kinesis.PutRecordInput {
	return &kinesis.PutRecordInput{StreamName: stream, PartitionKey: aws.String("same"), Data: []byte{b}}
}
