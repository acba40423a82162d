package aggregate_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// merged is a new cell that first and then second are merged into.
func merged(f aggregate.Function, first, second aggregate.States) aggregate.States {
	s := f.New()
	s.Grow(1)
	s.Merge(0, first, 0)
	s.Merge(0, second, 0)
	return s
}

func expectSame(t *rapid.T, law string, got, want aggregate.States) {
	t.Helper()
	if encoded(got) != encoded(want) {
		t.Fatalf("%s: %x (%s), want %x (%s)", law, encoded(got), got.AppendPresented(nil, 0, hour), encoded(want),
			want.AppendPresented(nil, 0, hour))
	}
}

func TestAnswersAreThoseOfTheModel(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		rows := rows().Draw(t, "rows")
		s, want := fold(f, rows), modelOf(rows)
		if got := string(s.AppendPresented(nil, 0, hour)); !isAnswer(f, got, want.presented(f.Name())) {
			t.Fatalf("presented %s, want %s", got, want.presented(f.Name()))
		}
		if got := s.Skipped(0); got != want.skippedBy(f.Name()) {
			t.Fatalf("skipped %d, want %d", got, want.skippedBy(f.Name()))
		}
	})
}

func TestAnEmptyCellIsTheIdentity(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		a, empty := fold(f, rows().Draw(t, "a")), fold(f, nil)
		expectSame(t, "empty + a", merged(f, empty, a), a)
		expectSame(t, "a + empty", merged(f, a, empty), a)
	})
}

func TestMergeIsCommutativeAndAssociative(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		a, b, c := fold(f, rows().Draw(t, "a")), fold(f, rows().Draw(t, "b")), fold(f, rows().Draw(t, "c"))
		expectSame(t, "a + b = b + a", merged(f, a, b), merged(f, b, a))
		expectSame(t, "(a + b) + c = a + (b + c)", merged(f, merged(f, a, b), c), merged(f, a, merged(f, b, c)))
	})
}

func TestRowsMayBeSplitAnywhere(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		rows := rows().Draw(t, "rows")
		at := rapid.IntRange(0, len(rows)).Draw(t, "at")
		whole := fold(f, rows)
		expectSame(t, "merged parts", merged(f, fold(f, rows[:at]), fold(f, rows[at:])), whole)
		again := fold(f, rows[:at])
		add(f, again, 0, rows[at:])
		expectSame(t, "two calls of Add", again, whole)
	})
}

func TestRowsMayComeInAnyOrder(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		rows := rows().Draw(t, "rows")
		expectSame(t, "shuffled", fold(f, rapid.Permutation(rows).Draw(t, "shuffled")), fold(f, rows))
	})
}

func TestMergeOnlyReadsItsSource(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		a, b := fold(f, rows().Draw(t, "a")), fold(f, rows().Draw(t, "b"))
		before := encoded(b)
		a.Merge(0, b, 0)
		if encoded(b) != before {
			t.Fatalf("source became %x, was %x", encoded(b), before)
		}
	})
}

func TestEncodedStatesMergeLikeStates(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		a, b := fold(f, rows().Draw(t, "a")), fold(f, rows().Draw(t, "b"))
		tail := rapid.SliceOf(rapid.Byte()).Draw(t, "tail")
		got := merged(f, fold(f, nil), a)
		rest, err := got.MergeEncoded(0, b.AppendEncoded(nil, 0))
		if err != nil || len(rest) != 0 {
			t.Fatalf("merge %x: rest %x, error %v", encoded(b), rest, err)
		}
		expectSame(t, "a + encoded b", got, merged(f, a, b))

		read := fold(f, nil)
		rest, err = read.MergeEncoded(0, append([]byte(encoded(a)), tail...))
		if err != nil || !bytes.Equal(rest, tail) {
			t.Fatalf("merge %x before %x: rest %x, error %v", encoded(a), tail, rest, err)
		}
		expectSame(t, "decoded a", read, a)
	})
}

