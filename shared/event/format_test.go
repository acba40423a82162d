package event_test

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
)

// These are encodings of stored data, which never change.

func TestLineGolden(t *testing.T) {
	compact := []byte(`{"specversion":"1.0","id":"a","source":"/s","type":"t","data":{"n":1.50}}`)
	got := event.AppendLine([]byte("before\n"), compact, event.Stamp{Request: testRequest(t), Index: 17})
	want := "before\n" + `{"specversion":"1.0","id":"a","source":"/s","type":"t","data":{"n":1.50},"stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-17"}` + "\n"
	if string(got) != want {
		t.Errorf("line %s; want %s", got, want)
	}
}

func TestStampGolden(t *testing.T) {
	stamp := event.Stamp{Request: ulid.ULID{0x01, 0x93, 0x51, 0xf3, 0x2c, 0x37, 0xf8, 0x38, 0x6d, 0x8f, 0x45, 0xf4, 0x93,
		0x32, 0x50, 0x55}, Index: 17}
	const text = "01JD8Z6B1QZ0W6V3T5YJ9K4M2N-17"
	if got := stamp.String(); got != text {
		t.Errorf("stamp %s; want %s", got, text)
	}
	if got, err := event.ParseStamp([]byte(text)); err != nil || got != stamp {
		t.Errorf("ParseStamp(%s) = %v, %v; want %v", text, got, err, stamp)
	}
	if got, want := stamp.Time(), time.Date(2024, 11, 22, 3, 38, 31, 351e6, time.UTC); !got.Equal(want) ||
		got.Location() != time.UTC || stamp.Arrival() != event.MillisOf(want) {
		t.Errorf("arrival %d, %s; want %s", stamp.Arrival(), got, want)
	}
}

func TestParseStampRefuses(t *testing.T) {
	const good = "01JD8Z6B1QZ0W6V3T5YJ9K4M2N-17"
	for _, text := range []string{
		"", "-0", good[:26], good[:27], good[:25] + "-17", good[1:], "0" + good, " " + good, good + " ", good + "\n",
		good[:26] + "_17", good[:26] + "-+1", good[:26] + "--1",
		good[:26] + "-01", good[:26] + "-00", good[:26] + "-1000000", good[:26] + "-1e3", good[:26] + "-１",
		strings.ToLower(good), "8" + good[1:], "0I" + good[2:],
		"0L" + good[2:], "0O" + good[2:], "0U" + good[2:], "0-" + good[2:], "0\xff" + good[2:],
	} {
		if got, err := event.ParseStamp([]byte(text)); err == nil || got != (event.Stamp{}) {
			t.Errorf("ParseStamp(%q) = %v, %v; want an error", text, got, err)
		}
	}
}

var anyStamp = rapid.Custom(func(t *rapid.T) event.Stamp {
	return event.Stamp{Request: ulid.ULID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "request")),
		Index: rapid.IntRange(0, event.MaxIndex).Draw(t, "index")}
})

func TestStampLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyStamp.Draw(t, "a"), anyStamp.Draw(t, "b")
		if rapid.Bool().Draw(t, "same request") {
			b.Request = a.Request
		}
		if got, err := event.ParseStamp([]byte(a.String())); err != nil || got != a {
			t.Fatalf("%v came back as %v, %v", a, got, err)
		}
		if a.Compare(b) != -b.Compare(a) && (a.Compare(b) > 0) == (b.Compare(a) > 0) || (a.Compare(b) == 0) != (a == b) {
			t.Fatalf("%s and %s compare as %d and %d", a, b, a.Compare(b), b.Compare(a))
		}
		if byRequest := bytes.Compare(a.Request[:], b.Request[:]); byRequest != 0 && byRequest != a.Compare(b) {
			t.Fatalf("%s and %s do not compare by request", a, b)
		}
		if a.Arrival() < b.Arrival() && a.Compare(b) >= 0 {
			t.Fatalf("%s arrived before %s and does not come before it", a, b)
		}
	})
}

func FuzzParseStamp(f *testing.F) {
	for _, text := range []string{"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-17", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ-999999",
		"00000000000000000000000000-0", "01jd8z6b1qz0w6v3t5yj9k4m2n-0"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		stamp, err := event.ParseStamp(text)
		if err != nil && (stamp != event.Stamp{}) {
			t.Errorf("%q: a stamp and an error", text)
		}
		if err == nil && stamp.String() != string(text) {
			t.Errorf("%q is written as %s", text, stamp)
		}
	})
}

