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

// laneMemory is what an environment knows of the records that were considered in one lane. It is a copy of seen items, and may be forgotten at
// any time.
type laneMemory struct {
	mu      sync.Mutex
	known   bool
	since   event.Millis          // every item recorded since then is here
	last    event.Sequence        // and of those, every one up to here
	records map[position]struct{} // the first line of each
	chains  map[uint64]chain
	entries []entry
}

// chain are the entries of one identity, in the order in which they were added.
type chain struct{ first, last int32 }

type entry struct {
	position
	next    int32        // -1 for none
	arrival event.Millis // of the stamp
}

// maxEntries bounds a lane's memory: beyond it, it begins anew from the store, as in a new environment.
const maxEntries = 2_000_000

func (m *laneMemory) forget() {
	m.known, m.since, m.last, m.records, m.chains, m.entries = false, event.Never, "", nil, nil, nil
}

func (m *laneMemory) begin(since event.Millis) {
	m.known, m.since, m.records, m.chains = true, since, map[position]struct{}{}, map[uint64]chain{}
}

// reaches says whether the memory holds every item recorded since then, but for new ones.
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
		m.entries = append(m.entries, entry{position: position{r.Sequence, r.Line + line}, next: -1, arrival: event.ArrivalOf(r.Request)})
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

// holds says whether a position before the given one has the identity, with a stamp within the window of the given arrival.
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

// counted says whether a copy of an identity that arrived at an instant was counted from live on: it arrived then or later, and within the window of
// the instant, and no position before its own holds another copy.
func (m *laneMemory) counted(identity uint64, arrival event.Millis, live slot.Slot, window time.Duration) bool {
	c, ok := m.chains[identity]
	if !ok {
		return false
	}
	for i := c.first; i >= 0; i = m.entries[i].next {
		e := &m.entries[i]
		if e.arrival >= live.Millis() && e.arrival <= arrival.Add(window) && !m.holds(identity, e.position, e.arrival, window) {
			return true
		}
	}
	return false
}

// memories are those of an environment.
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
