package eventsource

import (
	"errors"
	"fmt"
)

// Snapshot is the state from which a restart continues: for each shard, the position before its lowest unfinished
// record. After a restart, finished records above that position are delivered again, and batches may be cut
// differently, even under other settings. Discarded records count as finished.
type Snapshot struct {
	Discovered bool            `json:"discovered"` // a listing was taken, so shards listed from now on are new
	Shards     []ShardSnapshot `json:"shards"`     // sorted by name
}

// ShardSnapshot is one shard of a Snapshot. If it is Drained, its children may be read.
type ShardSnapshot struct {
	ID       ShardID   `json:"id"`
	Parents  []ShardID `json:"parents,omitempty"`
	Position Position  `json:"position"`
	Drained  bool      `json:"drained,omitempty"`
}

// Checkpoint returns the position before the lowest unfinished record of a shard, or after its last record if all are
// finished. It returns false for an unknown shard.
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

// Snapshot copies the state that must outlive the mapping. It does not change the mapping.
func (m *Mapping) Snapshot() Snapshot {
	snapshot := Snapshot{Discovered: m.discovered, Shards: make([]ShardSnapshot, 0, len(m.shards))}
	for _, s := range m.shards {
		snapshot.Shards = append(snapshot.Shards, ShardSnapshot{
			ID: s.id, Parents: append([]ShardID(nil), s.parents...), Position: s.checkpoint(), Drained: s.drained(),
		})
	}
	return snapshot
}

// Restore returns a mapping that continues from a snapshot, under the same settings or others. It numbers its
// invocations from 1 again, so the driver must not pass it results of the earlier mapping.
//
// Errors: those of Settings.Validate; a shard without a name, listed twice, or with an invalid position.
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
