package eventsource

import (
	"errors"
	"fmt"
)

// Snapshot is from where a restart goes on: of each shard the position before its lowest unfinished record. What was finished above it is
// delivered again, and batches may be cut differently, under other settings too. Given-up records count as finished.
type Snapshot struct {
	Discovered bool            `json:"discovered"` // a listing was seen: shards met from now on are new
	Shards     []ShardSnapshot `json:"shards"`     // by name
}

// ShardSnapshot is one shard of a Snapshot. Drained: its children may be read.
type ShardSnapshot struct {
	ID       ShardID   `json:"id"`
	Parents  []ShardID `json:"parents,omitempty"`
	Position Position  `json:"position"`
	Drained  bool      `json:"drained,omitempty"`
}

// Checkpoint is the position before the lowest record of the shard that is not finished, or after the last if all are. False: unknown shard.
func (m *Mapping) Checkpoint(id ShardID) (Position, bool) {
	if s := m.find(id); s != nil {
		return s.checkpoint(), true
	}
	return Position{}, false
}

func (s *shard) checkpoint() Position {
	var lowest Sequence
	lower := func(r Record) {
		if lowest == "" || r.Sequence.Compare(lowest) < 0 {
			lowest = r.Sequence
		}
	}
	if len(s.pending) > 0 {
		lower(s.pending[0].record)
	}
	for i := range s.workers {
		if !s.workers[i].idle() {
			lower(s.workers[i].batches[0].records[0])
		}
	}
	if lowest == "" {
		return s.next
	}
	return Position{From: AtSequence, Sequence: lowest}
}

// Snapshot copies what must outlive the mapping. It changes nothing.
func (m *Mapping) Snapshot() Snapshot {
	snapshot := Snapshot{Discovered: m.discovered, Shards: make([]ShardSnapshot, 0, len(m.shards))}
	for _, s := range m.shards {
		snapshot.Shards = append(snapshot.Shards, ShardSnapshot{
			ID: s.id, Parents: append([]ShardID(nil), s.parents...), Position: s.checkpoint(), Drained: s.drained(),
		})
	}
	return snapshot
}

// Restore makes a mapping that goes on from a snapshot, under the same settings or others. Its invocations are numbered from 1 again: answers
// to those of the mapping before must be kept from it.
//
// Errors: that of Settings.Validate; a shard without name, named twice, or with a position that is none.
func Restore(settings Settings, snapshot Snapshot) (*Mapping, error) {
	m, err := New(settings)
	if err != nil {
		return nil, err
	}
	list := make([]Shard, 0, len(snapshot.Shards))
	for _, from := range snapshot.Shards {
		if m.find(from.ID) != nil {
			return nil, fmt.Errorf("restore: shard %s is listed twice", from.ID)
		}
		if err := from.Position.validate(); err != nil {
			return nil, fmt.Errorf("restore shard %q: %w", from.ID, err)
		}
		shard := Shard{ID: from.ID, Parents: from.Parents}
		list = append(list, shard)
		s := newShard(shard, from.Position, settings)
		s.ended = from.Drained
		m.add(s)
	}
	if err := m.validateListing(list); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if len(list) > 0 && !snapshot.Discovered {
		return nil, errors.New("restore: the snapshot has shards but no listing, want discovered to be true")
	}
	m.discovered = snapshot.Discovered
	return m, nil
}
