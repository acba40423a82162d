package cost

import (
	"math"

	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/infra/costs"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// Measured is what the formulas need of a sample under a load, by name. infra/costs/costs.yaml says what each name is.
// "extrapolated" is 1 if the sample is shorter than a slot, else 0.
type Measured map[string]float64

// Measure folds a sample as the layers would if its events came evenly at the rate of the load, each with its arrival
// as its time.
//
// Errors: those of the fold; the load does not fit the stack. Not retryable.
func Measure(s *Sample, l Load, c costs.Costs) (Measured, error) {
	requests, err := s.requests(l.PerRequest)
	if err != nil {
		return nil, err
	}
	events, err := s.fold(requests)
	if err != nil {
		return nil, err
	}
	f := newFolding(l, events, c)
	m := Measured{"views": 0}
	for program := range events.Programs {
		if f.hasBase(program) {
			m["views"]++
		}
	}
	if err := m.sizes(s, l, requests, f.lanes); err != nil {
		return nil, err
	}
	if err := l.check(m); err != nil {
		return nil, err
	}
	f.window(m["records"])
	m.items(f)
	return m, nil
}

// folding folds parts of a sample.
type folding struct {
	Load
	*fold.Events
	lanes    []int // of each row
	readers  int   // shards that have lanes: Lambda invokes speed for each of them
	records  float64
	call     float64 // seconds of one invocation of speed
	baseSize map[item]float64
}

// item names an item, or a key, without what tells the items of one slot apart.
type item struct {
	program, lane int
	view.PageKey
}

func newFolding(l Load, events *fold.Events, c costs.Costs) *folding {
	is := c.Values()
	f := &folding{Load: l, Events: events, call: l.Window.Seconds(), records: is["batch_size"]}
	shards := l.Shards
	if shards == 0 {
		shards = int(is["on_demand_shards"])
	}
	f.readers = min(l.Lanes, shards)
	f.baseSize = f.meanUnits()
	var scratch []byte
	var id event.Identity
	for i := range events.Batch.Len() {
		id, scratch = events.Batch.Identity(i, event.HashKey{}, scratch)
		f.lanes = append(f.lanes, event.LaneOf(id, 1, l.Lanes).N)
		events.Batch.Times[i] = begin + event.Millis(1000*f.arrival(i))
	}
	return f
}

// arrival returns when a row arrives, in seconds from the first one.
func (f *folding) arrival(row int) float64 {
	return float64(row/f.PerRequest*f.PerRequest) / f.EventsPerSecond
}

// window shortens the time of an invocation of speed to that in which its records come, at most BatchSize.
func (f *folding) window(records float64) {
	perSecond := f.EventsPerSecond / float64(f.PerRequest) * records / float64(f.readers)
	f.call = min(f.call, f.records/perSecond)
}

// meanUnits returns the write units of the pages of each key, in the mean over its pages, when all events are folded at
// their own times. They say how full a page becomes, since the sample at the rate of the load fills its first windows
// only.
func (f *folding) meanUnits() map[item]float64 {
	sums, pages := map[item]float64{}, map[item]float64{}
	for program, delta := range f.Fold(f.Rows) {
		for page := range delta.Pages() {
			key := item{program: program, PageKey: view.PageKey{Key: page.Key}}
			sums[key] += float64(fold.WriteUnits(page.Key, len(page.Encode())))
			pages[key]++
		}
	}
	for key := range sums {
		sums[key] /= pages[key]
	}
	return sums
}

// tally is what the layers write and read for some events of one slot.
type tally struct {
	events              float64
	speed, units, first float64 // items that speed writes, their units, and items that are new in the slot
	live, seen          float64 // units of live keys and of seen items
	base, baseUnits     float64 // items that batch writes, and their units
}

// each calls do for every number of a tally, of two of them.
func (t *tally) each(o *tally, do func(mine *float64, other float64)) {
	for _, n := range []struct {
		mine  *float64
		other float64
	}{
		{&t.events, o.events}, {&t.speed, o.speed}, {&t.units, o.units}, {&t.first, o.first}, {&t.live, o.live},
		{&t.seen, o.seen}, {&t.base, o.base}, {&t.baseUnits, o.baseUnits},
	} {
		do(n.mine, n.other)
	}
}

// items adds what the layers write and read per event.
//
// A sample that is shorter than a slot is taken as the beginning of one. What a slot has of distinct items then grows
// on as it grew from the first half of the sample to the whole: by the same factor each time the events double.
func (m Measured) items(f *folding) {
	slots := f.groups(f.Rows, f.Slot.Seconds())
	perSlot := f.EventsPerSecond * f.Slot.Seconds()
	perCall := f.EventsPerSecond * f.call
	var sum tally
	m["extrapolated"] = 0
	if float64(len(f.Rows)) >= perSlot {
		for _, rows := range slots[:max(1, len(slots)-1)] { // the last one is cut off
			one := f.slot(rows)
			sum.each(&one, func(mine *float64, other float64) { *mine += other })
		}
	} else {
		m["extrapolated"] = 1
		half := f.slot(f.Rows[:(len(f.Rows)+1)/2])
		sum = f.slot(f.Rows)
		sum.extrapolate(half, perCall, perSlot)
	}
	n := sum.events
	m["speed_items"], m["speed_units"], m["speed_reads"] = sum.speed/n, sum.units/n, sum.first/n
	m["live_units"], m["seen_units"] = sum.live/n, sum.seen/n
	m["base_items"], m["base_units"] = sum.base/n, sum.baseUnits/n
}

// extrapolate makes the tally of a whole slot from that of its beginning and of half of that.
func (t *tally) extrapolate(half tally, perCall, perSlot float64) {
	measured := t.events
	grow := func(mine *float64, half, to float64) {
		if half == 0 || *mine == 0 {
			return
		}
		exponent := min(1, max(0, math.Log2(*mine/half)))
		*mine *= math.Pow(to/measured, exponent)
	}
	grow(&t.first, half.first, perSlot)
	grow(&t.live, half.live, perSlot)
	grow(&t.base, half.base, perSlot)
	grow(&t.baseUnits, half.baseUnits, perSlot)
	calls := perSlot / measured
	if perCall > measured { // the sample is shorter than an invocation, too
		grow(&t.speed, half.speed, perCall)
		grow(&t.units, half.units, perCall)
		calls = perSlot / perCall
		t.seen *= perCall / measured
	}
	t.speed, t.units, t.seen = t.speed*calls, t.units*calls, t.seen*calls
	t.events = perSlot
}
