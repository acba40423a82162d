package runs

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
)

// BenchmarkDuplicates finds the duplicates of a run of 200,000 events, without reading them. One event in a hundred has
// a copy in an earlier run of the same size.
func BenchmarkDuplicates(b *testing.B) {
	const events = 200_000
	random := rand.New(rand.NewPCG(1, 1))
	own, earlier := make([]Seen, events), make([]Seen, events)
	for i := range events {
		own[i] = Seen{Identity: event.Identity{Hi: random.Uint64(), Lo: random.Uint64()}, Arrival: event.Millis(i)}
		identity := event.Identity{Hi: random.Uint64(), Lo: random.Uint64()}
		earlier[i] = Seen{Identity: identity, Arrival: event.Millis(i)}
		if i%100 == 0 {
			earlier[i].Identity = own[random.IntN(i+1)].Identity
		}
	}
	before, err := checkIdentities(EncodeIdentities(earlier))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		in := &Input{Seen: own, Duplicate: make([]bool, events)}
		copies := indexCopies(in.Seen, math.MaxInt64, runner.Sequential)
		copies.each(runner.Sequential, func(p *copiesPart) { p.dropAll(in, before, events) })
		copies.each(runner.Sequential, func(p *copiesPart) { p.dropOwn(in, events) })
		if copies.parts[0].duplicates == 0 {
			b.Fatal("no duplicate is found, so the benchmark measures the wrong thing")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}
