package setting_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/setting"
)

func TestDefaultsPass(t *testing.T) {
	if err := setting.Default().Check(); err != nil {
		t.Error(err)
	}
}

// TestCheck checks that each rule is broken by the smallest possible change, is then named alone, and holds at its
// limit.
func TestCheck(t *testing.T) {
	type change = func(*setting.All)
	for _, c := range []struct {
		part         string // part of the refusal
		breaks, edge change // edge is nil where the rule has no limit to test
	}{
		{"Slot: ", func(s *setting.All) { s.Slot = 7 * time.Minute }, func(s *setting.All) { s.Slot = time.Second }},
		{"Lanes=0: must be 1 to", func(s *setting.All) { s.Lanes = 0 }, func(s *setting.All) { s.Lanes = 1 }},
		{"Lanes=4097: must be 1 to 4096", func(s *setting.All) { s.Lanes = 4097 }, func(s *setting.All) { s.Lanes = 4096 }},
		{"SpeedWindow=0s: must be above 0", func(s *setting.All) {
			s.SpeedWindow = 0
		}, func(s *setting.All) { s.SpeedWindow = 1 }},
		{"SpeedWindow=-1ns: must be above 0", func(s *setting.All) {
			s.SpeedWindow = -1
		}, func(s *setting.All) { s.SpeedWindow = 1 }},
		{
			"at most DedupeWindow, 24h0m0s", func(s *setting.All) { s.SpeedWindow = s.DedupeWindow + 1 },
			func(s *setting.All) { s.SpeedWindow = s.DedupeWindow },
		},
		{"ClockMargin=-1ns", func(s *setting.All) { s.ClockMargin = -1 }, func(s *setting.All) { s.ClockMargin = 0 }},
		{"ClockUnit=-1ns", func(s *setting.All) { s.ClockUnit = -1 }, func(s *setting.All) { s.ClockUnit = 0 }},
		{"CommitWithin=0s: must be above 0", func(s *setting.All) {
			s.CommitWithin = 0
		}, func(s *setting.All) { s.CommitWithin = 1 }},
		{
			"CommitWithin=20.000000001s: must be above 0 and at most 20s", func(s *setting.All) {
				s.CommitWithin = 20*time.Second + 1
			},
			func(s *setting.All) { s.CommitWithin = 20 * time.Second },
		},
		{
			"SealDelay=40s: must be at least CommitWithin + ClockMargin + 1s, 41s", func(s *setting.All) {
				s.SealDelay = 40 * time.Second
			},
			func(s *setting.All) { s.SealDelay = 41 * time.Second },
		},
		{
			"SealDelay=1m0s: must be at least CommitWithin + ClockMargin + 1s, 1m1s", func(s *setting.All) {
				s.ClockMargin = 50 * time.Second
			},
			func(s *setting.All) { s.ClockMargin = 49 * time.Second },
		},
		{
			"SealDelay=39s: must be at least CommitWithin + ClockMargin + 0s, 40s", func(s *setting.All) {
				s.ClockUnit, s.SealDelay = 0, 39*time.Second
			},
			func(s *setting.All) { s.ClockUnit, s.SealDelay = 0, 40*time.Second },
		},
		{"BatchEvery=0s", func(s *setting.All) { s.BatchEvery = 0 }, func(s *setting.All) { s.BatchEvery = 1 }},
		{"Lookback=59s", func(s *setting.All) {
			s.Lookback = 59 * time.Second
		}, func(s *setting.All) { s.Lookback = time.Minute }},
		{"SweepAfter=-1ns", func(s *setting.All) { s.SweepAfter = -1 }, func(s *setting.All) { s.SweepAfter = 0 }},
		{"PublishTime=-1ns", func(s *setting.All) { s.PublishTime = -1 }, func(s *setting.All) { s.PublishTime = 0 }},
		{
			"MaxStreamAge=59m59s: must be at least SpeedWindow, 1h0m0s", func(s *setting.All) {
				s.StreamRetention, s.MaxStreamAge = 17*time.Minute, time.Hour-time.Second
			},
			func(s *setting.All) { s.StreamRetention, s.MaxStreamAge = 17*time.Minute, time.Hour },
		},
		{
			"MaxStreamAge=72h0m0s: must be at least Slot + SealDelay + 2 x SweepAfter, 72h6m0s", func(s *setting.All) {
				s.SweepAfter = 36 * time.Hour
			},
			func(s *setting.All) { s.SweepAfter = 36*time.Hour - 3*time.Minute },
		},
		{
			"MaxStreamAge=23h59m59s: must be at least StreamRetention, 24h0m0s", func(s *setting.All) {
				s.MaxStreamAge = 24*time.Hour - time.Second
			},
			func(s *setting.All) { s.MaxStreamAge = 24 * time.Hour },
		},
		{"StreamRetention=16m0s: must be above 16m0s, so that speed ends before", func(s *setting.All) {
			s.StreamRetention = 16 * time.Minute
		}, func(s *setting.All) { s.StreamRetention = 16*time.Minute + 1 }},
		{"QueueRetention=-1ns", func(s *setting.All) {
			s.QueueRetention = -1
		}, func(s *setting.All) { s.QueueRetention = 0 }},
		{
			"SpeedRetain=96h0m0s: must be above MaxStreamAge + StreamRetention, 96h0m0s",
			func(s *setting.All) { s.SpeedRetain = s.MaxStreamAge + s.StreamRetention },
			func(s *setting.All) { s.SpeedRetain = s.MaxStreamAge + s.StreamRetention + 1 },
		},
		{"RetainFor=-1ns", func(s *setting.All) { s.RetainFor = -1 }, func(s *setting.All) { s.RetainFor = 0 }},
		{"ConfirmWithin=-1ns", func(s *setting.All) { s.ConfirmWithin = -1 }, func(s *setting.All) { s.ConfirmWithin = 0 }},
		{"DropGrace=-1ns", func(s *setting.All) { s.DropGrace = -1 }, func(s *setting.All) { s.DropGrace = 0 }},
		{
			"AuditEvery=15m0s: must be above 15m0s", func(s *setting.All) { s.AuditEvery = 15 * time.Minute },
			func(s *setting.All) { s.AuditEvery = 16 * time.Minute },
		},
		{"RunBytes=0", func(s *setting.All) { s.RunBytes = 0 }, func(s *setting.All) { s.RunBytes = 1 }},
		{"ReplayBytes=0", func(s *setting.All) { s.ReplayBytes = 0 }, func(s *setting.All) { s.ReplayBytes = 1 }},
		{"ReplayTickBytes=-1", func(s *setting.All) {
			s.ReplayTickBytes = -1
		}, func(s *setting.All) { s.ReplayTickBytes = 0 }},
		{"MaxBody=0", func(s *setting.All) { s.MaxBody = 0 }, func(s *setting.All) { s.MaxBody = 1 }},
		{"MaxKeys=0", func(s *setting.All) { s.MaxKeys = 0 }, func(s *setting.All) { s.MaxKeys = 1 }},
		{"MaxRead=0", func(s *setting.All) { s.MaxRead = 0 }, func(s *setting.All) { s.MaxRead = 1 }},
		{"MaxMerged=0", func(s *setting.All) { s.MaxMerged = 0 }, func(s *setting.All) { s.MaxMerged = 1 }},
		{"MaxRows=0", func(s *setting.All) { s.MaxRows = 0 }, func(s *setting.All) { s.MaxRows = 1 }},
		{"PublishTries=0", func(s *setting.All) { s.PublishTries = 0 }, func(s *setting.All) { s.PublishTries = 1 }},
		{"WriteTries=0", func(s *setting.All) { s.WriteTries = 0 }, func(s *setting.All) { s.WriteTries = 1 }},
		{
			"KeyFresh=9.999999999s: must be 10s to 1h0m0s", func(s *setting.All) { s.KeyFresh = 10*time.Second - 1 },
			func(s *setting.All) { s.KeyFresh = 10 * time.Second },
		},
		{
			"KeyFresh=1h0m0.000000001s: must be 10s to 1h0m0s", func(s *setting.All) { s.KeyFresh = time.Hour + 1 },
			func(s *setting.All) { s.KeyFresh = time.Hour },
		},
		{"KeyGrace=-1ns", func(s *setting.All) { s.KeyGrace = -1 }, func(s *setting.All) { s.KeyGrace = 0 }},
		{"ShadowPercent=-1", func(s *setting.All) { s.ShadowPercent = -1 }, func(s *setting.All) { s.ShadowPercent = 0 }},
		{"ShadowPercent=101", func(s *setting.All) { s.ShadowPercent = 101 }, func(s *setting.All) { s.ShadowPercent = 100 }},
	} {
		s := setting.Default()
		c.breaks(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error is %v, want %q alone", err, c.part)
		}
		s = setting.Default()
		if c.edge(&s); s.Check() != nil {
			t.Errorf("the edge of %q: %v", c.part, s.Check())
		}
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	s := setting.Default()
	s.Slot, s.Lanes, s.ClockMargin = 0, 0, -1
	if err := s.Check(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("error is %v, want three lines", err)
	}
}

// TestRetainSeen checks how long seen items live. A copy may be put into the stream at the maximum age, by a request
// that has waited in the queue for as long as the queue keeps it, and be read right before the stream drops it. These
// times follow one another, so seen items live for their sum.
func TestRetainSeen(t *testing.T) {
	for _, c := range []struct{ age, stream, want time.Duration }{
		{72 * time.Hour, 72 * time.Hour, (72+96+72+1)*time.Hour + 16*time.Minute},
		{100 * time.Hour, 24 * time.Hour, (100+96+24+1)*time.Hour + 16*time.Minute},
	} {
		s := setting.Default()
		s.MaxStreamAge, s.StreamRetention = c.age, c.stream
		if got := s.RetainSeen(); got != c.want {
			t.Errorf("events of at most %s, a stream of %s: %s, want %s", c.age, c.stream, got, c.want)
		}
	}
}

func now() time.Time { return time.Date(2026, 11, 22, 21, 15, 3, 0, time.UTC) }

func key() *bytes.Reader { return bytes.NewReader([]byte(strings.Repeat("key!", 16))) }

// TestOpenLayout checks that the first part to start writes the layout, and that every other one finds the same or
// refuses to start.
func TestOpenLayout(t *testing.T) {
	store, settings := &memory.Archive{Now: now}, setting.Default()
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
	if err == nil || !strings.Contains(err.Error(), "lane count 1, not 8") ||
		!strings.Contains(err.Error(), "stream stream, not other") {
		t.Errorf("other settings: %v", err)
	}
}

func TestOpenLayoutErrors(t *testing.T) {
	odd, down := setting.Default(), errors.New("no answer")
	odd.Slot = time.Millisecond
	for part, open := range map[string]func() error{
		"make hash key": func() error {
			_, err := setting.Default().OpenLayout(t.Context(), &memory.Archive{Now: now}, "s", strings.NewReader("short"), now)
			return err
		},
		"Slot: ": func() error {
			_, err := odd.OpenLayout(t.Context(), &memory.Archive{Now: now}, "s", key(), now)
			return err
		},
		"no answer": func() error {
			store := &memory.Archive{Hook: func(memory.Call) memory.Fault { return memory.Fault{Err: down} }}
			_, err := setting.Default().OpenLayout(t.Context(), store, "s", key(), now)
			return err
		},
	} {
		if err := open(); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v, want %q in it", err, part)
		}
	}
}

// TestClock checks that a part does not start when its clock is off by more than the margin and the second that the
// store may hide.
func TestClock(t *testing.T) {
	for off, ok := range map[time.Duration]bool{0: true, 31 * time.Second: true, 31*time.Second + 1: false,
		-31*time.Second - 1: false} {
		store := &memory.Archive{Now: func() time.Time { return now().Add(off) }}
		if _, err := setting.Default().OpenLayout(t.Context(), store, "s", key(), now); errors.Is(
			err, clock.ErrMargin,
		) == ok {
			t.Errorf("clock off by %s: %v", off, err)
		}
	}
}

func TestCodecTakesEveryRequest(t *testing.T) {
	settings := setting.Default()
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
