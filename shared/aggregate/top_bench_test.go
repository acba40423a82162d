package aggregate_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkMergeEncodedTop merges the encoded states of hours, each of 200 rows over up to 2,000 paths, into one.
func BenchmarkMergeEncodedTop(b *testing.B) {
	for _, n := range []int{3, 10, 100} {
		b.Run(fmt.Sprintf("top %d", n), func(b *testing.B) {
			f := topOf(b, 1, n)
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