func countingKey() (key event.HashKey) {
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

// The first is the reference vector of SipHash-2-4-128 for the input 00; the others were computed by a separate
// implementation.
func TestIdentityGolden(t *testing.T) {
	for _, test := range []struct {
		source, id string
		want       event.Identity
	}{
		{"", "", event.Identity{Hi: 0x44af996bd8c187da, Lo: 0x45fc229b11597634}},
		{"//semicomplete.com/web", "req-00001", event.Identity{Hi: 0x43b69f633a0455c8, Lo: 0x831af8f810159829}},
		{strings.Repeat("x", 200), strings.Repeat("y", 50), event.Identity{Hi: 0x38ae8bb95e5c9513, Lo: 0x157f17b13f5060b7}},
	} {
		got, _ := countingKey().Identity([]byte(test.source), []byte(test.id), nil)
		if got != test.want {
			t.Errorf("identity of (%q, %q) = %x; want %x", test.source, test.id, got, test.want)
		}
	}
}

func TestIdentityKeepsPairsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pair := rapid.StringMatching(`[ab]{0,6}`)
		source, id, otherSource, otherID := pair.Draw(t, "source"), pair.Draw(t, "id"), pair.Draw(t,
			"other source"), pair.Draw(t, "other id")
		key := countingKey()
		one, scratch := key.Identity([]byte(source), []byte(id), nil)
		other, _ := key.Identity([]byte(otherSource), []byte(otherID), scratch)
		if (one == other) != (source == otherSource && id == otherID) {
			t.Fatalf("(%q, %q) and (%q, %q): %x and %x", source, id, otherSource, otherID, one, other)
		}
		key[0]++
		if changed, _ := key.Identity([]byte(source), []byte(id), nil); changed == one {
			t.Fatalf("(%q, %q) has one identity under two keys", source, id)
		}
	})
}

func TestHashKeyText(t *testing.T) {
	const text = "000102030405060708090a0b0c0d0e0f"
	if got, err := countingKey().MarshalText(); err != nil || string(got) != text {
		t.Errorf("MarshalText = %s, %v; want %s", got, err, text)
	}
	var key event.HashKey
	if err := key.UnmarshalText([]byte(text)); err != nil || key != countingKey() {
		t.Errorf("UnmarshalText = %v, %v", key, err)
	}
	for _, bad := range []string{"", text[:30], text + "00", "0x" + text[2:], text[:30] + "0g", text[:31] + " "} {
		key := event.HashKey{1, 2}
		if err := key.UnmarshalText([]byte(bad)); err == nil || key != (event.HashKey{1, 2}) {
			t.Errorf("UnmarshalText(%q): error %v, key %v; want an error and no change", bad, err, key)
		}
	}
}

func TestLaneGolden(t *testing.T) {
	for _, test := range []struct {
		lane      event.Lane
		name, key string
	}{
		{event.Lane{Layout: 1, Count: 1, N: 0}, "1.1.0", "0"},
		{event.Lane{Layout: 1, Count: 4, N: 1}, "1.4.1", "85070591730234615865843651857942052864"},
		{event.Lane{Layout: 1, Count: 4, N: 2}, "1.4.2", "170141183460469231731687303715884105728"},
		{event.Lane{Layout: 1, Count: 4, N: 3}, "1.4.3", "255211775190703847597530955573826158592"},
		{event.Lane{Layout: 12, Count: 3, N: 2}, "12.3.2", "226854911280625642308916404954512140970"},
		{event.Lane{Layout: 2, Count: 7, N: 6}, "2.7.6", "291670600217947254397178234941515609819"},
		{event.Lane{Layout: 9, Count: 4096, N: 4095}, "9.4096.4095", "340199290171201906221318119490500689920"},
	} {
		if got := test.lane.String(); got != test.name {
			t.Errorf("name %s; want %s", got, test.name)
		}
		if got := test.lane.ExplicitHashKey(); got != test.key {
			t.Errorf("lane %s: explicit hash key %s; want %s", test.name, got, test.key)
		}
		if got, err := event.ParseLane(test.name); err != nil || got != test.lane {
			t.Errorf("ParseLane(%s) = %v, %v", test.name, got, err)
		}
	}
	identity, _ := countingKey().Identity([]byte("//semicomplete.com/web"), []byte("req-00001"), nil)
	if got := event.LaneOf(identity, 3, 7); got != (event.Lane{Layout: 3, Count: 7, N: 0x43b69f633a0455c8 % 7}) {
		t.Errorf("lane %v", got)
	}
}

