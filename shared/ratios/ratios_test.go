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
			const n = 10_000
			jobs := newRig(t, 1, byURL).ingested(source.bodies(t, n/events, events, now))
			name := fmt.Sprintf("%s, %d events a request", source.name, events)
			took := atMost(t, name+": ingest / compression alone", 1.8, jobs.ingest, jobs.compression)
			atMost(t, name+": ingest / the usual way, with maps", 1.0/7, jobs.ingest, jobs.usual)
			t.Logf("%s: ingest %.0f ns an event", name, perOne(took, n))
		}
	}
	for _, events := range []int{100, 1000} {
		for _, c := range []struct {
			key, name string
			aim       float64
		}{
			{byCountry, "payload to folded states (ten keys)", 1000},
			{byURL, "a whole invocation (1,700 items for 5,000 events)", 1500},
		} {
			const n, together, rounds = 150_000, 5000, 5
			r := newRig(t, 1, c.key)
			payloads := r.payloads(shop(t, n/events, events, now), together/events)
			took := least(rounds, func() { r.invoke(payloads, false) }, func() { r.invoke(payloads, true) })
			t.Logf("%d events a request: %s: %.0f ns an event, aim %.0f; with stores in memory %.0f",
				events, c.name, perOne(took[0], n), c.aim, perOne(took[1], n))
		}
	}
}

func perOne(took time.Duration, n int) float64 { return float64(took.Nanoseconds()) / float64(n) }

// atMost measures two jobs, and returns the time of the first one. It fails the test if their ratio is above the limit
// by more than the tolerance. Another program that uses the caches can lengthen all rounds of a measurement. So the
// jobs get more rounds while their ratio is above the limit: a slow job stays slow, and the other program ends.
func atMost(t *testing.T, name string, limit float64, job, reference job) time.Duration {
	t.Helper()
	const rounds, more = 5, 5
	took := least(rounds, job, reference)
	for range more {
		if ratio(took) <= limit {
			break
		}
		for i, again := range least(rounds, job, reference) {
			took[i] = min(took[i], again)
		}
	}
	report := t.Logf
	if ratio(took) > limit*tolerance {
		report = t.Errorf
	}
	report("%s: %.3g, limit %.3g", name, ratio(took), limit)
	return took[0]
}

func ratio(took []time.Duration) float64 { return float64(took[0]) / float64(took[1]) }
