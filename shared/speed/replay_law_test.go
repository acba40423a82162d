package speed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// crowded returns a past with several runs. Events have copies in the same run, in other runs, and on both sides of
// LiveFrom, in both orders of the lane. Two objects come late. Everything is streamed and swept.
func crowded(t testing.TB) *past {
	p := newPast(t, slotAt(0))
	var requests []*request
	send := func(slots int, events ...string) { requests = append(requests, p.send(t, at(slots), events...)) }
	send(-40, "a1:1", "b1:1")
	send(-40, "c1:1", "a1:1")
	p.run(t, slotAt(-39))
	send(-38, "a1:1", "d1:1", "a2:1")
	send(-37, "b2:1")
	p.run(t, slotAt(-36))
	send(-38, "e1:1", "b2:1") // a late object
	send(-10, "a3:1", "b3:1")
	send(-9, "c3:1")
	p.run(t, slotAt(-5))
	send(-4, "a4:1", "b4:1", "c1:1") // c1 is further than the window from its copy, so it counts again
	p.run(t, slotAt(0))
	send(0, "a3:1", "b4:1")
	send(1, "c3:1", "d3:1")
	send(-3, "e3:1", "d3:1") // a late object
	p.run(t, slotAt(2))
	slices.Reverse(requests[4:]) // events above LiveFrom come first in the lanes
	p.stream(t, requests...)
	p.sweep(t)
	return p
}

var crowdedWhole = []string{"ua n=4 amount=4", "ub n=4 amount=4", "uc n=3 amount=3", "ud n=2 amount=2",
	"ue n=2 amount=2"}

// writes installs a hook on both stores that replay writes. each gets the number of the write.
func (p *past) writes(each func(n int) memory.Fault) {
	n := 0
	hook := func(call memory.Call) memory.Fault {
		if call.Name != "speed.Put" && call.Name != "catalog.PutView" {
			return each(-1)
		}
		n++
		return each(n - 1)
	}
	p.items.Hook, p.catalog.Hook = hook, hook
}

// storedRun returns the run that replay has reached. It reads past the hooks.
func (p *past) storedRun(t testing.TB) uint64 {
	hook := p.catalog.Hook
	p.catalog.Hook = nil
	defer func() { p.catalog.Hook = hook }()
	return p.generation(t, "k").Run
}

// cuts are maximum sizes of a step, in bytes.
var cuts = []int64{1, 500, 1 << 20}

// TestReplayKilled kills replay at each write, before and after the write is applied. The next replay may cut the runs
// into other steps. It must continue, and every event must count once.
func TestReplayKilled(t *testing.T) {
	killed := errors.New("killed")
	points := 0
	for _, before := range cuts {
		for _, after := range cuts {
			for _, applied := range []bool{false, true} {
				for n, reached := 0, true; reached; n++ {
					p := crowded(t)
					p.replay.Bytes = before
					reached = false
					p.writes(func(write int) memory.Fault {
						reached = reached || write == n
						return memory.Fault{Err: killedAfter(reached, killed), Applied: applied && write == n}
					})
					_, err := p.replay.Tick(context.Background())
					if reached != (err != nil) {
						t.Fatalf("killed at write %d (%v), but the tick returns %v", n, reached, err)
					}
					p.items.Hook, p.catalog.Hook = nil, nil
					p.restart()
					p.replay.Bytes = after
					p.tick(t)
					p.checkMerged(t, crowdedWhole...)
					if t.Failed() {
						t.Fatalf("steps of %d bytes, killed at write %d, applied %v; then steps of %d", before, n, applied, after)
					}
					points++
				}
			}
		}
	}
	if points < 200 {
		t.Errorf("killed at only %d writes", points)
	}
}

func killedAfter(dead bool, err error) error {
	if dead {
		return err
	}
	return nil
}

