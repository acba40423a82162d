package speed

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// position is where an event stands in its lane.
type position struct {
	sequence packed
	line     int
}

// positionOf returns the position of a record's first line.
func positionOf(r viewstore.SeenRecord) position { return position{pack(r.Sequence), r.Line} }

func (p position) compare(q position) int {
	return cmp.Or(bytes.Compare(p.sequence, q.sequence), cmp.Compare(p.line, q.line))
}

func (p position) before(q position) bool { return p.compare(q) < 0 }

// packed is a sequence number: its length in one byte, then two digits a byte. It orders as the number does.
type packed []byte

func pack(s event.Sequence) packed {
	b := make(packed, 1+(len(s)+1)/2)
	b[0] = byte(len(s))
	for i := range len(s) {
		b[1+i/2] |= (s[i] - '0') << (4 * (1 - i%2))
	}
	return b
}

// packedAt returns the sequence number that b begins with.
func packedAt(b []byte) packed { return b[:1+(int(b[0])+1)/2] }

// laneMemory remembers, for one environment, the records that speed has considered in one lane. It is a copy of seen
// items, so the environment may forget it at any time.
//
// It is bounded by time: it holds the records that arrived at most the window and some blocks before those that it was
// last asked about.
type laneMemory struct {
	mu     sync.Mutex
	window time.Duration
	known  bool
	since  event.Millis   // the memory has every record that arrived at this instant or later, up to last
	last   event.Sequence // the last sequence number of the items that the memory was made of
	newest event.Millis   // the latest arrival that was ever met in the lane
	blocks []*block       // the newest period first
	needed needed
}

// blocksPerWindow is how many blocks make a window. More blocks drop records sooner, but a lookup reads each of them.
const blocksPerWindow = 6

// needed is how far back recent batches needed the memory to reach. Within one period, or the next one, memory that one
// batch needed is likely to be needed again: a queue with old requests takes more than one batch to be empty.
type needed struct {
	period            int64
	current, previous event.Millis
}

// forget drops everything.
func (m *laneMemory) forget() { m.known, m.since, m.last, m.blocks = false, event.Never, "", nil }

// begin makes the memory empty, to take every record that arrived at an instant or later.
func (m *laneMemory) begin(since event.Millis, window time.Duration) {
	m.forget()
	m.known, m.since, m.window = true, since, window
	m.needed = needed{m.periodOf(since), since, math.MaxInt64}
}

// reaches says whether the memory goes back to an instant: it lacks only new items.
func (m *laneMemory) reaches(since event.Millis) bool { return m.known && m.since <= since }

// periodOf returns the number of the period of an arrival.
func (m *laneMemory) periodOf(arrival event.Millis) int64 {
	return int64(arrival) / max(m.window.Milliseconds()/blocksPerWindow, 1)
}

// shrink drops the blocks that no recent batch needed. The batch at hand needs the records since an instant.
func (m *laneMemory) shrink(since event.Millis) {
	n := &m.needed
	if p := m.periodOf(since); p > n.period {
		*n = needed{p, since, n.current}
	}
	n.current = min(n.current, since)
	keep := min(n.current, n.previous)
	if keep <= m.since {
		return
	}
	m.since = keep
	first := m.periodOf(keep)
	m.blocks = slices.DeleteFunc(m.blocks, func(b *block) bool { return b.period < first })
}

// knows says whether the memory has a record.
func (m *laneMemory) knows(r viewstore.SeenRecord) bool {
	period := m.periodOf(event.ArrivalOf(r.Request))
	first := positionOf(r)
	return slices.ContainsFunc(m.blocks, func(b *block) bool { return b.period == period && b.holds(first) })
}

func (m *laneMemory) add(items ...viewstore.SeenItem) {
	for _, item := range items {
		for _, r := range item.Records {
			m.addRecord(r, nil)
		}
		m.endAt(item.Last())
	}
}

