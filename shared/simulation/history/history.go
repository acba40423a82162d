// Package history plays whole histories of the system, one per seed: ingest, republish, stream, speed behind the event source mapping, batch,
// sweep and queries, several of each at once, over memory, under a virtual clock and a seeded scheduler that interleaves them at every call of
// a contract and lets every kind of fault happen there. An oracle that shares no code with the layers holds every answer against what has
// happened, after every step that can change one.
//
// One seed is one history: the same seed gives the same trace, byte by byte, on any machine. What is drawn for a seed, beside the history's own
// course, are its settings and which kinds of faults it has, how often: quiet and wild histories both occur ("swarm testing": Groce et al.,
// ISSTA 2012).
//
// Many seeds, and one of them with its trace:
//
//	go test ./shared/simulation/history -run 'TestHistories$' -seeds 10000 -first 1
//	go test ./shared/simulation/history -run 'TestHistory$' -seed 17 -v
//
// It knows the layers by their exported methods only, and no store but those of package memory. Not played: records that leave the stream before
// they are applied (the mapping has no limit on tries or age, retention is days), items that expire before their slot is covered, and a change of
// layout.
package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Result says what a history was like.
type Result struct {
	Seed    uint64
	Faults  Counts
	Steps   uint64        // things that happened
	Calls   int           // of contracts
	Looks   int           // answers checked as they stood at one moment
	Events  int           // distinct
	Copies  int           // of them, in the archive
	Runs    int           // real ones
	Virtual time.Duration // simulated time
	Trace   []byte        // a line per step
}

// Failure is the error of a history that an oracle refused.
type Failure struct {
	Seed   uint64
	Oracle string // what must hold
	Detail string // what does not
	Trace  []byte
}

// Error names the seed, the oracle, and the command that plays the history again.
func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d: %s: %s\nreplay: go test ./shared/simulation/history -run 'TestHistory$' -seed %d -v", f.Seed, f.Oracle, f.Detail, f.Seed)
}

// Run plays the history of one seed to its end. The error is a *Failure when an oracle was violated; the result holds what had happened by then.
// It is safe for concurrent use.
func Run(seed uint64) (Result, error) { return run(seed, options{}) }

// Tamper breaks the world on purpose, to see that the oracles find it. It is asked at every call that a function makes: with true the call is
// not applied, and its caller is told that it succeeded.
type Tamper func(w *World, name, key string) (drop bool)

// World is what a Tamper can reach.
type World struct {
	Clock   time.Time
	Archive *memory.Archive
	Base    *memory.Base
	Items   *memory.Speed
	Seen    *memory.Seen
	Random  *rand.Rand

	h *history
}

