package host_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/host"
)

// BenchmarkInvoke measures a warm call that returns 1 KB: one at a time, and as many at once as there are cores.
func BenchmarkInvoke(b *testing.B) {
	payload := event{"return": "event", "text": string(make([]byte, 1000))}.json()
	b.Run("one", func(b *testing.B) {
		h := with(b, host.Settings{}, host.Function{})
		for b.Loop() {
			if _, err := h.Invoke(b.Context(), "f", payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("many", func(b *testing.B) {
		h := with(b, host.Settings{}, host.Function{Concurrency: 100})
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.Invoke(b.Context(), "f", payload); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkColdStart measures a call of a function without a process. "start-ms" is the time from the process's start
// to its first request for work.
func BenchmarkColdStart(b *testing.B) {
	h := with(b, host.Settings{}, host.Function{})
	h.Break(func(host.Call) host.Fault { return host.Fault{ColdStart: true} })
	for b.Loop() {
		ask(b, h, event{})
	}
	var sum time.Duration
	starts := h.Stats("f").ColdStarts
	for _, took := range starts {
		sum += took
	}
	b.ReportMetric(float64(sum.Microseconds())/1e3/float64(len(starts)), "start-ms")
}
