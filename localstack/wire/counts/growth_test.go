//go:build emulator

package counts_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
)

// readUnitsOfBatch holds the read units of batch in an idle hour, by the slots with events before it. They grow until
// there are 256 runs: runs.Reader asks for the last 256 runs in one request, however few of them it needs.
var readUnitsOfBatch = map[int]float64{10: 261, 40: 288}

// TestIdleHourAfterHistory checks that an idle hour makes the same requests, and costs the same units, after 10 slots
// with events and after 40. Only the read units of batch differ.
func TestIdleHourAfterHistory(t *testing.T) {
	e := emulator.Start(t)
	hours := map[int]map[string]wire.Count{}
	for _, slots := range []int{10, 40} {
		need(t, e.Reset(t.Context()))
		w := newWorld(t, e.Endpoint, variant{})
		need(t, w.batch.Register(t.Context(), 0))
		w.passSlots(t, slots)
		w.now = w.now.Add(30 * time.Hour)
		for range 20 {
			w.minute(t, func(string, func()) {}) // covers and sweeps all slots, and audits
		}
		hours[slots] = w.idleHour(t)
		batch := hours[slots]["batch"]
		if batch.ReadUnits != readUnitsOfBatch[slots] {
			t.Errorf("batch costs %v read units after %d slots, want %v", batch.ReadUnits, slots, readUnitsOfBatch[slots])
		}
		batch.ReadUnits = 0
		hours[slots]["batch"] = batch
	}
	for name, n := range hours[10] {
		if n.Requests == 0 {
			t.Errorf("%s made no request in an hour", name)
		}
	}
	if diff := cmp.Diff(hours[10], hours[40]); diff != "" {
		t.Errorf("an idle hour depends on the history (-10 slots +40 slots):\n%s", diff)
	}
	t.Logf("an idle hour: %+v", hours[40])
}

// passSlots lets slots pass in which a few events arrive. Each of them becomes a run of batch.
func (w *world) passSlots(t *testing.T, slots int) {
	t.Helper()
	const each = 10
	lines := sample(t, each*slots)
	for slot := range slots {
		w.now = w.now.Add(time.Second)
		w.send(t, lines[each*slot:each*(slot+1)], each)
		w.deliver(t, each)
		w.now = begin.Add(time.Duration(slot+1)*slotLength + sealDelay)
		w.tick(t, each)
	}
}

// idleHour returns the requests and units of each function in an hour without events. It leaves out bytes, since a
// number of a run or of a slot may have one more digit.
func (w *world) idleHour(t *testing.T) map[string]wire.Count {
	t.Helper()
	hour := map[string]wire.Count{}
	for range 60 {
		w.minute(t, func(name string, tick func()) {
			w.wire.Reset()
			tick()
			sum := w.wire.Counts().Sum(nil)
			hour[name] = hour[name].Plus(wire.Count{
				Requests: sum.Requests, WriteUnits: sum.WriteUnits, ReadUnits: sum.ReadUnits,
			})
		})
	}
	return hour
}
