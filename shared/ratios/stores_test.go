package ratios_test

import (
	"bytes"
	"context"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// objects copies what is put, and keeps the last object.
type objects struct {
	archive.Archive
	last []byte
}

func (o *objects) Put(_ context.Context, _ archive.Key, body []byte) (time.Time, error) {
	o.last = append(o.last[:0], body...)
	return time.Time{}, nil
}

// records keeps the records of the last request.
type records struct{ last []stream.Entry }

func (r *records) Publish(_ context.Context, entries []stream.Entry) ([]int, error) {
	r.last = r.last[:0]
	for _, e := range entries {
		r.last = append(r.last, stream.Entry{Lane: e.Lane, Data: bytes.Clone(e.Data)})
	}
	return nil, nil
}

// items takes speed items and keeps none. Speed reads no item that its environment has written, unless a write fails.
// So an invocation over it costs what speed costs, without the store.
type items struct{ viewstore.Speed }

func (items) Load(context.Context, []viewstore.SpeedKey) ([]viewstore.SpeedItem, error) {
	return nil, nil
}

func (items) Put(context.Context, viewstore.SpeedItem, event.Sequence) error { return nil }

func (items) PutLive(context.Context, viewstore.LiveKeys) error { return nil }

// seen takes seen items and keeps none.
type seen struct{}

func (seen) Put(context.Context, viewstore.SeenItem) error { return nil }

func (seen) After(context.Context, event.Lane, event.Sequence) ([]viewstore.SeenItem, error) {
	return nil, nil
}

func (seen) Newest(context.Context, event.Lane, func(viewstore.SeenItem) bool) error { return nil }

func (seen) PutApplied(context.Context, viewstore.Applied) error { return nil }

func (seen) NewestApplied(context.Context, event.Lane, func(viewstore.Applied) bool) error {
	return nil
}
