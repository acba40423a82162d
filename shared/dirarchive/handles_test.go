package dirarchive_test

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
)

// alternating passes its calls to two archives in turn.
type alternating struct {
	archive.Archive
	other archive.Archive
	calls atomic.Int64
}

func (a *alternating) next() archive.Archive {
	if a.calls.Add(1)%2 == 0 {
		return a.other
	}
	return a.Archive
}

func (a *alternating) Put(ctx context.Context, key archive.Key, body []byte) (time.Time, error) {
	return a.next().Put(ctx, key, body)
}

func (a *alternating) Get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	return a.next().Get(ctx, key)
}

func (a *alternating) List(ctx context.Context, from, to archive.Key, limit int) ([]archive.Object, time.Time, error) {
	return a.next().List(ctx, from, to, limit)
}
