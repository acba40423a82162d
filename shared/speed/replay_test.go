package speed_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// past is a fixture with an archive that is divided into runs, and a Replay over it.
type past struct {
	*fixture
	replay  *speed.Replay
	now     time.Time
	runs    []lifecycle.Run
	objects map[archive.Key]*request
	made    int // number of requests so far
}

// request is an archived request and its records.
type request struct {
	key     archive.Key
	records []stream.Record // its records by lane, without sequence numbers; nil once they are streamed
}

// byUserForGood returns byUser as a Kappa view, which speed keeps for ever.
func byUserForGood() view.Definition {
	d := byUser()
	d.Architecture = view.Kappa
	return d
}

var compiledOnce = sync.OnceValues(func() (*view.Set, error) { return view.Compile(byUserForGood()) })

func compiled(t testing.TB) *view.Set {
	t.Helper()
	set, err := compiledOnce()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// newPast returns a past with a Kappa generation "k" of byUserForGood that is live from the slot live on.
func newPast(t testing.TB, live slot.Slot) *past {
	t.Helper()
	p := &past{fixture: newFixture(t), now: start.Start().Add(2 * time.Hour), objects: map[archive.Key]*request{}}
	p.generations(t, lifecycle.Generation{ID: "k", LiveFrom: live})
	p.restart()
	return p
}

// generations puts Kappa generations of the view into the catalog. A generation without a state is building.
func (p *past) generations(t testing.TB, all ...lifecycle.Generation) {
	t.Helper()
	d := byUserForGood()
	v := lifecycle.View{Name: d.Name}
	for _, g := range all {
		g.Architecture, g.Definition = view.Kappa, d.Hash()
		if g.State == "" {
			g.State = lifecycle.Building
		}
		v.Generations = append(v.Generations, g)
	}
	if stored, err := p.catalog.View(context.Background(), d.Name); err == nil {
		v.Revision = stored.Revision
	}
	p.register(t, v, d)
}

// restart makes new environments of speed and replay.
func (p *past) restart() {
	p.fixture.restart()
	p.Now = func() time.Time { return p.now }
	p.replay = p.newReplay()
}

func (p *past) newReplay() *speed.Replay {
	return &speed.Replay{
		Archive: p.archive, Catalog: p.catalog, Sweeps: p.catalog, Programs: &programs.Cache{}, Items: p.items, Seen: p.seen,
		Codec:  p.codec,
		Layout: p.Layout, Bytes: 1 << 20, RetainSeen: retain, DropGrace: time.Minute, Tries: tries,
		Parallel: runner.Sequential, Now: func() time.Time { return p.now },
		Log: slog.New(slog.DiscardHandler),
	}
}

// send archives one request. Each text is one event, "name:amount", of the user "u" and the first letter of the name.
func (p *past) send(t testing.TB, arrival time.Time, events ...string) *request {
	t.Helper()
	var id ulid.ULID
	if err := id.SetTime(ulid.Timestamp(arrival)); err != nil {
		t.Fatal(err)
	}
	p.made++
	binary.BigEndian.PutUint64(id[8:], uint64(p.made))
	var lines []byte
	byLane := map[event.Lane][]byte{}
	fields := compiled(t).Fields()
	for i, e := range events {
		name, amount, _ := strings.Cut(e, ":")
		text := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"shop","type":"purchase","time":"2026-11-22T10:00:00Z","data":{"user":%q,"amount":%s}}`,
			name, "u"+name[:1], amount)
		line := event.AppendLine(nil, []byte(text), event.Stamp{Request: id, Index: i})
		lines = append(lines, line...)
		batch, err := fields.NewBatch(line)
		if err != nil {
			t.Fatal(err)
		}
		identity, _ := batch.Identity(0, p.Layout.HashKey, nil)
		lane := p.Layout.Lane(identity)
		byLane[lane] = append(byLane[lane], line...)
	}
	r := &request{key: archive.EventsKey(p.length.At(arrival), id)}
	for _, lane := range slices.SortedFunc(maps.Keys(byLane), func(a, b event.Lane) int { return a.N - b.N }) {
		r.records = append(r.records, stream.Record{PartitionKey: lane.String(), Data: p.codec.Compress(nil, byLane[lane])})
	}
	if _, err := p.archive.Put(context.Background(), r.key, p.codec.Compress(nil, lines)); err != nil {
		t.Fatal(err)
	}
	p.objects[r.key] = r
	return r
}

// stream delivers the records of the requests to speed, one request after the other.
func (p *past) stream(t testing.TB, requests ...*request) {
	t.Helper()
	for _, r := range requests {
		for _, record := range r.records {
			p.apply(t, p.raw(record.PartitionKey, record.Data))
		}
		r.records = nil
	}
}

// run makes the next run, of all objects below the horizon that no run holds.
func (p *past) run(t testing.TB, horizon slot.Slot) {
	t.Helper()
	ctx, n := context.Background(), uint64(len(p.runs)+1)
	m := runs.Manifest{Run: n, To: horizon}
	if n > 1 {
		m.From = p.runs[n-2].Horizon
	}
	taken := map[archive.Key]bool{}
	reader := runs.Reader{Archive: p.archive, Catalog: p.catalog, Codec: p.codec, Layout: p.Layout,
		Parallel: runner.Sequential}
	for _, run := range p.runs {
		earlier, err := reader.Manifest(ctx, run)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range earlier.Objects {
			taken[o.Key] = true
		}
	}
	all, _, err := p.archive.List(ctx, archive.FirstEvent, archive.SlotKey(horizon), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if taken[o.Key] {
			continue
		}
		if o.Key < archive.SlotKey(m.From) {
			m.LateObjects++
		}
		m.Objects = append(m.Objects, runs.ManifestObject{Object: o})
	}
	set := compiled(t)
	in, err := reader.Read(ctx, set.Fields(), m)
	if err != nil {
		t.Fatal(err)
	}
	run := lifecycle.Run{N: n, Horizon: horizon, Objects: int64(len(m.Objects)), LateObjects: int64(m.LateObjects),
		Events: int64(len(in.Seen))}
	run.FirstArrival, run.LastArrival = in.Arrivals()
	if run.Objects > 0 {
		run.Manifest, run.Identities = fmt.Sprintf("runs/%d/manifest.json", n), fmt.Sprintf("runs/%d/identities", n)
		for key, body := range map[string][]byte{run.Manifest: runs.EncodeManifest(m),
			run.Identities: runs.EncodeIdentities(in.Seen)} {
			if _, err := p.archive.Put(ctx, archive.Key(key), body); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.catalog.Append(ctx, run); err != nil {
		t.Fatal(err)
	}
	p.runs = append(p.runs, run)
}

// sweep marks all runs as swept up to the first one with an event that is not streamed.
func (p *past) sweep(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	loaded, err := p.catalog.Swept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	swept := loaded
	for _, run := range p.runs[loaded:] {
		m, err := runs.Reader{Archive: p.archive}.Manifest(ctx, run)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(m.Objects, func(o runs.ManifestObject) bool { return p.objects[o.Key].records != nil }) {
			break
		}
		swept = run.N
	}
	if swept > loaded {
		if err := p.catalog.PutSwept(ctx, swept, loaded); err != nil {
			t.Fatal(err)
		}
	}
}

// tick runs replay once, which must succeed.
func (p *past) tick(t testing.TB) speed.ReplayReport {
	t.Helper()
	report, err := p.replay.Tick(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// generation returns a generation from the catalog.
func (p *past) generation(t testing.TB, id lifecycle.GenerationID) lifecycle.Generation {
	t.Helper()
	v, err := p.catalog.View(context.Background(), byUserForGood().Name)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := v.Generation(id)
	return g
}

// stored returns the items of a set.
func (p *past) stored(t testing.TB, set lifecycle.Set) (all []viewstore.SpeedItem) {
	t.Helper()
	for after := ""; ; {
		items, next, err := p.items.Scan(context.Background(), set, after)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, items...)
		if after = next; after == "" {
			return all
		}
	}
}

// merged describes the states of a generation by user, merged over both halves and all lanes.
func (p *past) merged(t testing.TB, id lifecycle.GenerationID) []string {
	t.Helper()
	set := compiled(t)
	byKey := map[view.Key]*view.Windows{}
	for _, item := range p.stored(t, lifecycle.OfGeneration(id)) {
		if item.Slot != viewstore.NoSlot || item.Expires != 0 {
			t.Errorf("item of slot %s, expires %d: want no slot and no expiry", item.Slot, item.Expires)
		}
		w := byKey[item.Key]
		if w == nil {
			w = set.Programs[0].NewWindows()
			byKey[item.Key] = w
		}
		if err := w.MergePage(item.Page, item.States, nil); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		for _, window := range byKey[key].Sorted() {
			all = append(all, fmt.Sprintf("%s n=%s amount=%s", key[:len(key)-1], byKey[key].AppendValue(nil, 0, window),
				byKey[key].AppendValue(nil, 1, window)))
		}
	}
	return all
}

func (p *past) checkMerged(t testing.TB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, p.merged(t, "k")); diff != "" {
		t.Error("both halves (-want +stored):", diff)
	}
}

// at returns the instant one second into the slot that is so many slots after start.
func at(slots int) time.Time { return start.Start().Add(time.Duration(slots)*slotLength + time.Second) }

// slotAt returns the slot of at.
func slotAt(slots int) slot.Slot {
	return start + slot.Slot(slots)*slot.Slot(slotLength.Milliseconds())
}

// TestReplay checks the split at LiveFrom. Events below it come from the archive, into a lane of replay's own, with
// applied positions that name run and object. Events from LiveFrom on are there already. Then the generation serves.
func TestReplay(t *testing.T) {
	p := newPast(t, slotAt(0))
	requests := []*request{
		p.send(t, at(-20), "a1:1", "b1:10"), p.send(t, at(-20), "a2:2"), p.send(t, at(-2), "a3:4", "a1:1"),
		p.send(t, at(0), "a4:8"),
	}
	p.run(t, slotAt(-15))
	p.stream(t, requests...)
	p.checkMerged(t, "ua n=1 amount=8")
	if report := p.tick(t); report.Generations[0].Left != 0 || report.Head != 1 {
		t.Errorf("report is %+v", report)
	}
	p.checkMerged(t, "ua n=3 amount=11", "ub n=1 amount=10")
	if g := p.generation(t, "k"); g.Run != 1 || g.Horizon != slotAt(-15) || g.State != lifecycle.Building {
		t.Errorf("generation is %+v, want run 1, and building, since its horizon is below LiveFrom", g)
	}
	p.run(t, slotAt(1))
	p.sweep(t)
	report := p.tick(t)
	p.checkMerged(t, "ua n=5 amount=16", "ub n=1 amount=10")
	want := speed.ReplayedGeneration{
		View: "by_user", Generation: "k", Run: 2, Runs: 1, Events: 2, Items: 1, Counts: view.Counts{Folded: 2},
	}
	if diff := cmp.Diff([]speed.ReplayedGeneration{want}, report.Generations); diff != "" {
		t.Error("report (-want +got):", diff)
	}
	g := p.generation(t, "k")
	if g.Run != 2 || g.Horizon != slotAt(1) || g.State != lifecycle.Serving {
		t.Errorf("generation is %+v, want it to serve", g)
	}
	applied := map[string]bool{}
	for _, item := range p.stored(t, "k") {
		if item.Lane == event.ReplayLane {
			applied[string(item.Key[:len(item.Key)-1])+" "+string(item.Applied)] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"ua 20000000000": true, "ub 10000000001": true}, applied); diff != "" {
		t.Error("applied positions of replayed items (-want +stored):", diff)
	}
}

// TestReplayEdge checks that copies on both sides of LiveFrom count once, whichever comes first in the lane.
func TestReplayEdge(t *testing.T) {
	for _, c := range []struct {
		name     string
		arrivals []time.Time // of copies of one event
		lane     []int       // order in which they are streamed
		want     string
	}{
		{"below first", []time.Time{at(-1), at(0)}, []int{0, 1}, "n=1"},
		{"above first", []time.Time{at(-1), at(0)}, []int{1, 0}, "n=1"},
		{"two below, first in the lane", []time.Time{at(-2), at(-1), at(0)}, []int{1, 2, 0}, "n=1"},
		{"two below, last in the lane", []time.Time{at(-2), at(-1), at(0)}, []int{2, 1, 0}, "n=1"},
		{"two above", []time.Time{at(-1), at(0), at(1)}, []int{2, 0, 1}, "n=1"},
		{"two above, before and after the one below", []time.Time{at(-1), at(0), at(1)}, []int{1, 0, 2}, "n=1"},
		{"above only", []time.Time{at(0), at(1)}, []int{1, 0}, "n=1"},
		{"below only", []time.Time{at(-2), at(-1)}, []int{1, 0}, "n=1"},
		{"as far apart as the window, above first", []time.Time{at(-1), at(11)}, []int{1, 0}, "n=1"},
		{"further apart than the window, above first", []time.Time{at(-1).Add(-time.Millisecond), at(11)}, []int{1, 0},
			"n=2"},
		{"further apart than the window, below first", []time.Time{at(-1).Add(-time.Millisecond), at(11)}, []int{0, 1},
			"n=2"},
		// The copy above LiveFrom is near the one below. Speed dropped it for a third copy, which is too far from the one
		// below to be its copy.
		{"above dropped for a third", []time.Time{at(-1), at(6), at(14)}, []int{2, 1, 0}, "n=2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPast(t, slotAt(0))
			var requests []*request
			for _, arrival := range c.arrivals {
				requests = append(requests, p.send(t, arrival, "a:1"))
			}
			for _, i := range c.lane {
				p.stream(t, requests[i])
			}
			p.run(t, slotAt(20))
			p.sweep(t)
			p.tick(t)
			p.checkMerged(t, "ua "+c.want+" amount="+c.want[2:])
		})
	}
}

// TestReplayLate checks that a copy above LiveFrom in an earlier run does not make replay drop a copy: the live half
// may have dropped it.
func TestReplayLate(t *testing.T) {
	for _, lateFirst := range []bool{true, false} {
		p := newPast(t, slotAt(0))
		requests := []*request{p.send(t, at(0), "a:1")}
		p.run(t, slotAt(1))
		requests = append(requests, p.send(t, at(-1), "a:1"))
		p.run(t, slotAt(2))
		if lateFirst {
			slices.Reverse(requests)
		}
		p.stream(t, requests...)
		p.sweep(t)
		p.tick(t)
		p.checkMerged(t, "ua n=1 amount=1")
	}
}

// TestReplayWaits checks that replay waits for the sweep with a run that holds events which arrived in the window
// before LiveFrom. Earlier runs do not wait.
func TestReplayWaits(t *testing.T) {
	p := newPast(t, slotAt(0))
	early, before, after := p.send(t, at(-30), "a:1"), p.send(t, at(-1), "b:1"), p.send(t, at(0), "b:1")
	p.run(t, slotAt(-20))
	p.run(t, slotAt(1))
	p.stream(t, early, after)
	for range 2 {
		report := p.tick(t)
		if g := report.Generations[0]; g.Run != 1 || g.Left != 1 || !g.Waits {
			t.Errorf("report is %+v, want the second run to wait", g)
		}
	}
	p.checkMerged(t, "ua n=1 amount=1", "ub n=1 amount=1")
	p.stream(t, before) // as republish does for the sweep
	p.sweep(t)
	if g := p.tick(t).Generations[0]; g.Run != 2 || g.Waits || g.Duplicates != 1 {
		t.Errorf("report is %+v, want one copy left to the live half", g)
	}
	p.checkMerged(t, "ua n=1 amount=1", "ub n=1 amount=1")
	// A late object of a slot long before needs no sweep; one within the window does.
	p.send(t, at(-40), "c:1")
	p.run(t, slotAt(2))
	if g := p.tick(t).Generations[0]; g.Run != 3 || g.Waits {
		t.Errorf("report is %+v", g)
	}
	late := p.send(t, at(-12), "d:1")
	p.run(t, slotAt(3))
	if g := p.tick(t).Generations[0]; g.Run != 3 || !g.Waits {
		t.Errorf("report is %+v, want a late object within the window to wait", g)
	}
	p.stream(t, late)
	p.stream(t, slices.Collect(maps.Values(p.objects))...)
	p.sweep(t)
	p.tick(t)
	p.checkMerged(t, "ua n=1 amount=1", "ub n=1 amount=1", "uc n=1 amount=1", "ud n=1 amount=1")
}

// TestReplayTooLate checks that replay fails once seen items may have expired. It can no longer know which half has
// counted a copy, and must not guess.
func TestReplayTooLate(t *testing.T) {
	for _, c := range []struct {
		name string
		now  time.Time
		ok   bool
	}{
		{"in time", slotAt(0).Start().Add(retain - time.Hour - 2*64*time.Second - time.Millisecond), true},
		{"too late", slotAt(0).Start().Add(retain - time.Hour - 2*64*time.Second), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPast(t, slotAt(0))
			early, before, after := p.send(t, at(-30), "a:1"), p.send(t, at(-1), "b:1"), p.send(t, at(0), "b:1")
			p.run(t, slotAt(-20))
			p.run(t, slotAt(1))
			p.stream(t, early, after, before)
			p.sweep(t)
			p.now = c.now
			p.replay.ClockMargin = clock.Margin(31 * time.Second)
			report, err := p.replay.Tick(context.Background())
			if c.ok {
				if err != nil || report.Generations[0].Run != 2 {
					t.Errorf("report is %+v, %v", report, err)
				}
				p.checkMerged(t, "ua n=1 amount=1", "ub n=1 amount=1")
				return
			}
			if !errors.Is(err, speed.ErrSeenExpired) || !strings.Contains(err.Error(), "generation k of view by_user") {
				t.Errorf("error is %v", err)
			}
			if g := p.generation(t, "k"); g.Run != 0 || g.State != lifecycle.Building {
				t.Errorf("generation is %+v, want it unchanged", g)
			}
		})
	}
}

// TestReplayPassesOver checks that runs without anything below LiveFrom cost no read of the archive, and that a
// generation that is live from the first slot on follows the head.
func TestReplayPassesOver(t *testing.T) {
	p := newPast(t, slotAt(0))
	p.send(t, at(-20), "a:1")
	p.run(t, slotAt(0))
	p.tick(t)
	p.restart()
	for i := range 300 {
		p.send(t, at(i), fmt.Sprintf("b%d:1", i))
		p.run(t, slotAt(i+1))
	}
	p.calls = nil
	if g := p.tick(t).Generations[0]; g.Runs != 300 || g.Left != 0 {
		t.Errorf("report is %+v", g)
	}
	if slices.Contains(p.calls, "archive.Get") || count(p.calls, "catalog.PutView") != 1 {
		t.Errorf("calls are %v, want no read of the archive, and one write", p.calls)
	}
	t.Run("live from the first slot on", func(t *testing.T) {
		p.generations(t, lifecycle.Generation{ID: "k"})
		p.calls = nil
		if g := p.tick(t).Generations[0]; g.Run != 301 || g.Left != 0 {
			t.Errorf("report is %+v", g)
		}
		if slices.Contains(p.calls, "archive.Get") {
			t.Errorf("calls are %v", p.calls)
		}
		if g := p.generation(t, "k"); g.Horizon != slotAt(300) || g.State != lifecycle.Serving {
			t.Errorf("generation is %+v", g)
		}
	})
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// TestReplaySteps checks that a step folds several runs, up to a number of bytes. A run that is larger is a step by
// itself. A tick takes no more steps than its time allows.
func TestReplaySteps(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int64 // the objects have equal sizes
		steps []uint64
	}{
		{"one run is too large", 1, []uint64{1, 2, 3, 4, 5, 6}},
		{"one run", 2, []uint64{1, 2, 3, 4, 5, 6}},
		{"two runs and a half", 5, []uint64{2, 4, 6}},
		{"all runs", 12, []uint64{6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPast(t, slotAt(0))
			var size int64
			for i := range 6 {
				for range 2 {
					r := p.send(t, at(i-40), fmt.Sprintf("a%d:1", p.made+10))
					body, _, err := p.archive.Get(context.Background(), r.key)
					if err != nil || size != 0 && int64(len(body)) != size {
						t.Fatalf("objects of %d and %d bytes, %v", size, len(body), err)
					}
					size = int64(len(body))
				}
				p.run(t, slotAt(i-39))
			}
			p.replay.Bytes = c.bytes * size
			var steps []uint64
			p.catalog.Hook = func(call memory.Call) memory.Fault {
				if call.Name == "catalog.PutView" {
					steps = append(steps, p.replayedPositions(t))
				}
				return memory.Fault{}
			}
			p.tick(t)
			if diff := cmp.Diff(c.steps, steps); diff != "" {
				t.Error("runs that the steps ended with (-want +got):", diff)
			}
			p.catalog.Hook = nil
			p.checkMerged(t, "ua n=12 amount=12")
		})
	}
	t.Run("two steps a tick", func(t *testing.T) {
		p := newPast(t, slotAt(0))
		for i := range 6 {
			p.send(t, at(i-40), fmt.Sprintf("a%d:1", i))
			p.run(t, slotAt(i-39))
		}
		p.replay.Bytes, p.replay.TickBytes = 1, 300 // objects have about 200 bytes
		for _, want := range []uint64{2, 4, 6, 6} {
			p.tick(t)
			if got := p.replayedPositions(t); got != want {
				t.Errorf("a tick ends with run %d, want %d", got, want)
			}
		}
		p.checkMerged(t, "ua n=6 amount=6")
	})
	t.Run("time is short", func(t *testing.T) {
		p := newPast(t, slotAt(0))
		for i := range 4 {
			p.send(t, at(i-40), fmt.Sprintf("a%d:1", i))
			p.run(t, slotAt(i-39))
		}
		p.replay.Bytes = 1
		ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(time.Hour))
		defer cancel()
		deadline, _ := ctx.Deadline()
		p.now = deadline.Add(-50 * time.Minute)
		p.catalog.Hook = func(call memory.Call) memory.Fault {
			if call.Name == "catalog.PutView" {
				p.now = p.now.Add(15 * time.Minute) // the duration of a step
			}
			return memory.Fault{}
		}
		report, err := p.replay.Tick(ctx)
		if g := report.Generations[0]; err != nil || g.Run != 2 || g.Left != 2 || g.Runs != 2 {
			t.Errorf("report is %+v, %v; want two steps of 15 min in 50", report, err)
		}
	})
}

// replayedPositions returns the run of the highest applied position of replayed items.
func (p *past) replayedPositions(t testing.TB) (run uint64) {
	t.Helper()
	for _, item := range p.stored(t, "k") {
		if item.Lane == event.ReplayLane {
			var n uint64
			if _, err := fmt.Sscan(string(item.Applied), &n); err != nil {
				t.Fatal(err)
			}
			run = max(run, n/1e10)
		}
	}
	return run
}

// TestReplaySeveral checks that each generation continues from its own run, and that generations that lack the same
// runs share one read. A generation that fails or is given up does not stop another one.
func TestReplaySeveral(t *testing.T) {
	p := newPast(t, slotAt(0))
	p.send(t, at(-40), "a1:1")
	p.run(t, slotAt(-39))
	p.send(t, at(-30), "a2:2")
	p.run(t, slotAt(-29))
	p.send(t, at(-20), "a3:4")
	p.run(t, slotAt(-19))
	p.generations(t,
		lifecycle.Generation{ID: "k", LiveFrom: slotAt(0)}, lifecycle.Generation{ID: "same", LiveFrom: slotAt(0)},
		lifecycle.Generation{ID: "earlier", LiveFrom: slotAt(-5)},
		lifecycle.Generation{ID: "ahead", LiveFrom: slotAt(0), Run: 2, Horizon: slotAt(-29)},
		lifecycle.Generation{ID: "announced", LiveFrom: slotAt(0), State: lifecycle.Announced},
		lifecycle.Generation{ID: "given_up", LiveFrom: slotAt(0), State: lifecycle.Dropping, Since: event.MillisOf(p.now)},
		lifecycle.Generation{ID: "retained", LiveFrom: slotAt(0), State: lifecycle.Retained},
	)
	broken := byUser()
	broken.Name, broken.Architecture = "broken", view.Kappa
	p.register(t, lifecycle.View{Name: "broken", Generations: []lifecycle.Generation{
		{ID: "broken", Definition: broken.Hash(), Architecture: view.Kappa, State: lifecycle.Building, LiveFrom: slotAt(1)},
	}})
	p.register(t, lifecycle.View{Name: "lambda",
		Generations: []lifecycle.Generation{{ID: "lambda", Definition: byUser().Hash(), State: lifecycle.Building}}})
	gets := map[string]int{}
	p.archive.Hook = func(call memory.Call) memory.Fault {
		gets[call.Key]++
		return memory.Fault{}
	}
	_, err := p.replay.Tick(context.Background())
	if err == nil || !strings.Contains(err.Error(), "replay generation broken of view broken: read definition") {
		t.Errorf("error is %v, want one that names the generation", err)
	}
	for id, want := range map[lifecycle.GenerationID]string{
		"k": "ua n=3 amount=7", "same": "ua n=3 amount=7", "retained": "ua n=3 amount=7", "earlier": "ua n=3 amount=7",
		"ahead": "ua n=1 amount=4",
	} {
		if g := p.generation(t, id); g.Run != 3 || g.Horizon != slotAt(-19) {
			t.Errorf("generation is %+v, want it at run 3", g)
		}
		if diff := cmp.Diff([]string{want}, p.merged(t, id)); diff != "" {
			t.Errorf("%s (-want +stored): %s", id, diff)
		}
	}
	for _, id := range []lifecycle.GenerationID{"announced", "given_up", "lambda"} {
		if g := p.generation(t, id); g.Run != 0 || len(p.merged(t, id)) != 0 {
			t.Errorf("generation is %+v, with items %v, want it left alone", g, p.merged(t, id))
		}
	}
	for key, n := range gets {
		// An object is read for those live from slot 0 together, for the one that is live earlier, and for the one that is
		// ahead. The broken one fails before it reads.
		if strings.HasPrefix(key, "events/") && n > 3 {
			t.Errorf("%s was got %d times", key, n)
		}
	}
}

// TestReplayGivenUp checks that a generation that is given up between two steps is not written any more.
func TestReplayGivenUp(t *testing.T) {
	p := newPast(t, slotAt(0))
	for i := range 3 {
		p.send(t, at(i-40), fmt.Sprintf("a%d:1", i))
		p.run(t, slotAt(i-39))
	}
	p.replay.Bytes = 1
	done := false
	p.items.Hook = func(call memory.Call) memory.Fault {
		if call.Name == "speed.Put" && !done {
			done = true
			p.generations(t, lifecycle.Generation{ID: "k", LiveFrom: slotAt(0), State: lifecycle.Dropping,
				Since: event.MillisOf(p.now)})
		}
		return memory.Fault{}
	}
	p.tick(t)
	if g := p.generation(t, "k"); g.Run != 0 || g.State != lifecycle.Dropping || len(p.items.puts) != 1 {
		t.Errorf("generation is %+v, %d items put; want those of one step", g, len(p.items.puts))
	}
}

// TestReplayServes checks when replay lets a generation serve.
func TestReplayServes(t *testing.T) {
	kappa := func(g lifecycle.Generation) lifecycle.Generation {
		g.ID, g.LiveFrom = "k", slotAt(0)
		return g
	}
	serving := lifecycle.Generation{ID: "old", LiveFrom: slotAt(-10), State: lifecycle.Serving, Run: 1, Horizon: slotAt(1)}
	for _, c := range []struct {
		name    string
		all     []lifecycle.Generation
		serving lifecycle.GenerationID
		approve bool
		horizon slot.Slot
		want    lifecycle.GenerationID
	}{
		{"the first", []lifecycle.Generation{kappa(lifecycle.Generation{})}, "", false, slotAt(1), "k"},
		{"the first, with approval", []lifecycle.Generation{kappa(lifecycle.Generation{})}, "", true, slotAt(1), "k"},
		{"the horizon is LiveFrom", []lifecycle.Generation{kappa(lifecycle.Generation{})}, "", false, slotAt(0), "k"},
		{"the horizon is below LiveFrom", []lifecycle.Generation{kappa(lifecycle.Generation{})}, "", false, slotAt(-1), ""},
		{"announced", []lifecycle.Generation{kappa(lifecycle.Generation{State: lifecycle.Announced})}, "", false, slotAt(1),
			""},
		{"the second", []lifecycle.Generation{serving, kappa(lifecycle.Generation{})}, "old", false, slotAt(1), "k"},
		{"the second, with approval", []lifecycle.Generation{serving, kappa(lifecycle.Generation{})}, "old", true, slotAt(1),
			"old"},
		{"retained", []lifecycle.Generation{serving, kappa(lifecycle.Generation{State: lifecycle.Retained})}, "old", false,
			slotAt(1), "old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPast(t, slotAt(0))
			p.generations(t, c.all...)
			v, err := p.catalog.View(context.Background(), "by_user")
			if err != nil {
				t.Fatal(err)
			}
			v.Serving = c.serving
			if err := p.catalog.PutView(context.Background(), v); err != nil {
				t.Fatal(err)
			}
			p.run(t, c.horizon)
			p.replay.RequireApproval = c.approve
			p.tick(t)
			if v, err = p.catalog.View(context.Background(), "by_user"); err != nil || v.Serving != c.want {
				t.Errorf("%s serves, %v; want %s", v.Serving, err, c.want)
			}
			if old, ok := v.Generation("old"); c.want == "k" && ok && old.State != lifecycle.Retained {
				t.Errorf("the generation that served before is %s", old.State)
			}
		})
	}
}

// TestReplayDeletes checks that a generation that was given up is deleted after a while, its items first, whatever
// fails meanwhile. Nothing else is deleted.
func TestReplayDeletes(t *testing.T) {
	p := newPast(t, slotAt(0))
	p.generations(t, lifecycle.Generation{ID: "k", LiveFrom: slotAt(0)},
		lifecycle.Generation{ID: "other", LiveFrom: slotAt(0)})
	for i := range 26 {
		p.stream(t, p.send(t, at(0), fmt.Sprintf("%c:1", 'a'+i)))
	}
	given := event.MillisOf(p.now)
	p.generations(t, lifecycle.Generation{ID: "k", LiveFrom: slotAt(0), State: lifecycle.Dropping, Since: given},
		lifecycle.Generation{ID: "other", LiveFrom: slotAt(0)})
	p.replay.ClockMargin = clock.Margin(30 * time.Second)
	p.now = p.now.Add(time.Minute + 62*time.Second - time.Millisecond)
	p.tick(t)
	if n := p.items.Len("k"); n == 0 || p.generation(t, "k").ID == "" {
		t.Fatalf("%d items are left before its time", n)
	}
	p.now = p.now.Add(time.Millisecond)
	p.items.Hook = fail("speed.Drop", func(call int, _ string) (memory.Fault, bool) {
		return memory.Fault{Err: errLost}, call == 1
	})
	if _, err := p.replay.Tick(context.Background()); !errors.Is(err, errLost) ||
		!strings.Contains(err.Error(), "view by_user: drop generation k") {
		t.Errorf("error is %v", err)
	}
	if p.generation(t, "k").ID == "" {
		t.Fatal("the generation is deleted before its items")
	}
	p.tick(t)
	if n := p.items.Len("k"); n != 0 || p.generation(t, "k").ID != "" {
		t.Errorf("%d items are left", n)
	}
	if p.items.Len("other") != 26 || p.generation(t, "other").ID == "" {
		t.Error("another generation's items are gone")
	}
}

// TestReplayCannotRead checks that a step fails with an error that names the missing object, and writes nothing.
func TestReplayCannotRead(t *testing.T) {
	p := newPast(t, slotAt(0))
	p.send(t, at(-30), "a:1")
	broken := p.send(t, at(-29), "b:1")
	p.run(t, slotAt(-20))
	p.archive.Hook = func(call memory.Call) memory.Fault {
		if call.Key == string(broken.key) {
			return memory.Fault{Err: archive.ErrNotFound}
		}
		return memory.Fault{}
	}
	_, err := p.replay.Tick(context.Background())
	if !errors.Is(err, archive.ErrNotFound) || !strings.Contains(err.Error(), string(broken.key)) ||
		!strings.Contains(err.Error(), "run 1") {
		t.Errorf("error is %v, want one that names run and object", err)
	}
	if len(p.items.puts) != 0 || p.generation(t, "k").Run != 0 {
		t.Error("something was written")
	}
}
