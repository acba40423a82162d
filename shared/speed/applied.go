package speed

import (
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// lateOnes returns the sequence numbers of the records that the stream could drop while this invocation works; nil for
// none, which is the rule.
//
// Speed does not begin such a record: it passes the record over, and remembers none of its events. So no receipt shows
// them, and the sweep has them streamed again. If speed began the record, the stream could drop it before speed has
// applied it to every item; and the copy that the sweep has streamed could meet an invocation that still works on it.
func (s *Speed) lateOnes(records []stream.Record) map[event.Sequence]bool {
	var late map[event.Sequence]bool
	begun := event.MillisOf(s.Now().Add(-s.BeginWithin))
	for _, r := range records {
		if r.Put == 0 || r.Put >= begun {
			continue
		}
		if late == nil {
			late = map[event.Sequence]bool{}
		}
		late[r.Sequence] = true
	}
	return late
}

// putApplied writes that the first records of a lane are applied, where a set of items is all that its view has. The
// sweep relies on it: a seen item shows only that speed has begun a record, and the stream may drop the record before
// speed has applied it. Other views need no such proof, since batch counts their events.
//
// A late record that an earlier invocation has begun may have left the stream meanwhile, and items may have considered
// records after it. Then applying it again changes nothing, and proves nothing. So only the records after the last such
// one are certain.
func (s *Speed) putApplied(ctx context.Context, lane event.Lane, live live, kept considered, applied int) error {
	if !slices.ContainsFunc(live.targets, func(t target) bool { return !t.bySlot }) {
		return nil
	}
	first := applied
	for first > 0 && !kept.late[kept.sequences[first-1]] {
		first--
	}
	if first == applied {
		return nil
	}
	now := s.Now()
	// Commit point: these records are applied. After a crash before it, the stream delivers them again; every item has
	// considered them by then, so nothing changes, and this is written.
	err := s.Seen.PutApplied(ctx, viewstore.Applied{
		Lane: lane, First: kept.sequences[first], Last: kept.sequences[applied-1],
		Recorded: event.MillisOf(now), Expires: viewstore.ExpiryAt(now.Add(s.RetainSeen)),
	})
	if err != nil {
		return fmt.Errorf("lane %s: %w", lane, err)
	}
	return nil
}
