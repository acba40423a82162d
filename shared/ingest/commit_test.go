package ingest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/stream"
)

func errorIs(err, target error) bool { return errors.Is(err, target) }

func archiveKey(key string) archive.Key { return archive.Key(key) }

// TestCommitAgain checks that the put is retried, and that an existing object counts as ingest's own: an earlier try
// put it, and its answer was lost.
func TestCommitAgain(t *testing.T) {
	lost, persisted := memory.Fault{Err: errLost}, memory.Fault{Err: errLost, Applied: true}
	for _, c := range []struct {
		name   string
		faults []memory.Fault // of the first puts
		puts   int
		ok     bool
	}{
		{"OK", nil, 1, true},
		{"lost once", []memory.Fault{lost}, 2, true},
		{"put, and the answer lost", []memory.Fault{persisted}, 2, true},
		{"put, and every answer lost until the last", []memory.Fault{persisted, persisted}, 3, true},
		{"lost every time", []memory.Fault{lost, lost, lost}, 3, false},
		{"put, and every answer lost", []memory.Fault{persisted, lost, lost}, 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			s.put = func(archive.Key) memory.Fault {
				if n := len(s.puts) - 1; n < len(c.faults) {
					return c.faults[n]
				}
				return memory.Fault{}
			}
			answer, err := s.send(append(visits(2), "not JSON")...)
			events := 0
			for _, key := range s.puts {
				if key != s.puts[0] && strings.HasPrefix(string(key), "events/") {
					t.Errorf("put %s after %s: another stamp", key, s.puts[0])
				}
				if strings.HasPrefix(string(key), "events/") {
					events++
				}
			}
			if events != c.puts {
				t.Errorf("%d puts, want %d", events, c.puts)
			}
			if c.ok {
				if err != nil || answer.Accepted != 2 || len(s.stream.taken()) == 0 {
					t.Errorf("answer is %+v, %v, with %d records", answer, err, len(s.stream.taken()))
				}
				return
			}
			if !errors.Is(err, ingest.ErrUnavailable) || !errors.Is(err, errLost) {
				t.Errorf("error is %v, want ErrUnavailable for what the archive said", err)
			}
			if len(s.stream.calls) != 0 || len(s.queue.Take(1)) != 0 || events != len(s.puts) {
				t.Error("something was published, queued or put into rejected/ for a request that is not acknowledged")
			}
		})
	}
}

// TestCommitDeadline checks that no put begins at or after the deadline, and that a success after it is not
// acknowledged: batch may have listed the slot by then.
func TestCommitDeadline(t *testing.T) {
	for _, c := range []deadline{
		{"at once", 0, 0, 0, 1, true, true},
		{"frozen up to the last moment", commitWithin - time.Millisecond, 0, 0, 1, true, true},
		{"frozen until the deadline", commitWithin, 0, 0, 0, false, false},
		{"frozen for long", time.Hour, 0, 0, 0, false, false},
		{"answered at the last moment", 0, commitWithin - time.Millisecond, 0, 1, true, true},
		{"answered at the deadline", 0, commitWithin, 0, 1, false, true},
		{"frozen and slow", commitWithin / 2, commitWithin / 2, 0, 1, false, true},
		{"the second try in time", 0, commitWithin/2 - time.Millisecond, 1, 2, true, true},
		{"the second try answered too late", 0, commitWithin / 2, 1, 2, false, true},
		{"no time for a second try", 0, commitWithin, 1, 1, false, false},
		{"no time for a third try", 4 * time.Second, 4 * time.Second, 3, 2, false, false},
	} {
		// Contexts run by a clock that stands still, so that a put with a millisecond left has all of it.
		t.Run(c.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { playDeadline(t, c) }) })
	}
}

// deadline is a case of TestCommitDeadline.
type deadline struct {
	name    string
	before  time.Duration // how long before the first put the function is frozen
	during  time.Duration // how long each put takes
	lost    int           // puts that fail
	puts    int
	ok      bool
	durable bool
}