// TestReplayFrozen freezes replay before each write, while another replay does all the work in other steps. The first
// one then continues and must do no harm. The same holds for two that take turns at every write.
func TestReplayFrozen(t *testing.T) {
	for _, before := range cuts {
		for _, after := range cuts {
			for n, reached := 0, true; reached; n++ {
				p := crowded(t)
				p.replay.Bytes = before
				twin := p.newReplay()
				twin.Bytes = after
				reached = false
				last := uint64(0)
				p.writes(func(write int) memory.Fault {
					if write == n && !reached {
						reached = true
						if _, err := twin.Tick(context.Background()); err != nil {
							t.Error("the twin:", err)
						}
					}
					if write >= 0 {
						if run := p.storedRun(t); run < last {
							t.Errorf("replay went back from run %d to %d", last, run)
						} else {
							last = run
						}
					}
					return memory.Fault{}
				})
				p.tick(t)
				p.items.Hook, p.catalog.Hook = nil, nil
				if run := p.storedRun(t); run != 5 {
					t.Errorf("replay is at run %d, want 5", run)
				}
				p.checkMerged(t, crowdedWhole...)
				if t.Failed() {
					t.Fatalf("steps of %d bytes, frozen at write %d, while the other made steps of %d", before, n, after)
				}
			}
		}
	}
}

// TestReplayTakesTurns runs two replays at once. Either may wait at each write for the next write of the other.
func TestReplayTakesTurns(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := crowded(t)
		// Sending true lets a replay go on to its next write. It sends back whether there was one.
		turns := [2]chan bool{make(chan bool), make(chan bool)}
		var ended [2]bool
		for i := range turns {
			replay := p.newReplay()
			replay.Bytes = rapid.SampledFrom(cuts).Draw(r, "bytes")
			replay.Tries = 100 // the other replay may win several times in a row
			replay.Items = turning{p.items, turns[i]}
			go func() {
				<-turns[i]
				if _, err := replay.Tick(context.Background()); err != nil {
					t.Error(err)
				}
				turns[i] <- false
			}()
		}
		for !ended[0] || !ended[1] {
			i := rapid.IntRange(0, 1).Draw(r, "turn")
			if ended[i] {
				i = 1 - i
			}
			turns[i] <- true
			ended[i] = !<-turns[i]
		}
		p.checkMerged(t, crowdedWhole...)
		if t.Failed() {
			r.Fatal("two at once")
		}
	})
}

// TestReplayAtOnce checks objects, loads and writes in parallel.
func TestReplayAtOnce(t *testing.T) {
	p := crowded(t)
	p.catalog.Hook, p.archive.Hook, p.seen.Hook = nil, nil, nil
	p.replay.Items, p.replay.Parallel = &p.items.Speed, runner.Parallel(4)
	p.tick(t)
	p.checkMerged(t, crowdedWhole...)
}

// turning is a hook that waits for its turn before each write.
type turning struct {
	viewstore.Speed
	turn chan bool
}

func (s turning) Put(ctx context.Context, item viewstore.SpeedItem, loaded event.Sequence) error {
	s.turn <- true
	<-s.turn
	return s.Speed.Put(ctx, item, loaded)
}

