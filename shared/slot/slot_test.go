package slot_test

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

func length(t testing.TB, d time.Duration) slot.Length {
	t.Helper()
	l, err := slot.NewLength(d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func stampAt(t testing.TB, ms uint64) event.Stamp {
	t.Helper()
	var s event.Stamp
	if err := s.Request.SetTime(ms); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewLength(t *testing.T) {
	for _, d := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Minute, 22*time.Minute + 30*time.Second,
		8 * time.Hour, 24 * time.Hour} {
		if l, err := slot.NewLength(d); err != nil || time.Duration(l) != d {
			t.Errorf("NewLength(%s) = %v, %v", d, l, err)
		}
	}
	for _, d := range []time.Duration{0, -time.Minute, time.Millisecond, 999 * time.Millisecond, 1500 * time.Millisecond,
		7 * time.Second, 5 * time.Hour, 25 * time.Hour, 48 * time.Hour} {
		if l, err := slot.NewLength(d); err == nil || l != 0 {
			t.Errorf("NewLength(%s) = %v, %v; want an error", d, l, err)
		}
	}
}

func TestOfAtItsEdges(t *testing.T) {
	five := length(t, 5*time.Minute)
	edge := time.Date(2015, 5, 17, 10, 5, 0, 0, time.UTC)
	for offset, want := range map[time.Duration]string{
		-time.Millisecond: "2015-05-17T10:00:00Z", 0: "2015-05-17T10:05:00Z", time.Millisecond: "2015-05-17T10:05:00Z",
		5*time.Minute - time.Millisecond: "2015-05-17T10:05:00Z", 5 * time.Minute: "2015-05-17T10:10:00Z",
	} {
		at := edge.Add(offset)
		if got := five.Of(stampAt(t, uint64(at.UnixMilli()))); got.String() != want {
			t.Errorf("a stamp of %s falls into %s; want %s", at, got, want)
		}
		if got := five.At(at); got.String() != want {
			t.Errorf("%s falls into %s; want %s", at, got, want)
		}
	}
	if got := five.Of(event.Stamp{}); got != 0 {
		t.Errorf("the first stamp falls into %s; want 1970-01-01T00:00:00Z", got)
	}
	if got := five.Of(stampAt(t, ulid.MaxTime())).Start().UnixMilli(); got > int64(ulid.MaxTime()) ||
		got <= int64(ulid.MaxTime())-300_000 {
		t.Errorf("the last stamp falls into the slot of %d", got)
	}
}

func TestAtBefore1970(t *testing.T) {
	day, second := length(t, 24*time.Hour), length(t, time.Second)
	before := time.Unix(0, -1)
	if got := day.At(before).String(); got != "1969-12-31T00:00:00Z" {
		t.Errorf("day %s", got)
	}
	if got := second.At(before); got != -1000 || got.String() != "1969-12-31T23:59:59Z" {
		t.Errorf("second %d, %s", got, got)
	}
	if got := second.At(time.Unix(-1, 0)); got != -1000 {
		t.Errorf("second %d", got)
	}
}

var lengths = rapid.SampledFrom(
	[]time.Duration{time.Second, 2 * time.Second, 90 * time.Second, 5 * time.Minute, 45 * time.Minute, 24 * time.Hour},
)

// TestSlotLaws checks that every instant is in exactly one slot, that slots follow one another without a gap, that each
// day begins with a slot, and that a stamp's slot is that of its arrival.
func TestSlotLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := lengths.Draw(r, "length")
		l := length(t, d)
		ms := rapid.Int64Range(-1e13, 1e13).Draw(r, "instant")
		if rapid.Bool().Draw(r, "at an edge") {
			ms -= ms % d.Milliseconds()
		}
		at := time.UnixMilli(ms).Add(time.Duration(rapid.IntRange(0, 999_999).Draw(r, "ns")))
		s := l.At(at)
		if s.Start().After(at) || !l.End(s).After(at) || l.End(s).Sub(s.Start()) != d {
			r.Fatalf("%s lies in %s to %s", at, s, l.End(s))
		}
		if l.At(s.Start()) != s || l.At(l.End(s)) != l.Next(s) || l.At(l.End(s).Add(-1)) != s ||
			l.End(s) != l.Next(s).Start() {
			r.Fatalf("the slots around %s overlap or leave a gap", s)
		}
		if midnight := at.UTC().Truncate(24 * time.Hour); l.At(midnight).Start() != midnight {
			r.Fatalf("no slot begins at %s", midnight)
		}
		if ms >= 0 {
			stamp := stampAt(t, uint64(ms))
			stamp.Index = rapid.IntRange(0, event.MaxIndex).Draw(r, "index")
			stamp.Request[15] = rapid.Byte().Draw(r, "entropy")
			if l.Of(stamp) != s {
				r.Fatalf("stamp %s falls into %s; its arrival into %s", stamp, l.Of(stamp), s)
			}
		}
	})
}

// TestSealed checks that a slot is sealed exactly when its end and the seal delay have passed.
func TestSealed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := length(t, lengths.Draw(r, "length"))
		sealDelay := time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(r, "seal delay"))
		start := l.At(time.UnixMilli(rapid.Int64Range(-1e13, 1e13).Draw(r, "instant")))
		now := l.End(start).Add(sealDelay + time.Duration(rapid.SampledFrom([]int{-1e6, -1, 0, 1, 1e6}).Draw(r, "ns")))
		if isSealed, want := start < l.Sealed(now, sealDelay), !l.End(start).Add(sealDelay).After(now); isSealed != want {
			r.Fatalf("slot %s, sealDelay %s, now %s: sealed %t; want %t", start, sealDelay, now, isSealed, want)
		}
	})
}
