package speed

import (
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// position is where an event stands in its lane.
type position struct {
	sequence event.Sequence
	line     int
}

func (p position) before(q position) bool {
	c := p.sequence.Compare(q.sequence)
	return c < 0 || c == 0 && p.line < q.line
}

// laneMemory remembers, for one environment, the records that speed has considered in one lane. It is a copy of seen
// items, so the environment may forget it at any time.
type laneMemory struct {
	mu      sync.Mutex
	known   bool
	since   event.Millis          // the memory has all items recorded from this instant on, up to last
	last    event.Sequence        // the last sequence number of these items
	records map[position]struct{} // the position of each record's first line
	chains  map[uint64]chain
	entries []entry
}

// chain links the entries of one identity, in the order in which they were added.
type chain struct{ first, last int32 }

type entry struct {
	position
	next    int32        // -1 for none
	arrival event.Millis // of the stamp
}

// maxEntries bounds a lane's memory. Beyond it the memory starts again from the store, as in a new environment.
const maxEntries = 2_000_000

func (m *laneMemory) forget() {
	m.known, m.since, m.last, m.records, m.chains, m.entries = false, event.Never, "", nil, nil, nil
}

func (m *laneMemory) begin(since event.Millis) {
	m.known, m.since, m.records, m.chains = true, since, map[position]struct{}{}, map[uint64]chain{}
}

// reaches says whether the memory goes back to an instant: it lacks only new items.
func (m *laneMemory) reaches(since event.Millis) bool {
	return m.known && m.since <= since && len(m.entries) <= maxEntries
}

func (m *laneMemory) knows(first position) bool {
	_, ok := m.records[first]
	return ok
}

func (m *laneMemory) add(items []viewstore.SeenItem) {
	for _, item := range items {
		for _, r := range item.Records {
			m.addRecord(r)
		}
		if item.Last().Compare(m.last) > 0 {
			m.last = item.Last()
		}
	}
}

func (m *laneMemory) addRecord(r viewstore.SeenRecord) {
	first := position{r.Sequence, r.Line}
	if m.knows(first) {
		return
	}
	m.records[first] = struct{}{}
	for line, identity := range r.Identities {
		at := int32(len(m.entries))
		m.entries = append(m.entries, entry{position: position{r.Sequence, r.Line + line}, next: -1,
			arrival: event.ArrivalOf(r.Request)})
		c, ok := m.chains[identity]
		if ok {
			m.entries[c.last].next = at
		} else {
			c.first = at
		}
		c.last = at
		m.chains[identity] = c
	}
}

// holds says whether a position before the given one has the identity, with an arrival within the window of the given
// one.
func (m *laneMemory) holds(identity uint64, at position, arrival event.Millis, window time.Duration) bool {
	c, ok := m.chains[identity]
	if !ok {
		return false
	}
	for i := c.first; i >= 0; i = m.entries[i].next {
		e := &m.entries[i]
		if e.before(at) && arrival.IsWithin(window, e.arrival) {
			return true
		}
	}
	return false
}

// counted says whether the live half has counted a copy of an event that arrived at the given instant. It has if the
// copy arrived at the slot live or later, at most the window after the event, and no earlier position of the lane holds
// another copy.
func (m *laneMemory) counted(identity uint64, arrival event.Millis, live slot.Slot, window time.Duration) bool {
	c, ok := m.chains[identity]
	if !ok {
		return false
	}
	for i := c.first; i >= 0; i = m.entries[i].next {
		e := &m.entries[i]
		if e.arrival >= live.Millis() && e.arrival <= arrival.Add(window) &&
			!m.holds(identity, e.position, e.arrival, window) {
			return true
		}
	}
	return false
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
