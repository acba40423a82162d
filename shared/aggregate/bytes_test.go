package aggregate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// TestBytes counts the memory of cells: of texts, values and registers alike, whichever way they came into the cell.
func TestBytes(t *testing.T) {
	scalars := func(n int) (rows []scalarRow) {
		for i := range n {
			rows = append(rows, scalarRow{kind: aggregate.Number, text: fmt.Sprint(1000 + i)})
		}
		return rows
	}
	for _, c := range []struct {
		name string
		f    aggregate.Function
		rows []scalarRow
		want int
	}{
		{"no value", topOf(t, 1, 10), nil, 136},
		{"top: 3 counters with 4 bytes of text", topOf(t, 1, 10), scalars(3), 136 + 3*(40+4)},
		{"top: no more counters than twice 100", topOf(t, 1, 10), scalars(201), 136 + 100*(40+4)},
		{"last: 2 bytes of text", lookup(t, "last"), []scalarRow{{kind: aggregate.String, text: "ab"}}, 64 + 2},
	} {
		s := foldScalars(c.f, c.rows...)
		merged, decoded := fold(c.f, nil), fold(c.f, nil)
		for range 2 {
			merged.Merge(0, s, 0)
			if _, err := decoded.MergeEncoded(0, s.AppendEncoded(nil, 0)); err != nil {
				t.Fatal(err)
			}
		}
		for how, s := range map[string]aggregate.States{"added": s, "merged": merged, "decoded": decoded} {
			if got := s.(aggregate.Sized).Bytes(0); got != c.want {
				t.Errorf("%s, %s: %d bytes, want %d", c.name, how, got, c.want)
			}
		}
	}
	for name, want := range map[string]int{"distinct": 48 + 3*8, "quantiles": 32 + 3*16} {
		s := fold(lookup(t, name), []row{numberText("1"), numberText("10"), numberText("100"), numberText("100")})
		if got := s.(aggregate.Sized).Bytes(0); got != want {
			t.Errorf("%s: %d bytes, want %d", name, got, want)
		}
	}
	registers := fold(lookup(t, "distinct"), nil)
	dense := unhex(t, "1c 00 8103"+strings.Repeat("411004", 1024))
	if _, err := registers.MergeEncoded(0, dense); err != nil || registers.(aggregate.Sized).Bytes(0) != 48+4096 {
		t.Errorf("registers: %d bytes, error %v", registers.(aggregate.Sized).Bytes(0), err)
	}
}
