package runs

import (
	"math/bits"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
)

// Known remembers every event of all history. Batch uses it to build a generation in one pass. Inputs must be marked in
// the order of their runs. The zero Known is empty and ready to use. It counts no conflicts: each run has counted its
// own.
type Known struct {
	parts [knownTasks * partsOfTask]identities
}

// The first bits of an identity choose its part. The parts of a task are marked by one processor. There are several, so
// that only a small table grows at a time.
const (
	knownTasks  = 4
	partsOfTask = 16
)

// MarkDuplicates marks every event of the input whose identity came before, in this input or an earlier one.
func (k *Known) MarkDuplicates(in *Input, parallel runner.Runner) {
	var duplicates [knownTasks]int64
	// The work cannot fail.
	_ = parallel(knownTasks, func(task int) error {
		for i := range in.Seen {
			id := in.Seen[i].Identity
			part := id.Hi >> 58
			if int(part/partsOfTask) == task && !k.parts[part].add(id) {
				in.Duplicate[i] = true
				duplicates[task]++
			}
		}
		return nil
	})
	for _, n := range duplicates {
		in.Duplicates += n
	}
}

// identities is a set of identities. The zero identities is empty and ready to use.
//
// The table is open-addressed, for the reason that copies gives. Identities are keyed hashes, so nobody can choose them
// to crowd one slot. An identity is at the slot that its lower half points to, or at the next free one, so that a table
// grows in the order of its slots.
type identities struct {
	slots []event.Identity // the zero Identity: free
	count int
}

// add adds an identity, and reports whether it is new.
func (t *identities) add(id event.Identity) (added bool) {
	if id == (event.Identity{}) {
		id.Lo = 1 // two identities are one now, which is as unlikely as that two events have the same identity
	}
	if 8*t.count >= 5*len(t.slots) {
		t.grow()
	}
	slot := t.find(id)
	if t.slots[slot] == id {
		return false
	}
	t.slots[slot] = id
	t.count++
	return true
}

// find returns the slot of an identity, or the free one where it belongs.
func (t *identities) find(id event.Identity) int {
	high, _ := bits.Mul64(id.Lo, uint64(len(t.slots)))
	slot := int(high)
	for t.slots[slot] != id && t.slots[slot] != (event.Identity{}) {
		if slot++; slot == len(t.slots) {
			slot = 0
		}
	}
	return slot
}

func (t *identities) grow() {
	before := t.slots
	t.slots = make([]event.Identity, 16+len(before)*3/2)
	for _, id := range before {
		if id != (event.Identity{}) {
			t.slots[t.find(id)] = id
		}
	}
}
