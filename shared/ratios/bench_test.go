package ratios_test

import (
	"fmt"
	"testing"
)

var sources = []struct {
	name string
	bodies
}{{"sample", sample}, {"shop", shop}}

func perEvent(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
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
						for b.Loop() {
							j.job()
						}
						perEvent(b, n)
					})
				}
			}
		}
	}
}

// BenchmarkSpeed measures invocations of 5,000 events in an environment that is new with each round.
func BenchmarkSpeed(b *testing.B) {
	const n, together = 150_000, 5000
	for _, events := range []int{100, 1000} {
		for _, key := range []string{byCountry, byURL} {
			r := newRig(b, 1, key)
			payloads := r.payloads(shop(b, n/events, events, now), together/events)
			b.Run(fmt.Sprintf("%d/%s", events, key), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r.invoke(payloads)
				}
				perEvent(b, n)
			})
		}
	}
}
