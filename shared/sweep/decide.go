package sweep

import (
	"cmp"
	"maps"
	"slices"

	"github.com/anabranch/anabranch/shared/catalog"
)

// request is what of an object is to be queued: lanes in which it is lost, and lanes whose probe it is.
type request struct{ lost, probed []int }

// isLost says whether the stream lacks, for certain, some of an object's lines of a lane. A lane is read in order. So
// it has been read past the object's own records when it holds the receipt of a request that arrived so much later that
// these were in the stream before, or are put by nobody; and when it holds the receipts of a probe of the same run that
// arrived no earlier.
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

// choose says what to queue of a run: what is lost and not waited for; and, when it is the first with a gap, a probe of
// each lane of which nothing is known, since it stands still or nothing comes any more. The newest object is the first
// probe, and when it does not come the next has its turn: an object that cannot be read keeps the others from nothing.
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

// count counts an object that lacks something.
func (r *Report) count(lost bool) {
	if lost {
		r.Lost++
	} else {
		r.Behind++
	}
}

// newestFirst orders places by the arrival of what stands there.
func (f *found) newestFirst(places []int) []int {
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(f.objects[b].arrival, f.objects[a].arrival) })
	return places
}
