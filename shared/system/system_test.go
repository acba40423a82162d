package system_test

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/system"
)

func TestDefaultsPass(t *testing.T) {
	if err := system.Default().Check(); err != nil {
		t.Error(err)
	}
}

// TestCheck: each rule is broken by the least that breaks it, is named alone, and holds at its edge.
func TestCheck(t *testing.T) {
	type change = func(*system.Settings)
	for _, c := range []struct {
		part         string // of the refusal
		breaks, edge change // edge nil: there is none
	}{
		{"Slot: ", func(s *system.Settings) { s.Slot = 7 * time.Minute }, func(s *system.Settings) { s.Slot = time.Second }},
		{"Lanes=0: want 1 to", func(s *system.Settings) { s.Lanes = 0 }, func(s *system.Settings) { s.Lanes = 1 }},
		{"Lanes=4097: want 1 to 4096", func(s *system.Settings) { s.Lanes = 4097 }, func(s *system.Settings) { s.Lanes = 4096 }},
		{"SpeedWindow=0s: want above 0", func(s *system.Settings) { s.SpeedWindow = 0 }, func(s *system.Settings) { s.SpeedWindow = 1 }},
		{
			"at most DedupeWindow, 24h0m0s", func(s *system.Settings) { s.SpeedWindow = s.DedupeWindow + 1 },
			func(s *system.Settings) { s.SpeedWindow = s.DedupeWindow },
		},
		{"ClockMargin=-1ns", func(s *system.Settings) { s.ClockMargin = -1 }, func(s *system.Settings) { s.ClockMargin = 0 }},
		{"ClockUnit=-1ns", func(s *system.Settings) { s.ClockUnit = -1 }, func(s *system.Settings) { s.ClockUnit = 0 }},
		{"CommitWithin=0s: want above 0", func(s *system.Settings) { s.CommitWithin = 0 }, func(s *system.Settings) { s.CommitWithin = 1 }},
		{
			"CommitWithin=20.000000001s: want above 0 and at most 20s", func(s *system.Settings) { s.CommitWithin = 20*time.Second + 1 },
			func(s *system.Settings) { s.CommitWithin = 20 * time.Second },
		},
		{
			"SealDelay=40s: want at least CommitWithin + ClockMargin + 1s, 41s", func(s *system.Settings) { s.SealDelay = 40 * time.Second },
			func(s *system.Settings) { s.SealDelay = 41 * time.Second },
		},
		{
			"SealDelay=1m0s: want at least CommitWithin + ClockMargin + 1s, 1m1s", func(s *system.Settings) { s.ClockMargin = 50 * time.Second },
			func(s *system.Settings) { s.ClockMargin = 49 * time.Second },
		},
		{
			"SealDelay=39s: want at least CommitWithin + ClockMargin + 0s, 40s", func(s *system.Settings) { s.ClockUnit, s.SealDelay = 0, 39*time.Second },
			func(s *system.Settings) { s.ClockUnit, s.SealDelay = 0, 40*time.Second },
		},
		{"BatchEvery=0s", func(s *system.Settings) { s.BatchEvery = 0 }, func(s *system.Settings) { s.BatchEvery = 1 }},
		{"Lookback=59s", func(s *system.Settings) { s.Lookback = 59 * time.Second }, func(s *system.Settings) { s.Lookback = time.Minute }},
		{"SweepAfter=-1ns", func(s *system.Settings) { s.SweepAfter = -1 }, func(s *system.Settings) { s.SweepAfter = 0 }},
		{"StreamRetention=0s", func(s *system.Settings) { s.StreamRetention = 0 }, func(s *system.Settings) { s.StreamRetention = 1 }},
		{"QueueRetention=-1ns", func(s *system.Settings) { s.QueueRetention = -1 }, func(s *system.Settings) { s.QueueRetention = 0 }},
		{
			"SpeedRetain=72h0m0s: want above StreamRetention", func(s *system.Settings) { s.SpeedRetain = s.StreamRetention },
			func(s *system.Settings) { s.SpeedRetain = s.StreamRetention + 1 },
		},
		{"RetainFor=-1ns", func(s *system.Settings) { s.RetainFor = -1 }, func(s *system.Settings) { s.RetainFor = 0 }},
		{"ConfirmWithin=-1ns", func(s *system.Settings) { s.ConfirmWithin = -1 }, func(s *system.Settings) { s.ConfirmWithin = 0 }},
		{"DropGrace=-1ns", func(s *system.Settings) { s.DropGrace = -1 }, func(s *system.Settings) { s.DropGrace = 0 }},
		{
			"AuditEvery=15m0s: want above 15m0s", func(s *system.Settings) { s.AuditEvery = 15 * time.Minute },
			func(s *system.Settings) { s.AuditEvery = 16 * time.Minute },
		},
		{"RunBytes=0", func(s *system.Settings) { s.RunBytes = 0 }, func(s *system.Settings) { s.RunBytes = 1 }},
		{"ReplayBytes=0", func(s *system.Settings) { s.ReplayBytes = 0 }, func(s *system.Settings) { s.ReplayBytes = 1 }},
		{"ReplayTickBytes=-1", func(s *system.Settings) { s.ReplayTickBytes = -1 }, func(s *system.Settings) { s.ReplayTickBytes = 0 }},
		{"MaxBody=0", func(s *system.Settings) { s.MaxBody = 0 }, func(s *system.Settings) { s.MaxBody = 1 }},
		{"MaxRows=0", func(s *system.Settings) { s.MaxRows = 0 }, func(s *system.Settings) { s.MaxRows = 1 }},
		{"PublishTries=0", func(s *system.Settings) { s.PublishTries = 0 }, func(s *system.Settings) { s.PublishTries = 1 }},
		{"WriteTries=0", func(s *system.Settings) { s.WriteTries = 0 }, func(s *system.Settings) { s.WriteTries = 1 }},
		{"ShadowPercent=-1", func(s *system.Settings) { s.ShadowPercent = -1 }, func(s *system.Settings) { s.ShadowPercent = 0 }},
		{"ShadowPercent=101", func(s *system.Settings) { s.ShadowPercent = 101 }, func(s *system.Settings) { s.ShadowPercent = 100 }},
	} {
		s := system.Default()
		c.breaks(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error is %v, want %q alone", err, c.part)
		}
		if _, err := system.New(system.Stores{}, s, system.Host{}); err == nil {
			t.Errorf("%s: a system is made of it", c.part)
		}
		s = system.Default()
		if c.edge(&s); s.Check() != nil {
			t.Errorf("the edge of %q: %v", c.part, s.Check())
		}
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	s := system.Default()
	s.Slot, s.Lanes, s.ClockMargin = 0, 0, -1
	if err := s.Check(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("error is %v, want three lines", err)
	}
}

// TestRetainSeen: a copy may come for as long as the stream or the queue keeps it.
func TestRetainSeen(t *testing.T) {
	for stream, want := range map[time.Duration]time.Duration{72 * time.Hour: 97 * time.Hour, 168 * time.Hour: 169 * time.Hour} {
		s := system.Default()
		s.StreamRetention = stream
		if got := s.RetainSeen(); got != want {
			t.Errorf("a stream of %s: %s, want %s", stream, got, want)
		}
	}
}

// TestLayersAreWhole: every layer is given every field that it has.
func TestLayersAreWhole(t *testing.T) {
	length, err := slot.NewLength(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	settings := system.Default()
	settings.RequireApproval, settings.ReplayTickBytes = true, 1 // no zero, so that a field that is left out is seen
	codec, err := settings.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	stores := system.Stores{
		Archive: &memory.Archive{}, Stream: memory.NewStream(1), Queue: &memory.Queue{}, Catalog: &memory.Catalog{}, Base: &memory.Base{},
		Speed: &memory.Speed{}, Seen: &memory.Seen{},
	}
	s, err := system.New(stores, settings, system.Host{
		Layout: archive.Layout{Number: 1, Slot: length}, Codec: codec, Programs: &programs.Cache{}, Parallel: runner.Sequential, Workers: 1,
		Now: time.Now, NewULID: func(time.Time) (ulid.ULID, error) { return ulid.ULID{}, nil }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range []any{
		s.Ingest(), s.Republisher(), s.Speed(), s.Replay(), s.Batch([]lifecycle.Definition{{}}), s.Sweep(), s.Audit(), s.Serving(), s.Comparer(), s.Operations(),
	} {
		of := reflect.ValueOf(layer).Elem()
		for i := range of.NumField() {
			f := of.Type().Field(i)
			if f.IsExported() && of.Field(i).IsZero() {
				t.Errorf("%T.%s is not given", layer, f.Name)
			}
		}
	}
}

func now() time.Time { return time.Date(2026, 11, 22, 21, 15, 3, 0, time.UTC) }

func key() *bytes.Reader { return bytes.NewReader([]byte(strings.Repeat("key!", 16))) }

// TestOpenLayout: the first part to start lays the archive out; every other finds the same, or refuses.
func TestOpenLayout(t *testing.T) {
	store, settings := &memory.Archive{Now: now}, system.Default()
	first, err := settings.OpenLayout(t.Context(), store, "stream", key(), now)
	if err != nil || first.HashKey == (archive.Layout{}).HashKey {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := settings.OpenLayout(t.Context(), store, "stream", bytes.NewReader(make([]byte, 64)), now)
	if err != nil || again != first {
		t.Errorf("opened again: %+v, %v; want %+v", again, err, first)
	}
	settings.Lanes = 8
	_, err = settings.OpenLayout(t.Context(), store, "other", key(), now)
	if err == nil || !strings.Contains(err.Error(), "lane count 4, not 8") || !strings.Contains(err.Error(), "stream stream, not other") {
		t.Errorf("other settings: %v", err)
	}
}

func TestOpenLayoutErrors(t *testing.T) {
	odd, down := system.Default(), errors.New("no answer")
	odd.Slot = time.Millisecond
	for part, open := range map[string]func() error{
		"make hash key": func() error {
			_, err := system.Default().OpenLayout(t.Context(), &memory.Archive{Now: now}, "s", strings.NewReader("short"), now)
			return err
		},
		"Slot: ": func() error {
			_, err := odd.OpenLayout(t.Context(), &memory.Archive{Now: now}, "s", key(), now)
			return err
		},
		"no answer": func() error {
			store := &memory.Archive{Hook: func(memory.Call) memory.Fault { return memory.Fault{Err: down} }}
			_, err := system.Default().OpenLayout(t.Context(), store, "s", key(), now)
			return err
		},
	} {
		if err := open(); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v, want %q in it", err, part)
		}
	}
}

// TestClock: a part whose clock is off by more than the margin, and the second that the store may hide, does not start.
func TestClock(t *testing.T) {
	for off, ok := range map[time.Duration]bool{0: true, 31 * time.Second: true, 31*time.Second + 1: false, -31*time.Second - 1: false} {
		store := &memory.Archive{Now: func() time.Time { return now().Add(off) }}
		if _, err := system.Default().OpenLayout(t.Context(), store, "s", key(), now); errors.Is(err, clock.ErrMargin) == ok {
			t.Errorf("clock off by %s: %v", off, err)
		}
	}
}

func TestCodecTakesEveryRequest(t *testing.T) {
	settings := system.Default()
	codec, err := settings.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	// A body of the smallest events, each with the longest stamp.
	const events, stamp = 1000, 64
	lines := bytes.Repeat([]byte{'x'}, settings.MaxBody+events*stamp)
	got, err := codec.Decompress(nil, codec.Compress(nil, lines))
	if err != nil || !bytes.Equal(got, lines) {
		t.Errorf("%d bytes came back as %d: %v", len(lines), len(got), err)
	}
}
