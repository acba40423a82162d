// Package speed is the layer that maintains speed items. It folds the records of a lane, in order, into the live
// definitions, and into each item only the records above the item's applied position. Redelivery in any form is
// harmless: the same records, a suffix, a half, a batch cut differently, or a frozen twin of the function.
//
// Speed folds the records of the stream. Replay folds, by the same code, the archived events that arrived before a
// Kappa generation was live.
//
// The package does not depend on batch. It reads from the catalog which definitions are live, which slots batch has
// taken over, and which runs are real.
package speed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Speed applies records. All fields are required. It is safe for concurrent use.
type Speed struct {
	Archive  archive.Archive // stores records that cannot be decoded
	Catalog  catalog.Catalog
	Programs *programs.Cache
	Items    viewstore.Speed
	Seen     viewstore.Seen
	Codec    *event.Codec
	Layout   archive.Layout

	// Retain is how long an item lives after the end of its slot.
	Retain time.Duration
	// RetainSeen is how long a seen item lives: the sum of all that may delay a copy. See setting.All.RetainSeen.
	RetainSeen time.Duration
	// BeginWithin is how long after the stream took a record speed may begin to apply it. Later, the stream could drop the
	// record while speed works.
	BeginWithin time.Duration
	// ClockMargin is the most by which any function's clock may differ from the store's.
	ClockMargin clock.Margin
	// Tries is the number of attempts at writing one item.
	Tries    int
	Parallel runner.Runner
	Now      func() time.Time
	Log      *slog.Logger

	cache   cache
	listing listing
	lanes   memories
	scratch sync.Pool // of *scratch
}

// scratch is memory that one invocation after another reuses.
type scratch struct {
	batch      event.Batch
	identities []event.Identity
	hashed     []byte
}

// Report says what an invocation did. The function also logs it.
type Report struct {
	Records    int // number of records received
	Events     int // number of events in them
	Duplicates int // number of events that are copies of events seen before; they do not count
	TooLate    int // number of events whose records are about to leave the stream; the sweep has them streamed again
	SetAside   int // number of records that could not be decoded
	Items      int // number of speed items written
	// Views has the counts of each set of items: one set per live definition, and one per Kappa generation.
	Views []SetReport
}

// SetReport counts what an invocation folded into one set of items. Events that are delivered again count again.
type SetReport struct {
	View  view.Name
	Alone bool // the set answers for its view without base items: batch counts nothing for it
	view.Counts
}

// Apply folds the records, which must be in the order of the stream, into the live definitions.
//
// It returns how many records, from the front, are fully applied. The rest must be delivered again, although they may
// have been applied in part. A failure in one lane does not stop the other lanes. After an error, deliver all records
// again.
func (s *Speed) Apply(ctx context.Context, records []stream.Record) (applied int, report Report, err error) {
	live, err := s.live(ctx)
	if err != nil {
		return 0, Report{}, err
	}
	report = Report{Records: len(records), Views: make([]SetReport, len(live.targets))}
	for i, t := range live.targets {
		report.Views[i] = SetReport{View: t.program.Definition.Name, Alone: t.alone}
	}
	applied = len(records)
	for _, l := range byLane(records) {
		lowest, err := s.applyLane(ctx, l, live, &report)
		if err != nil {
			s.Log.ErrorContext(ctx, "records not applied", "partition_key", l.partitionKey, "from", l.records[lowest].Sequence,
				"error", err)
			applied = min(applied, l.places[lowest])
		}
	}
	return applied, report, nil
}

// laneRecords are the records of one partition key with their places in the invocation.
type laneRecords struct {
	partitionKey string
	records      []stream.Record
	places       []int
}

// byLane groups the records, keeping their order.
func byLane(records []stream.Record) []*laneRecords {
	index := map[string]*laneRecords{}
	var all []*laneRecords
	for place, r := range records {
		l := index[r.PartitionKey]
		if l == nil {
			l = &laneRecords{partitionKey: r.PartitionKey}
			index[r.PartitionKey] = l
			all = append(all, l)
		}
		l.records = append(l.records, r)
		l.places = append(l.places, place)
	}
	return all
}

