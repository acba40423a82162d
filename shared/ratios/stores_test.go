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

// sink stores no speed item. What it costs to store them is then not a part of what is measured.
type sink struct{ viewstore.Speed }

func (sink) Load(context.Context, []viewstore.SpeedKey) ([]viewstore.SpeedItem, error) {
	return nil, nil
}
func (sink) Put(context.Context, viewstore.SpeedItem, event.Sequence) error { return nil }
func (sink) PutLive(context.Context, viewstore.LiveKeys) error              { return nil }
