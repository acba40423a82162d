package aggregate_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	enc, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return enc
}

func lookup(t testing.TB, name string) aggregate.Function {
	t.Helper()
	f, ok := aggregate.Lookup(name)
	if !ok {
		t.Fatalf("no function %q", name)
	}
	return f
}

// parsedRows are the rows of JSON texts; what is no number is nil.
func parsedRows(texts ...string) []row {
	rows := make([]row, len(texts))
	for i, text := range texts {
		if aggregate.ParseDecimal([]byte(text)).OK {
			rows[i] = numberText(text)
		}
	}
	return rows
}

// golden are encodings as they are stored. They stay readable for as long as any store may hold them: a change of
// encoding adds lines, under a new version, and takes none away.
var golden = []struct {
	function string
	rows     []string
	encoding string
}{
	{"count", nil, "11 00"},
	{"count", []string{"1", "null", "3"}, "11 03"},
	{"count", []string{"1", "skip", "skip", "3"}, "21 02 02"},
	{"count", []string{"skip"}, "21 01 00"},
	{"sum", []string{"skip", "null"}, "22 5f 02"},
	{"sum", nil, "22 1f"},
	{"sum", []string{"null", `"7"`}, "22 5f 02"},
	{"sum", []string{"0"}, "22 1b 01 00"},
	{"sum", []string{"1"}, "22 1b 01 01"},
	{"sum", []string{"-1"}, "22 3b 01 01"},
	{"sum", []string{"1", "-1"}, "22 1b 02 00"},
	{"sum", []string{"203023", "171717"}, "22 1b 02 d4ef16"},
	{"sum", []string{"12.50", "0.25"}, "22 19 02 fb09"},
	{"sum", []string{"0.000000000000000001"}, "22 09 01 01"},
	{"sum", []string{"-2.5", "null"}, "22 7a 01 01 19"},
	{"sum", []string{"0.0016150000000000001", "0.002", "2.0999999999999998e-06"}, "22 05 03 e6879ed5b99bcdfcf503"},
	{"sum", []string{"1e-27"}, "22 00 01 01"},
	{"sum", []string{"1e-28", "15e-28"}, "22 00 02 02"},
	{"sum", []string{"99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"},
		"22 09 02 feffffffff8f918a93e8a3ecd096d4ccf6ac02"},
	{"mean", nil, "23 1f"},
	{"mean", []string{"203023", "171717", "null"}, "23 5b 01 02 d4ef16"},
	{"min", nil, "24 1f"},
	{"min", []string{"3", "-7", "2"}, "24 3b 07"},
	{"min", []string{"null"}, "24 5f 01"},
	{"max", []string{"999999999999999999999999999999.999999999999999999999999999"},
		"25 00 ffffffffffffffffc986ead6e490d5e5fdd7c7aba293f2dafc90a301"},
	{"min", []string{"-99999999999999999999.999999999999999999"}, "24 29 ffffffffffc788c589f491b6a88baaa6bb9601"},
	{"max", nil, "25 1f"},
	{"max", []string{"3", "-7", "2"}, "25 1b 03"},
	{"max", []string{"0.5", "null"}, "25 5a 01 05"},
	{"max", []string{"0", "-0.00"}, "25 1b 00"},
	{"rate", nil, "17 1f"},
	{"rate", []string{"12.50", "0.25", "null"}, "17 59 01 02 fb09"},
	{"variance", nil, "18 1f"},
	{"variance", []string{"null", "skip"}, "18 5f 02"},
	{"variance", []string{"0"}, "18 1b 01 00 36 00"},
	{"variance", []string{"1", "-1"}, "18 1b 02 00 36 02"},
	{"variance", []string{"1.5", "-2"}, "18 3a 02 05 34 f104"},
	{"variance", []string{"1e-27"}, "18 00 01 01 00 01"},
	{"stddev", []string{"10", "20", "null"}, "19 5b 01 02 1e 36 f403"},
	{"stddev", []string{"999999999999999999999999999999.999999999999999999999999999"},
		"19 00 01 ffffffffffffffffc986ead6e490d5e5fdd7c7aba293f2dafc90a301 00 " +
			"8180808080808080ecf2abd2b6ded5b4e8f2e3d3e5d5dfdedad2c7f894bdfcc9abe6c8edb19acf95c3c1cc84f396fe9bfaceef9ff4cf01"},
}

// addTexts adds the rows of JSON texts to the only cell. A row whose condition could not be evaluated is a skip.
func addTexts(f aggregate.Function, s aggregate.States, texts []string) {
	for _, text := range texts {
		if text == "skip" {
			s.Skip([]int32{0})
		} else {
			add(f, s, 0, parsedRows(text))
		}
	}
}