// applyLane applies one lane's records. On an error it returns the index of the first record that is not fully applied.
func (s *Speed) applyLane(ctx context.Context, l *laneRecords, live live, report *Report) (lowest int, err error) {
	lane, err := event.ParseLane(l.partitionKey)
	if err == nil && lane == event.ReplayLane {
		err = fmt.Errorf("lane %s is reserved for replay: the stream must not use it", lane)
	}
	if err != nil {
		return s.setAsideAll(ctx, l, err, report)
	}
	memory, ok := s.scratch.Get().(*scratch)
	if !ok {
		memory = &scratch{}
	}
	defer s.scratch.Put(memory)
	batch := &memory.batch
	kept, err := s.decode(ctx, l, live, memory, report)
	if err != nil {
		return 0, err // applied positions would pass a record that was not considered, so the whole lane waits for it
	}
	kept.late = s.olderThan(l.records, s.BeginWithin)
	duplicate, passed, err := s.dropSeen(ctx, lane, batch, kept)
	if err != nil {
		return 0, err // a record that may not be stored as seen must not be considered
	}
	report.Events += batch.Len()
	slots := rowsBySlot(batch, s.Layout.Slot, duplicate)
	report.Duplicates += countTrue(duplicate) - passed
	report.TooLate += passed
	lowest = len(l.records)
	var all []error
	for i, t := range live.targets {
		f := fold{writer: s.writer(), program: t.program, set: t.set, lane: lane, records: kept}
		first, counts, items, err := f.apply(ctx, s.groups(t, slots))
		report.Views[i].Folded += counts.Folded
		report.Views[i].Skipped += counts.Skipped
		report.Items += items
		if err != nil {
			lowest = min(lowest, first)
			all = append(all, err)
		}
	}
	if err := s.putApplied(ctx, lane, live, l.records[:lowest]); err != nil {
		return 0, err
	}
	return lowest, errors.Join(all...)
}

// decode reads the lane's records into one batch. It sets aside the records that cannot be decoded; they count as
// considered.
func (s *Speed) decode(ctx context.Context, l *laneRecords, live live, memory *scratch, report *Report) (considered,
	error) {
	memory.batch.Reset()
	memory.identities = memory.identities[:0]
	kept := considered{batches: []*event.Batch{&memory.batch}}
	for _, r := range l.records {
		var err error
		start := len(memory.batch.Data)
		if memory.batch.Data, err = s.Codec.Decompress(memory.batch.Data, r.Data); err == nil {
			err = live.set.Fields().ScanFrom(&memory.batch, start)
		}
		if err != nil {
			if err := s.setAside(ctx, r, err); err != nil {
				return kept, err
			}
			report.SetAside++
		}
		memory.identify(s.Layout.HashKey) // while the lines are in the processor's cache
		kept.sequences = append(kept.sequences, r.Sequence)
		kept.ends = append(kept.ends, memory.batch.Len())
	}
	kept.identities = memory.identities
	return kept, nil
}

// identify hashes the identities of the rows that have none yet.
func (m *scratch) identify(key event.HashKey) {
	var identity event.Identity
	for row := len(m.identities); row < m.batch.Len(); row++ {
		identity, m.hashed = m.batch.Identity(row, key, m.hashed)
		m.identities = append(m.identities, identity)
	}
}

func (s *Speed) writer() writer {
	return writer{items: s.Items, cache: &s.cache, listing: &s.listing, tries: s.Tries, parallel: s.Parallel}
}

func countTrue(all []bool) int {
	n := 0
	for _, yes := range all {
		if yes {
			n++
		}
	}
	return n
}

func (s *Speed) setAsideAll(ctx context.Context, l *laneRecords, reason error, report *Report) (int, error) {
	for i, r := range l.records {
		if err := s.setAside(ctx, r, reason); err != nil {
			return i, err
		}
		report.SetAside++
	}
	return 0, nil
}

// setAside stores a record that cannot be decoded, whole and with the reason, so that the lane can go on.
func (s *Speed) setAside(ctx context.Context, r stream.Record, reason error) error {
	text, err := json.Marshal(struct {
		PartitionKey string         `json:"partition_key"`
		Sequence     event.Sequence `json:"sequence"`
		Reason       string         `json:"reason"`
		Data         []byte         `json:"data"`
	}{r.PartitionKey, r.Sequence, reason.Error(), r.Data})
	if err != nil {
		return fmt.Errorf("set aside record %s: %w", r.Sequence, err)
	}
	// Commit point: once the object exists, the record counts as considered. Its events, if it has any, are in the
	// archive.
	_, err = s.Archive.Put(ctx, archive.SetAsideKey(r.PartitionKey, r.Sequence), text)
	if err != nil && !errors.Is(err, archive.ErrExists) {
		return fmt.Errorf("set aside record %s: %w", r.Sequence, err)
	}
	s.Log.WarnContext(ctx, "record set aside", "partition_key", r.PartitionKey, "sequence", r.Sequence, "reason", reason)
	return nil
}
