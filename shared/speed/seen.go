package speed

import (
	"context"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// dropSeen finds the rows of a batch that are duplicates. A row is a duplicate when an earlier position of the lane (by
// record, then line) has its identity, with an arrival within the window of its own. dropSeen first reads what other
// environments have considered in the lane, and stores the batch's own records as seen. The result is the same at every
// delivery, because it depends on positions and stamps, and never on a clock.
//
// The rows of a late record that was not begun yet count as duplicates, too: it is passed over. dropSeen returns how
// many rows these are.
//
// Source: docs/design.md 3.5.
func (s *Speed) dropSeen(
	ctx context.Context, lane event.Lane, batch *event.Batch, kept considered,
) (duplicate []bool, passed int, err error) {
	if batch.Len() == 0 {
		return nil, 0, nil
	}
	m := s.lanes.of(lane)
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := s.recall(ctx, m, lane, batch)
	if err != nil {
		return nil, 0, fmt.Errorf("read seen items of lane %s: %w", lane, err)
	}
	own := identify(batch, kept)
	passes := func(r ownRecord) bool {
		return kept.late[r.Sequence] && !m.knows(r.SeenRecord) && (old == nil || !old.knows(r.SeenRecord))
	}
	begun := own
	if kept.late != nil {
		begun = slices.DeleteFunc(slices.Clone(own), passes)
	}
	if err := s.record(ctx, m, old, lane, begun); err != nil {
		m.forget() // the store may or may not hold these records
		return nil, 0, fmt.Errorf("put seen item of lane %s: %w", lane, err)
	}
	duplicate = make([]bool, batch.Len())
	row := 0
	for _, r := range own {
		arrival, near := event.ArrivalOf(r.Request), m
		if old != nil && !m.reaches(arrival.Add(-s.Layout.SpeedWindow)) {
			near = old
		}
		passedOver := passes(r)
		at := r.at
		for i, identity := range r.Identities {
			duplicate[row] = passedOver || !r.fresh[i] && near.holds(identity, at, arrival)
			row++
			at.line++
		}
		if passedOver {
			passed += len(r.Identities)
		}
	}
	if passed > 0 {
		s.Log.WarnContext(ctx, "events passed over: the stream is about to drop their records; the sweep has them streamed "+
			"again", "lane", lane, "events", passed)
	}
	return duplicate, passed, nil
}

// patience is how many windows further back than the newest arrival of the lane a stamp may lie so that the memory is
// extended to it. What is needed for older stamps is read for the one batch, and not kept.
const patience = 2

// recall brings the memory up to date with the store. It reads new items and, when a stamp of the batch is older than
// the memory reaches, old ones. For stamps that are too old for the memory, it returns another one that has the records
// around them.
func (s *Speed) recall(ctx context.Context, m *laneMemory, lane event.Lane, batch *event.Batch) (*laneMemory, error) {
	oldest := batch.Stamps[0].Arrival()
	for _, stamp := range batch.Stamps {
		oldest, m.newest = min(oldest, stamp.Arrival()), max(m.newest, stamp.Arrival())
	}
	if !m.reaches(s.back(m, oldest)) {
		if err := s.readBack(ctx, m, lane, oldest); err != nil {
			return nil, err
		}
	} else {
		items, err := s.Seen.After(ctx, lane, m.last)
		if err != nil {
			return nil, err
		}
		m.add(items...)
	}
	m.shrink(s.back(m, oldest))
	if m.reaches(oldest.Add(-s.Layout.SpeedWindow)) {
		return nil, nil
	}
	return s.readAround(ctx, m, lane, batch)
}

// back returns how far back the memory must reach for a batch with an oldest stamp.
func (s *Speed) back(m *laneMemory, oldest event.Millis) event.Millis {
	return max(oldest, m.newest.Add(-patience*s.Layout.SpeedWindow)).Add(-s.Layout.SpeedWindow)
}

// readBack makes the memory anew from the lane's items, the newest first. It holds a few items at once, so it needs
// hardly more memory than what it keeps.
func (s *Speed) readBack(ctx context.Context, m *laneMemory, lane event.Lane, oldest event.Millis) error {
	begun := false
	err := s.Seen.Newest(ctx, lane, func(item viewstore.SeenItem) bool {
		if !begun {
			// The newest item says how old the batch's stamps are in this lane.
			for _, r := range item.Records {
				m.newest = max(m.newest, event.ArrivalOf(r.Request))
			}
			m.begin(s.back(m, oldest), s.Layout.SpeedWindow)
			begun = true
		}
		// A record was published after its arrival, and recorded after that, whichever clock recorded it.
		if item.Recorded < m.since.Add(-s.ClockMargin.Apart()) {
			return false
		}
		m.add(item)
		return true
	})
	if err != nil {
		m.forget()
		return err
	}
	if !begun {
		m.begin(s.back(m, oldest), s.Layout.SpeedWindow)
	}
	return nil
}

// readAround returns what speed has seen in the lane around the stamps of a batch that the memory does not reach. It
// reads every item since the oldest of these stamps, and keeps the records that arrived within the window of one. The
// memory takes what these items have that it lacks: if it were older than what readAround returns, record would replace
// an item by one with fewer records.
func (s *Speed) readAround(
	ctx context.Context, m *laneMemory, lane event.Lane, batch *event.Batch,
) (*laneMemory, error) {
	var old []event.Millis
	for _, stamp := range batch.Stamps {
		if arrival := stamp.Arrival(); !m.reaches(arrival.Add(-s.Layout.SpeedWindow)) {
			old = append(old, arrival)
		}
	}
	slices.Sort(old)
	around := &laneMemory{}
	around.begin(old[0].Add(-s.Layout.SpeedWindow), s.Layout.SpeedWindow)
	err := s.Seen.Newest(ctx, lane, func(item viewstore.SeenItem) bool {
		if item.Recorded < around.since.Add(-s.ClockMargin.Apart()) {
			return false
		}
		for _, r := range item.Records {
			if !m.knows(r) {
				m.addRecord(r, nil) // another environment has stored it since the memory was read
			}
			arrival := event.ArrivalOf(r.Request)
			near, _ := slices.BinarySearch(old, arrival.Add(-s.Layout.SpeedWindow))
			if near < len(old) && arrival.IsWithin(s.Layout.SpeedWindow, old[near]) {
				around.addRecord(r, nil)
			}
		}
		return true
	})
	return around, err
}

// ownRecord is a seen record of the batch at hand.
type ownRecord struct {
	viewstore.SeenRecord
	at    position // of its first line
	fresh []bool   // per line: the lane's memory held no copy of the event when it took the line
}

// identify returns the seen records of the lines of each record.
func identify(batch *event.Batch, kept considered) []ownRecord {
	all := make([]ownRecord, 0, len(kept.ends))
	identities := slices.Clone(kept.identities) // of all records, which hold parts of it; a store may keep them
	fresh := make([]bool, batch.Len())
	row := 0
	for i, end := range kept.ends {
		for first := row; row < end; {
			r := viewstore.SeenRecord{Sequence: kept.sequences[i], Line: row - first, Request: batch.Stamps[row].Request}
			start := row
			for row < end && batch.Stamps[row].Request == r.Request {
				row++
			}
			r.Identities = identities[start:row]
			all = append(all, ownRecord{r, positionOf(r), fresh[start:row]})
		}
	}
	return all
}

// record stores the records as seen that are not stored yet, and adds them to the memory, and to the old one if there
// is one. It must leave out every record that is stored: an item replaces another with the same first and last record,
// and would lose the records between them that only the other one has.
func (s *Speed) record(ctx context.Context, m, old *laneMemory, lane event.Lane, own []ownRecord) error {
	now := s.Now()
	item := viewstore.SeenItem{Lane: lane, Recorded: event.MillisOf(now),
		Expires: viewstore.ExpiryAt(now.Add(s.RetainSeen))}
	var added []ownRecord // those of the item
	size := 0
	flush := func() error {
		if len(item.Records) == 0 {
			return nil
		}
		// Commit point: these records are seen. After a crash before their events are folded, the stream delivers them again
		// at the same positions, and so no record counts as an earlier copy of itself.
		if err := s.Seen.Put(ctx, item); err != nil {
			return err
		}
		m.addOwn(added, old == nil)
		if old != nil {
			old.add(item)
		}
		item.Records, added, size = nil, nil, 0
		return nil
	}
	for _, r := range own {
		if m.knows(r.SeenRecord) || old != nil && old.knows(r.SeenRecord) {
			continue
		}
		bytes := r.MaxBytes()
		if size+bytes > viewstore.MaxSeenBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		item.Records, added = append(item.Records, r.SeenRecord), append(added, r)
		size += bytes
	}
	return flush()
}
