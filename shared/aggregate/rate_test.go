package aggregate_test

import (
	"encoding/hex"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// rate() counts rows, also those without any number.
func TestRateOfRows(t *testing.T) {
	rate := lookup(t, "rate").With(0, 0)
	if n := len(rate.Arguments()); n != 0 {
		t.Fatalf("rate() has %d arguments", n)
	}
	for _, c := range []struct {
		rows    int
		skipped int
		seconds int64
		want    string
		encoded string
	}{
		{0, 0, 60, "0", "171f"},
		{90, 0, 60, "1.5", "171b5a00"},
		{1, 2, 3600, "0.0002777777777777778", "175b020100"},
		{82800, 0, 82800, "1", "171bf0860500"}, // a day of 23 hours
		{5, 0, 0, "null", "171b0500"},
	} {
		s := fold(rate, nil)
		add(rate, s, 0, make([]row, c.rows))
		for range c.skipped {
			s.Skip([]int32{0})
		}
		if got := string(s.AppendPresented(nil, 0, aggregate.Present{Seconds: c.seconds})); got != c.want {
			t.Errorf("%d rows in %d seconds: %s, want %s", c.rows, c.seconds, got, c.want)
		}
		if got := hex.EncodeToString([]byte(encoded(s))); got != c.encoded || s.Skipped(0) != int64(c.skipped) {
			t.Errorf("%d rows: encoded as %s, skipped %d; want %s, %d", c.rows, got, s.Skipped(0), c.encoded, c.skipped)
		}
	}
}

// TestHashOf holds the hashes that stored states have.
func TestHashOf(t *testing.T) {
	seen := map[uint64]bool{}
	for _, c := range []struct {
		kind aggregate.ScalarKind
		text string
		want uint64
	}{
		// Computed by a separate implementation of SipHash-2-4.
		{aggregate.String, "", 0xd3e9257721a4458b},
		{aggregate.String, "1", 0xfa84b11c837a04e9},
		{aggregate.Number, "1", 0x49f07aaee3e42de2},
		{aggregate.Bool, "true", 0x36d636e2ed92dc34},
	} {
		got := aggregate.HashOf(c.kind, []byte(c.text))
		if got != c.want || seen[got] {
			t.Errorf("%d %q: %#x, want %#x, and another one than before", c.kind, c.text, got, c.want)
		}
		seen[got] = true
	}
}
