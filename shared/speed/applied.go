package speed

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// olderThan returns the sequence numbers of the records that the stream took longer ago than an age; nil for none,
// which is the rule.
//
// Speed does not begin a record older than BeginWithin, which the stream could drop while this invocation works: it
// passes the record over, and remembers none of its events. So no receipt shows them, and the sweep has them streamed
// again. If speed began the record, the stream could drop it before speed has applied it to every item; and the copy
// that the sweep has streamed could meet an invocation that still works on it.
func (s *Speed) olderThan(records []stream.Record, age time.Duration) map[event.Sequence]bool {
	var older map[event.Sequence]bool
	bound := event.MillisOf(s.Now().Add(-age))
	for _, r := range records {
		if r.Put == 0 || r.Put >= bound {
			continue
		}
		if older == nil {
			older = map[event.Sequence]bool{}
		}
		older[r.Sequence] = true
	}
	return older
}

// putApplied writes that records of a lane are applied, where a set of items is all that its view has. The sweep relies
// on it: a seen item shows only that speed has begun a record, and the stream may drop the record before speed has
// applied it. Other views need no such proof, since batch counts their events.
//
// Of a record that is almost too old, it is not certain. Another function, whose clock is ahead, may have passed it
// over and applied records after it. Then items skip the record, and applying it proves nothing. So only the records
// after the last such one are certain. If nothing else proves the others, Kappa views say that they lack events.
func (s *Speed) putApplied(ctx context.Context, lane event.Lane, live live, applied []stream.Record) error {
	if !slices.ContainsFunc(live.targets, func(t target) bool { return !t.bySlot }) {
		return nil
	}
	uncertain := s.olderThan(applied, s.BeginWithin-s.ClockMargin.Apart())
	first := len(applied)
	for first > 0 && !uncertain[applied[first-1].Sequence] {
		first--
	}
	if first == len(applied) {
		return nil
	}
	now := s.Now()
	// Commit point: these records are applied. After a crash before it, the stream delivers them again; every item has
	// considered them by then, so nothing changes, and this is written.
	err := s.Seen.PutApplied(ctx, viewstore.Applied{
		Lane: lane, First: applied[first].Sequence, Last: applied[len(applied)-1].Sequence,
		Recorded: event.MillisOf(now), Expires: viewstore.ExpiryAt(now.Add(s.RetainSeen)),
	})
	if err != nil {
		return fmt.Errorf("lane %s: %w", lane, err)
	}
	return nil
}