// TestReplayLaw draws LiveFrom, the arrivals, the order in the lanes, and restarts of environments. Once everything is
// replayed and streamed, both halves together must equal the fold of the distinct events. All copies of an event are
// within the window of each other.
func TestReplayLaw(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		const slots = 10 // of 5 minutes, together shorter than the window
		live := slot.Slot(0)
		if n := rapid.IntRange(-1, slots+1).Draw(r, "live"); n >= 0 {
			live = slotAt(n)
		}
		p := newPast(t, live)
		distinct := map[string]bool{}
		var waiting []stream.Record
		owner := map[string]*request{}
		horizon := 0
		send := func(r *rapid.T) {
			var events []string
			for range rapid.IntRange(1, 3).Draw(r, "events") {
				e := fmt.Sprintf("%c%d:1", 'a'+rapid.IntRange(0, 1).Draw(r, "user"), rapid.IntRange(0, 4).Draw(r, "id"))
				events = append(events, e)
				distinct[e] = true
			}
			// Some objects are late.
			sent := p.send(t, at(rapid.IntRange(0, slots-1).Draw(r, "slot")), events...)
			for _, record := range sent.records {
				waiting = append(waiting, record)
				owner[string(record.Data)+record.PartitionKey] = sent
			}
		}
		deliver := func(i int) {
			record := waiting[i]
			waiting = slices.Delete(waiting, i, i+1)
			p.apply(t, p.raw(record.PartitionKey, record.Data))
			sent := owner[string(record.Data)+record.PartitionKey]
			sent.records = slices.DeleteFunc(slices.Clone(sent.records), func(one stream.Record) bool {
				return one.PartitionKey == record.PartitionKey
			})
			if len(sent.records) == 0 {
				sent.records = nil
			}
		}
		makeRun := func(to int) {
			if to > horizon {
				horizon = to
				p.run(t, slotAt(horizon))
			}
		}
		for range rapid.IntRange(5, 40).Draw(r, "moves") {
			switch rapid.SampledFrom([]string{"send", "send", "deliver", "deliver", "run", "tick", "restart", "again"}).Draw(r,
				"move") {
			case "send":
				send(r)
			case "deliver":
				if len(waiting) > 0 {
					deliver(rapid.IntRange(0, len(waiting)-1).Draw(r, "record"))
				}
			case "again": // a republished record comes twice
				if len(waiting) > 0 {
					again := waiting[rapid.IntRange(0, len(waiting)-1).Draw(r, "again")]
					p.apply(t, p.raw(again.PartitionKey, again.Data))
				}
			case "run":
				makeRun(horizon + rapid.IntRange(1, 3).Draw(r, "slots"))
			case "tick":
				p.sweep(t)
				p.tick(t)
			case "restart":
				p.restart()
				p.replay.Bytes = rapid.SampledFrom(cuts).Draw(r, "bytes")
			}
		}
		for len(waiting) > 0 {
			deliver(rapid.IntRange(0, len(waiting)-1).Draw(r, "record"))
		}
		makeRun(max(horizon+1, slots+2))
		p.sweep(t)
		if g := p.tick(t).Generations[0]; g.Left != 0 || g.Waits {
			r.Fatalf("report is %+v, want everything replayed", g)
		}
		users := map[byte]int{}
		for e := range distinct {
			users[e[0]]++
		}
		var want []string
		for _, user := range []byte("ab") {
			if n := users[user]; n > 0 {
				want = append(want, fmt.Sprintf("u%c n=%d amount=%d", user, n, n))
			}
		}
		if diff := cmp.Diff(want, p.merged(t, "k")); diff != "" {
			r.Fatalf("live from %s (-distinct events +both halves): %s", live, diff)
		}
		if g := p.generation(t, "k"); g.State != lifecycle.Serving {
			r.Fatalf("generation is %+v, want it to serve", g)
		}
	})
}

