package aggregate_test

import (
	"math"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"pgregory.net/rapid"
)

// scalarRow is a row of first, last and top. An empty weight is no column of weights.
type scalarRow struct {
	kind     aggregate.ScalarKind
	text     string
	time     int64
	identity [2]uint64
	weight   string
}

func scalarRows(f aggregate.Function, rows []scalarRow) aggregate.Rows {
	all := aggregate.Rows{Cells: make([]int32, len(rows)), Columns: make([]aggregate.Column, len(f.Arguments()))}
	for _, r := range rows {
		scalars := &all.Columns[0].Scalars
		*scalars = append(*scalars, aggregate.Scalar{Kind: r.kind, Text: []byte(r.text), OK: true})
		if len(all.Columns) > 1 {
			all.Columns[1].Numbers = append(all.Columns[1].Numbers, aggregate.ParseDecimal([]byte(r.weight)))
		}
		if f.Ordered() {
			all.Times, all.Identities = append(all.Times, r.time), append(all.Identities, r.identity)
		}
	}
	return all
}

func foldScalars(f aggregate.Function, rows ...scalarRow) aggregate.States {
	s := fold(f, nil)
	s.Add(scalarRows(f, rows))
	return s
}

func TestFirstAndLast(t *testing.T) {
	const str, num, boolean = aggregate.String, aggregate.Number, aggregate.Bool
	long := strings.Repeat("x", aggregate.MaxText)
	for _, c := range []struct {
		name        string
		rows        []scalarRow
		first, last string
		skipped     int64
	}{
		{"none", nil, "null", "null", 0},
		{"one", []scalarRow{{kind: str, text: "a"}}, `"a"`, `"a"`, 0},
		{"by time, not by arrival", []scalarRow{{str, "b", 5, [2]uint64{}, ""}, {str, "a", 3, [2]uint64{}, ""},
			{str, "c", 4, [2]uint64{}, ""}}, `"a"`, `"b"`, 0},
		{"before 1970", []scalarRow{{str, "b", -5, [2]uint64{}, ""}, {str, "a", 0, [2]uint64{}, ""}}, `"b"`, `"a"`, 0},
		{"by identity in one millisecond", []scalarRow{{num, "7", 5, [2]uint64{2, 0}, ""},
			{num, "-1.5", 5, [2]uint64{1, 9}, ""}, {boolean, "true", 5, [2]uint64{2, 1}, ""}}, "-1.5", "true", 0},
		{"by value in copies of an event", []scalarRow{{num, "1", 5, [2]uint64{1, 1}, ""},
			{str, "1", 5, [2]uint64{1, 1}, ""}}, `"1"`, "1", 0},
		{"an empty text", []scalarRow{{kind: str}}, `""`, `""`, 0},
		{"what JSON escapes", []scalarRow{{kind: str, text: "a\"\n<\u2028"}}, `"a\"\n<\u2028"`, `"a\"\n<\u2028"`, 0},
		{"the longest text", []scalarRow{{kind: str, text: long}}, `"` + long + `"`, `"` + long + `"`, 0},
		{"a longer text", []scalarRow{{kind: str, text: long + "x"}, {str, "b", 5, [2]uint64{}, ""}}, `"b"`, `"b"`, 1},
	} {
		for name, want := range map[string]string{"first": c.first, "last": c.last} {
			s := foldScalars(lookup(t, name), c.rows...)
			if got := string(s.AppendPresented(nil, 0, hour)); got != want || s.Skipped(0) != c.skipped {
				t.Errorf("%s, %s: %s, %d skipped; want %s, %d", c.name, name, got, s.Skipped(0), want, c.skipped)
			}
		}
	}
}

// TestMomentsOfAnyKindKeepTheLaws draws rows with few times and identities, so that all ties occur.
func TestMomentsOfAnyKindKeepTheLaws(t *testing.T) {
	one := rapid.Custom(func(t *rapid.T) scalarRow {
		return scalarRow{
			kind: aggregate.Number, text: rapid.SampledFrom([]string{"1", "2", "30"}).Draw(t, "text"),
			time:     rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, math.MaxInt64}).Draw(t, "time"),
			identity: [2]uint64{rapid.Uint64Range(0, 1).Draw(t, "high"), rapid.Uint64Range(0, 1).Draw(t, "low")},
		}
	})
	for _, name := range []string{"first", "last"} {
		f := lookup(t, name)
		rapid.Check(t, func(t *rapid.T) {
			rows := rapid.SliceOfN(one, 0, 12).Draw(t, "rows")
			at := rapid.IntRange(0, len(rows)).Draw(t, "at")
			whole, a, b := foldScalars(f, rows...), foldScalars(f, rows[:at]...), foldScalars(f, rows[at:]...)
			expectSame(t, "a + b", merged(f, a, b), whole)
			expectSame(t, "b + a", merged(f, b, a), whole)
			expectSame(t, "shuffled", foldScalars(f, rapid.Permutation(rows).Draw(t, "shuffled")...), whole)
			read := fold(f, nil)
			if rest, err := read.MergeEncoded(0, whole.AppendEncoded(nil, 0)); err != nil || len(rest) != 0 {
				t.Fatalf("rest %x, error %v", rest, err)
			}
			expectSame(t, "decoded", read, whole)
		})
	}
}