func TestGoldenEncodings(t *testing.T) {
	for _, g := range golden {
		f := lookup(t, g.function)
		s := fold(f, nil)
		addTexts(f, s, g.rows)
		want := unhex(t, g.encoding)
		if got := s.AppendEncoded([]byte("before"), 0); string(got) != "before"+string(want) {
			t.Errorf("%s of %v: %x, want 6265666f7265%x", g.function, g.rows, got, want)
		}
		read := fold(f, nil)
		rest, err := read.MergeEncoded(0, want)
		if err != nil || len(rest) != 0 || encoded(read) != string(want) {
			t.Errorf("%s %x: read as %x, rest %x, error %v", g.function, want, encoded(read), rest, err)
		}
	}
}

// expectRefused checks the error, and that the cell, here one with rows, is as it was.
func expectRefused(t rapid.TB, f aggregate.Function, enc []byte, want error) error {
	t.Helper()
	s := fold(f, parsedRows("7", "null", "-0.5"))
	before := encoded(s)
	rest, err := s.MergeEncoded(0, enc)
	if !errors.Is(err, want) || rest != nil {
		t.Fatalf("%s %x: rest %x, error %v; want nothing and %v", f.Name(), enc, rest, err, want)
	}
	if encoded(s) != before {
		t.Fatalf("%s %x: refused, but the cell is now %x, was %x", f.Name(), enc, encoded(s), before)
	}
	return err
}

