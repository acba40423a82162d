package aggregate_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/google/go-cmp/cmp"
)

func TestGoldenEncodingsOfScalars(t *testing.T) {
	str, num, boolean := aggregate.String, aggregate.Number, aggregate.Bool
	identity := [2]uint64{0x0102030405060708, 0x090a0b0c0d0e0f10}
	for _, c := range []struct {
		f        aggregate.Function
		rows     []scalarRow
		encoding string
	}{
		{lookup(t, "first"), nil, "1a 00 00"},
		{lookup(t, "first"), []scalarRow{{str, "ab", 1000, identity, ""}},
			"1a 00 01 d00f 0102030405060708090a0b0c0d0e0f10 08 6162"},
		{lookup(t, "last"), []scalarRow{{num, "-7", -1, identity, ""}},
			"1b 00 01 01 0102030405060708090a0b0c0d0e0f10 09 2d37"},
		{lookup(t, "last"), []scalarRow{{boolean, "true", 0, [2]uint64{}, ""}},
			"1b 00 01 00 00000000000000000000000000000000 12 74727565"},
		{topOf(t, 1, 10), nil, "2e 00 00 00"},
		{topOf(t, 1, 10), []scalarRow{{kind: str, text: "b"}, {kind: str, text: "a"}, {kind: str, text: "b"}},
			"2e 00 02 00 04 61 1b 01 04 62 1b 02"},
		{topOf(t, 2, 10), []scalarRow{{kind: num, text: "1", weight: "12.50"}, {kind: num, text: "1", weight: "-1"}},
			"2e 01 01 00 05 31 1a 7d"},
	} {
		s := foldScalars(c.f, c.rows...)
		want := unhex(t, c.encoding)
		if got := encoded(s); got != string(want) {
			t.Errorf("%s of %v: %x, want %x", c.f.Name(), c.rows, got, want)
		}
		read := fold(c.f, nil)
		if rest, err := read.MergeEncoded(0, want); err != nil || len(rest) != 0 || encoded(read) != string(want) {
			t.Errorf("%s %x: read as %x, rest %x, error %v", c.f.Name(), want, encoded(read), rest, err)
		}
	}
}

func TestTopPastItsBoundHasGoldenBytes(t *testing.T) {
	rows := make([]scalarRow, 0, 300)
	for i := range 101 { // value i has min(i, 2)+1 rows
		for range min(i, 2) + 1 {
			rows = append(rows, scalarRow{kind: aggregate.String, text: string(rune('0' + i))})
		}
	}
	// Value 0, with 1 row, has no counter. All have 300 rows.
	want := unhex(t, "2e 00 64 01 1b 01 1b ac02")
	for i := 1; i < 101; i++ {
		want = append(aggregateText(want, string(rune('0'+i))), 0x1b, byte(min(i, 2)+1), 0x1b, 0)
	}
	s := foldScalars(topOf(t, 1, 10), rows...)
	if got := encoded(s); got != string(want) {
		t.Errorf("%x\nwant %x", got, want)
	}
	// A value that comes when another one was dropped may have as many rows more as that one. It takes the counter of
	// value 1, which has 2.
	read := fold(topOf(t, 1, 10), nil)
	if _, err := read.MergeEncoded(0, want); err != nil {
		t.Fatal(err)
	}
	read.Add(scalarRows(topOf(t, 1, 10), slices.Repeat([]scalarRow{{kind: aggregate.String, text: "new"}}, 2)))
	want = unhex(t, "2e 00 64 01 1b 02 1b ae02")
	for i := 2; i < 101; i++ {
		if i == 'o'-'0' {
			want = append(aggregateText(want, "new"), 0x1b, 2, 0x1b, 1)
		}
		want = append(aggregateText(want, string(rune('0'+i))), 0x1b, 3, 0x1b, 0)
	}
	if got := encoded(read); got != string(want) {
		t.Errorf("%x\nwant %x", got, want)
	}
}

func aggregateText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))<<2), text...)
}

