package speed

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// dropSeen finds the rows of a batch that are duplicates. A row is a duplicate when an earlier position of the lane (by
// record, then line) has its identity, with an arrival within the window of its own. dropSeen first reads what other
// environments have considered in the lane, and stores the batch's own records as seen. The result is the same at every
// delivery, because it depends on positions and stamps, and never on a clock.
//
// Source: docs/design.md 3.5.
func (s *Speed) dropSeen(ctx context.Context, lane event.Lane, batch *event.Batch, kept considered) ([]bool, error) {
	m := s.lanes.of(lane)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.recall(ctx, m, lane, batch); err != nil {
		return nil, fmt.Errorf("read seen items of lane %s: %w", lane, err)
	}
	own := s.identify(batch, kept)
	if err := s.record(ctx, m, lane, own); err != nil {
		m.forget() // the store may or may not hold these records
		return nil, fmt.Errorf("put seen item of lane %s: %w", lane, err)
	}
	duplicate := make([]bool, batch.Len())
	row := 0
	for _, r := range own {
		for line, identity := range r.Identities {
			duplicate[row] = m.holds(identity, position{r.Sequence, r.Line + line}, event.ArrivalOf(r.Request),
				s.Layout.SpeedWindow)
			row++
		}
	}
	return duplicate, nil
}

// recall brings the memory up to date with the store. It reads new items and, when a stamp of the batch is older than
// the memory reaches, old ones.
func (s *Speed) recall(ctx context.Context, m *laneMemory, lane event.Lane, batch *event.Batch) error {
	// A copy within the window was published after its arrival, and recorded after that, whichever clock recorded it.
	back := event.MillisOf(s.Now())
	for _, stamp := range batch.Stamps {
		back = min(back, stamp.Arrival())
	}
	back = back.Add(-s.Layout.SpeedWindow - s.ClockMargin.Apart())
	if m.reaches(back) {
		items, err := s.Seen.After(ctx, lane, m.last)
		m.add(items)
		return err
	}
	m.forget()
	items, err := s.Seen.Since(ctx, lane, back)
	if err != nil {
		return err
	}
	m.begin(back)
	m.add(items)
	return nil
}

// identify returns the seen records of the lines of each record.
func (s *Speed) identify(batch *event.Batch, kept considered) []viewstore.SeenRecord {
	var all []viewstore.SeenRecord
	var id event.Identity
	var scratch []byte
	row := 0
	for i, end := range kept.ends {
		for first := row; row < end; row++ {
			id, scratch = batch.Identity(row, s.Layout.HashKey, scratch)
			if request := batch.Stamps[row].Request; row == first || request != batch.Stamps[row-1].Request {
				all = append(all, viewstore.SeenRecord{Sequence: kept.sequences[i], Line: row - first, Request: request})
			}
			r := &all[len(all)-1]
			r.Identities = append(r.Identities, id.Lo)
		}
	}
	return all
}

// record stores the records as seen that are not stored yet, and adds them to the memory.
func (s *Speed) record(ctx context.Context, m *laneMemory, lane event.Lane, own []viewstore.SeenRecord) error {
	now := s.Now()
	item := viewstore.SeenItem{Lane: lane, Recorded: event.MillisOf(now),
		Expires: viewstore.ExpiryAt(now.Add(s.RetainSeen))}
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
		m.add([]viewstore.SeenItem{item})
		item.Records, size = nil, 0
		return nil
	}
	for _, r := range own {
		if m.knows(position{r.Sequence, r.Line}) {
			continue
		}
		bytes := r.MaxBytes()
		if size+bytes > viewstore.MaxSeenBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		item.Records = append(item.Records, r)
		size += bytes
	}
	return flush()
}
