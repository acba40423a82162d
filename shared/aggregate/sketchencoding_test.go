package aggregate_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
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
		{topOf(t, 1, 10), nil, "3e 00 00 1b"},
		{topOf(t, 1, 10), []scalarRow{{kind: str, text: "b"}, {kind: str, text: "a"}, {kind: str, text: "b"}},
			"3e 00 02 1b 04 62 04 61 02 01"},
		{topOf(t, 2, 10), []scalarRow{{kind: num, text: "1", weight: "12.50"}, {kind: num, text: "1", weight: "-1"}},
			"3e 01 01 1a 05 31 7d"},
		{topOf(t, 2, 10), []scalarRow{{kind: num, text: "1", weight: "200"}, {kind: str, text: "1", weight: "0.25"}},
			"3e 00 02 19 04 31 05 31 19 a09c01"},
		{topOf(t, 2, 10), []scalarRow{{kind: str, text: "a", weight: "1e20"}, {kind: str, text: "a", weight: "1e-27"}},
			"3e 00 01 00 04 61" + varint(t, "1"+strings.Repeat("0", 46)+"1")},
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

// TestTopOrdersValuesByTheirHashes has texts of each length that the hash treats in its own way. Two of the hashes are
// equal. The order comes from an implementation in another language.
func TestTopOrdersValuesByTheirHashes(t *testing.T) {
	order := []string{"", "abcdefghijklmnop", "abcdefg", "abcd", "mbcdabcd", "abc", "abcdefgh", "ab", "abcdefghijklmnopq",
		"abcdefghi", "a"}
	enc := unhex(t, "3e 00 0b 1b")
	var rows []scalarRow
	for _, text := range order {
		enc = aggregateText(enc, text)
		rows = append(rows, scalarRow{kind: aggregate.String, text: text})
	}
	enc = append(enc, bytes.Repeat([]byte{1}, len(order))...)
	f := topOf(t, 1, 10)
	for range 2 {
		if got := encoded(foldScalars(f, rows...)); got != string(enc) {
			t.Errorf("%x, want %x", got, enc)
		}
		slices.Reverse(rows)
	}
	swapped := bytes.Replace(enc, []byte("\x10abcd\x20mbcdabcd"), []byte("\x20mbcdabcd\x10abcd"), 1)
	expectRefused(t, f, swapped, aggregate.ErrCorrupt)
}

func TestTopPastItsBoundHasGoldenBytes(t *testing.T) {
	rows := make([]scalarRow, 0, 300)
	want := map[string][]byte{} // by value: its rows, and how many more it may have
	for i := range 101 {        // value i has min(i, 2)+1 rows
		text := string(rune('0' + i))
		want[text] = []byte{byte(min(i, 2) + 1), 0}
		for range want[text][0] {
			rows = append(rows, scalarRow{kind: aggregate.String, text: text})
		}
	}
	delete(want, "0") // with 1 row, it has no counter
	enc := estimateOf(t, "01 ac02", want)
	if got := encoded(foldScalars(topOf(t, 1, 10), rows...)); got != string(enc) {
		t.Errorf("%x\nwant %x", got, enc)
	}
	// A value that comes when another one was dropped may have as many rows more as that one. It takes the counter of
	// value 1, which has 2.
	read := fold(topOf(t, 1, 10), nil)
	if _, err := read.MergeEncoded(0, enc); err != nil {
		t.Fatal(err)
	}
	read.Add(scalarRows(topOf(t, 1, 10), slices.Repeat([]scalarRow{{kind: aggregate.String, text: "new"}}, 2)))
	delete(want, "1")
	want["new"] = []byte{2, 1}
	enc = estimateOf(t, "02 ae02", want)
	if got := encoded(read); got != string(enc) {
		t.Errorf("%x\nwant %x", got, enc)
	}
}

// estimateOf returns the encoding of a top with 100 counters. bounds is what is missed and the sum of all weights, in
// hex. weights has the encoded weights of each value.
func estimateOf(t *testing.T, bounds string, weights map[string][]byte) []byte {
	enc := unhex(t, "3e 00 64 3b")
	order := slices.SortedFunc(maps.Keys(weights), func(a, b string) int { return hashOfShort(a).Cmp(hashOfShort(b)) })
	for _, text := range order {
		enc = aggregateText(enc, text)
	}
	enc = append(enc, unhex(t, bounds)...)
	for _, text := range order {
		enc = append(enc, weights[text]...)
	}
	return enc
}

