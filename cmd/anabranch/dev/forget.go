package dev

import (
	"context"
	"maps"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
)

// covered remembers since when queries read the speed items of each set from a slot on only.
type covered struct {
	noted map[lifecycle.Set]slot.Slot // what was noted last
	waits []coveredSlots              // what has yet to be trimmed, in the order of time
}

type coveredSlots struct {
	at   time.Time
	from map[lifecycle.Set]slot.Slot
}

// forget removes from memory what nobody reads any more: seen items that have expired, and the speed items of slots
// that batch has covered. The latter stay for DropGrace, since a query that has begun may have read an earlier horizon.
// On AWS, they stay until they expire.
func (s *Server) forget(ctx context.Context) {
	now := time.Now()
	s.seen.Expire(now)
	views, err := s.catalog.Views(ctx)
	if err != nil {
		s.failed(ctx, "look for what batch has covered", err)
		return
	}
	c := &s.covered
	if from := readFrom(views); !maps.Equal(from, c.noted) {
		c.noted, c.waits = from, append(c.waits, coveredSlots{now, from})
	}
	for len(c.waits) > 0 && !now.Before(c.waits[0].at.Add(s.settings.DropGrace)) {
		for set, from := range c.waits[0].from {
			s.speed.Trim(set, from)
		}
		c.waits = c.waits[1:]
	}
}

// readFrom returns the first slot that speed folds into each set: queries read no earlier one. A generation of the same
// definition that begins later is built up to the head before anybody reads it, so it reads no earlier one either. Sets
// of generations that were given up are left to expire.
func readFrom(views []lifecycle.View) map[lifecycle.Set]slot.Slot {
	from := map[lifecycle.Set]slot.Slot{}
	for _, v := range views {
		for _, g := range v.Generations {
			if !g.IsKept() || !g.PerSlot() {
				continue
			}
			set := g.SpeedSet()
			if known, ok := from[set]; !ok || g.SpeedFrom() < known {
				from[set] = g.SpeedFrom()
			}
		}
	}
	return from
}