func playDeadline(t *testing.T, c deadline) {
	t.Helper()
	s := newFixture(t)
	arrival := s.clock
	s.made = func(time.Time) (ulid.ULID, error) {
		s.clock = s.clock.Add(c.before) // what comes between the arrival and the put
		id := ulid.ULID{}
		return id, id.SetTime(ulid.Timestamp(arrival))
	}
	s.put = func(key archive.Key) memory.Fault {
		if late := s.clock.Sub(arrival); late >= commitWithin {
			t.Errorf("put %s started %s after arrival", key, late)
		}
		s.clock = s.clock.Add(c.during)
		if len(s.puts) <= c.lost {
			return memory.Fault{Err: errLost}
		}
		return memory.Fault{}
	}
	_, err := s.send(visits(1)...)
	if len(s.puts) != c.puts {
		t.Errorf("%d puts, want %d", len(s.puts), c.puts)
	}
	if c.ok != (err == nil) || !c.ok && !errors.Is(err, ingest.ErrUnavailable) {
		t.Errorf("error is %v, acknowledged should be %v", err, c.ok)
	}
	if published := len(s.stream.calls) > 0; published != c.ok {
		t.Errorf("published is %v, acknowledged should be %v", published, c.ok)
	}
	objects, _, err := s.archive.List(context.Background(), archive.FirstEvent, archive.EndOfEvents, 10)
	if err != nil || (len(objects) == 1) != c.durable {
		t.Errorf("objects are %v, %v", objects, err)
	}
}

// TestCommitClock checks that ingest reads the clock right before each put, since the clock may jump between any two
// reads.
func TestCommitClock(t *testing.T) {
	for jump := range 8 {
		s := newFixture(t)
		arrival, looks := s.clock, 0
		s.Now = func() time.Time {
			if looks++; looks == jump+1 {
				s.clock = s.clock.Add(commitWithin)
			}
			return s.clock
		}
		s.put = func(archive.Key) memory.Fault {
			if late := s.clock.Sub(arrival); late >= commitWithin && jump > 0 {
				t.Errorf("the clock jumped at look %d, and a put started %s after arrival", jump, late)
			}
			if len(s.puts) < 2 {
				return memory.Fault{Err: errLost}
			}
			return memory.Fault{}
		}
		_, err := s.send(visits(1)...)
		// Look 0 is the arrival itself; after the last look nothing matters.
		if jumped := jump > 0 && looks > jump; jumped != (err != nil) ||
			err != nil && !errors.Is(err, ingest.ErrUnavailable) {
			t.Errorf("the clock jumped at look %d of %d: error is %v", jump, looks, err)
		}
	}
}

// TestCommitGivesUp checks that a put that hangs is cancelled at the deadline. The time is that of a synctest bubble,
// so nothing waits.
func TestCommitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t)
		s.Now = time.Now
		hung := &hungArchive{}
		s.Archive = hung
		start := time.Now()
		_, err := s.send(visits(1)...)
		if !errors.Is(err, ingest.ErrUnavailable) {
			t.Errorf("error is %v, want ErrUnavailable", err)
		}
		if took := time.Since(start); took != commitWithin || hung.puts != 1 {
			t.Errorf("gave up after %s and %d puts, want %s and 1", took, hung.puts, commitWithin)
		}
	})
}

// hungArchive answers nothing until its caller gives up.
type hungArchive struct {
	archive.Archive
	puts int
}

func (h *hungArchive) Put(ctx context.Context, _ archive.Key, _ []byte) (time.Time, error) {
	h.puts++
	<-ctx.Done()
	return time.Time{}, ctx.Err()
}

// TestClockMargin checks that ingest compares the store's clock with its own at each answer. The store reports whole
// seconds.
func TestClockMargin(t *testing.T) {
	const most = clockMargin + time.Second
	for _, c := range []struct {
		name string
		off  time.Duration // of the store's clock
		ok   bool
	}{
		{"equal", 0, true},
		{"behind by the margin", -most, true},
		{"ahead by the margin", most, true},
		{"behind by more", -most - time.Millisecond, false},
		{"ahead by more", most + time.Millisecond, false},
		{"a day off", 24 * time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, exists := range []bool{false, true} {
				s := newFixture(t)
				s.archive.Now = func() time.Time { return s.clock.Add(c.off) }
				s.put = func(archive.Key) memory.Fault {
					if exists && len(s.puts) == 1 {
						return memory.Fault{Err: errLost, Applied: true} // the next answer is that the object exists
					}
					return memory.Fault{}
				}
				_, err := s.send(visits(1)...)
				if c.ok != (err == nil) || !c.ok && !errors.Is(err, ingest.ErrUnavailable) {
					t.Errorf("the object exists %v: error is %v", exists, err)
				}
				if published := len(s.stream.calls) > 0; published != c.ok {
					t.Errorf("the object exists %v: published is %v", exists, published)
				}
			}
		})
	}
	t.Run("an answer without a date", func(t *testing.T) {
		s := newFixture(t)
		s.archive.Now = nil
		if _, err := s.send(visits(1)...); err != nil {
			t.Error(err)
		}
	})
}