// Generations are those there are, in the order of the views' names.
func (w *World) Generations() []viewstore.Generation {
	all, err := w.h.catalog.Views(everywhere)
	w.h.must(err)
	var ids []viewstore.Generation
	for _, v := range all {
		for _, g := range v.Generations {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

// RunBroken is Run in a world that is broken on purpose.
func RunBroken(seed uint64, tamper Tamper) (Result, error) {
	return run(seed, options{tamper: tamper})
}

// options are what a history has that its seed does not say.
type options struct {
	tamper Tamper
	adjust func(*settings) // changes what was drawn
	begin  func(*history)  // is called before anything happens
	end    func(*history)  // when all work has ended
	stands bool            // nothing can be done: the history ends when its faults do
}

// settings are drawn for each history.
type settings struct {
	slotLength   time.Duration
	commitWithin time.Duration
	margin       time.Duration
	settle       time.Duration
	relist       time.Duration
	speedWindow  time.Duration
	batchWindow  time.Duration
	lanes        int
	shards       int
	sweepAfter   time.Duration
	runBytes     int64

	active       time.Duration // for so long clients send and faults happen
	requestEvery time.Duration // on average
	perRequest   int           // events, at most
	maxEvents    int           // distinct
	queryEvery   time.Duration
	pollEvery    time.Duration
	tickEvery    time.Duration
	sweepEvery   time.Duration
	longFreeze   time.Duration
	latencyUpTo  time.Duration
	edgy         bool          // more of it: slow puts, runs that are made real and not applied, and clocks as far apart as may be
	lookUpTo     int           // answers of a view, when its horizon moves, and then some of the others; 0: all
	aimed        bool          // requests and ticks seek the edges of slots
	keep         time.Duration // how long a generation that has served is kept: longer than any query takes
	announced    bool          // the views are announced by batch, with events there already; else they are there from the beginning
	redeliver    time.Duration // the republish queue's visibility timeout, up to twice of it
	timeouts     [roles]time.Duration
	skews        map[role]time.Duration // of all environments of a function, where it is not drawn

	liveBound, batchBound, patience time.Duration // see settleDown

	rates                [faults]float64
	perCall              float64 // the sum of the rates of callFaults
	outages              map[Fault]outage
	batchGone, batchBack time.Time
}

// history is the play of one seed.
type history struct {
	settings
	scheduler
	truth
	kit    *kit
	random *rand.Rand
	options

	archive *memory.Archive
	stream  *memory.Stream
	queue   *memory.Queue
	catalog *memory.Catalog
	base    *memory.Base
	items   *memory.Speed
	seen    *memory.Seen
	layout  archive.Layout

	environments [roles][]*environment
	flying       []*invocation
	source       source
	observer     *serving.Serving // asks at one moment
	generation   map[viewstore.Generation]int
	level        [views]uint64               // per view: the last run seen applied to what answers
	answers      [views]viewstore.Generation // per view: which it was
	pointers     map[view.Name]catalog.View  // as last seen
	deployed     int                         // which variant of the definitions batch is deployed with
	live         [views]slot.Slot            // per view: from where on speed folds it

	calm      bool // no more faults
	counts    Counts
	violation *violation
	trace     bytes.Buffer

	opened, invoked, requests, calls, looks, ticked, waiting int
	backlog                                                  bool

	drainedAt           time.Time // when all work had ended first, after the faults
	runsThen, ticksThen int
}

// kit is what all histories share, and never changes.
type kit struct {
	variants [variants][]catalog.Definition // of the definitions: others, to Anabranch, that mean the same
	programs *catalog.Programs              // compiled beforehand, for every set of views there can be
	codec    *event.Codec
	viewOf   map[view.Hash]int
}

// variants is how many definitions of by_user there are.
const variants = 3

// variant are the views with one of them.
func variant(n int) string {
	if n == 0 {
		return simulation.Views
	}
	return strings.Replace(simulation.Views, `data.kind != "test"`, fmt.Sprintf(`data.kind != "test" && data.kind != "kind %d"`, n), 1)
}

var theKit = sync.OnceValues(newKit)

func newKit() (*kit, error) {
	k := &kit{programs: &catalog.Programs{}, viewOf: map[view.Hash]int{}}
	var err error
	if k.codec, err = event.NewCodec(8 << 20); err != nil {
		return nil, err
	}
	stored := &memory.Catalog{}
	var hashes []view.Hash
	for n := range variants {
		parsed, err := view.Parse("views.yaml", []byte(strings.TrimRight(variant(n), "\n")+marksView))
		if err != nil {
			return nil, err
		}
		k.variants[n] = catalog.Define(parsed)
		for _, d := range k.variants[n] {
			if _, known := k.viewOf[d.Hash]; known {
				continue
			}
			k.viewOf[d.Hash] = slices.Index(viewNames[:], string(d.Name))
			if err := stored.PutDefinition(everywhere, d.Hash, d.Text); err != nil {
				return nil, err
			}
			hashes = append(hashes, d.Hash)
		}
	}
	// Programs compiles a set under a lock, which no function may hold while others go on: what all share has everything compiled already.
	slices.Sort(hashes)
	for set := range 1 << len(hashes) {
		var some []view.Hash
		for i, hash := range hashes {
			if set>>i&1 == 1 {
				some = append(some, hash)
			}
		}
		if _, err := k.programs.Of(everywhere, stored, some); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func run(seed uint64, o options) (result Result, err error) {
	k, err := theKit()
	if err != nil {
		return Result{Seed: seed}, err
	}
	h := &history{kit: k, random: rand.New(rand.NewPCG(seed, 0x616e616272616e63)), options: o}
	h.clock = epoch
	defer func() {
		if r := recover(); r != nil {
			h.fail(oraclePanic, "%v\n%s", r, debug.Stack())
		}
		h.abandon()
		result = h.result(seed)
		if err == nil && h.violation != nil {
			err = &Failure{Seed: seed, Oracle: h.violation.Oracle, Detail: h.violation.Detail, Trace: result.Trace}
		}
	}()
	h.settings = h.drawSettings()
	if o.adjust != nil {
		o.adjust(&h.settings)
	}
	if err := h.build(seed); err != nil {
		return result, err
	}
	h.play()
	return result, nil
}

// abandon ends the functions that a violation has left standing, so that nothing of a history outlives it.
func (h *history) abandon() {
	for len(h.flying) > 0 {
		inv := h.flying[0]
		h.flying = h.flying[1:]
		if !inv.ended {
			inv.ended = true
			inv.stop()
		}
	}
}

func (h *history) result(seed uint64) Result {
	r := Result{
		Seed: seed, Faults: h.counts, Steps: h.step, Calls: h.calls, Looks: h.looks, Events: len(h.identities), Runs: len(h.runs),
		Virtual: h.clock.Sub(epoch), Trace: h.trace.Bytes(),
	}
	for _, o := range h.landed {
		r.Copies += len(o.copies)
	}
	return r
}

// build makes a world in which nothing has happened but the registration of its views.
func (h *history) build(seed uint64) error {
	length, err := slot.NewLength(h.slotLength)
	if err != nil {
		return err
	}
	h.truth = truth{
		objects: map[ulid.ULID]*object{}, published: map[string][]*copyOf{}, delivered: map[event.Sequence]*record{}, runOf: map[slot.Slot]uint64{},
		folds: map[cell]*fold{}, counting: map[cell][]*position{}, windows: map[rowsOf][]int64{}, built: map[int]uint64{},
	}
	h.generation, h.pointers = map[viewstore.Generation]int{}, map[view.Name]catalog.View{}
	h.archive, h.queue, h.catalog = &memory.Archive{}, &memory.Queue{}, &memory.Catalog{}
	h.base, h.items, h.seen = &memory.Base{}, &memory.Speed{}, &memory.Seen{}
	h.stream = memory.NewStream(h.shards)
	h.archive.Now = func() time.Time { return h.clock.Truncate(time.Second) } // S3 tells whole seconds
	h.stream.Now = func() time.Time { return h.clock }
	wanted := archive.Layout{
		Number: 1, Slot: length, Lanes: h.lanes, HashKey: event.HashKey{byte(seed), byte(seed >> 8), 2, 3},
		DedupeWindow: h.batchWindow, SpeedWindow: h.speedWindow, Stream: "memory",
	}
	if h.layout, _, err = archive.OpenLayout(everywhere, h.archive, wanted); err != nil {
		return err
	}
	h.observer = &serving.Serving{
		Catalog: h.catalog, Programs: h.kit.programs, Base: h.base, Speed: h.items, MaxRows: 10_000, Now: func() time.Time { return h.clock },
	}
	if !h.announced {
		first := batch.Batch{
			Catalog: h.catalog, Definitions: h.kit.variants[0], NewID: func() (ulid.ULID, error) { return h.newULID(h.clock) },
		}
		if err := first.Register(everywhere); err != nil {
			return err
		}
	}
	h.learnGenerations()
	m, err := eventsource.New(h.mappingSettings())
	h.source = source{mapping: m}
	return err
}

// drawSettings draws what this history is like.
func (h *history) drawSettings() settings {
	s := settings{
		slotLength:   pick(h, 5*time.Second, 10*time.Second, 10*time.Second, 15*time.Second, 20*time.Second),
		commitWithin: pick(h, time.Second, 2*time.Second, 3*time.Second),
		margin:       pick(h, 500*time.Millisecond, time.Second, 2*time.Second),
		relist:       20 * time.Minute,
		sweepAfter:   h.between(5*time.Second, 25*time.Second),
		runBytes:     pick(h, int64(600), 3000, 64<<20, 64<<20),
		requestEvery: h.between(1*time.Second, 4*time.Second),
		perRequest:   1 + h.random.IntN(8),
		maxEvents:    30 + h.random.IntN(100),
		queryEvery:   h.between(2*time.Second, 8*time.Second),
		pollEvery:    h.between(200*time.Millisecond, time.Second),
		longFreeze:   h.between(10*time.Second, 40*time.Second),
		latencyUpTo:  pick(h, 4*time.Millisecond, 20*time.Millisecond, 80*time.Millisecond),
		outages:      map[Fault]outage{},
		redeliver:    time.Second,
		timeouts:     [roles]time.Duration{30 * time.Second, 10 * time.Second, 8 * time.Second, 20 * time.Second, 10 * time.Second, 10 * time.Second},
		patience:     30 * time.Minute,
	}
	s.announced = h.random.IntN(3) == 0
	s.keep = h.between(90*time.Second, 4*time.Minute)
	s.aimed, s.edgy = h.random.IntN(3) > 0, h.random.IntN(3) == 0
	if s.edgy {
		s.aimed, s.margin, s.pollEvery = true, pick(h, time.Second, 2*time.Second), 200*time.Millisecond
		s.perRequest, s.maxEvents, s.requestEvery = 1+h.random.IntN(2), 150, h.between(500*time.Millisecond, 1500*time.Millisecond)
	}
	s.settle = s.commitWithin + s.margin + pick(h, 0, 0, time.Second)
	s.active = time.Duration(6+h.random.IntN(8)) * max(s.slotLength, 10*time.Second)
	s.tickEvery = pick(h, s.slotLength/2, s.slotLength, s.slotLength, 2*s.slotLength)
	s.sweepEvery = h.between(5*time.Second, 15*time.Second)
	h.drawRates(&s)
	s.speedWindow = h.between(20*time.Second, 70*time.Second).Truncate(time.Second)
	s.batchWindow = s.speedWindow + h.between(30*time.Second, 90*time.Second).Truncate(time.Second)
	s.lanes, s.shards = 1+h.random.IntN(6), 1+h.random.IntN(4)
	s.bounds()
	return s
}

// drawRates enables some kinds of faults, at rates of their own.
func (h *history) drawRates(s *settings) {
	// How wild a history is as a whole: the share of calls that meet a fault.
	wild := pick(h, 0.0, 0.03, 0.06, 0.1, 0.15, 0.25)
	sum := 0.0
	for _, f := range callFaults {
		if h.random.IntN(2) == 0 {
			s.rates[f] = h.random.Float64()
			sum += s.rates[f]
		}
	}
	for _, f := range callFaults {
		if sum > 0 {
			s.rates[f] *= wild / sum
		}
	}
	if sum > 0 {
		s.perCall = wild
	}
	for _, r := range otherRates {
		if h.random.IntN(2) == 0 {
			s.rates[r.fault] = h.random.Float64() * r.most
		}
	}
	if s.edgy {
		s.rates[DoubledAtEdge], s.rates[EnvironmentEnd] = 0.4, 0.3
	}
	for _, f := range []Fault{StreamDown, DynamoDown, S3Down} {
		if h.random.IntN(4) == 0 {
			from := epoch.Add(h.between(0, s.active))
			s.outages[f] = outage{from, from.Add(h.between(time.Second, s.active/3))}
		}
	}
	if h.random.IntN(4) == 0 {
		s.batchGone = epoch.Add(h.between(0, s.active))
		s.batchBack = s.batchGone.Add(h.between(0, s.active/2))
	}
}

// otherRates are the highest rates of the faults that are not of calls, each per thing that it can happen to.
var otherRates = []struct {
	fault Fault
	most  float64
}{
	{ResultLost, 0.2}, {NotInvoked, 0.2}, {ColdStart, 0.3}, {EnvironmentEnd, 0.2}, {Skewed, 1}, {Restarted, 0.08}, {PollFailed, 0.3}, {PollShort, 0.5},
	{ShardSplit, 0.3}, {ShardsMerged, 0.5}, {Trimmed, 0.1}, {Junk, 0.1}, {BatchTwice, 0.5}, {BatchMissed, 0.5}, {SweepTwice, 0.5}, {DefinitionChanged, 0.15}, {QueueTwice, 1},
	{Unheard, 0.3}, {DoubledAtOnce, 0.3}, {DoubledWithin, 0.1}, {DoubledAtEdge, 0.3}, {DoubledLater, 0.3}, {BeyondSpeed, 0.3}, {BeyondBatch, 0.3}, {Conflicting, 0.5}, {LateEvent, 0.3},
	{FutureEvent, 0.2}, {Timeless, 0.2}, {BadEvent, 0.2}, {BadRequest, 0.1},
}

// latency is how long a call takes when nothing is wrong: mostly little, so that functions overlap and any may be the next.
func (h *history) latency() time.Duration {
	h.calls++
	d := time.Duration(h.random.Int64N(int64(h.latencyUpTo)))
	if h.random.IntN(16) == 0 {
		d *= 8
	}
	return d
}

// tampered puts the tamperer before a call.
func (h *history) tampered(name, key string, do func() error) func() error {
	return func() error {
		w := &World{Clock: h.clock, Archive: h.archive, Base: h.base, Items: h.items, Seen: h.seen, Random: h.random, h: h}
		if h.tamper(w, name, key) {
			return nil
		}
		return do()
	}
}

// line adds a line to the trace: when, who, what, about what, and how it went.
func (h *history) line(who, what, key, result string) {
	b := h.trace.AvailableBuffer()
	d := h.clock.Sub(epoch)
	b = appendClock(b, d)
	for _, word := range []string{who, what, key} {
		b = append(b, ' ')
		b = append(b, word...)
	}
	if result != "" {
		b = append(append(b, ": "...), result...)
	}
	h.trace.Write(append(b, '\n'))
}

// appendClock writes a time since the beginning as hh:mm:ss.mmmmmm.
func appendClock(b []byte, d time.Duration) []byte {
	two := func(n time.Duration) { b = append(b, byte('0'+n/10%10), byte('0'+n%10)) }
	two(d / time.Hour)
	b = append(b, ':')
	two(d / time.Minute % 60)
	b = append(b, ':')
	two(d / time.Second % 60)
	b = append(b, '.')
	micro := d / time.Microsecond % 1_000_000
	for _, p := range []time.Duration{100_000, 10_000, 1000, 100, 10, 1} {
		b = append(b, byte('0'+micro/p%10))
	}
	return b
}

func (h *history) note(inv *invocation, name, key, fault string) {
	h.line(inv.name, name, short(key), fault)
}

func (h *history) noteResult(inv *invocation, name, key string, err error) {
	result := "ok"
	if err != nil {
		result = err.Error()
	}
	h.line(inv.name, name, short(key), result)
}

// short is enough of a long key to know it by.
func short(key string) string {
	const shown = 28
	if len(key) <= shown {
		return key
	}
	return ".." + key[len(key)-shown+2:]
}

// some splits entries into those that the stream takes, and the places of the others.
func (h *history) some(entries []stream.Entry) (taken []stream.Entry, failed []int) {
	spared := h.random.IntN(len(entries))
	for i, e := range entries {
		if i == spared || h.random.IntN(2) == 0 {
			failed = append(failed, i)
		} else {
			taken = append(taken, e)
		}
	}
	return taken, failed
}
