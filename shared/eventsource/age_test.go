package eventsource_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

func age(d time.Duration) func(*eventsource.Settings) {
	return func(s *eventsource.Settings) { s.MaximumRecordAge = d }
}

// TestAge checks MaximumRecordAge.
func TestAge(t *testing.T) {
	runRules(t, []rule{
		{"the front of a batch is trimmed, the rest is delivered", settings(age(time.Minute), func(s *eventsource.Settings) {
			s.BatchSize = 9
		}),
			func(s *script) {
				s.list("s0")
				s.readAged("s0", "a1 a2", time.Minute)
				s.readAged("s0", "a3", time.Minute-1)
				s.readAged("s0", "a4", time.Hour) // after a younger record, since arrival times are approximate
				s.startsAfterGivingUp([]string{"RecordAgeExceeded s0: a1 a2 (0)"}, "s0: a3 a4")
			}},
		{"a batch that is too old as a whole makes room for the next", settings(age(time.Minute)), func(s *script) {
			s.list("s0")
			s.readAged("s0", "a1 a2 a3 a4", time.Hour)
			s.read("s0", "a5")
			s.startsAfterGivingUp([]string{"RecordAgeExceeded s0: a1 a2 a3 (0)", "RecordAgeExceeded s0: a4 (0)"}, "s0: a5")
		}},
		{"a record that waits for its retry is given up when it is too old, whatever the retries left",
			settings(age(time.Second)), func(s *script) {
				s.list("s0")
				s.readAged("s0", "a1", 950*time.Millisecond)
				s.read("s0", "b2 c3 d4")
				s.starts("s0: a1 b2 c3")
				s.finish("s0: a1 b2 c3", crash)
				s.starts()
				s.wakes(50 * time.Millisecond)
				s.startsAfterGivingUp([]string{"RecordAgeExceeded s0: a1 (1)"})
				s.wakes(50 * time.Millisecond)
				s.starts("s0: b2 c3")
			}},
		{"a throttled record grows old too", settings(age(time.Second)), func(s *script) {
			s.list("s0")
			s.readAged("s0", "a1", 950*time.Millisecond)
			s.starts("s0: a1")
			s.finish("s0: a1", throttle)
			s.read("s0", "b2")
			s.starts()
			s.wakes(50 * time.Millisecond)
			s.startsAfterGivingUp([]string{"RecordAgeExceeded s0: a1 (0)"})
			s.wakes(50 * time.Millisecond)
			s.starts("s0: b2")
		}},
		{"a running batch is not trimmed, but its retry is", settings(age(time.Minute)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			s.starts("s0: a1")
			s.after(time.Hour)
			s.starts()
			s.finish("s0: a1", crash)
			s.startsAfterGivingUp([]string{"RecordAgeExceeded s0: a1 (1)"})
			s.sleeps()
		}},
		{"both halves of a split can be too old", settings(age(time.Minute), bisecting), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2")
			s.starts("s0: a1 a2")
			s.after(time.Hour)
			s.finish("s0: a1 a2", crash)
			s.startsAfterGivingUp([]string{"RecordAgeExceeded s0: a1 (0)", "RecordAgeExceeded s0: a2 (0)"})
		}},
	})
}
