package memory

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"sync"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Seen stores seen items in memory. The zero Seen is empty and ready to use.
type Seen struct {
	Hook Hook

	mu    sync.Mutex
	items map[event.Lane][]viewstore.SeenItem // sorted by last, then first sequence number
}

var _ viewstore.Seen = (*Seen)(nil)

// Put implements viewstore.Seen. It removes the lane's items that had expired when the item was recorded.
func (s *Seen) Put(ctx context.Context, item viewstore.SeenItem) error {
	return s.Hook.apply("seen.Put", item.Lane.String(), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.items == nil {
			s.items = map[event.Lane][]viewstore.SeenItem{}
		}
		all := slices.DeleteFunc(s.items[item.Lane], func(old viewstore.SeenItem) bool {
			return old.Expires.IsBefore(item.Recorded.Time())
		})
		at, found := slices.BinarySearchFunc(all, item, compareSeen)
		if found {
			all[at] = copySeen(item)
		} else {
			all = slices.Insert(all, at, copySeen(item))
		}
		s.items[item.Lane] = all
		return nil
	})
}

func compareSeen(a, b viewstore.SeenItem) int {
	return cmp.Or(a.Last().Compare(b.Last()), a.First().Compare(b.First()))
}

// After implements viewstore.Seen.
func (s *Seen) After(ctx context.Context, lane event.Lane, last event.Sequence) ([]viewstore.SeenItem, error) {
	return s.read(ctx, "seen.After", lane, func(all []viewstore.SeenItem) int {
		return sort.Search(len(all), func(i int) bool { return all[i].Last().Compare(last) > 0 })
	})
}

// Newest implements viewstore.Seen.
func (s *Seen) Newest(ctx context.Context, lane event.Lane, each func(viewstore.SeenItem) bool) error {
	items, err := s.read(ctx, "seen.Newest", lane, func([]viewstore.SeenItem) int { return 0 })
	for _, item := range slices.Backward(items) {
		if !each(item) {
			break
		}
	}
	return err
}

// read returns a copy of the lane's items without the first ones; skip returns how many to leave out.
func (s *Seen) read(ctx context.Context, name string, lane event.Lane,
	skip func([]viewstore.SeenItem) int) (items []viewstore.SeenItem, err error) {
	err = s.Hook.apply(name, lane.String(), func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		all := s.items[lane]
		for _, item := range all[skip(all):] {
			items = append(items, copySeen(item))
		}
		return ctx.Err()
	})
	if err != nil {
		items = nil
	}
	return items, err
}

func copySeen(item viewstore.SeenItem) viewstore.SeenItem {
	item.Records = slices.Clone(item.Records)
	for i := range item.Records {
		item.Records[i].Identities = slices.Clone(item.Records[i].Identities)
	}
	return item
}
