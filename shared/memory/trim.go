package memory

import (
	"maps"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Trim removes the items and the live keys of a set in slots before the given one, whether they have expired or not.
// The set must have items per slot, and nobody may read those slots any more: on AWS they stay until they expire.
func (s *Speed) Trim(set lifecycle.Set, before slot.Slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for partition, items := range s.items {
		if partition.set != set {
			continue
		}
		maps.DeleteFunc(items, func(key viewstore.SpeedKey, _ viewstore.SpeedItem) bool { return key.Slot < before })
		if len(items) == 0 {
			delete(s.items, partition)
		}
	}
	maps.DeleteFunc(s.live[set], func(key liveKey, _ viewstore.LiveKeys) bool { return key.slot < before })
}

// LenLive returns the number of items of live keys of a set.
func (s *Speed) LenLive(set lifecycle.Set) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live[set])
}

// Len returns the number of records that the stream holds.
func (s *Stream) Len() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shards {
		n += len(sh.records)
	}
	return n
}