func TestRefusedEncodings(t *testing.T) {
	for _, c := range []struct{ function, encoding, says string }{
		{"count", "", "count: the encoding is empty"},
		{"count", "11", "count: the encoding ends inside its count"},
		{"count", "11 80", "count: the encoding ends inside its count"},
		{"count", "11 8000", "count: count: not the shortest form"},
		{"count", "11 ff00", "count: count: not the shortest form"},
		{"count", "11 80808080808080808001", "count: count: above 2^63-1"},
		{"count", "11 ffffffffffffffffff01", "count: count: above 2^63-1"},
		{"count", "11 ffffffffffffffffffff01", "count: count: above 2^63-1"},
		{"count", "21", "count: the encoding ends inside its number of skipped rows"},
		{"count", "21 00 01", "count: number of skipped rows: 0 must be left out"},
		{"count", "21 01", "count: the encoding ends inside its count"},
		{"count", "12 1f", "count: the state belongs to sum"},
		{"count", "10 00", "count: the state belongs to function 0"},
		{"count", "01 00", "count: unknown encoding version 0"},
		{"sum", "23 1f", "sum: the state belongs to mean"},
		{"sum", "2f 1f", "sum: the state belongs to function 15"},
		{"sum", "22", "sum: the encoding ends before its head"},
		{"sum", "22 9f", "sum: invalid head 0x9f"},
		{"sum", "22 9b 01 01", "sum: invalid head 0x9b"},
		{"sum", "22 3f", "sum: invalid head 0x3f"},
		{"sum", "22 1c 01 01", "sum: invalid head 0x1c"},
		{"sum", "22 1e 01 01", "sum: invalid head 0x1e"},
		{"sum", "22 5f", "sum: the encoding ends inside its number of skipped rows"},
		{"sum", "22 5f 00", "sum: number of skipped rows: 0 must be left out"},
		{"sum", "22 5b 8100 01 01", "sum: number of skipped rows: not the shortest form"},
		{"sum", "22 1b", "sum: the encoding ends inside its count"},
		{"sum", "22 1b 00 00", "sum: count: 0 must be left out"},
		{"sum", "22 1b 8100 01", "sum: count: not the shortest form"},
		{"sum", "22 1b 01", "sum: the encoding ends inside its amount"},
		{"sum", "22 1b 01 8080", "sum: the encoding ends inside its amount"},
		{"sum", "22 1b 01 8100", "sum: amount: not the shortest form"},
		{"sum", "22 1a 01 0a", "sum: amount: the exponent is not the largest possible one"},
		{"sum", "22 09 01 00", "sum: amount: the exponent is not the largest possible one"},
		{"sum", "22 3b 01 00", "sum: amount: zero must not have a sign"},
		{"sum", "22 1b 01 " + varint(t, "1"+strings.Repeat("0", 30)), "sum: amount: larger than its number of rows allows"},
		{"sum", "22 3b 02 " + varint(t, "2"+strings.Repeat("0", 30)), "sum: amount: larger than its number of rows allows"},
		{"sum", "12 1f", "sum: unknown encoding version 1"},
		{"sum", "22 1b 01 " + strings.Repeat("ff", 27) + "01", "sum: amount: larger than its number of rows allows"},
		// 2^166 * 10^27 is above 2^255, and the next above 2^256: what a multiplication would lose must not count.
		{"sum", "22 1b 01 " + varint(t, power(166)), "sum: amount: larger than its number of rows allows"},
		{"sum", "22 1b 01 " + varint(t, power(167)), "sum: amount: larger than its number of rows allows"},
		{"sum", "22 1b 01 " + varint(t, power(255)), "sum: amount: larger than its number of rows allows"},
		{"sum", "22 00 01 " + varint(t, power(255)), "sum: amount: larger than its number of rows allows"},
		{"sum", "22 00 01 " + varint(t, power(256)), "sum: amount: more than 256 bits"},
		{"sum", "22 00 01 " + varint(t, power(258)), "sum: amount: more than 256 bits"},
		{"sum", "22 1b 01 " + strings.Repeat("ff", 36) + "7f", "sum: amount: more than 256 bits"},
		{"sum", "22 1b 01 " + strings.Repeat("ff", 36) + "8001", "sum: amount: more than 37 bytes"},
		{"sum", "22 1b 01 " + strings.Repeat("ff", 37) + "01", "sum: amount: more than 256 bits"},
		{"mean", "22 1b 01 01", "mean: the state belongs to sum"},
		{"rate", "17 1b 00 00", "rate: count: 0 must be left out"},
		{"variance", "19 1f", "variance: the state belongs to stddev"},
		{"variance", "18 1b 01 01", "variance: squares: invalid exponent"},
		{"variance", "18 1b 01 01 37 01", "variance: squares: invalid exponent"},
		{"variance", "18 1b 01 01 36", "variance: the encoding ends inside its squares"},
		{"variance", "18 1b 01 01 36 8100", "variance: squares: not the shortest form"},
		{"variance", "18 1b 01 01 35 0a", "variance: squares: the exponent is not the largest possible one"},
		{"variance", "18 1b 01 01 00 00", "variance: squares: the exponent is not the largest possible one"},
		{"variance", "18 1b 01 02 36 03", "variance: squares: smaller than its amount allows"},
		{"variance", "18 3b 02 02 36 01", "variance: squares: smaller than its amount allows"},
		{"variance", "18 1b 01 00 36 " + varint(t, "1"+strings.Repeat("0", 60)),
			"variance: squares: larger than its number of rows allows"},
		{"variance", "18 1b 01 00 00 " + strings.Repeat("ff", 63) + "7f",
			"variance: squares: larger than its number of rows allows"},
		{"variance", "18 1b 01 00 36 " + strings.Repeat("ff", 63) + "7f", "variance: squares: more than 512 bits"},
		{"variance", "18 1b 01 00 00 " + strings.Repeat("ff", 64) + "01", "variance: squares: more than 64 bytes"},
		{"min", "25 1b 01", "min: the state belongs to max"},
		{"min", "24 3b 00", "min: amount: zero must not have a sign"},
		{"min", "24 1a 0a", "min: amount: the exponent is not the largest possible one"},
		{"min", "24 3b " + varint(t, "1"+strings.Repeat("0", 30)), "min: amount: larger than its number of rows allows"},
		{"max", "25 1b " + varint(t, "1"+strings.Repeat("0", 30)), "max: amount: larger than its number of rows allows"},
		{"max", "25 1b", "max: the encoding ends inside its amount"},
		{"max", "25 5f ffffffffffffffffff01", "max: number of skipped rows: above 2^63-1"},
	} {
		err := expectRefused(t, lookup(t, c.function), unhex(t, c.encoding), aggregate.ErrCorrupt)
		if diff := cmp.Diff("aggregate: corrupt state: "+c.says, err.Error()); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.function, c.encoding, diff)
		}
	}
}

// power is 2^n in digits.
func power(n uint) string { return new(big.Int).Lsh(big.NewInt(1), n).String() }

// varint is the base-128 form of a size, in hex.
func varint(t testing.TB, size string) string {
	t.Helper()
	n, ok := new(big.Int).SetString(size, 10)
	if !ok {
		t.Fatalf("not a size: %q", size)
	}
	var enc []byte
	for n.BitLen() > 7 {
		enc = append(enc, byte(new(big.Int).And(n, big.NewInt(0x7f)).Int64())|0x80)
		n.Rsh(n, 7)
	}
	return hex.EncodeToString(append(enc, byte(n.Int64())))
}

func TestNewerEncodingsAreRefusedByName(t *testing.T) {
	eachFunction(t, func(t *testing.T, f aggregate.Function) {
		s := fold(f, parsedRows("1"))
		s.Skip([]int32{0})
		enc := []byte(encoded(s))
		enc[0] += 1 << 4
		err := expectRefused(t, f, enc, aggregate.ErrVersion)
		version := int(enc[0] >> 4)
		if want := fmt.Sprintf("aggregate: unknown encoding version: %s: encoding version %d: "+
			"this engine reads versions up to %d", f.Name(), version, version-1); err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
	})
}

