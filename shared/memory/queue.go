package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/anabranch/anabranch/shared/stream"
)

// Queue keeps republish requests in memory. The zero Queue is empty and ready.
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

// Waiting implements stream.Queue. What was taken does not wait any more.
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

// Take removes up to limit requests, oldest first. What could not be done is to be enqueued again.
func (q *Queue) Take(limit int) []stream.Republish {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(limit, len(q.requests))
	taken := slices.Clone(q.requests[:n])
	q.requests = slices.Delete(q.requests, 0, n)
	return taken
}
