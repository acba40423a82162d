package speed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
)

// fail makes calls with this name fail. does decides about each call by its number, from 0.
func fail(name string, does func(call int, key string) (memory.Fault, bool)) memory.Hook {
	calls := 0
	return func(call memory.Call) memory.Fault {
		if call.Name != name {
			return memory.Fault{}
		}
		calls++
		if fault, ok := does(calls-1, call.Key); ok {
			return fault
		}
		return memory.Fault{}
	}
}

// TestWriteFails checks that a lost write is repeated, and that a write whose answer is lost is found to be stored.
func TestWriteFails(t *testing.T) {
	d := byUser()
	lost, persisted := memory.Fault{Err: errLost}, memory.Fault{Err: errLost, Applied: true}
	for _, c := range []struct {
		name   string
		faults []memory.Fault // of the first writes
		puts   int
		ok     bool
	}{
		{"lost once", []memory.Fault{lost}, 2, true},
		{"lost twice", []memory.Fault{lost, lost}, 3, true},
		{"stored, the answer lost", []memory.Fault{persisted}, 1, true},
		{"lost, then stored and the answer lost", []memory.Fault{lost, persisted}, 2, true},
		{"lost each time", []memory.Fault{lost, lost, lost}, 3, false},
	} {
		for _, held := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the item exists %v", c.name, held), func(t *testing.T) {
				s := newFixture(t, d)
				want, position := 1, 1
				if held {
					s.apply(t, s.record(0, many(1, 1)...))
					want, position = 2, 2
				}
				s.items.forget()
				s.items.Hook = fail("speed.Put", func(call int, _ string) (memory.Fault, bool) {
					return c.faults[min(call, len(c.faults)-1)], call < len(c.faults)
				})
				records := []stream.Record{s.record(0, many(1, 1)...)}
				applied, _, err := s.Apply(context.Background(), records)
				if err != nil || (applied == 1) != c.ok {
					t.Errorf("applied %d, %v", applied, err)
				}
				if len(s.items.puts) != c.puts {
					t.Errorf("%d puts, want %d", len(s.items.puts), c.puts)
				}
				s.items.Hook = nil
				s.apply(t, records...)
				item, _, err := s.items.Speed.Slots(context.Background(), lifecycle.OfDefinition(d.Hash()), s.items.puts[0].Key, 0,
					"")
				if err != nil || len(item) != 1 {
					t.Fatal(item, err)
				}
				if got := s.describe(t, d, item[0]); got != fmt.Sprintf("u0 slot +0 lane 0 applied %d: 10:00 n=%d amount=%d",
					position, want, want) {
					t.Error("the item is finally", got)
				}
			})
		}
	}
}

// TestConflict checks an item that another environment has written since this one did. It is loaded again, and only the
// records above its applied position are added.
func TestConflict(t *testing.T) {
	d := byUser()
	s := newFixture(t, d)
	first, second, third := s.record(0, many(1, 1)...), s.record(0, many(2, 1)...), s.record(0, many(4, 1)...)
	s.apply(t, first)
	frozen := s.Speed
	s.restart()
	s.apply(t, second)
	s.Speed = frozen
	s.items.forget()
	s.apply(t, second, third)
	s.check(t, d, "u0 slot +0 lane 0 applied 3: 10:00 n=7 amount=7")
	if s.items.loads != 1 || len(s.items.puts) != 2 {
		t.Errorf("%d loads and %d puts, want 1 and 2", s.items.loads, len(s.items.puts))
	}
}

// TestConflictLost checks an item that another environment has brought as far as this one would. It is not written, and
// this environment forgets its copy.
func TestConflictLost(t *testing.T) {
	d := byUser()
	s := newFixture(t, d)
	first, second, third := s.record(0, many(1, 1)...), s.record(0, many(2, 1)...), s.record(0, many(4, 1)...)
	s.apply(t, first)
	frozen := s.Speed
	s.restart()
	s.apply(t, second)
	s.Speed = frozen
	s.items.forget()
	if report := s.apply(t, second); report.Items != 0 || s.items.loads != 1 || len(s.items.puts) != 1 {
		t.Errorf("the second time: %d items written, %d loads, %d puts; want 0, 1 and 1 with a conflict", report.Items,
			s.items.loads, len(s.items.puts))
	}
	s.items.forget()
	s.apply(t, third)
	if s.items.loads != 1 || len(s.items.puts) != 1 {
		t.Errorf("the next record: %d loads and %d puts, want 1 and 1", s.items.loads, len(s.items.puts))
	}
	s.check(t, d, "u0 slot +0 lane 0 applied 3: 10:00 n=7 amount=7")
}

