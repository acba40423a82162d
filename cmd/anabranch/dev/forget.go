package dev

import (
	"context"
	"maps"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
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

// seen keeps seen items until forget removes them. If they expired while the machine sleeps, the sweep would take what
// speed has read for lost.
type seen struct{ *memory.Seen }

// Put implements viewstore.Seen.
func (s seen) Put(ctx context.Context, item viewstore.SeenItem) error {
	item.Expires = viewstore.NeverExpires
	return s.Seen.Put(ctx, item)
}

// PutApplied implements viewstore.Seen.
func (s seen) PutApplied(ctx context.Context, applied viewstore.Applied) error {
	applied.Expires = viewstore.NeverExpires
	return s.Seen.PutApplied(ctx, applied)
}

// forget removes from memory what nobody reads any more.
func (s *Server) forget(ctx context.Context) {
	now := time.Now()
	s.failed(ctx, "remove expired seen items", s.forgetSeen(ctx, now))
	s.failed(ctx, "remove what batch has covered", s.forgetCovered(ctx, now))
}

// forgetSeen removes the seen items that would have expired. It leaves the receipts of runs that the sweep has not
// finished.
func (s *Server) forgetSeen(ctx context.Context, now time.Time) error {
	swept, err := s.catalog.Swept(ctx)
	if err != nil {
		return err
	}
	last, err := s.catalog.Runs(ctx, swept, swept)
	if err != nil || len(last) == 0 { // nothing is swept
		return err
	}
	before := last[0].Horizon.Start()
	if now.Before(before) {
		before = now
	}
	s.seen.Trim(before.Add(-s.settings.RetainSeen()))
	return nil
}

// forgetCovered removes the speed items of slots that batch has covered. They stay for DropGrace, since a query that
// has begun may have read an earlier horizon. On AWS, they stay until they expire.
func (s *Server) forgetCovered(ctx context.Context, now time.Time) error {
	views, err := s.catalog.Views(ctx)
	if err != nil {
		return err
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
	return nil
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
