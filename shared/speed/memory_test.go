package speed_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// drawRecord draws a record that arrived in the first minutes of some window. Few identities differ, and some of them
// have one half in common.
func drawRecord(t *rapid.T, n int) viewstore.SeenRecord {
	r := viewstore.SeenRecord{Sequence: event.Sequence(fmt.Sprint(100 + n/2)), Line: n % 2 * 100}
	arrival := rapid.IntRange(0, 5*60).Draw(t, "arrival in minutes")
	if err := r.Request.SetTime(uint64(time.Duration(arrival) * time.Minute / time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	r.Request[15] = byte(n)
	for range rapid.IntRange(1, 4).Draw(t, "lines") {
		r.Identities = append(r.Identities, event.Identity{
			Hi: rapid.Uint64Range(0, 2).Draw(t, "hi"), Lo: rapid.Uint64Range(0, 2).Draw(t, "lo") << 60})
	}
	return r
}

// isCopy is what Holds must return, for records in the order of their positions.
func isCopy(all []viewstore.SeenRecord, record, line int, window time.Duration) bool {
	arrival := event.ArrivalOf(all[record].Request)
	for n, r := range all[:record+1] {
		if !arrival.IsWithin(window, event.ArrivalOf(r.Request)) {
			continue
		}
		for i, id := range r.Identities {
			if id == all[record].Identities[line] && (n < record || i < line) {
				return true
			}
		}
	}
	return false
}

// TestMemory compares a lane's memory with a search through all records: whatever the order in which the records come,
// how often they come, and what the memory has dropped.
func TestMemory(t *testing.T) {
	const window = time.Hour
	rapid.Check(t, func(t *rapid.T) {
		var all []viewstore.SeenRecord
		for n := range rapid.IntRange(1, 30).Draw(t, "records") {
			all = append(all, drawRecord(t, n))
		}
		m := speed.NewMemory(0, window)
		since := event.Millis(0)
		for _, r := range rapid.Permutation(append(slices.Clone(all), all[0])).Draw(t, "order") {
			m.Add(viewstore.SeenItem{Records: []viewstore.SeenRecord{r}})
			if rapid.Bool().Draw(t, "look") && event.ArrivalOf(r.Request) >= since && !m.Knows(r) {
				t.Fatalf("record %v is not known", r)
			}
		}
		for _, r := range all {
			if need := event.ArrivalOf(r.Request).Add(-window); need >= since && rapid.Bool().Draw(t, "shrink") {
				if since = m.Shrink(need); since > need {
					t.Fatalf("the memory reaches back to %d, but the batch needs %d", since, need)
				}
			}
		}
		for n, r := range all {
			if event.ArrivalOf(r.Request).Add(-window) < since {
				continue
			}
			for line := range r.Identities {
				if got, want := m.Holds(r, line), isCopy(all, n, line, window); got != want {
					t.Fatalf("record %d, line %d: copy %t, want %t", n, line, got, want)
				}
			}
		}
	})
}

// TestFresh checks that a line which is fresh when its record is added has no earlier copy, and that a line is fresh if
// the memory has no copy at all. Records of a batch come in the order of their positions.
func TestFresh(t *testing.T) {
	const window = time.Hour
	rapid.Check(t, func(t *rapid.T) {
		var all []viewstore.SeenRecord
		m := speed.NewMemory(0, window)
		for n := range rapid.IntRange(1, 30).Draw(t, "records") {
			r := drawRecord(t, n)
			all = append(all, r)
			for line, fresh := range m.AddOwn(r) {
				if fresh && m.Holds(r, line) {
					t.Fatalf("record %d, line %d is fresh and has an earlier copy", n, line)
				}
				if !fresh && !isCopy(all, n, line, 100*window) {
					t.Fatalf("record %d, line %d is not fresh and has no copy", n, line)
				}
			}
		}
	})
}

// TestMemoryKeepsTheWindow checks that a memory that drops records keeps those within the window of what recent batches
// asked for, however early in its period a record arrived.
func TestMemoryKeepsTheWindow(t *testing.T) {
	const minute = event.Millis(60_000)
	at := func(arrival event.Millis, sequence string) viewstore.SeenRecord {
		r := viewstore.SeenRecord{Sequence: event.Sequence(sequence), Identities: []event.Identity{{Hi: 1, Lo: 1}}}
		if err := r.Request.SetTime(uint64(arrival)); err != nil {
			t.Fatal(err)
		}
		return r
	}
	m := speed.NewMemory(0, time.Hour)
	m.Add(viewstore.SeenItem{Records: []viewstore.SeenRecord{at(60*minute, "101")}})
	m.Shrink(60 * minute)
	if since := m.Shrink(70 * minute); since != 60*minute {
		t.Fatalf("the memory reaches back to %d, want %d", since, 60*minute)
	}
	if later := at(120*minute, "102"); !m.Holds(later, 0) {
		t.Error("a copy an hour later is not found")
	}
}

// TestMemoryIsBoundedByTime checks that a memory keeps a window and a part of another one, however long a lane goes on;
// and that it keeps what was needed for an old stamp for a while, and no longer.
func TestMemoryIsBoundedByTime(t *testing.T) {
	const perMinute = 10
	m := speed.NewMemory(0, time.Hour)
	most := 0
	for minute := range 12 * 60 {
		var r viewstore.SeenRecord
		now := event.Millis(minute) * 60_000
		if err := r.Request.SetTime(uint64(now)); err != nil {
			t.Fatal(err)
		}
		r.Sequence = event.Sequence(fmt.Sprint(1000 + minute))
		for i := range perMinute {
			r.Identities = append(r.Identities, event.Identity{Hi: uint64(minute), Lo: uint64(i)})
		}
		m.Add(viewstore.SeenItem{Records: []viewstore.SeenRecord{r}})
		needs := now.Add(-time.Hour)
		if minute == 6*60 {
			needs = needs.Add(-time.Hour / 3) // an old stamp
		}
		m.Shrink(needs)
		if n := m.Count(); minute < 6*60 || minute > 7*60 {
			most = max(most, n)
		} else if minute < 6*60+10 && n < 70*perMinute {
			t.Errorf("%d identities %d minutes after a batch needed more", n, minute-6*60)
		}
	}
	if most > 90*perMinute || m.Count() < 60*perMinute {
		t.Errorf("the memory has up to %d identities, and %d in the end; a window has %d", most, m.Count(), 60*perMinute)
	}
}

// TestRedeliveredOldStamps checks that a batch which is delivered again loses nothing from the seen items, although the
// memory does not reach back to its first and its last record.
func TestRedeliveredOldStamps(t *testing.T) {
	s := newFixture(t, byUser())
	s.apply(t, s.record(0, many(1, 1)...))
	old := purchase{in(start).Add(-5 * time.Hour), "a", "1", ""}
	batch := []stream.Record{s.record(0, old), s.record(0, many(1, 1)...), s.record(0, old)}
	s.apply(t, batch...)
	s.apply(t, batch...)
	s.restart()
	second := batch[1]
	second.Sequence = sequence(s.last + 1)
	if report := s.apply(t, second); report.Duplicates != 1 {
		t.Errorf("%d duplicates, want 1: another environment does not find what the batch had", report.Duplicates)
	}
}

// applyElsewhereAtRead begins a new environment. Right before its n-th read of a lane's newest seen items, another
// environment applies a batch.
func (s *fixture) applyElsewhereAtRead(t *testing.T, n int, batch []stream.Record) {
	t.Helper()
	s.restart()
	other := s.Speed
	s.restart()
	s.seen.Hook = func(call memory.Call) memory.Fault {
		if call.Name != "seen.Newest" {
			return memory.Fault{}
		}
		if n--; n == 0 {
			s.seen.Hook = nil
			if _, _, err := other.Apply(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		return memory.Fault{}
	}
}

// TestRecordedByAnotherBetweenReads checks that a copy is found although another environment stores the record of the
// first one between this environment's two reads: of the lane's recent records, and of those around an old stamp.
func TestRecordedByAnotherBetweenReads(t *testing.T) {
	s := newFixture(t, byUser())
	s.apply(t, s.record(0, many(1, 1)...))
	old := purchase{in(start).Add(-140 * time.Minute), "a", "1", ""} // so old that the lane's memory does not reach it
	near := purchase{in(start).Add(-90 * time.Minute), "a", "1", ""} // within the window of the old stamp
	batch := []stream.Record{s.record(0, old), s.record(0, near)}
	again := batch[1]
	again.Sequence = sequence(s.last + 1)
	s.applyElsewhereAtRead(t, 2, batch)
	if report := s.apply(t, append(batch, again)...); report.Duplicates != 1 || s.seen.Hook != nil {
		t.Errorf("%d duplicates, want 1; the other environment has not come: %t", report.Duplicates, s.seen.Hook != nil)
	}
}

// TestNoReceiptIsLostBetweenReads checks that a seen item never replaces one with more records, although another
// environment stores the same batch between this environment's two reads.
func TestNoReceiptIsLostBetweenReads(t *testing.T) {
	s := newFixture(t, byUser())
	s.apply(t, s.record(0, many(1, 1)...))
	old := purchase{in(start).Add(-5 * time.Hour), "a", "1", ""}
	batch := []stream.Record{s.record(0, many(1, 1)...), s.record(0, old), s.record(0, many(1, 1)...)}
	again := batch[1]
	again.Sequence = sequence(s.last + 1)
	s.applyElsewhereAtRead(t, 2, batch)
	s.apply(t, batch...)
	s.restart()
	if report := s.apply(t, again); report.Duplicates != 1 || s.seen.Hook != nil {
		t.Errorf("%d duplicates, want 1: the receipt of the old record is lost", report.Duplicates)
	}
}

// TestPackedSequences checks that packed sequence numbers order as sequence numbers do.
func TestPackedSequences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.Custom(func(t *rapid.T) event.Sequence {
			return event.Sequence(rapid.OneOf(rapid.StringMatching(`[0-9]{0,4}`), rapid.StringMatching(`49[0-9]{54}`),
				rapid.Just(strings.Repeat("9", 129))).Draw(t, "digits"))
		})
		a, b := digits.Draw(t, "a"), digits.Draw(t, "b")
		if got, want := speed.Compare(a, b), a.Compare(b); got != want {
			t.Errorf("%q and %q compare as %d, want %d", a, b, got, want)
		}
	})
}

// TestOneIdentityOften checks that an event which comes 200,000 times within a window costs no more each time.
func TestOneIdentityOften(t *testing.T) {
	m := speed.NewMemory(0, time.Hour)
	var request ulid.ULID
	for n := range 200_000 {
		if err := request.SetTime(uint64(n)); err != nil {
			t.Fatal(err)
		}
		r := viewstore.SeenRecord{Sequence: event.Sequence(fmt.Sprint(1_000_000 + n)), Request: request,
			Identities: []event.Identity{{Hi: 1, Lo: 1}}}
		if m.Knows(r) {
			t.Fatalf("record %d is known", n)
		}
		m.Add(viewstore.SeenItem{Records: []viewstore.SeenRecord{r}})
		if m.Holds(r, 0) != (n > 0) {
			t.Fatalf("record %d: copy %t", n, m.Holds(r, 0))
		}
	}
}
