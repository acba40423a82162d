package speed

import (
	"slices"
	"sort"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// block remembers the identities of the records that arrived within one period. A lane's memory drops whole blocks.
//
// It takes 16 bytes per identity, 5 to 11 for the table (more if it holds fewer than the block before), and per record
// 24 bytes, 4 for its place in the order, and half a byte per digit of its sequence number. It has hardly any pointers,
// so the garbage collector does not read it.
type block struct {
	period  int64 // of arrivals, counted from the Unix epoch
	pages   [][]event.Identity
	count   uint32 // number of identities in the pages; the place of an identity is its index
	records []record
	digits  []byte   // the sequence numbers of the records, packed
	order   []uint32 // the records by their position, once it is sorted
	sorted  bool

	// table is open-addressed. A slot holds a byte of the identity's hash and, in 24 bits, the place of its first copy
	// plus one. It is 0 if it is free. Later copies are in others.
	table  []uint32
	taken  int // number of slots in use
	others map[uint32][]uint32
}

// record is a record of a block, or the part of it that came from one request.
type record struct {
	arrival event.Millis // of its request
	start   uint32       // the place of its first identity
	digits  uint32       // where its sequence number begins in the block's digits
	line    uint32       // of its first identity
}

// entry is one event in a block.
type entry struct {
	position
	arrival event.Millis
}

const (
	pageSize  = 4096 // identities
	placeBits = 24
	maxPlaces = 1<<placeBits - 1
	leastSize = 16 // slots of a table
)

// newBlock makes a block. Its table has room for the expected number of identities, and grows with more.
func newBlock(period int64, expected int) *block {
	size := leastSize
	for !fits(expected, size) {
		size *= 2
	}
	return &block{period: period, table: make([]uint32, size), sorted: true}
}

// fits says whether a table of a size has room for identities: a quarter of the slots stay free.
func fits(identities, size int) bool { return 4*identities <= 3*size }

// hasRoom reports whether the block has places for n more identities.
func (b *block) hasRoom(n int) bool { return int(b.count)+n <= maxPlaces }

// add adds a record that the block does not hold yet. If fresh is not nil, add clears it for each line of which the
// block held a copy, in the record or before it.
func (b *block) add(r viewstore.SeenRecord, fresh []bool) {
	at := positionOf(r)
	if n := len(b.records); n > 0 && b.sorted && !b.positionAt(b.order[n-1]).before(at) {
		b.sorted = false
	}
	b.order = append(b.order, uint32(len(b.records)))
	b.records = append(b.records, record{event.ArrivalOf(r.Request), b.count, uint32(len(b.digits)), uint32(r.Line)})
	b.digits = append(b.digits, at.sequence...)
	for !fits(b.taken+len(r.Identities), len(b.table)) {
		b.grow()
	}
	for i, id := range r.Identities {
		if known := b.addIdentity(id); known && fresh != nil {
			fresh[i] = false
		}
	}
}

// addIdentity adds an identity, for which the table has room, and says whether the block held a copy.
func (b *block) addIdentity(id event.Identity) (known bool) {
	if n := len(b.pages); n == 0 || len(b.pages[n-1]) == pageSize {
		b.pages = append(b.pages, make([]event.Identity, 0, min(n, 1)*pageSize))
	}
	last := &b.pages[len(b.pages)-1]
	*last = append(*last, id)
	place := b.count
	b.count++
	slot, first, known := b.find(id)
	if !known {
		b.table[slot] = tagOf(id) | (place + 1)
		b.taken++
		return false
	}
	if b.others == nil {
		b.others = map[uint32][]uint32{}
	}
	b.others[first] = append(b.others[first], place)
	return true
}

// grow doubles the table.
func (b *block) grow() {
	b.table = make([]uint32, 2*len(b.table))
	place := uint32(0)
	for _, page := range b.pages {
		for _, id := range page { // in the order of memory
			if slot, _, known := b.find(id); !known {
				b.table[slot] = tagOf(id) | (place + 1)
			}
			place++
		}
	}
}

// clearKnown clears fresh for each identity that the block holds.
func (b *block) clearKnown(identities []event.Identity, fresh []bool) {
	for i, id := range identities {
		if _, _, known := b.find(id); known {
			fresh[i] = false
		}
	}
}

// tagOf returns the byte of an identity that a slot holds, in its highest byte. The table's index comes from other
// bits. Identities are keyed hashes, so nobody can choose them to crowd one index.
func tagOf(id event.Identity) uint32 { return uint32(id.Lo>>56) << placeBits }

// find returns the slot of an identity with the place of its first copy, or the free slot where it belongs.
func (b *block) find(id event.Identity) (slot int, first uint32, known bool) {
	mask, tag := len(b.table)-1, tagOf(id)
	for slot = int(id.Lo) & mask; b.table[slot] != 0; slot = (slot + 1) & mask {
		held := b.table[slot]
		if held&^maxPlaces == tag && b.identity(held&maxPlaces-1) == id {
			return slot, held&maxPlaces - 1, true
		}
	}
	return slot, 0, false
}

func (b *block) identity(place uint32) event.Identity { return b.pages[place/pageSize][place%pageSize] }

// any reports whether one of the copies of an identity satisfies a condition.
func (b *block) any(id event.Identity, is func(entry) bool) bool {
	_, first, known := b.find(id)
	if !known {
		return false
	}
	if is(b.entry(first)) {
		return true
	}
	return slices.ContainsFunc(b.others[first], func(place uint32) bool { return is(b.entry(place)) })
}

// entry returns the event at a place.
func (b *block) entry(place uint32) entry {
	n := uint32(sort.Search(len(b.records), func(i int) bool { return b.records[i].start > place })) - 1
	e := entry{b.positionAt(n), b.records[n].arrival}
	e.line += int(place - b.records[n].start)
	return e
}

// positionAt returns the position of the first line of record n.
func (b *block) positionAt(n uint32) position {
	r := b.records[n]
	return position{packedAt(b.digits[r.digits:]), int(r.line)}
}

// holds reports whether the block has the record that begins at a position.
func (b *block) holds(first position) bool {
	if !b.sorted {
		slices.SortFunc(b.order, func(x, y uint32) int { return b.positionAt(x).compare(b.positionAt(y)) })
		b.sorted = true
	}
	_, found := slices.BinarySearchFunc(b.order, first, func(n uint32, first position) int {
		return b.positionAt(n).compare(first)
	})
	return found
}
