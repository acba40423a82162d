package aggregate_test

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkMergeEncodedTop merges the encoded states of hours, each of 200 rows over up to 2,000 paths, into one.
func BenchmarkMergeEncodedTop(b *testing.B) {
	for _, c := range []struct {
		name         string
		arguments, n int
	}{{"top 3", 1, 3}, {"top 10", 1, 10}, {"top 100", 1, 100}, {"top 10 by weight", 2, 10}} {
		b.Run(c.name, func(b *testing.B) {
			f := topOf(b, c.arguments, c.n)
			random := rand.New(rand.NewPCG(1, 2))
			encs := make([][]byte, 256)
			for i := range encs {
				encs[i] = foldScalars(f, skewedRows(random, 200)...).AppendEncoded(nil, 0)
			}
			s := fold(f, nil)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.MergeEncoded(0, encs[i%len(encs)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
