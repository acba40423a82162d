package eventsource_test

import (
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

type rule struct {
	name     string
	settings eventsource.Settings
	steps    func(*script)
}

func runRules(t *testing.T, rules []rule) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { r.steps(newScript(t, r.settings)) })
	}
}

func window(d time.Duration) func(*eventsource.Settings) {
	return func(s *eventsource.Settings) { s.MaximumBatchingWindow = d }
}

func parallel(n int) func(*eventsource.Settings) {
	return func(s *eventsource.Settings) { s.ParallelizationFactor = n }
}

// TestBatching checks how records become batches. With two workers, the keys a b c go to one worker and d e f to the
// other.
func TestBatching(t *testing.T) {
	threeRecords := eventsource.EventSize(source, "s0", records("a1 a2 a3", start))
	runRules(t, []rule{
		{"a batch holds records of one shard", settings(), func(s *script) {
			s.list("s1", "s0")
			s.read("s1", "a2")
			s.read("s0", "a1")
			s.starts("s0: a1", "s1: a2")
		}},
		{"without a window a batch starts at once with the records that are there", settings(), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2")
			s.starts("s0: a1 a2")
			s.sleeps()
		}},
		{"a batch starts when BatchSize is reached", settings(window(time.Minute)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2")
			s.starts()
			s.read("s0", "a3 a4")
			s.starts("s0: a1 a2 a3")
			s.finish("s0: a1 a2 a3", success)
			s.starts()
		}},
		{"a batch starts when the window has passed since its first record was read", settings(window(time.Second)),
			func(s *script) {
				s.list("s0")
				s.readAged("s0", "a1", time.Hour)
				s.starts()
				s.after(600 * time.Millisecond)
				s.read("s0", "a2")
				s.starts()
				s.wakes(400 * time.Millisecond)
				s.starts("s0: a1 a2")
			}},
		{"a window below a second works", settings(window(5 * time.Millisecond)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			s.starts()
			s.wakes(5 * time.Millisecond)
			s.starts("s0: a1")
		}},
		{"the window of records that wait behind a batch runs meanwhile", settings(window(time.Second)),
			func(s *script) {
				s.list("s0")
				s.read("s0", "a1 a2 a3 a4")
				s.starts("s0: a1 a2 a3")
				s.after(2 * time.Second)
				s.finish("s0: a1 a2 a3", success)
				s.starts("s0: a4")
			}},
		{"a batch that would exceed MaxPayload is cut, and starts",
			settings(window(time.Minute), func(s *eventsource.Settings) {
				s.BatchSize, s.MaxPayload = 100, threeRecords
			}), func(s *script) {
				s.list("s0")
				s.read("s0", "a1 a2")
				s.starts()
				s.read("s0", "a3 a4")
				s.starts("s0: a1 a2 a3")
				s.finish("s0: a1 a2 a3", success)
				s.starts()
				s.read("s0", "a5 A0000000006")
				s.starts("s0: a4 a5")
			}},
		{"a batch that fills MaxPayload to the byte starts", settings(window(time.Minute), func(s *eventsource.Settings) {
			s.BatchSize, s.MaxPayload = 100, threeRecords
		}), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2 a3")
			s.starts("s0: a1 a2 a3")
		}},
		{"MaxPayload counts every byte of the event", settings(func(s *eventsource.Settings) {
			s.BatchSize, s.MaxPayload = 100, threeRecords-1
		}), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2 a3")
			s.starts("s0: a1 a2")
		}},
		{"a record that exceeds MaxPayload alone is a batch of its own", settings(func(s *eventsource.Settings) {
			s.MaxPayload = 1
		}),
			func(s *script) {
				s.list("s0")
				s.read("s0", "a1 a2")
				s.starts("s0: a1")
				s.finish("s0: a1", success)
				s.starts("s0: a2")
			}},
		{"ParallelizationFactor 1: one batch of a shard at a time, in order", settings(), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 b2 c3 d4 e5")
			s.starts("s0: a1 b2 c3")
			s.starts()
			s.finish("s0: a1 b2 c3", success)
			s.starts("s0: d4 e5")
		}},
		{"ParallelizationFactor 2: records are split by partition key over two batches", settings(parallel(2)),
			func(s *script) {
				s.list("s0")
				s.read("s0", "a1 d2 a3 d4 a5 a6 d7 d8")
				s.starts("s0: d2 d4 d7", "s0: a1 a3 a5")
				s.finish("s0: a1 a3 a5", success)
				s.starts("s0: a6")
				s.finish("s0: d2 d4 d7", success)
				s.starts("s0: d8")
			}},
		{"order holds per partition key", settings(parallel(2)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			s.starts("s0: a1")
			s.read("s0", "a2 d3")
			s.starts("s0: d3")
			s.finish("s0: d3", success)
			s.starts()
			s.finish("s0: a1", success)
			s.starts("s0: a2")
		}},
	})
}

