package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// PutApplied implements viewstore.Seen. It removes what had expired when this was recorded.
func (s *Seen) PutApplied(ctx context.Context, applied viewstore.Applied) error {
	return s.Hook.apply("seen.PutApplied", applied.Lane.String(), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.applied == nil {
			s.applied = map[event.Lane][]viewstore.Applied{}
		}
		all := slices.DeleteFunc(s.applied[applied.Lane], func(old viewstore.Applied) bool {
			return old.Expires.IsBefore(applied.Recorded.Time())
		})
		at, found := slices.BinarySearchFunc(all, applied, func(a, b viewstore.Applied) int {
			return cmp.Or(a.Last.Compare(b.Last), a.First.Compare(b.First))
		})
		if !found {
			all = slices.Insert(all, at, applied)
		}
		all[at] = applied
		s.applied[applied.Lane] = all
		return nil
	})
}

// NewestApplied implements viewstore.Seen.
func (s *Seen) NewestApplied(ctx context.Context, lane event.Lane, each func(viewstore.Applied) bool) error {
	var all []viewstore.Applied
	err := s.Hook.apply("seen.NewestApplied", lane.String(), func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		all = slices.Clone(s.applied[lane])
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for _, applied := range slices.Backward(all) {
		if !each(applied) {
			break
		}
	}
	return nil
}
