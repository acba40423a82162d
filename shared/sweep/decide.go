package sweep

import (
	"cmp"
	"maps"
	"slices"

	"github.com/anabranch/anabranch/shared/catalog"
)

// request says which lanes of an object to queue: those in which it is lost, and those that it probes.
type request struct{ lost, probed []int }

// isLost says whether the stream certainly lacks some of an object's lines of a lane. Speed reads a lane in order. So
// it has read past the object's own records in either of two cases. The lane holds the receipt of a request that
// arrived so much later that the object's records were in the stream before it, or nobody puts them any more. Or the
// lane holds the receipts of a probe of the same run that arrived no earlier.
func (t *tick) isLost(f *found, o lacking, lane int, wait catalog.SweepWait) bool {
	late := t.PublishWithin + t.ClockMargin.Apart()
	if f.read[lane] > o.arrival.Add(late) {
		return true
	}
	if wait.Probe == 0 || wait.Probe > len(f.all) || slices.Contains(f.objects[wait.Probe-1].lanes, lane) {
		return false
	}
	return o.arrival <= f.all[wait.Probe-1].arrival
}

// choose returns what to queue of a run. It chooses the lost objects that the sweep does not wait for. In the first run
// with a gap it also chooses a probe for each lane that it knows nothing about, because the lane stands still or has no
// new records. The newest object is the first probe. When its receipt does not come, the next object has its turn, so
// one unreadable object does not hold up the others.
func (t *tick) choose(run uint64, f *found, probes bool) map[int]request {
	chosen, unknown := map[int]request{}, map[int][]int{}
	for _, place := range slices.Sorted(maps.Keys(f.objects)) {
		o, lost := f.objects[place], false
		for _, lane := range o.lanes {
			at := laneOf{run, lane}
			wait := t.waits.all[at]
			if !t.isLost(f, o, lane, wait) {
				unknown[lane] = append(unknown[lane], place)
				continue
			}
			lost = true
			if place >= wait.Through || t.waits.isOver(at) {
				r := chosen[place]
				r.lost = append(r.lost, lane)
				chosen[place] = r
			}
		}
		t.report.count(lost)
	}
	for _, lane := range slices.Sorted(maps.Keys(unknown)) {
		if at := (laneOf{run, lane}); probes && t.waits.isOver(at) {
			places := f.newestFirst(unknown[lane])
			place := places[t.waits.all[at].Rounds%len(places)]
			r := chosen[place]
			r.probed = append(r.probed, lane)
			chosen[place] = r
		}
	}
	return chosen
}

// count counts an object that lacks receipts.
func (r *Report) count(lost bool) {
	if lost {
		r.Lost++
	} else {
		r.Behind++
	}
}

// newestFirst orders places by the arrival of their objects, the newest first.
func (f *found) newestFirst(places []int) []int {
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(f.objects[b].arrival, f.objects[a].arrival) })
	return places
}
