package cost

import (
	"math"

	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// groups divides rows by their arrival, a group for each number of seconds in which some arrive.
func (f *folding) groups(rows []int32, seconds float64) (groups [][]int32) {
	last := -1.0
	for _, row := range rows {
		if n := math.Floor(f.arrival(int(row)) / seconds); n != last {
			groups, last = append(groups, nil), n
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], row)
	}
	return groups
}

// slot counts what the layers do for the events of one slot.
func (f *folding) slot(rows []int32) (t tally) {
	t.events = float64(len(rows))
	sizes := f.speedSizes(rows)
	written, listed := map[item]bool{}, map[item]bool{}
	for _, call := range f.groups(rows, f.call) {
		fresh := map[item]int{} // bytes of keys that are new in the slot, by reader and view
		for touched := range f.pages(call, true) {
			t.speed++
			t.units += sizes[touched]
			if !written[touched] {
				written[touched] = true
				t.first++
			}
			f.list(touched, listed, fresh)
		}
		for _, bytes := range fresh {
			t.live += math.Ceil(float64(bytes+itemHead) / unit)
		}
		t.seen += f.seenUnits(call)
	}
	for touched := range f.pages(rows, false) {
		if f.hasBase(touched.program) {
			t.base++
			t.baseUnits += f.baseSize[item{program: touched.program, PageKey: view.PageKey{Key: touched.Key}}]
		}
	}
	return t
}

// The bytes of a write unit; of an item besides its content; and of a record in a seen item besides its identities.
const (
	unit       = 1024
	itemHead   = 100
	seenRecord = 32
	identity   = 16
)

// pages returns the items that rows touch, with their write units if these rows are all that they hold.
func (f *folding) pages(rows []int32, byLane bool) map[item]float64 {
	units := map[item]float64{}
	for lane, some := range f.byLane(rows, byLane) {
		for program, delta := range f.Fold(some) {
			for page := range delta.Pages() {
				units[item{program, lane, page.PageKey}] = float64(fold.WriteUnits(page.Key, len(page.Encode())))
			}
		}
	}
	return units
}

func (f *folding) byLane(rows []int32, divided bool) map[int][]int32 {
	if !divided {
		return map[int][]int32{0: rows}
	}
	lanes := map[int][]int32{}
	for _, row := range rows {
		lanes[f.lanes[row]] = append(lanes[f.lanes[row]], row)
	}
	return lanes
}

// speedSizes returns the write units of each speed item at the end of a slot. Each write is counted with them, although
// the item was smaller before. The item of a Kappa view has all slots.
func (f *folding) speedSizes(rows []int32) map[item]float64 {
	sizes := f.pages(rows, true)
	for it := range sizes {
		if !f.hasBase(it.program) {
			sizes[it] = f.baseSize[item{program: it.program, PageKey: view.PageKey{Key: it.Key}}]
		}
	}
	return sizes
}

// hasBase reports whether a view has base items, as a Lambda view has.
func (f *folding) hasBase(program int) bool {
	return lifecycle.Generation{Architecture: f.Programs[program].Definition.Architecture}.HasBase()
}

// list adds the key of an item to the live keys of its slot, unless its reader has listed it.
func (f *folding) list(touched item, listed map[item]bool, fresh map[item]int) {
	if touched.Key == view.SkippedKey || !f.hasBase(touched.program) {
		return
	}
	reader := touched.lane * f.readers / f.Lanes
	key := item{program: touched.program, lane: reader, PageKey: view.PageKey{Key: touched.Key}}
	if !listed[key] {
		listed[key] = true
		fresh[item{program: touched.program, lane: reader}] += viewstore.LiveBytes(touched.Key)
	}
}

// seenUnits returns the write units of the seen items of one invocation per reader: one item for each lane. With a
// Kappa view, speed also notes for each lane what it has applied.
func (f *folding) seenUnits(rows []int32) (units float64) {
	notes := 0.0
	for program := range f.Programs {
		if !f.hasBase(program) {
			notes = 1
		}
	}
	for _, some := range f.byLane(rows, true) {
		bytes, request := itemHead, -1
		for _, row := range some {
			if n := int(row) / f.PerRequest; n != request {
				bytes, request = bytes+seenRecord, n
			}
			bytes += identity
		}
		units += math.Ceil(float64(bytes)/unit) + notes
	}
	return units
}
