// Package kinesisstream publishes records to a Kinesis data stream. It implements the Publisher of shared/stream over
// PutRecords, and has no policy. It does not look into records, and returns those that were not written.
package kinesisstream

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/anabranch/anabranch/shared/stream"
)

// What PutRecords takes at once. Kinesis has taken 10 MiB since 2025-10, but nothing is gained by it.
//
// Source: Kinesis API Reference, PutRecords.
const (
	maxRecords = 500
	maxBytes   = 5 << 20 // data and partition keys
)

// Stream is a Kinesis data stream.
type Stream struct {
	client *kinesis.Client
	name   string
}

var _ stream.Publisher = (*Stream)(nil)

// New returns the stream with a name. The stream must exist. New makes no request.
func New(client *kinesis.Client, name string) *Stream { return &Stream{client: client, name: name} }

// Publish implements stream.Publisher, with one request per 500 records or 5 MB. When a request fails as a whole, the
// requests before it have been made and the ones after it have not.
func (s *Stream) Publish(ctx context.Context, entries []stream.Entry) (failed []int, err error) {
	records := make([]types.PutRecordsRequestEntry, len(entries))
	for i, e := range entries {
		if len(e.Data) > stream.MaxRecord {
			return nil, fmt.Errorf("record of %d bytes; the maximum is %d", len(e.Data), stream.MaxRecord)
		}
		records[i] = record(e)
	}
	for first := 0; first < len(records); {
		n := fits(records[first:])
		refused, err := s.put(ctx, records[first:first+n])
		if err != nil {
			return nil, fmt.Errorf("put records %d to %d of %d: %w", first, first+n-1, len(records), err)
		}
		for _, i := range refused {
			failed = append(failed, first+i)
		}
		first += n
	}
	return failed, nil
}

func record(e stream.Entry) types.PutRecordsRequestEntry {
	data := e.Data
	if data == nil {
		data = []byte{} // the SDK refuses nil data, but accepts empty data
	}
	return types.PutRecordsRequestEntry{
		Data: data, PartitionKey: aws.String(e.Lane.String()), ExplicitHashKey: aws.String(e.Lane.ExplicitHashKey()),
	}
}

// fits counts the records at the front that fit into one request: at least one, since each is below the limit.
func fits(records []types.PutRecordsRequestEntry) int {
	size := 0
	for i, r := range records {
		size += len(r.Data) + len(*r.PartitionKey)
		if i == maxRecords || i > 0 && size > maxBytes {
			return i
		}
	}
	return len(records)
}

// put makes one request and returns the indexes of the records that were not written. PutRecords is not atomic: every
// entry has its own result.
func (s *Stream) put(ctx context.Context, records []types.PutRecordsRequestEntry) (refused []int, err error) {
	out, err := s.client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &s.name, Records: records})
	if err != nil {
		return nil, err
	}
	if len(out.Records) != len(records) {
		return nil, fmt.Errorf("PutRecords answered with %d results for %d records", len(out.Records), len(records))
	}
	for i, result := range out.Records {
		if result.ErrorCode != nil {
			refused = append(refused, i)
		}
	}
	return refused, nil
}