// addOwn adds records of the batch at hand, in order. If the memory reaches back far enough for all of them, addOwn
// finds out which of their lines are fresh. A line that is fresh has no earlier copy within the window, since the lines
// that follow are all later.
func (m *laneMemory) addOwn(records []ownRecord, reaches bool) {
	for _, r := range records {
		if !reaches {
			r.fresh = nil
		}
		m.addRecord(r.SeenRecord, r.fresh)
		m.endAt(r.Sequence)
	}
}

func (m *laneMemory) endAt(last event.Sequence) {
	if last.Compare(m.last) > 0 {
		m.last = last
	}
}

// addRecord adds a record, unless the memory does not reach back to it. Items overlap after failures. A record that
// comes twice takes its memory twice, and changes no answer. If fresh is not nil, addRecord sets it for each line of
// which the memory held no copy that arrived about within the window.
func (m *laneMemory) addRecord(r viewstore.SeenRecord, fresh []bool) {
	arrival := event.ArrivalOf(r.Request)
	m.newest = max(m.newest, arrival)
	if arrival < m.since {
		return
	}
	home := m.blockOf(arrival, len(r.Identities))
	for i := range fresh {
		fresh[i] = true
	}
	if fresh != nil {
		for _, b := range m.between(arrival.Add(-m.window), arrival.Add(m.window)) {
			if b != home { // it says so itself, for each line and those before it
				b.clearKnown(r.Identities, fresh)
			}
		}
	}
	home.add(r, fresh)
}

// blockOf returns the block of an arrival, with room for n identities.
func (m *laneMemory) blockOf(arrival event.Millis, n int) *block {
	period := m.periodOf(arrival)
	at := 0
	for ; at < len(m.blocks) && m.blocks[at].period >= period; at++ {
		if b := m.blocks[at]; b.period == period && b.hasRoom(n) {
			return b
		}
	}
	expected := n
	if at == 0 && len(m.blocks) > 0 {
		expected = max(n, m.blocks[0].taken) // as many as in the period before
	}
	m.blocks = slices.Insert(m.blocks, at, newBlock(period, expected))
	return m.blocks[at]
}

// between returns the blocks of a span of arrivals.
func (m *laneMemory) between(from, to event.Millis) []*block {
	first, last := m.periodOf(from), m.periodOf(to)
	start := sort.Search(len(m.blocks), func(i int) bool { return m.blocks[i].period <= last })
	end := sort.Search(len(m.blocks), func(i int) bool { return m.blocks[i].period < first })
	return m.blocks[start:end]
}

// any reports whether a copy of an event in the blocks of a span of arrivals satisfies a condition.
func (m *laneMemory) any(id event.Identity, from, to event.Millis, is func(entry) bool) bool {
	return slices.ContainsFunc(m.between(from, to), func(b *block) bool { return b.any(id, is) })
}

// holds says whether a position before the given one has the identity, with an arrival within the window of the given
// one.
func (m *laneMemory) holds(id event.Identity, at position, arrival event.Millis) bool {
	return m.any(id, arrival.Add(-m.window), arrival.Add(m.window), func(e entry) bool {
		return e.before(at) && arrival.IsWithin(m.window, e.arrival)
	})
}

// counted says whether the live half has counted a copy of an event that arrived at the given instant. It has if the
// copy arrived at the slot live or later, at most the window after the event, and no earlier position of the lane holds
// another copy.
func (m *laneMemory) counted(id event.Identity, arrival event.Millis, live slot.Slot) bool {
	last := arrival.Add(m.window)
	return m.any(id, live.Millis(), last, func(e entry) bool {
		return e.arrival >= live.Millis() && e.arrival <= last && !m.holds(id, e.position, e.arrival)
	})
}

// memories holds the lane memories of an environment.
type memories struct {
	mu     sync.Mutex
	byLane map[event.Lane]*laneMemory
}

func (l *memories) of(lane event.Lane) *laneMemory {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.byLane[lane]
	if m == nil {
		if l.byLane == nil {
			l.byLane = map[event.Lane]*laneMemory{}
		}
		m = &laneMemory{}
		l.byLane[lane] = m
	}
	return m
}
