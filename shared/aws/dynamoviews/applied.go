package dynamoviews

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// PutApplied implements viewstore.Seen.
func (s *Seen) PutApplied(ctx context.Context, applied viewstore.Applied) error {
	attributes, err := appliedAttributes(applied)
	if err == nil {
		err = s.table.Replace(ctx, attributes)
	}
	if err != nil {
		return fmt.Errorf("put what speed has applied of lane %s: %w", applied.Lane, err)
	}
	return nil
}

// NewestApplied implements viewstore.Seen, with a request for each 50 items.
func (s *Seen) NewestApplied(ctx context.Context, lane event.Lane, each func(viewstore.Applied) bool) error {
	newest := table.Range{Partition: table.Binary(appliedPartition(lane)), Down: true, Limit: newestAtOnce}
	for stored, err := range s.table.Each(ctx, newest) {
		var applied viewstore.Applied
		if err == nil {
			applied, err = appliedOf(lane, stored)
		}
		if err != nil {
			return fmt.Errorf("read what speed has applied of lane %s: %w", lane, err)
		}
		if !each(applied) {
			break
		}
	}
	return nil
}

func appliedAttributes(applied viewstore.Applied) (table.Item, error) {
	for _, s := range []event.Sequence{applied.First, applied.Last} {
		if _, ok := number(s); !ok {
			return nil, fmt.Errorf("sequence number %q: must be decimal digits", s)
		}
	}
	attributes := appliedKey(applied)
	attributes[recorded] = table.Number(applied.Recorded)
	setExpires(attributes, applied.Expires)
	return attributes, nil
}

func appliedOf(lane event.Lane, stored table.Item) (applied viewstore.Applied, err error) {
	applied.Lane = lane
	_, order, err := keyBytes(stored)
	if err != nil {
		return viewstore.Applied{}, err
	}
	if applied.First, applied.Last, err = parseLaneOrder(order); err != nil {
		return viewstore.Applied{}, err
	}
	if applied.Recorded, err = table.NumberOf[event.Millis](stored, recorded); err != nil {
		return viewstore.Applied{}, err
	}
	if applied.Expires, err = expiresOf(stored); err != nil {
		return viewstore.Applied{}, err
	}
	return applied, nil
}
