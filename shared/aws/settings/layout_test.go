package settings_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/memory"
)

func now() time.Time { return time.Date(2026, 11, 22, 21, 15, 3, 0, time.UTC) }

// read makes a layout's settings of the least that must be given.
func read(t *testing.T) settings.Layout {
	t.Helper()
	var l settings.Layout
	if err := settings.Read(lookup(map[string]string{"ARCHIVE_BUCKET": "bucket", "STREAM_NAME": "stream"}), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLayoutCheck(t *testing.T) {
	l := read(t)
	if err := l.Check(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	for _, c := range []struct {
		name   string
		change func(*settings.Layout)
		part   string
	}{
		{"slot does not divide a day", func(l *settings.Layout) { l.Slot = 7 * time.Minute }, "SLOT: "},
		{"no lane", func(l *settings.Layout) { l.Lanes = 0 }, "LANES=0"},
		{"too many lanes", func(l *settings.Layout) { l.Lanes = 1 << 20 }, "LANES=1048576"},
		{"no speed window", func(l *settings.Layout) { l.SpeedWindow = 0 }, "SPEED_WINDOW=0s"},
		{"speed drops what batch counts", func(l *settings.Layout) { l.SpeedWindow = l.DedupeWindow + 1 }, "SPEED_WINDOW="},
		{"negative margin", func(l *settings.Layout) { l.ClockMargin = -time.Second }, "CLOCK_MARGIN=-1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := read(t)
			c.change(&l)
			checkErrors(t, l.Check(), c.part)
		})
	}
	l = read(t)
	l.Slot, l.Lanes, l.ClockMargin = 0, 0, -1
	checkErrors(t, l.Check(), "SLOT", "LANES", "CLOCK_MARGIN")
}

// TestOpen: the first function to start lays the archive out; every other finds the same, or refuses.
func TestOpen(t *testing.T) {
	store := &memory.Archive{Now: now}
	first, err := read(t).Open(t.Context(), store, rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	if first.HashKey == (archive.Layout{}).HashKey {
		t.Error("the hash key is not random")
	}
	again, err := read(t).Open(t.Context(), store, rand.Reader, now)
	if err != nil || again != first {
		t.Errorf("opened again: %+v, %v; want %+v", again, err, first)
	}
	other := read(t)
	other.Lanes, other.StreamName = 8, "other"
	_, err = other.Open(t.Context(), store, rand.Reader, now)
	checkErrors(t, err, "archive bucket: the archive has lane count 4, not 8; this setting cannot change", "stream stream, not other")
}

func TestOpenErrors(t *testing.T) {
	down := errors.New("no answer")
	odd := read(t)
	odd.Slot = time.Millisecond
	for _, c := range []struct {
		name   string
		layout settings.Layout
		store  *memory.Archive
		random string
		part   string
	}{
		{"no randomness", read(t), &memory.Archive{Now: now}, "short", "make hash key"},
		{"a slot that is none", odd, &memory.Archive{Now: now}, strings.Repeat("x", 64), "SLOT"},
		{"archive is down", read(t), &memory.Archive{Hook: func(memory.Call) memory.Fault { return memory.Fault{Err: down} }}, strings.Repeat("x", 64), "no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.layout.Open(t.Context(), c.store, bytes.NewReader([]byte(c.random)), now)
			checkErrors(t, err, c.part)
		})
	}
}

// TestErrClock: the archive tells whole seconds, and a second more than the margin is allowed for that.
func TestErrClock(t *testing.T) {
	for _, c := range []struct {
		off time.Duration
		ok  bool
	}{
		{0, true}, {31 * time.Second, true}, {-31 * time.Second, true}, {31*time.Second + 1, false}, {-31*time.Second - 1, false},
	} {
		l, store := read(t), &memory.Archive{Now: func() time.Time { return now().Add(c.off) }}
		_, err := l.Open(t.Context(), store, rand.Reader, now)
		if errors.Is(err, clock.ErrMargin) == c.ok {
			t.Errorf("clock off by %s: %v", c.off, err)
		}
	}
	// Without an answer that tells the time there is nothing to compare.
	if _, err := read(t).Open(t.Context(), &memory.Archive{}, rand.Reader, now); err != nil {
		t.Errorf("archive without a clock: %v", err)
	}
}

func TestLimitMemory(t *testing.T) {
	const name = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	for _, text := range []string{"", "0", "-1", "1 GB"} {
		checkErrors(t, settings.LimitMemory(lookup(map[string]string{name: text})), name)
	}
	if err := settings.LimitMemory(lookup(nil)); err != nil {
		t.Errorf("no such variable: %v", err)
	}
	limit := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(limit)
	if err := settings.LimitMemory(lookup(map[string]string{name: "1000"})); err != nil {
		t.Fatal(err)
	}
	if got := debug.SetMemoryLimit(-1); got != 1000<<20/10*9 {
		t.Errorf("limit is %d bytes, want nine tenths of 1,000 MB", got)
	}
}