// TestLowest checks that Apply returns the first record that is not fully applied, even when records of other lanes
// stand between those of its lane.
func TestLowest(t *testing.T) {
	d := byUser()
	a, b := purchase{in(start), "a", "1", ""}, purchase{in(start), "b", "10", ""}
	failing := func(user string) memory.Hook {
		return fail("speed.Put", func(_ int, key string) (memory.Fault, bool) {
			return memory.Fault{Err: errLost}, key == user+"\x00"
		})
	}
	for _, c := range []struct {
		name    string
		records func(*fixture) []stream.Record
		hook    memory.Hook
		applied int
		want    []string
	}{
		{
			"one item of the first record fails", func(s *fixture) []stream.Record {
				return []stream.Record{s.record(0, a), s.record(0, b)}
			}, failing("a"),
			0, []string{"b slot +0 lane 0 applied 2: 10:00 n=1 amount=10"},
		},
		{
			// An item's records are those of its slot. The first record that Apply names may come before the first one of the
			// item, but never after.
			"one item of the second slot fails",
			func(s *fixture) []stream.Record {
				return []stream.Record{s.record(0, a), s.record(0, purchase{in(s.length.Next(start)), "b", "10", ""})}
			},
			failing("b"), 1, []string{"a slot +0 lane 0 applied 2: 10:00 n=1 amount=1"},
		},
		{
			"one lane fails, another is applied",
			func(s *fixture) []stream.Record {
				return []stream.Record{s.record(0, a), s.record(1, b), s.record(0, a), s.record(1, b)}
			},
			failing("b"), 1, []string{"a slot +0 lane 0 applied 3: 10:00 n=2 amount=2"},
		},
		{
			"the items cannot be loaded", func(s *fixture) []stream.Record {
				return []stream.Record{s.record(0, a), s.record(1, b)}
			},
			fail("speed.Load", func(call int, _ string) (memory.Fault, bool) { return memory.Fault{Err: errLost}, call == 1 }),
			1, []string{"a slot +0 lane 0 applied 1: 10:00 n=1 amount=1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t, d)
			records := c.records(s)
			s.items.Hook = c.hook
			applied, _, err := s.Apply(context.Background(), records)
			if err != nil || applied != c.applied {
				t.Errorf("applied %d, %v; want %d", applied, err, c.applied)
			}
			s.check(t, d, c.want...)
			// The rest is delivered again. The result must be as if nothing had failed.
			s.items.Hook = nil
			s.apply(t, records[applied:]...)
			unharmed := newFixture(t, d)
			unharmed.apply(t, records...)
			s.check(t, d, unharmed.all(t, d)...)
		})
	}
}

// TestLowestOfViews checks two views that fail at different records. Apply must name the earlier record, whichever view
// is folded last.
func TestLowestOfViews(t *testing.T) {
	last := map[view.Name]bool{}
	for _, minutes := range []time.Duration{1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30} {
		window := minutes * time.Minute
		early, late := byUser(), byUser()
		early.Name, early.Where = "early", `data.user == "a"`
		late.Name, late.Where, late.Window = "late", `data.user == "b"`, window
		s := newFixture(t, early, late)
		if early.Hash() > late.Hash() {
			last["early"] = true
		} else {
			last["late"] = true
		}
		s.items.Hook = fail("speed.Put", func(int, string) (memory.Fault, bool) { return memory.Fault{Err: errLost}, true })
		// The second record is in another slot, so its item begins with it.
		records := []stream.Record{s.record(0, purchase{in(start), "a", "1", ""}),
			s.record(0, purchase{in(s.length.Next(start)), "b", "10", ""})}
		if applied, _, err := s.Apply(context.Background(), records); err != nil || applied != 0 {
			t.Errorf("window %s: applied %d, %v; want 0", window, applied, err)
		}
	}
	if len(last) != 2 {
		t.Errorf("only %v came last, so the test does not cover both orders", last)
	}
}