// TestReading checks which shards are polled, and the order of parents and children.
func TestReading(t *testing.T) {
	runRules(t, []rule{
		{"a shard is read from StartingPosition, then from after the last record read", settings(), func(s *script) {
			s.list("s0")
			s.polls("s0 TRIM_HORIZON")
			s.read("s0", "")
			s.polls("s0 TRIM_HORIZON")
			s.read("s0", "a1 a2")
			s.polls("s0 after 2")
		}},
		{"LATEST is for the first listing only: a shard that appears later is read whole",
			settings(func(s *eventsource.Settings) { s.StartingPosition = eventsource.Latest }), func(s *script) {
				s.list("s0")
				s.polls("s0 LATEST")
				s.list("s0", "s1")
				s.polls("s0 LATEST", "s1 TRIM_HORIZON")
			}},
		{"the children of a split wait until the parent is read and its batches are done", settings(), func(s *script) {
			s.list("s1 < s0", "s0", "s2 < s0")
			s.polls("s0 TRIM_HORIZON")
			s.end("s0", "a1 a2 a3 a4")
			s.polls()
			s.starts("s0: a1 a2 a3")
			s.finish("s0: a1 a2 a3", success)
			s.polls()
			s.starts("s0: a4")
			s.polls()
			s.finish("s0: a4", success)
			s.polls("s1 TRIM_HORIZON", "s2 TRIM_HORIZON")
			s.checkpoint("s0", "after 4")
		}},
		{"the child of a merge waits for both parents", settings(), func(s *script) {
			s.list("s2 < s0 s1", "s0", "s1")
			s.end("s0", "")
			s.polls("s1 TRIM_HORIZON")
			s.end("s1", "")
			s.polls("s2 TRIM_HORIZON")
		}},
		{"a shard that has ended is not polled again", settings(), func(s *script) {
			s.list("s0", "s1 < s0")
			s.end("s0", "")
			s.read("s0", "")
			s.polls("s1 TRIM_HORIZON")
		}},
		{"a child does not wait for a parent that is no longer listed", settings(), func(s *script) {
			s.list("s1 < s0")
			s.polls("s1 TRIM_HORIZON")
		}},
		{"listings may be repeated, in any order", settings(), func(s *script) {
			s.list("s0", "s1 < s0")
			s.read("s0", "a1")
			s.list("s1 < s0", "s0")
			s.polls("s0 after 1")
		}},
		{"the number of waiting records is limited: no poll above the limit", settings(), func(s *script) {
			s.list("s0")
			var text strings.Builder
			for i := range 10_000 {
				text.WriteString(" a" + string(sequence(i)))
			}
			s.read("s0", text.String())
			s.polls()
			s.starts("s0: a100000 a100001 a100002")
			s.polls("s0 after 109999")
			if limit := s.m.Polls()[0].Limit; limit != 3 {
				s.t.Fatalf("poll limit is %d, want 3", limit)
			}
		}},
		{"the waiting bytes are limited, too", settings(func(s *eventsource.Settings) {
			s.MaxPayload = eventsource.EventSize(source, "s0", records("a1", start))
		}), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			s.polls("s0 after 1")
			s.read("s0", "a2 a3")
			s.polls()
			s.starts("s0: a1")
			s.finish("s0: a1", success)
			s.starts("s0: a2")
			s.polls("s0 after 3")
		}},
		{"the checkpoint is before the lowest unfinished record of the shard", settings(parallel(2)), func(s *script) {
			s.list("s0")
			s.checkpoint("s0", "TRIM_HORIZON")
			s.read("s0", "d1 a2 d3 a4 a5 a6")
			s.checkpoint("s0", "at 1")
			s.starts("s0: d1 d3", "s0: a2 a4 a5")
			s.finish("s0: d1 d3", success)
			s.checkpoint("s0", "at 2")
			s.finish("s0: a2 a4 a5", success)
			s.checkpoint("s0", "at 6")
			s.starts("s0: a6")
			s.finish("s0: a6", success)
			s.checkpoint("s0", "after 6")
		}},
	})
}

// TestWake checks that Wake returns the earliest time of all shards, now if there is new input, and never a time in the
// past.
func TestWake(t *testing.T) {
	s := newScript(t, settings(window(time.Minute)))
	s.sleeps()
	s.list("s0", "s1", "s2")
	s.sleeps()
	s.read("s1", "a1")
	s.wakes(0)
	s.starts()
	s.after(time.Second)
	s.read("s0", "a2")
	s.read("s2", "a3")
	s.wakes(0)
	s.starts()
	s.wakes(59 * time.Second)
	s.after(time.Hour)
	s.wakes(0)
	s.starts("s0: a2", "s1: a1", "s2: a3")
	s.sleeps()
}