// TestNoRequest checks that without a ULID there is no stamp, and nothing is stored.
func TestNoRequest(t *testing.T) {
	s := newFixture(t)
	s.made = func(time.Time) (ulid.ULID, error) { return ulid.ULID{}, errLost }
	if _, err := s.send(visits(1)...); !errors.Is(err, ingest.ErrUnavailable) || len(s.puts) != 0 {
		t.Errorf("error is %v, with %d puts; want ErrUnavailable with none", err, len(s.puts))
	}
}

// TestSlotOfTheStamp checks that an object is in the slot of its stamps, even when that slot ends before the put.
func TestSlotOfTheStamp(t *testing.T) {
	s := newFixture(t)
	arrival := s.Layout.Slot.Next(s.Layout.Slot.At(s.clock)).Start().Add(-time.Second) // a second before the slot's end
	s.clock = arrival
	looks := 0
	s.Now = func() time.Time {
		if looks++; looks == 2 {
			s.clock = s.clock.Add(2 * time.Second)
		}
		return s.clock
	}
	if _, err := s.send(visits(1)...); err != nil {
		t.Fatal(err)
	}
	if len(s.puts) != 1 || !s.clock.After(arrival) {
		t.Fatalf("%d puts, the clock at %s", len(s.puts), s.clock)
	}
	if of, _, err := archive.ParseEventsKey(s.puts[0]); err != nil || of != s.Layout.Slot.At(arrival) {
		t.Errorf("the object is in slot %s, %v; want that of its arrival, %s", of, err, s.Layout.Slot.At(arrival))
	}
}

// TestClientGoneAfterTheCommit checks that a client that goes away after its events are durable delays none of them.
// They reach the stream or, if that fails, the queue, and the rejected events are stored.
func TestClientGoneAfterTheCommit(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []string
		lost   int // calls of the stream that fail
		taken  int // records in the stream
		queued int
		puts   int
	}{
		{"one event", visits(1), 0, 1, 0, 1},
		{"events of every lane", visits(40), 0, 4, 0, 1},
		{"some rejected", append(visits(1), "not JSON"), 0, 1, 0, 2},
		{"all rejected", []string{"not JSON"}, 0, 0, 0, 1},
		{"the stream fails once", visits(1), 1, 1, 0, 1},
		{"the stream fails every time", visits(1), tries, 0, 1, 1},
		{"both", append(visits(1), "{}"), tries, 0, 1, 2},
	} {
		for _, at := range []string{"at the put", "before its deadline"} {
			t.Run(c.name+", "+at, func(t *testing.T) {
				s := newFixture(t)
				ctx, gone := context.WithCancel(context.Background())
				if at == "before its deadline" {
					ctx, gone = context.WithTimeout(ctx, time.Hour)
				}
				defer gone()
				s.put = func(archive.Key) memory.Fault { gone(); return memory.Fault{} }
				for range c.lost {
					s.stream.answers = append(s.stream.answers, publication{err: errLost})
				}
				body := []byte(strings.Join(c.events, "\n"))
				_, err := s.Accept(ctx, ingest.Request{ContentType: "application/x-ndjson", Body: body})
				if err != nil {
					t.Fatal(err)
				}
				if n := len(s.stream.taken()); n != c.taken {
					t.Errorf("%d records in the stream, want %d", n, c.taken)
				}
				if n := len(s.queue.Take(10)); n != c.queued {
					t.Errorf("%d requests queued, want %d", n, c.queued)
				}
				objects, _, err := s.archive.List(context.Background(), "", "~", 10)
				if err != nil || len(objects) != c.puts {
					t.Errorf("objects %v, %v; want %d", objects, err, c.puts)
				}
			})
		}
	}
}

// TestDeadlineAfterTheCommit checks that the platform's deadline still ends what comes after the commit.
func TestDeadlineAfterTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s.put = func(archive.Key) memory.Fault { cancel(); return memory.Fault{} }
		hangs := hungStream{}
		s.Stream = &hangs
		began := time.Now()
		request := ingest.Request{ContentType: "application/x-ndjson", Body: []byte(visits(1)[0])}
		if _, err := s.Accept(ctx, request); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Minute || hangs.calls == 0 {
			t.Errorf("the stream hung for %s in %d calls, want a minute", took, hangs.calls)
		}
	})
}

// hungStream takes nothing until the context ends.
type hungStream struct{ calls int }

func (h *hungStream) Publish(ctx context.Context, _ []stream.Entry) ([]int, error) {
	h.calls++
	<-ctx.Done()
	return nil, ctx.Err()
}