// TestCorruptItem checks that a corrupt item stops its lane, and that nothing is written over it.
func TestCorruptItem(t *testing.T) {
	s := newFixture(t, byUser())
	s.apply(t, s.record(0, many(1, 1)...))
	item := s.items.puts[0]
	item.States, item.Applied = []byte("states"), sequence(2)
	if err := s.items.Speed.Put(context.Background(), item, sequence(1)); err != nil {
		t.Fatal(err)
	}
	s.restart()
	s.items.forget()
	s.last = 2
	applied, _, err := s.Apply(context.Background(),
		[]stream.Record{s.record(0, many(1, 1)...), s.record(1, many(1, 1)...)})
	if err != nil || applied != 0 || len(s.items.puts) != 1 || s.items.puts[0].Lane.N != 1 {
		t.Errorf("applied %d, %v; put %v", applied, err, s.items.puts)
	}
}

// setAside is the stored form of a record that was set aside.
type setAside struct {
	PartitionKey string `json:"partition_key"`
	Sequence     string `json:"sequence"`
	Reason       string `json:"reason"`
	Data         []byte `json:"data"`
}

// TestSetAside checks that a record that cannot be decoded is stored whole with the reason, and that its lane
// continues.
func TestSetAside(t *testing.T) {
	d := byUser()
	a := purchase{in(start), "a", "1", ""}
	for _, c := range []struct {
		name   string
		record func(*fixture) stream.Record
		key    string
		reason string
	}{
		{"no zstd", func(s *fixture) stream.Record {
			return s.raw("1.4.0", []byte("\x00\xff no zstd"))
		}, "setaside/key=312e342e30", "zstd frame header"},
		{"nothing", func(s *fixture) stream.Record {
			return s.raw("1.4.0", nil)
		}, "setaside/key=312e342e30", "zstd frame header"},
		{"no lines", func(s *fixture) stream.Record {
			return s.raw("1.4.0", s.codec.Compress(nil, []byte("{}\n")))
		}, "setaside/key=312e342e30", "line 1"},
		{
			"a good line before a bad one",
			func(s *fixture) stream.Record {
				r := s.record(0, a)
				lines, err := s.codec.Decompress(nil, r.Data)
				if err != nil {
					panic(err)
				}
				r.Data = s.codec.Compress(nil, append(lines, "{}\n"...))
				return r
			}, "setaside/key=312e342e30", "line 2",
		},
		{"another lane's name", func(s *fixture) stream.Record {
			return s.raw("their key", []byte("theirs"))
		}, "setaside/key=7468656972206b6579", "lane"},
		{
			"a partition key of 256 characters", func(s *fixture) stream.Record {
				return s.raw(strings.Repeat("k", 256), []byte("theirs"))
			},
			"setaside/key=" + strings.Repeat("6b", 64) + "-ce16fe78208a4e93f7158e62393680e0", "lane",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t, d)
			bad := c.record(s)
			report := s.apply(t, s.record(0, a), bad, s.record(0, a))
			if report.SetAside != 1 || report.Events != 2 {
				t.Errorf("report is %+v", report)
			}
			s.check(t, d, "a slot +0 lane 0 applied 3: 10:00 n=2 amount=2")
			objects, _, err := s.archive.List(context.Background(), "", "z", 10)
			if err != nil || len(objects) != 1 {
				t.Fatal(objects, err)
			}
			if want := archive.Key(c.key + "/" + string(bad.Sequence) + ".json"); objects[0].Key != want {
				t.Errorf("stored as %s, want %s", objects[0].Key, want)
			}
			body, _, err := s.archive.Get(context.Background(), objects[0].Key)
			if err != nil {
				t.Fatal(err)
			}
			var kept setAside
			if err := json.Unmarshal(body, &kept); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(kept.Reason, c.reason) {
				t.Errorf("reason is %q, want one that contains %s", kept.Reason, c.reason)
			}
			kept.Reason = ""
			if diff := cmp.Diff(setAside{PartitionKey: bad.PartitionKey, Sequence: string(bad.Sequence), Data: bad.Data},
				kept); diff != "" && len(bad.Data) > 0 {
				t.Error("kept (-record +kept):", diff)
			}
			// The record is delivered again. That the object exists already is no error.
			s.restart()
			s.apply(t, bad)
		})
	}
}

// TestManyLinesInAnInvocation checks that no record is set aside because many lines stand before it. The codec decodes
// 8 MiB at most in one call; the records of an invocation may hold more.
func TestManyLinesInAnInvocation(t *testing.T) {
	s := newFixture(t, byUser())
	var batch []stream.Record
	for range 12 {
		batch = append(batch, s.record(0, many(5000, 3)...)) // 0.9 MB of lines
	}
	if report := s.apply(t, batch...); report.SetAside != 0 || report.Events != 60_000 {
		t.Errorf("%d records set aside, %d events applied, want 0 and 60000", report.SetAside, report.Events)
	}
}