// hashOfShort is the hash that orders values, of a text of 1 to 3 bytes.
func hashOfShort(text string) *big.Int {
	n := len(text)
	word := uint64(text[0])<<32 | uint64(text[n/2])<<16 | uint64(text[n-1])<<8
	product := new(big.Int).SetUint64(word ^ uint64(n))
	product.Mul(product, new(big.Int).SetUint64(0x9e3779b97f4a7c15))
	high, low := new(big.Int).DivMod(product, wordBase, new(big.Int))
	return low.Xor(low, high)
}

func aggregateText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))<<2), text...)
}

func TestRefusedSketches(t *testing.T) {
	identity := strings.Repeat("00", 16)
	estimate := hex.EncodeToString(thousandValues(t)) // what is missed follows
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
		{"top", "3e 00", "the encoding ends inside its number of values"},
		{"top", "2e 00", "unknown encoding version 2"},
		{"top", "3e 00 e907 1b", "1001 values: maximum is 1000"},
		{"top", "3e 00 00", "form: no exponent from 0 to 27"},
		{"top", "3e 00 00 1c", "form: no exponent from 0 to 27"},
		{"top", "3e 00 00 5b", "form: no exponent from 0 to 27"},
		{"top", "3e 00 00 1a", "weights: the exponent is not the largest possible one"},
		{"top", "3e 00 01 1b", "the encoding ends inside its length of a value"},
		{"top", "3e 00 01 1b 04", "the encoding ends inside a value"},
		{"top", "3e 00 01 1b 04 61", "the encoding ends inside its amount"},
		{"top", "3e 00 01 1b 04 61 8100", "amount: not the shortest form"},
		{"top", "3e 00 01 1b 04 61 00", "weight of a value: 0 must be left out"},
		{"top", "3e 00 01 1a 04 61 0a", "weights: the exponent is not the largest possible one"},
		{"top", "3e 00 01 1b 04 61" + varint(t, power(170)), "weight: larger than any number of rows allows"},
		{"top", "3e 00 02 1b 04 61 04 61 01 01", "value 1 is out of order"},
		{"top", "3e 00 02 1b 04 61 04 62 01 01", "value 1 is out of order"},
		{"top", "3e 00 02 1b 05 31 04 31 01 01", "value 1 is out of order"},
		{"top", "3e 00 01 3b 04 61 01 05 01 00", "1 values: an estimate has 1000"},
		{"top", estimate, "the encoding ends inside its amount"},
		{"top", estimate + "00 05", "missing weight: 0 must be left out"},
		{"top", estimate + "02 05 01 03", "what a value may have more: does not fit what is missing"},
		{"top", estimate + "02 05 01 00", "what a value may have more: does not fit what is missing"},
		{"top", estimate + "01 01" + strings.Repeat("01 00", 1000), "sum of weights: below the sum of the values"},
		{"top", strings.Replace(estimate, "e8073b", "e8073a", 1) + "0a a09c01" + strings.Repeat("0a 00", 1000),
			"weights: the exponent is not the largest possible one"},
	} {
		err := expectRefused(t, lookup(t, c.function), unhex(t, c.encoding), aggregate.ErrCorrupt)
		if diff := cmp.Diff("aggregate: corrupt state: "+c.function+": "+c.says, err.Error()); diff != "" {
			t.Errorf("%s %.40s (-want +got):\n%s", c.function, c.encoding, diff)
		}
	}
}

// thousandValues returns the encoding of an estimate of top(x, 100) without its weights.
func thousandValues(t *testing.T) []byte {
	var rows []scalarRow
	for i := range 1001 {
		rows = append(rows, scalarRow{kind: aggregate.String, text: fmt.Sprintf("%04d", i)})
	}
	enc := encoded(foldScalars(topOf(t, 1, 100), rows...))
	return []byte(enc[:len("\x3e\x00\xe8\x07\x3b")+1000*len("?0000")])
}

// TestTheGreatestSketchesReachMaxEncoded builds encodings with as much of everything as there may be.
func TestTheGreatestSketchesReachMaxEncoded(t *testing.T) {
	count := binary.AppendUvarint(nil, math.MaxInt64)
	weight, more := unhex(t, varint(t, power(252))), unhex(t, varint(t, power(249)))
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
	var rows []scalarRow
	for i := range 1000 {
		rows = append(rows, scalarRow{kind: aggregate.String, text: fmt.Sprintf("%s%06d", long[2:], i)})
	}
	exact := encoded(foldScalars(topOf(t, 1, 100), rows...)) // it has the values in order
	enc = append(append([]byte{0x3e}, count...), 0xe8, 0x07, 0x20)
	enc = append(enc, exact[len("\x3e\x00\xe8\x07\x1b"):][:1000*len(long)+6000]...)
	enc = append(append(enc, weight...), unhex(t, varint(t, most.String()))...)
	for range 1000 {
		enc = append(append(enc, weight...), more...)
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
