package speed

import (
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Memory is the memory of a lane, for its tests.
type Memory struct{ lane laneMemory }

// NewMemory returns an empty memory of the records that arrived at an instant or later.
func NewMemory(since event.Millis, window time.Duration) *Memory {
	m := &Memory{}
	m.lane.begin(since, window)
	return m
}

// Add adds an item.
func (m *Memory) Add(item viewstore.SeenItem) { m.lane.add(item) }

// AddOwn adds a record of the batch at hand, and returns its lines that are fresh.
func (m *Memory) AddOwn(r viewstore.SeenRecord) (fresh []bool) {
	fresh = make([]bool, len(r.Identities))
	m.lane.addOwn([]ownRecord{{r, positionOf(r), fresh}}, true)
	return fresh
}

// Knows says whether the memory has a record.
func (m *Memory) Knows(r viewstore.SeenRecord) bool { return m.lane.knows(r) }

// Holds says whether the memory has an earlier copy of an event of a record.
func (m *Memory) Holds(r viewstore.SeenRecord, line int) bool {
	at := positionOf(r)
	at.line += line
	return m.lane.holds(r.Identities[line], at, event.ArrivalOf(r.Request))
}

// Shrink says that a batch needs what arrived at an instant or later. It returns how far back the memory reaches.
func (m *Memory) Shrink(since event.Millis) event.Millis {
	m.lane.shrink(since)
	return m.lane.since
}

// Count returns the number of identities in the memory.
func (m *Memory) Count() (n int) {
	for _, b := range m.lane.blocks {
		n += int(b.count)
	}
	return n
}

// Compare compares two sequence numbers as the memory packs them.
func Compare(s, t event.Sequence) int {
	return position{sequence: pack(s)}.compare(position{sequence: pack(t)})
}