func TestRefusedSketches(t *testing.T) {
	identity := strings.Repeat("00", 16)
	const estimate = "2e 00 e807 01" // 1,000 values, and what is missing follows
	for _, c := range []struct{ function, encoding, says string }{
		{"distinct", "1c", "the encoding ends inside its number of skipped rows"},
		{"distinct", "1c 00", "the encoding ends inside its number of hashes"},
		{"distinct", "1c 8000 00", "number of skipped rows: not the shortest form"},
		{"distinct", "1c 00 01 00000000000000", "the encoding ends inside its hashes"},
		{"distinct", "1c 00 02 0000000000000001 0000000000000001", "hash 1 is out of order"},
		{"distinct", "1c 00 02 0000000000000002 0000000000000001", "hash 1 is out of order"},
		{"distinct", "1c 00 8203", "386 hashes: maximum is 384"},
		{"distinct", "1c 00 8103" + strings.Repeat("00", 3071), "the encoding ends inside its registers"},
		{"distinct", "1c 00 8103" + strings.Repeat("00", 3072), "registers: a rank is above 53, or all ranks are 0"},
		{"distinct", "1c 00 8103" + strings.Repeat("00", 3071) + "d8", "registers: a rank is above 53, or all ranks are 0"},
		{"quantiles", "1d 00", "the encoding ends inside its number of bins"},
		{"quantiles", "1d 00 01", "the encoding ends inside its bins"},
		{"quantiles", "1d 00 01 02", "the encoding ends inside its count of a bin"},
		{"quantiles", "1d 00 01 02 00", "count of a bin: 0 must be left out"},
		{"quantiles", "1d 00 01 ac4c 01", "bin 4886: there are 4885 of each sign"},
		{"quantiles", "1d 00 01 ab4c 01", "bin -4886: there are 4885 of each sign"},
		{"quantiles", "1d 00 02 aa4c 01 00 01", "bin 4886: there are 4885 of each sign"},
		{"quantiles", "1d 00 02 00 01 ffffffffffffffff7f 01", "bin 9223372036854775807: there are 4885 of each sign"},
		{"first", "1a 00", "the encoding does not say whether there is a value"},
		{"first", "1a 00 02", "the encoding does not say whether there is a value"},
		{"first", "1a 00 01", "time: not a varint in its shortest form"},
		{"first", "1a 00 01 8000", "time: not a varint in its shortest form"},
		{"last", "1b 00 01 00" + identity[2:], "the encoding ends inside its identity"},
		{"last", "1b 00 01 00" + identity, "the encoding ends inside its length of a value"},
		{"last", "1b 00 01 00" + identity + "04", "the encoding ends inside a value"},
		{"last", "1b 00 01 00" + identity + "8408", "value of 257 bytes: maximum is 256"},
		{"last", "1b 00 01 00" + identity + "0b 6161", `value "aa" of kind 3: no text of this kind`},
		{"last", "1b 00 01 00" + identity + "09 6161", `value "aa" of kind 1: no text of this kind`},
		{"last", "1b 00 01 00" + identity + "01", `value "" of kind 1: no text of this kind`},
		{"last", "1b 00 01 00" + identity + "09 2031", `value " 1" of kind 1: no text of this kind`},
		{"last", "1b 00 01 00" + identity + "09 3120", `value "1 " of kind 1: no text of this kind`},
		{"last", "1b 00 01 00" + identity + "12 6e756c6c", `value "null" of kind 2: no text of this kind`},
		{"top", "2e 00", "the encoding ends inside its number of values"},
		{"top", "1e 00", "unknown encoding version 1"},
		{"top", "2e 00 e907 00", "1001 values: maximum is 1000"},
		{"top", "2e 00 00", "the encoding does not say whether it is exact"},
		{"top", "2e 00 00 02", "the encoding does not say whether it is exact"},
		{"top", "2e 00 01 00 04 61", "weight of a value: no exponent from 0 to 27"},
		{"top", "2e 00 01 00 04 61 1c 01", "weight of a value: no exponent from 0 to 27"},
		{"top", "2e 00 01 00 04 61 1b 00", "weight of a value: 0 must be left out"},
		{"top", "2e 00 02 00 04 61 1b 01 04 61 1b 01", "value 1 is out of order"},
		{"top", "2e 00 01 01 1b 01 1b 05 04 61 1b 01 1b 00", "1 values: an estimate has 1000"},
		{"top", estimate, "missing weight: no exponent from 0 to 27"},
		{"top", estimate + "1b 00", "missing weight: 0 must be left out"},
		{"top", estimate + "1b 01 1b", "the encoding ends inside its amount"},
		{"top", estimate + "1b 02 1b 01 04 61 1b 01 1b 03", "what a value may have more: does not fit what is missing"},
		{"top", estimate + "1b 02 1b 01 04 61 1b 01 1b 00", "what a value may have more: does not fit what is missing"},
		{"top", estimate + "1b 01 1b 01" + thousandValues(), "sum of weights: below the sum of the values"},
	} {
		err := expectRefused(t, lookup(t, c.function), unhex(t, c.encoding), aggregate.ErrCorrupt)
		if diff := cmp.Diff("aggregate: corrupt state: "+c.function+": "+c.says, err.Error()); diff != "" {
			t.Errorf("%s %.40s (-want +got):\n%s", c.function, c.encoding, diff)
		}
	}
}

