package history

import (
	"context"
	"strconv"

	"github.com/anabranch/anabranch/shared/stream"
)

type streamPort struct{ port }

func (s streamPort) Publish(_ context.Context, entries []stream.Entry) (failed []int, err error) {
	inv := s.current
	k := kind{service: StreamDown, write: true, partly: len(entries) > 1}
	err = s.call(k, "stream.Publish", strconv.Itoa(len(entries)), func() error {
		taken := entries
		if inv.partly {
			inv.partly = false
			taken, failed = s.h.takeSome(entries)
		}
		s.h.onPublish(s.stack.layout, taken)
		if s.role == ingestRole && len(taken) > 0 {
			s.h.keepLetterOf(taken[0])
		}
		_, err := s.stack.stream.Publish(everywhere, taken)
		return err
	})
	if err != nil {
		failed = nil
	}
	return failed, err
}

type queuePort struct{ port }

func (q queuePort) Enqueue(_ context.Context, request stream.Republish) error {
	return q.call(kind{service: -1, write: true}, "queue.Enqueue", request.Object, func() error {
		return q.stack.queue.Enqueue(everywhere, request)
	})
}

// Waiting counts the requests in the queue, and those that were taken and will be tried again.
func (q queuePort) Waiting(context.Context) (int, error) {
	return ask(q.port, kind{service: -1}, "queue.Waiting", "", func() (int, error) {
		n, err := q.stack.queue.Waiting(everywhere)
		return n + q.stack.queue.waiting, err
	})
}
