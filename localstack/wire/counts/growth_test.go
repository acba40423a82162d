//go:build emulator

package counts_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
)

// TestIdleHourAfterHistory checks that an idle hour makes the same requests, and costs the same units, after 20 slots
// with events and after 80: there are more runs than one request asks for (runs.Reader).
func TestIdleHourAfterHistory(t *testing.T) {
	e := emulator.Start(t)
	hours := map[int]map[string]wire.Count{}
	for _, slots := range []int{20, 80} {
		need(t, e.Reset(t.Context()))
		w := newWorld(t, e.Endpoint, variant{})
		need(t, w.batch.Register(t.Context(), 0))
		w.passSlots(t, slots)
		w.now = w.now.Add(30 * time.Hour)
		for range 20 {
			w.minute(t, func(string, func()) {}) // covers and sweeps all slots, and audits
		}
		hours[slots] = w.idleHour(t)
	}
	for name, n := range hours[20] {
		if n.Requests == 0 {
			t.Errorf("%s made no request in an hour", name)
		}
	}
	if diff := cmp.Diff(hours[20], hours[80]); diff != "" {
		t.Errorf("an idle hour depends on the history (-20 slots +80 slots):\n%s", diff)
	}
	t.Logf("an idle hour: %+v", hours[80])
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
