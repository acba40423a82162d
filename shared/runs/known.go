package runs

import "github.com/anabranch/anabranch/shared/event"

// Known remembers the payload hash of the first copy of every event of all history. Batch uses it to build a generation
// in one pass. Inputs must be marked in the order of their runs. The zero Known is empty and ready to use.
type Known struct {
	identities identities
	payloads   []uint64
}

// MarkDuplicates marks every event of the input whose identity came before, in this input or an earlier one.
func (k *Known) MarkDuplicates(in *Input) {
	for i, s := range in.Seen {
		if n, added := k.identities.add(s.Identity); added {
			k.payloads = append(k.payloads, s.Payload)
		} else {
			in.drop(i, k.payloads[n])
		}
	}
}

// identities numbers distinct identities from 0. The zero identities is empty and ready to use.
//
// The table is open-addressed, for the reason that copies gives. Identities are keyed hashes, so nobody can choose them
// to crowd one slot.
type identities struct {
	all   []event.Identity
	slots []int32 // the number of an identity plus one, 0 for none, where its hash points or at the next free slot
}

// add returns the number of an identity, and whether it is new.
func (t *identities) add(id event.Identity) (number int32, added bool) {
	if 2*len(t.all) >= len(t.slots) {
		t.grow()
	}
	slot := t.find(id)
	if n := t.slots[slot]; n != 0 {
		return n - 1, false
	}
	t.all = append(t.all, id)
	t.slots[slot] = int32(len(t.all))
	return int32(len(t.all)) - 1, true
}

// find returns the slot of an identity, or the free one where it belongs.
func (t *identities) find(id event.Identity) int {
	mask := len(t.slots) - 1
	slot := int(id.Lo) & mask
	for t.slots[slot] != 0 && t.all[t.slots[slot]-1] != id {
		slot = (slot + 1) & mask
	}
	return slot
}

func (t *identities) grow() {
	t.slots = make([]int32, max(16, 4*len(t.all)))
	for n, id := range t.all {
		t.slots[t.find(id)] = int32(n) + 1
	}
}
