package aggregate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// BenchmarkMergeEncodedItem merges the encoded states of hours into those of a step, as a query does: 24 hours of a
// day, then of the next one. The sketches are of 200 rows of heavy-tailed values.
func BenchmarkMergeEncodedItem(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	values := rand.NewZipf(random, 1.1, 2, 100_000)
	numbers := func(f aggregate.Function) aggregate.States {
		rows := make([]row, 200)
		for i := range rows {
			rows[i] = numberText(fmt.Sprintf("%.2f", math.Exp(3*random.NormFloat64())))
		}
		return fold(f, rows)
	}
	hashes := func(count int) func(f aggregate.Function) aggregate.States {
		return func(f aggregate.Function) aggregate.States {
			sums := make([]uint64, count)
			for i := range sums {
				sums[i] = (values.Uint64() + 1) * 0x9e3779b97f4a7c15
			}
			return distinctOf(f, sums)
		}
	}
	for _, c := range []struct {
		name string
		f    aggregate.Function
		hour func(aggregate.Function) aggregate.States
	}{
		{"quantiles", lookup(b, "quantiles"), numbers},
		{"distinct of 200", lookup(b, "distinct"), hashes(200)},
		{"distinct of 3000", lookup(b, "distinct"), hashes(3000)},
		{"variance", lookup(b, "variance"), numbers},
	} {
		b.Run(c.name, func(b *testing.B) {
			encs := make([][]byte, 24)
			for i := range encs {
				encs[i] = c.hour(c.f).AppendEncoded(nil, 0)
			}
			s := c.f.New()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%len(encs) == 0 {
					s.Reset()
					s.Grow(1)
				}
				if _, err := s.MergeEncoded(0, encs[i%len(encs)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
