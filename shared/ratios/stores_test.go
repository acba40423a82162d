package ratios_test

import (
	"bytes"
	"context"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/stream"
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
