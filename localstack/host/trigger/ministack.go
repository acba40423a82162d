package trigger

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// MiniStack is the KinesisAPI of MiniStack, with sequence numbers as AWS writes them. MiniStack pads sequence numbers
// with zeros to 30 digits, and compares them as text. On AWS they are numbers without leading zeros, and the functions
// expect those.
//
// Source: ministack 1.5.33, services/kinesis.py, _next_sequence_number.
type MiniStack struct{ KinesisAPI }

const miniStackDigits = 30

// GetRecords calls MiniStack's GetRecords, and removes leading zeros from the sequence numbers.
func (m MiniStack) GetRecords(
	ctx context.Context, in *kinesis.GetRecordsInput, options ...func(*kinesis.Options),
) (*kinesis.GetRecordsOutput, error) {
	out, err := m.KinesisAPI.GetRecords(ctx, in, options...)
	if err != nil {
		return nil, err
	}
	for i := range out.Records {
		out.Records[i].SequenceNumber = aws.String(strings.TrimLeft(aws.ToString(out.Records[i].SequenceNumber), "0"))
	}
	return out, nil
}

// GetShardIterator pads the sequence number with zeros, and calls MiniStack's GetShardIterator.
func (m MiniStack) GetShardIterator(
	ctx context.Context, in *kinesis.GetShardIteratorInput, options ...func(*kinesis.Options),
) (*kinesis.GetShardIteratorOutput, error) {
	if in.StartingSequenceNumber != nil {
		padded := *in
		padded.StartingSequenceNumber = aws.String(fmt.Sprintf("%0*s", miniStackDigits, *in.StartingSequenceNumber))
		in = &padded
	}
	return m.KinesisAPI.GetShardIterator(ctx, in, options...)
}
