package ratios_test

import (
	"runtime/debug"
	"testing"
)

// TestAllocations counts the allocations of invocations with equally many records. Events cost none: only lists that
// grow by doubling make a few more when there are ten times as many events, and the race
// detector some.
func TestAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection would empty the pools
	const records, few, many, most = 20, 20, 200, 150
	count := func(events int) float64 {
		r := newRig(t, 1, byCountry)
		payloads := r.payloads(shop(t, records, events, now), records)
		h := r.handler(false)
		return testing.AllocsPerRun(3, func() { r.deliver(h, payloads) })
	}
	if more := count(many) - count(few); more > most {
		t.Errorf("%d more events cost %.0f allocations, the maximum is %d", records*(many-few), more, most)
	}
}