// thousandValues are counters of one row each.
func thousandValues() string {
	var all strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&all, "10 %x 1b 01 1b 00", fmt.Sprintf("%04d", i))
	}
	return all.String()
}

// TestTheGreatestSketchesReachMaxEncoded builds encodings with as much of everything as there may be.
func TestTheGreatestSketchesReachMaxEncoded(t *testing.T) {
	count := binary.AppendUvarint(nil, math.MaxInt64)
	weight := append([]byte{0}, unhex(t, varint(t, power(252)))...)
	more := append([]byte{0}, unhex(t, varint(t, power(249)))...)
	long := append(binary.AppendUvarint(nil, 256<<2), bytes.Repeat([]byte("x"), 250)...)
	greatest := map[string][]byte{
		"distinct": append(append([]byte{0x1c}, count...), 0x81, 0x03),
		"first":    append(append([]byte{0x1a}, count...), 1),
		"last":     append(append([]byte{0x1b}, count...), 1),
	}
	greatest["distinct"] = append(greatest["distinct"], bytes.Repeat([]byte{0x41, 0x10, 0x04}, 1024)...)
	for _, name := range []string{"first", "last"} {
		enc := binary.AppendVarint(greatest[name], math.MinInt64)
		greatest[name] = append(append(append(enc, make([]byte, 16)...), long...), "xxxxxx"...)
	}
	const bins = 2*4885 + 1
	enc := binary.AppendUvarint(append([]byte{0x1d}, count...), bins)
	for i := range bins {
		if i == 0 {
			enc = binary.AppendVarint(enc, -4885)
		} else {
			enc = append(enc, 0)
		}
		enc = append(enc, count...)
	}
	greatest["quantiles"] = enc
	most := new(big.Int).Mul(maxDecimal, big.NewInt(math.MaxInt64)) // where sums of weights stop
	enc = binary.AppendUvarint(append([]byte{0x2e}, count...), 1000)
	enc = append(append(append(enc, 1), weight...), 0)
	enc = append(enc, unhex(t, varint(t, most.String()))...)
	for i := range 1000 {
		enc = append(append(fmt.Appendf(append(enc, long...), "%06d", i), weight...), more...)
	}
	greatest["top"] = enc
	for name, enc := range greatest {
		f := lookup(t, name)
		s := fold(f, nil)
		if rest, err := s.MergeEncoded(0, enc); err != nil || len(rest) != 0 || encoded(s) != string(enc) {
			t.Errorf("%s: rest of %d bytes, error %v, encoded again as %d bytes, not %d", name, len(rest), err,
				len(encoded(s)), len(enc))
		}
		if len(enc) != f.MaxEncoded() || len(enc) > 380<<10 {
			t.Errorf("%s: %d bytes, MaxEncoded is %d, and no item has more than 380 KB", name, len(enc), f.MaxEncoded())
		}
	}
}
