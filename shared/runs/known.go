package runs

import (
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
)

// Known remembers every event of all history. Batch uses it to build a generation in one pass. Inputs must be marked in
// the order of their runs. The zero Known is empty and ready to use. It counts no conflicts: each run has counted its
// own.
type Known struct {
	parts [1 << partBits]knownPart
}

// partBits is the number of bits of an identity that choose its part. All processors mark parts at once, and the table
// of one is small.
const partBits = 6

// knownPart holds the identities of a part.
type knownPart struct {
	identities identities
	places     []int32 // of the input's events in Seen, in order
	duplicates int64   // of the input
}

// MarkDuplicates marks every event of the input whose identity came before, in this input or an earlier one.
func (k *Known) MarkDuplicates(in *Input, parallel runner.Runner) {
	for i := range k.parts {
		k.parts[i].places, k.parts[i].duplicates = k.parts[i].places[:0], 0
	}
	for i, s := range in.Seen {
		part := &k.parts[s.Identity.Hi>>(64-partBits)]
		part.places = append(part.places, int32(i))
	}
	// The work cannot fail.
	_ = parallel(len(k.parts), func(part int) error {
		k.parts[part].markDuplicates(in)
		return nil
	})
	for i := range k.parts {
		in.Duplicates += k.parts[i].duplicates
	}
}

func (p *knownPart) markDuplicates(in *Input) {
	for _, i := range p.places {
		if _, added := p.identities.add(in.Seen[i].Identity); !added {
			in.Duplicate[i] = true
			p.duplicates++
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
	if 4*len(t.all) >= 3*len(t.slots) {
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
	t.slots = make([]int32, max(16, 2*len(t.slots)))
	for n, id := range t.all {
		t.slots[t.find(id)] = int32(n) + 1
	}
}