// TestKappaLive checks that speed keeps one item per page and lane for a Kappa generation, over all slots from LiveFrom
// on, whatever its horizon. Other sets of the same records are not affected.
func TestKappaLive(t *testing.T) {
	next := slotAt(1)
	p := newPast(t, 0)
	p.generations(t, lifecycle.Generation{ID: "all"},
		lifecycle.Generation{ID: "some", LiveFrom: slotAt(0), Run: 9, Horizon: slotAt(5)},
		lifecycle.Generation{ID: "announced", LiveFrom: next, State: lifecycle.Announced},
		lifecycle.Generation{ID: "none", LiveFrom: slotAt(2)},
		lifecycle.Generation{ID: "over", State: lifecycle.Dropping})
	lambda := byUser()
	lambda.Name = "lambda"
	p.register(t, lifecycle.View{Name: "lambda", Generations: []lifecycle.Generation{
		{ID: "l", Definition: lambda.Hash(), State: lifecycle.Building, Run: 1, Horizon: next},
	}}, lambda)
	a := func(slots int) purchase { return purchase{at(slots), "a", "1", ""} }
	report := p.apply(t, p.record(0, a(-1), a(1)), p.record(0, a(0)), p.record(1, a(1)))
	want := map[lifecycle.Set][]string{
		"all": {"lane 0 applied 2 n=3", "lane 1 applied 3 n=1"}, "some": {"lane 0 applied 2 n=2", "lane 1 applied 3 n=1"},
		"announced": {"lane 0 applied 2 n=1", "lane 1 applied 3 n=1"}, "none": nil, "over": nil,
	}
	set := compiled(t)
	got := map[lifecycle.Set][]string{}
	for id := range want {
		got[id] = nil
		for _, item := range p.stored(t, id) {
			w := set.Programs[0].NewWindows()
			if err := w.MergePage(item.Page, item.States, nil); err != nil {
				t.Fatal(err)
			}
			if item.Slot != viewstore.NoSlot || item.Expires != 0 {
				t.Errorf("set %s: item of slot %d, expires %d", id, item.Slot, item.Expires)
			}
			got[id] = append(got[id], fmt.Sprintf("lane %d applied %c n=%s", item.Lane.N, item.Applied[len(item.Applied)-1],
				w.AppendValue(nil, 0, w.Sorted()[0])))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("items by generation (-want +stored):", diff)
	}
	if n := len(p.stored(t, lifecycle.OfDefinition(lambda.Hash()))); n != 2 {
		t.Errorf("%d items of the Lambda definition, want one per slot and lane", n)
	}
	var folded []int64
	for _, v := range report.Views {
		folded = append(folded, v.Folded)
	}
	slices.Sort(folded)
	if diff := cmp.Diff([]int64{0, 2, 2, 3, 4}, folded); diff != "" {
		t.Error("folded by set (-want +got):", diff)
	}
	// When records are delivered again, whole or in part, by any environment, nothing changes.
	before := len(p.items.puts)
	p.restart()
	p.last = 0
	p.apply(t, p.record(0, a(-1), a(1)), p.record(0, a(0)), p.record(1, a(1)))
	if len(p.items.puts) != before {
		t.Error("applied records were written again")
	}
}

// TestNobodysDefinition checks a definition whose generations were all given up. Speed does not fold it, and its text
// need not exist.
func TestNobodysDefinition(t *testing.T) {
	p := newPast(t, 0)
	p.generations(t, lifecycle.Generation{ID: "over", State: lifecycle.Dropping})
	d := byUser()
	d.Name = "lambda"
	p.register(t, lifecycle.View{Name: "lambda",
		Generations: []lifecycle.Generation{{ID: "l", Definition: d.Hash(), State: lifecycle.Dropping}}})
	if report := p.apply(t, p.record(0, many(3, 3)...)); len(report.Views) != 0 || report.Items != 0 ||
		report.Events != 3 {
		t.Errorf("report is %+v", report)
	}
}

// TestReplayLaneIsNotInTheStream checks that a record that claims replay's lane is set aside. Its sequence number would
// mix with replay's positions.
func TestReplayLaneIsNotInTheStream(t *testing.T) {
	s := newFixture(t, byUser())
	r := s.record(0, many(1, 1)...)
	r.PartitionKey = event.ReplayLane.String()
	if report := s.apply(t, r); report.SetAside != 1 || report.Items != 0 {
		t.Errorf("report is %+v", report)
	}
}

// BenchmarkReplay measures one step over 100 objects of 1,000 events: get, decompress, scan, find duplicates, fold,
// write the items.
func BenchmarkReplay(b *testing.B) {
	const requests, events = 100, 1000
	p := newPast(b, slotAt(0))
	for i := range requests {
		all := make([]string, events)
		for j := range all {
			all[j] = fmt.Sprintf("%c%d-%d:1", 'a'+j%20, i, j)
		}
		p.send(b, at(-30).Add(time.Duration(i)*time.Millisecond), all...)
	}
	p.run(b, slotAt(-20))
	p.catalog.Hook, p.archive.Hook, p.seen.Hook = nil, nil, nil
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p.generations(b, lifecycle.Generation{ID: "k", LiveFrom: slotAt(0)})
		p.items = &table{}
		replay := p.newReplay()
		replay.Bytes = 32 << 20
		b.StartTimer()
		report, err := replay.Tick(context.Background())
		if err != nil || report.Generations[0].Events != requests*events || report.Generations[0].Items != 20 {
			b.Fatal(report, err)
		}
	}
	n := float64(b.N * requests * events)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/event")
	b.ReportMetric(n/b.Elapsed().Seconds(), "events/s")
}
