package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/anabranch/anabranch/shared/stream"
)

// Queue stores republish requests in memory. The zero Queue is empty and ready to use.
type Queue struct {
	Hook Hook

	mu       sync.Mutex
	requests []stream.Republish
}

var _ stream.Queue = (*Queue)(nil)

// Enqueue implements stream.Queue.
func (q *Queue) Enqueue(ctx context.Context, request stream.Republish) error {
	return q.Hook.apply("queue.Enqueue", request.Object, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		request.Lanes = slices.Clone(request.Lanes)
		q.requests = append(q.requests, request)
		return nil
	})
}

// Waiting implements stream.Queue. It does not count requests that were taken.
func (q *Queue) Waiting(ctx context.Context) (n int, err error) {
	err = q.Hook.apply("queue.Waiting", "", func() error {
		q.mu.Lock()
		defer q.mu.Unlock()
		n = len(q.requests)
		return ctx.Err()
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Take removes and returns up to limit requests, oldest first. The caller must enqueue failed requests again.
func (q *Queue) Take(limit int) []stream.Republish {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(limit, len(q.requests))
	taken := slices.Clone(q.requests[:n])
	q.requests = slices.Delete(q.requests, 0, n)
	return taken
}
