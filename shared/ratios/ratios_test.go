// Package ratios_test measures ingest and speed, in processor time of one process.
package ratios_test

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var isMeasured = flag.Bool("measure", false, "measure, and fail above the limits; takes about 15 s")

// tolerance is by how much a number may miss its limit. Other programs on the machine cost caches, too.
const tolerance = 1.2

// TestRatios compares ratios with limits, and prints the times of speed beside their aims. Times hang on the machine,
// so they fail nothing.
func TestRatios(t *testing.T) {
	if !*isMeasured {
		t.Skip("make ratios measures")
	}
	for _, source := range sources {
		for _, events := range []int{100, 1000} {
			const n, rounds = 10_000, 7
			jobs := newRig(t, 1, byURL).ingested(source.bodies(t, n/events, events, now))
			took := least(rounds, jobs.ingest, jobs.compression)
			usual := least(1, jobs.usual)[0]
			name := fmt.Sprintf("%s, %d events a request", source.name, events)
			atMost(t, name+": ingest / compression alone", ratio(took[0], took[1]), 1.8)
			atMost(t, name+": ingest / the usual way, with maps", ratio(took[0], usual), 1.0/7)
			t.Logf("%s: ingest %.0f ns an event", name, perOne(took[0], n))
		}
	}
	for _, events := range []int{100, 1000} {
		for _, c := range []struct {
			key, name string
			aim       float64
		}{
			{byCountry, "payload to folded states (ten keys), ns an event", 1000},
			{byURL, "a whole invocation over memory (1,700 items for 5,000 events), ns an event", 1500},
		} {
			const n, together, rounds = 150_000, 5000, 5
			r := newRig(t, 1, c.key)
			payloads := r.payloads(shop(t, n/events, events, now), together/events)
			took := least(rounds, func() { r.invoke(payloads) })[0]
			t.Logf("%d events a request: %s: %.3g, aim %.3g", events, c.name, perOne(took, n), c.aim)
		}
	}
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func perOne(took time.Duration, n int) float64 { return float64(took.Nanoseconds()) / float64(n) }

// atMost fails the test when a number is above its limit by more than the tolerance.
func atMost(t *testing.T, name string, got, limit float64) {
	t.Helper()
	report := t.Logf
	if got > limit*tolerance {
		report = t.Errorf
	}
	report("%s: %.3g, limit %.3g", name, got, limit)
}