// fullest is a cell with 2^63-1 rows and as many skipped ones, all of one number: doubled and one more, again and
// again.
func fullest(f aggregate.Function, number row) aggregate.States {
	both := fold(f, []row{number})
	both.Skip([]int32{0})
	s := merged(f, both, fold(f, nil))
	for range 62 {
		s = merged(f, merged(f, s, s), both)
	}
	return s
}

func TestMaxEncodedIsReachedAndNotPassed(t *testing.T) {
	eachFunction(t, func(t *testing.T, f aggregate.Function) {
		if slices.Contains(sketchNames, f.Name()) {
			return // see TestTheGreatestSketchesReachMaxEncoded
		}
		for _, number := range []row{maxDecimal, new(big.Int).Neg(maxDecimal)} {
			s := fullest(f, number)
			enc := s.AppendEncoded(nil, 0)
			if len(enc) != f.MaxEncoded() {
				t.Errorf("%x has %d bytes, MaxEncoded is %d", enc, len(enc), f.MaxEncoded())
			}
			read := fold(f, nil)
			if _, err := read.MergeEncoded(0, enc); err != nil || encoded(read) != string(enc) {
				t.Errorf("%x read as %x, error %v", enc, encoded(read), err)
			}
			if s.Skipped(0) != math.MaxInt64 {
				t.Errorf("skipped %d, want 2^63-1", s.Skipped(0))
			}
		}
	})
}

func TestTheGreatestSumIsExact(t *testing.T) {
	s := fullest(lookup(t, "sum"), maxDecimal)
	sum := new(big.Int).Mul(maxDecimal, big.NewInt(math.MaxInt64))
	if got, want := string(s.AppendPresented(nil, 0, hour)), plain(new(big.Rat).SetFrac(sum, unit)); got != want {
		t.Errorf("sum %s, want %s", got, want)
	}
	s = fullest(lookup(t, "mean"), new(big.Int).Neg(maxDecimal))
	if got, want := string(s.AppendPresented(nil, 0, hour)), "-1"+strings.Repeat("0", 30); got != want {
		t.Errorf("mean %s, want %s", got, want)
	}
}

func TestCountsStayAtTheirBound(t *testing.T) {
	eachFunction(t, func(t *testing.T, f aggregate.Function) {
		zero := new(big.Int)
		full := fullest(f, zero)
		more := merged(f, full, full)
		add(f, more, 0, []row{zero, nil})
		if encoded(more) != encoded(full) {
			t.Errorf("past the bound: %x, want %x", encoded(more), encoded(full))
		}
		if rest, err := more.MergeEncoded(0, full.AppendEncoded(nil, 0)); err != nil || len(rest) != 0 ||
			encoded(more) != encoded(full) {
			t.Errorf("past the bound, from bytes: %x, rest %x, error %v; want %x", encoded(more), rest, err, encoded(full))
		}
	})
}

func FuzzMergeEncoded(f *testing.F) {
	names := aggregate.Names()
	for _, g := range golden {
		for i, name := range names {
			if name == g.function {
				f.Add(byte(i), unhex(f, g.encoding))
			}
		}
	}
	for i, name := range names {
		f.Add(byte(i), append(fullest(lookup(f, name), maxDecimal).AppendEncoded(nil, 0), 0xff))
	}
	f.Fuzz(func(t *testing.T, which byte, enc []byte) {
		function := lookup(t, names[int(which)%len(names)])
		fresh := fold(function, nil)
		rest, err := fresh.MergeEncoded(0, enc)
		if err != nil {
			named := aggregate.ErrCorrupt
			if errors.Is(err, aggregate.ErrVersion) {
				named = aggregate.ErrVersion
			}
			expectRefused(t, function, enc, named)
			return
		}
		read := enc[:len(enc)-len(rest)]
		if encoded(fresh) != string(read) {
			t.Fatalf("%s: accepted %x, encodes as %x", function.Name(), read, encoded(fresh))
		}
		if len(read) > function.MaxEncoded() {
			t.Fatalf("%s: accepted %d bytes, MaxEncoded is %d", function.Name(), len(read), function.MaxEncoded())
		}
		if presented := fresh.AppendPresented(nil, 0, hour); !json.Valid(presented) {
			t.Fatalf("%s %x: presented %q, which is not JSON", function.Name(), read, presented)
		}
		seven := parsedRows("7", "null", "-0.5")
		got := fold(function, seven)
		if _, err := got.MergeEncoded(0, enc); err != nil ||
			encoded(got) != encoded(merged(function, fresh, fold(function, seven))) {
			t.Fatalf("%s %x: merged into a cell with rows: %x, error %v", function.Name(), read, encoded(got), err)
		}
	})
}
