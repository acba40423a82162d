package batch

import (
	"context"
	"iter"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
)

// ListEvents lists the keys of events as a tick does, with so many objects per request.
func ListEvents(
	ctx context.Context, a archive.Archive, length slot.Length, page int, from archive.Key, to slot.Slot,
) iter.Seq2[archive.Key, error] {
	workers := runner.Parallel(4)
	l := lister{archive: a, length: length, page: page, parallel: workers}
	return func(yield func(archive.Key, error) bool) {
		for o, err := range l.each(ctx, from, to) {
			if !yield(o.Key, err) {
				return
			}
		}
	}
}