// TestSetAsideFails checks a record that can neither be decoded nor set aside. It stops its lane from the lane's first
// record on, since applied positions would pass it otherwise. The other lanes continue.
func TestSetAsideFails(t *testing.T) {
	d := byUser()
	a := purchase{in(start), "a", "1", ""}
	s := newFixture(t, d)
	s.archive.Hook = fail("archive.Put", func(call int, _ string) (memory.Fault, bool) {
		return memory.Fault{Err: errLost, Applied: true}, call < 2
	})
	records := []stream.Record{
		s.record(1, a), s.record(0, a), s.record(1, a), s.raw("1.4.0", []byte("bad")), s.record(0, a),
		s.raw("nobody's", []byte("theirs")), s.record(1, a),
	}
	applied, report, err := s.Apply(context.Background(), records)
	if err != nil || applied != 1 {
		t.Errorf("applied %d, %v; want 1, the first record of lane 0", applied, err)
	}
	if report.SetAside != 0 {
		t.Errorf("reported as set aside: %d", report.SetAside)
	}
	s.check(t, d, "a slot +0 lane 1 applied 7: 10:00 n=3 amount=3")
	s.apply(t, records[applied:]...)
	s.check(t, d, "a slot +0 lane 0 applied 5: 10:00 n=2 amount=2", "a slot +0 lane 1 applied 7: 10:00 n=3 amount=3")
}

// TestReport checks the report, which the log line shows.
func TestReport(t *testing.T) {
	d := byUser()
	other := d
	other.Name, other.Where = "some", `data.amount > 1`
	s := newFixture(t, d, other)
	report := s.apply(t, s.record(0, purchase{in(start), "a", "1", ""}, purchase{in(start), "a", "2", ""}),
		s.raw("1.4.0", []byte("bad")),
		s.record(1, purchase{in(start), "b", `"x"`, ""}))
	if report.Records != 3 || report.Events != 3 || report.SetAside != 1 || report.Items != 5 {
		t.Errorf("report is %+v", report)
	}
	var folded, skipped []int64
	for _, v := range report.Views {
		folded, skipped = append(folded, v.Folded), append(skipped, v.Skipped)
	}
	slices.Sort(folded)
	if diff := cmp.Diff([]int64{1, 3}, folded); diff != "" {
		t.Error("folded by view (-want +got):", diff)
	}
	if slices.Max(skipped) != 1 {
		t.Errorf("skipped by view: %v, want 1 that the filter cannot compare", skipped)
	}
}

// TestNothing checks that an empty batch is applied at once.
func TestNothing(t *testing.T) {
	s := newFixture(t, byUser())
	if report := s.apply(t); report.Items != 0 || s.items.loads != 0 {
		t.Errorf("report is %+v, with %d loads", report, s.items.loads)
	}
}

// TestAtOnce checks that one Speed serves several calls at once, each with its own lane, and writes in parallel.
func TestAtOnce(t *testing.T) {
	d := byUser()
	s := newFixture(t, d)
	s.Parallel = runner.Parallel(4)
	s.items.Hook = nil
	plain := &memory.Speed{}
	s.Items = plain
	s.catalog.Hook, s.archive.Hook, s.seen.Hook = nil, nil, nil
	var batches [4][]stream.Record
	for i := range 8 {
		for n := range 4 {
			batches[n] = append(batches[n], s.record(n, many(20+i, 7)...))
		}
	}
	err := runner.Parallel(4)(4, func(n int) error {
		for from := range batches[n] {
			applied, _, err := s.Apply(context.Background(), batches[n][max(0, from-1):from+1])
			if err != nil {
				return err
			}
			if applied != min(from+1, 2) {
				return fmt.Errorf("lane %d: applied %d", n, applied)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for user := range 7 {
		items, _, err := plain.Slots(context.Background(), lifecycle.OfDefinition(d.Hash()), keyOf(user), 0, "")
		if err != nil || len(items) != 4 {
			t.Fatal(len(items), err)
		}
		for _, item := range items {
			var n int
			if _, err := fmt.Sscanf(s.describe(t, d, item)[strings.Index(s.describe(t, d, item), "n="):], "n=%d",
				&n); err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	if want := 4 * (20 + 21 + 22 + 23 + 24 + 25 + 26 + 27); total != want {
		t.Errorf("%d events counted, want %d", total, want)
	}
}
