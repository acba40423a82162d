package aggregate_test

import (
	"fmt"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// Columns as a fold hands them over: 1,024 rows of page sizes over 64 cells, a few without a number.
func columns(f aggregate.Function) aggregate.Rows {
	cells, all := make([]int32, 1024), make([]row, 1024)
	for i := range cells {
		cells[i] = int32(i * 7919 % 64)
		if i%100 != 99 {
			all[i] = numberText(fmt.Sprintf("%d.%02d", i*104729%300_000, i%100))
		}
	}
	return rowsOf(f, cells, all)
}

func folded(f aggregate.Function) aggregate.States {
	s := f.New()
	s.Grow(64)
	s.Add(columns(f))
	return s
}

func eachFunctionBench(b *testing.B, bench func(b *testing.B, f aggregate.Function)) {
	for _, name := range aggregate.Names() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			bench(b, lookup(b, name))
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	eachFunctionBench(b, func(b *testing.B, f aggregate.Function) {
		s := folded(f)
		rows := columns(f)
		for b.Loop() {
			s.Add(rows)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows.Cells)), "ns/row")
	})
}

func BenchmarkMerge(b *testing.B) {
	eachFunctionBench(b, func(b *testing.B, f aggregate.Function) {
		s, from := folded(f), folded(f)
		cell := 0
		for b.Loop() {
			s.Merge(cell, from, cell)
			cell = (cell + 1) % s.Len()
		}
	})
}

func BenchmarkAppendEncoded(b *testing.B) {
	eachFunctionBench(b, func(b *testing.B, f aggregate.Function) {
		s := folded(f)
		dst := make([]byte, 0, f.MaxEncoded())
		cell := 0
		for b.Loop() {
			dst = s.AppendEncoded(dst[:0], cell)
			cell = (cell + 1) % s.Len()
		}
	})
}

func BenchmarkMergeEncoded(b *testing.B) {
	eachFunctionBench(b, func(b *testing.B, f aggregate.Function) {
		from := folded(f)
		encs := make([][]byte, from.Len())
		for cell := range encs {
			encs[cell] = from.AppendEncoded(nil, cell)
		}
		s := folded(f)
		cell := 0
		for b.Loop() {
			if _, err := s.MergeEncoded(cell, encs[cell]); err != nil {
				b.Fatal(err)
			}
			cell = (cell + 1) % s.Len()
		}
	})
}

func BenchmarkAppendPresented(b *testing.B) {
	eachFunctionBench(b, func(b *testing.B, f aggregate.Function) {
		s := folded(f)
		dst := make([]byte, 0, 128)
		cell := 0
		for b.Loop() {
			dst = s.AppendPresented(dst[:0], cell, hour)
			cell = (cell + 1) % s.Len()
		}
	})
}

func BenchmarkParseDecimal(b *testing.B) {
	for _, text := range []string{"7", "203023", "-12.50", "1234567890.123456", "99999999999999999999.999999999999999999",
		"1e3", "1e999999999", "null"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			number := []byte(text)
			for b.Loop() {
				aggregate.ParseDecimal(number)
			}
		})
	}
}
