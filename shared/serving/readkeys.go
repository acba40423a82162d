package serving

import (
	"context"

	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// keysAhead is the maximum number of keys whose items are read ahead.
const keysAhead = 128

// readAll reads the items of keys, and merges them key by key. It reads items of the next keys ahead, in parallel, as
// long as there is room for them. All other items it reads a part at a time, and merges the part before it reads on.
// So the items in memory are bounded, however large a key is.
//
// Errors: those of add, and those of a store.
func (m *merging) readAll(ctx context.Context, keys []ListedKey) error {
	room := newRoom()
	all := make([]reading, len(keys))
	for i, key := range keys {
		all[i] = reading{Reader: &m.Reader, key: key, at: m.at}
	}
	for len(all) > 0 {
		some := all[:min(len(all), keysAhead)]
		if err := m.Parallel(len(some), func(i int) error { return some[i].readAhead(ctx, room) }); err != nil {
			return err
		}
		for i := range some {
			if some[i].ahead == nil && i > 0 {
				break // there was no room for this key: the next round begins with it
			}
			if err := m.add(ctx, &some[i], room); err != nil {
				return err
			}
			some[i] = reading{} // all keeps it in memory, with the horizons of its items
			all = all[1:]
		}
	}
	return nil
}

// readAhead reads parts of a key as long as there is room.
func (r *reading) readAhead(ctx context.Context, room *room) error {
	for !r.isWhole {
		reserved, ok := room.reserve()
		if !ok {
			return nil
		}
		next, err := r.next(ctx)
		if err != nil {
			return err
		}
		r.ahead = append(r.ahead, next)
		room.take(reserved, next.read.size())
	}
	return nil
}

// add merges the items of a key into its group: those that were read ahead, then the others.
//
// Errors: ErrTooManyKeys, ErrTooManyWindows, *ParameterError, view.ErrCorruptPage; not retryable. Those of a store.
func (m *merging) add(ctx context.Context, r *reading, room *room) error {
	m.keys++
	to := m.groupOf(r.key.Values)
	for i := range r.ahead {
		if err := m.addPart(to, r, r.ahead[i]); err != nil {
			return err
		}
		room.release(r.ahead[i].read.size())
		r.ahead[i] = part{}
	}
	for !r.isWhole {
		next, err := r.next(ctx)
		if err != nil {
			return err
		}
		if err := m.addPart(to, r, next); err != nil {
			return err
		}
	}
	return nil
}

func (m *merging) addPart(to *group, r *reading, p part) error {
	if m.read = m.read.plus(p.read); m.MaxRead > 0 && m.read.size() > m.MaxRead {
		return m.tooMuch()
	}
	for _, item := range p.base {
		if err := m.addItem(to, m.batch, item.Page, item.States, mergedRow{ahead: r.aheadOf(item.Page)}); err != nil {
			return err
		}
	}
	for _, item := range p.speed {
		// The page's horizon, though the base item may lack the window.
		from := mergedRow{hasSpeed: true, ahead: r.aheadOf(item.Page)}
		if err := m.addItem(to, m.speed, item.Page, item.States, from); err != nil {
			return err
		}
	}
	return m.err
}

// aheadOf returns the horizon of a page's base item where it is ahead of the pointer's; else 0.
func (r *reading) aheadOf(page view.Page) slot.Slot {
	if horizon := r.horizons[page]; horizon > r.Generation.Horizon {
		return horizon
	}
	return 0
}