func TestEncodingsAreBoundedAndWhole(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		enc := []byte(encoded(fold(f, rows().Draw(t, "rows"))))
		if len(enc) > f.MaxEncoded() {
			t.Fatalf("%x has %d bytes, MaxEncoded is %d", enc, len(enc), f.MaxEncoded())
		}
		for n := range enc {
			expectRefused(t, f, enc[:n], aggregate.ErrCorrupt)
		}
	})
}

func TestEqualStatesHaveEqualBytesAndOthersDiffer(t *testing.T) {
	few := rapid.SliceOfN(rapid.SampledFrom([]row{nil, numberText("0"), numberText("1"), numberText("-1"), numberText("2"),
		numberText("0.5")}), 0, 3)
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		a, b := few.Draw(t, "a"), few.Draw(t, "b")
		equal := modelOf(a).identity(f.Name()) == modelOf(b).identity(f.Name())
		if x, y := encoded(fold(f, a)), encoded(fold(f, b)); (x == y) != equal {
			t.Fatalf("bytes %x and %x, states equal: %v", x, y, equal)
		}
	})
}

// TestCellsAreIndependent folds rows for many cells at once, growing on the way, and in memory used before.
func TestCellsAreIndependent(t *testing.T) {
	eachFunctionChecks(t, func(t *rapid.T, f aggregate.Function) {
		s := f.New()
		s.Grow(rapid.IntRange(0, 20).Draw(t, "cells before"))
		for cell := range s.Len() {
			add(f, s, int32(cell), rows().Draw(t, "rows before"))
		}
		s.Reset()
		if s.Len() != 0 {
			t.Fatalf("%d cells after Reset", s.Len())
		}

		var want [][]row
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			n := rapid.IntRange(1, 12).Draw(t, "cells")
			s.Grow(n)
			want = append(want, make([][]row, max(0, n-len(want)))...)
			if s.Len() != len(want) {
				t.Fatalf("%d cells, want %d", s.Len(), len(want))
			}
			batch := rows().Draw(t, "batch")
			cells := make([]int32, len(batch))
			for i, r := range batch {
				cells[i] = int32(rapid.IntRange(0, len(want)-1).Draw(t, "cell"))
				want[cells[i]] = append(want[cells[i]], r)
			}
			s.Add(rowsOf(f, cells, batch))
		}
		for cell, rows := range want {
			if got, want := string(s.AppendEncoded(nil, cell)), encoded(fold(f, rows)); got != want {
				t.Fatalf("cell %d is %x, want %x", cell, got, want)
			}
		}
	})
}

func TestFunctions(t *testing.T) {
	want := []string{
		"count", "distinct", "first", "last", "max", "mean", "min", "quantiles", "rate", "stddev", "sum", "top", "variance",
	}
	if diff := cmp.Diff(want, aggregate.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if !slices.IsSorted(aggregate.Names()) {
		t.Error("names are not sorted")
	}
	for _, name := range []string{"", "Sum", "sums", "uniq", "su"} {
		if _, ok := aggregate.Lookup(name); ok {
			t.Errorf("Lookup(%q) finds a function", name)
		}
	}
	eachFunction(t, func(t *testing.T, f aggregate.Function) {
		wantArgs := 1
		if f.Name() == "count" {
			wantArgs = 0
		}
		wantAtMost, required, wantExact := wantArgs, wantArgs, true
		switch f.Name() {
		case "top":
			wantAtMost, wantExact = 2, false
		case "distinct", "quantiles":
			wantExact = false
		case "rate":
			required = 0
		}
		if got := len(f.Arguments()); got != wantAtMost || f.Required() != required || f.Exact() != wantExact {
			t.Errorf("%s: %d arguments, %d required, exact %v; want %d, %d, %v", f.Name(), got, f.Required(), f.Exact(),
				wantAtMost, required, wantExact)
		}
		if f.TypicalEncoded() > f.MaxEncoded() {
			t.Errorf("%s: typically %d bytes, above the maximum of %d", f.Name(), f.TypicalEncoded(), f.MaxEncoded())
		}
		if again, _ := aggregate.Lookup(f.Name()); again != f || again.Name() != f.Name() {
			t.Error("two lookups differ")
		}
	})
}