func TestLanesSpreadOverTheHashRange(t *testing.T) {
	end := new(big.Int).Lsh(big.NewInt(1), 128)
	for _, count := range []int{1, 2, 3, 4, 7, 100, event.MaxLanes} {
		before := big.NewInt(-1)
		for n := range count {
			key, ok := new(big.Int).SetString(event.Lane{Layout: 1, Count: count, N: n}.ExplicitHashKey(), 10)
			if !ok || key.Cmp(before) <= 0 || key.Cmp(end) >= 0 {
				t.Fatalf("lane %d of %d has explicit hash key %v, after %v", n, count, key, before)
			}
			before = key
		}
	}
}

func TestParseLaneRefuses(t *testing.T) {
	for _, name := range []string{"", "1", "1.4", "1.4.2.0", "1.4.4", "1.4.-1", "0.4.0", "1.0.0", "1.4097.0", "01.4.0",
		"1.+4.0", "1.4.", ".4.0", "1.4.0 ", "1.4.0x1",
		"1.4.１", "99999999999999999999.4.0", "-1.4.0", strings.Repeat("1.", 5000)} {
		got, err := event.ParseLane(name)
		if err == nil || got != (event.Lane{}) {
			t.Errorf("ParseLane(%.40q) = %v, %v; want an error", name, got, err)
		} else if len(err.Error()) > 200 {
			t.Errorf("ParseLane(%.40q): error of %d bytes", name, len(err.Error()))
		}
	}
}

func FuzzParseLane(f *testing.F) {
	for _, name := range []string{"1.4.2", "12.4096.4095", "1.4.4", "01.4.0", "..", "1.1.-0"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		lane, err := event.ParseLane(name)
		if err != nil {
			return
		}
		if lane.String() != name || lane.Layout < 1 || lane.N < 0 || lane.N >= lane.Count || lane.Count > event.MaxLanes {
			t.Errorf("%q is read as %v", name, lane)
		}
	})
}

func TestSequenceOrder(t *testing.T) {
	ordered := []event.Sequence{"", "0", "9", "10", "49590338271490256608559692538361571095921575989136588898",
		"49590338271490256608559692538361571095921575989136588899",
		"149590338271490256608559692538361571095921575989136588898", event.Sequence(strings.Repeat("9", 129))}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := a.Compare(b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%.20q and %.20q compare as %d", a, b, got)
			}
		}
	}
	if !slices.IsSortedFunc(ordered, event.Sequence.Compare) {
		t.Error("not sorted")
	}
}

func TestPayloadIsTheLineWithoutItsStamp(t *testing.T) {
	for _, index := range []int{0, 9, 10, 11, 99, 100, 999_999} {
		line := event.AppendLine(nil, []byte(least), event.Stamp{Request: testRequest(t), Index: index})
		b := scan(t, lineOf(least)+string(line))
		if got := string(b.Payload(1)) + "}"; got != least {
			t.Errorf("index %d: payload %s; want %s", index, got, least)
		}
	}
}

func TestBatchTextReusesScratch(t *testing.T) {
	b := scan(t, lineOf(with(`"subject":"\b\f\n\r\t\/\"\\\u00E9\uD83d\uDE00","data":"plain"`)), event.Path{"subject"}, event.Path{"data"})
	scratch := make([]byte, 0, 64)
	text, grown := b.Text(b.Columns[0][0], scratch)
	if string(text) != "\b\f\n\r\t/\"\\é😀" || &grown[:1][0] != &scratch[:1][0] {
		t.Errorf("text %q, scratch used: %t", text, &grown[:1][0] == &scratch[:1][0])
	}
	plain, kept := b.Text(b.Columns[1][0], grown)
	if string(plain) != "plain" || &kept[:1][0] != &grown[:1][0] || &plain[0] != &b.Data[b.Columns[1][0].Start] {
		t.Errorf("text %q was copied, or the scratch lost", plain)
	}
}

// TestTextOfBrokenEscapes reads escapes that no validated line has.
func TestTextOfBrokenEscapes(t *testing.T) {
	for raw, want := range map[string]string{`\ud83d`: "\ufffd", `\ude00\ud83d`: "\ufffd\ufffd", `\ud83d\u0041`: "\ufffdA", `\u12`: `\u12`, `\u12g4`: `\u12g4`, `a\x`: `a\x`} {
		b := event.Batch{Data: []byte(raw)}
		if got, _ := b.Text(event.Value{End: uint32(len(raw)), Kind: event.String, Escaped: true}, nil); string(got) != want {
			t.Errorf("%s: %q; want %q", raw, got, want)
		}
	}
	b := event.Batch{Data: []byte(`x\`)}
	if got, _ := b.Text(event.Value{End: 2, Kind: event.String, Escaped: true}, nil); string(got) != `x\` {
		t.Errorf("a backslash at the end: %q", got)
	}
}
