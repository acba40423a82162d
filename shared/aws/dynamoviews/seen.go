package dynamoviews

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Seen keeps seen items, in a table of their own or in that of speed items. The keys of the two never collide.
type Seen struct{ table table.Table }

var _ viewstore.Seen = (*Seen)(nil)

// NewSeen uses a table, which must exist. It makes no request.
func NewSeen(client *dynamodb.Client, name string) *Seen {
	return &Seen{table.Table{Client: client, Name: name}}
}

// Put implements viewstore.Seen. DynamoDB refuses an item above 400 KB at every try; viewstore.MaxSeenBytes is below
// that.
func (s *Seen) Put(ctx context.Context, item viewstore.SeenItem) error {
	attributes, err := seenAttributes(item)
	if err == nil {
		err = s.table.Replace(ctx, attributes)
	}
	if err != nil {
		return fmt.Errorf("put seen item of lane %s with %d records: %w", item.Lane, len(item.Records), err)
	}
	return nil
}

// After implements viewstore.Seen, with one request per 1 MB.
func (s *Seen) After(ctx context.Context, lane event.Lane, last event.Sequence) ([]viewstore.SeenItem, error) {
	behind := append(appendSequence(nil, last), endOfSequences)
	items, err := query(ctx, s.table,
		table.Range{Partition: table.Binary(lanePartition(lane)), From: table.Binary(behind)}, seenItem)
	if err != nil {
		return nil, fmt.Errorf("read seen items of lane %s after %q: %w", lane, last, err)
	}
	return items, nil
}

// newestAtOnce is how many items Newest reads per request. It stops somewhere among them.
const newestAtOnce = 50

// Newest implements viewstore.Seen, with a request for each 50 items or 1 MB.
func (s *Seen) Newest(ctx context.Context, lane event.Lane, each func(viewstore.SeenItem) bool) error {
	newest := table.Range{Partition: table.Binary(lanePartition(lane)), Down: true, Limit: newestAtOnce}
	for stored, err := range s.table.Each(ctx, newest) {
		var item viewstore.SeenItem
		if err == nil {
			item, err = seenItem(stored)
		}
		if err != nil {
			return fmt.Errorf("read the newest seen items of lane %s: %w", lane, err)
		}
		if !each(item) {
			break
		}
	}
	return nil
}

func seenAttributes(item viewstore.SeenItem) (table.Item, error) {
	if len(item.Records) == 0 {
		return nil, errors.New("a seen item must have at least one record")
	}
	encoded, err := encodeRecords(item.Records)
	if err != nil {
		return nil, err
	}
	attributes := seenKey(item)
	attributes[records] = table.Binary(encoded)
	attributes[recorded] = table.Number(item.Recorded)
	setExpires(attributes, item.Expires)
	return attributes, nil
}

func seenItem(stored table.Item) (item viewstore.SeenItem, err error) {
	if item.Lane, err = laneOf(stored); err != nil {
		return viewstore.SeenItem{}, err
	}
	encoded, err := table.BinaryOf(stored, records)
	if err != nil {
		return viewstore.SeenItem{}, err
	}
	if item.Records, err = decodeRecords(encoded); err != nil {
		return viewstore.SeenItem{}, fmt.Errorf("attribute %q: %w", records, err)
	}
	if item.Recorded, err = table.NumberOf[event.Millis](stored, recorded); err != nil {
		return viewstore.SeenItem{}, err
	}
	if item.Expires, err = expiresOf(stored); err != nil {
		return viewstore.SeenItem{}, err
	}
	return item, nil
}
