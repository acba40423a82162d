package ratios_test

import (
	"fmt"
	"testing"
	"time"
)

var sources = []struct {
	name string
	bodies
}{{"sample", sample}, {"shop", shop}}

// perEvent reports the processor time of an event since begun, in all threads of the process.
func perEvent(b *testing.B, begun time.Duration, n int) {
	b.ReportMetric(perOne(processorTime()-begun, b.N*n), "cpu-ns/event")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkIngest compares ingest with the compression that it contains, and with the usual way.
func BenchmarkIngest(b *testing.B) {
	for _, source := range sources {
		for _, events := range []int{100, 1000} {
			for _, lanes := range []int{1, 4} {
				n := 10_000
				jobs := newRig(b, lanes, byURL).ingested(source.bodies(b, n/events, events, now))
				for _, j := range []struct {
					name string
					job
				}{{"ingest", jobs.ingest}, {"compression", jobs.compression}, {"usual", jobs.usual}} {
					if j.name == "usual" && lanes > 1 {
						continue
					}
					b.Run(fmt.Sprintf("%s/%d/%d lanes/%s", source.name, events, lanes, j.name), func(b *testing.B) {
						b.ReportAllocs()
						begun := processorTime()
						for b.Loop() {
							j.job()
						}
						perEvent(b, begun, n)
					})
				}
			}
		}
	}
}

// BenchmarkSpeed measures invocations of 5,000 events in an environment that is new with each round. Stores cost
// nothing in it.
func BenchmarkSpeed(b *testing.B) {
	const n, together = 150_000, 5000
	for _, events := range []int{100, 1000} {
		for _, key := range []string{byCountry, byURL} {
			r := newRig(b, 1, key)
			payloads := r.payloads(shop(b, n/events, events, now), together/events)
			b.Run(fmt.Sprintf("%d/%s", events, key), func(b *testing.B) {
				b.ReportAllocs()
				begun := processorTime()
				for b.Loop() {
					r.invoke(payloads, false)
				}
				perEvent(b, begun, n)
			})
		}
	}
}
