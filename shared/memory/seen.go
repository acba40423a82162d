package memory

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Seen stores seen items in memory. The zero Seen is empty and ready to use.
//
// It takes 16 bytes for each identity and about 25 for each record.
type Seen struct {
	Hook Hook

	mu      sync.Mutex
	items   map[event.Lane][]*seenItem         // sorted by last, then first sequence number
	applied map[event.Lane][]viewstore.Applied // sorted alike
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
			s.items = map[event.Lane][]*seenItem{}
		}
		s.expire(item.Lane, item.Recorded.Time())
		all, own := s.items[item.Lane], packSeen(item)
		at, found := slices.BinarySearchFunc(all, own, (*seenItem).compare)
		if found {
			all[at] = own
		} else {
			all = slices.Insert(all, at, own)
		}
		s.items[item.Lane] = all
		return nil
	})
}

// Trim removes the items that were recorded before an instant, whether they have expired or not.
func (s *Seen) Trim(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for lane, all := range s.items {
		s.items[lane] = slices.DeleteFunc(all, func(old *seenItem) bool { return old.recorded.Time().Before(before) })
	}
	for lane, all := range s.applied {
		s.applied[lane] = slices.DeleteFunc(all, func(old viewstore.Applied) bool {
			return old.Recorded.Time().Before(before)
		})
	}
}

func (s *Seen) expire(lane event.Lane, now time.Time) {
	s.items[lane] = slices.DeleteFunc(s.items[lane], func(old *seenItem) bool { return old.expires.IsBefore(now) })
}

// Len returns the number of items of all lanes.
func (s *Seen) Len() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range s.items {
		n += len(all)
	}
	return n
}

// After implements viewstore.Seen.
func (s *Seen) After(ctx context.Context, lane event.Lane, last event.Sequence) ([]viewstore.SeenItem, error) {
	return answer(s.Hook, "seen.After", lane.String(), func() (items []viewstore.SeenItem, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		all := s.items[lane]
		first := sort.Search(len(all), func(i int) bool { return all[i].last.Compare(last) > 0 })
		for _, item := range all[first:] {
			items = append(items, item.unpack(lane))
		}
		return items, ctx.Err()
	})
}

// newestAtOnce is how many items Newest copies at once, as DynamoDB returns a page at a time.
const newestAtOnce = 50

// Newest implements viewstore.Seen.
func (s *Seen) Newest(ctx context.Context, lane event.Lane, each func(viewstore.SeenItem) bool) error {
	page, err := answer(s.Hook, "seen.Newest", lane.String(), func() ([]*seenItem, error) {
		return s.newest(lane, nil), ctx.Err()
	})
	for len(page) > 0 {
		for _, item := range page {
			if !each(item.unpack(lane)) {
				return nil
			}
		}
		page = s.newest(lane, page[len(page)-1])
	}
	return err
}

// newest returns the lane's last items before the given one, the newest first; nil is after all.
func (s *Seen) newest(lane event.Lane, before *seenItem) []*seenItem {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.items[lane]
	end := len(all)
	if before != nil {
		end, _ = slices.BinarySearchFunc(all, before, (*seenItem).compare)
	}
	page := slices.Clone(all[max(0, end-newestAtOnce):end])
	slices.Reverse(page)
	return page
}

// seenItem is a seen item with its records packed. It never changes.
type seenItem struct {
	first, last event.Sequence
	recorded    event.Millis
	expires     viewstore.Expiry
	records     []byte // see packRecords
}

func (m *seenItem) compare(n *seenItem) int {
	return cmp.Or(m.last.Compare(n.last), m.first.Compare(n.first))
}

func packSeen(item viewstore.SeenItem) *seenItem {
	return &seenItem{
		first: item.First(), last: item.Last(), recorded: item.Recorded, expires: item.Expires,
		records: packRecords(item.Records),
	}
}

func (m *seenItem) unpack(lane event.Lane) viewstore.SeenItem {
	return viewstore.SeenItem{
		Lane: lane, Records: unpackRecords(m.records), Recorded: m.recorded, Expires: m.expires,
	}
}
