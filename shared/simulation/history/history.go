// Package history plays whole histories of the system, one per seed: ingest, republish, stream, speed behind the event
// source mapping, batch, sweep, replay, audits, operators and queries, several of each at once, over memory, under a
// virtual clock and a seeded scheduler that interleaves them at every call of a contract and lets every kind of fault
// happen there. An oracle that shares no code with the layers holds every answer against what has happened, after every
// step that can change one.
//
// Two histories in five have Lambda views only, which nobody operates; in half of them views are Kappa, or become it
// and are no longer. Each ends with a Kappa twin of every view, brought in by replay alone: its states are the fold's
// to the byte, and its answers the plain fold.
//
// One seed is one history: the same seed gives the same trace, byte by byte, on any machine. What is drawn for a seed,
// beside the history's own course, are its settings and which kinds of faults it has, how often: quiet and wild
// histories both occur ("swarm testing": Groce et al., ISSTA 2012).
//
// Many seeds, and one of them with its trace:
//
//	go test ./shared/simulation/history -run 'TestHistories$' -seeds 10000 -first 1
//	go test ./shared/simulation/history -run 'TestHistory$' -seed 17 -v
//	go test ./shared/simulation/history -run 'TestLambdaIsKappa$' -seeds 1000
//
// It knows the layers by their exported methods only, and no store but those of package memory. Not played: records
// that leave the stream before they are applied (the mapping has no limit on tries or age, retention is days), items
// that expire before their slot is covered, diff and shadow reads, and a change of layout.
package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view"
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
	Kappa   bool          // a Kappa view served in the end, before the twins
	// and answered as a Lambda view does: no copies of an event lay further apart than the speed window, or differed
	Alike bool
	// in the end, twins of all views answered as Lambda views do: no copies of an event lay further apart than the speed
	// window
	Twins   bool
	Waiting int    // records that waited for speed when the faults stopped
	Copied  int    // of them, copies of records that were in the stream already
	Pages   int    // of Kappa generations held against the fold, to the byte
	Trace   []byte // a line per step
}

// Failure is the error of a history that an oracle refused.
type Failure struct {
	Seed   uint64
	Kappa  bool   // of RunKappa
	Oracle string // what must hold
	Detail string // what does not
	Trace  []byte
}

// Error names the seed, the oracle, and the command that plays the history again.
func (f *Failure) Error() string {
	kappa := ""
	if f.Kappa {
		kappa = " -kappa"
	}
	return fmt.Sprintf("seed %d: %s: %s\nreplay: go test ./shared/simulation/history -run 'TestHistory$' -seed %d%s -v",
		f.Seed, f.Oracle, f.Detail, f.Seed, kappa)
}

// Run plays the history of one seed to its end. The error is a *Failure when an oracle was violated; the result holds
// what had happened by then. It is safe for concurrent use.
func Run(seed uint64) (Result, error) { return run(seed, options{}) }

// RunKappa is Run of a history that has Kappa views for certain; of an even seed, one in which mostly Lambda and Kappa
// views count alike.
func RunKappa(seed uint64) (Result, error) { return run(seed, options{kappa: true}) }

// Tamper breaks the world on purpose, to see that the oracles find it. It is asked at every call that a function makes:
// with true the call is not applied, and its caller is told that it succeeded.
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
func (w *World) Generations() []lifecycle.GenerationID {
	all, err := w.h.catalog.Views(everywhere)
	w.h.must(err)
	var ids []lifecycle.GenerationID
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
	lie    Lie
	// there are Kappa views; with even seeds mostly such copies only as Lambda and Kappa count alike
	kappa  bool
	adjust func(*settings) // changes what was drawn
	begin  func(*history)  // is called before anything happens
	end    func(*history)  // when all work has ended
	stands bool            // nothing can be done: the history ends when its faults do
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
	stuck        map[lifecycle.GenerationID]bool // those that replay cannot go on with: seen items have expired
	spared       bool                            // see isSpared
	sparedAt     time.Time
	beside       *system.System                         // by the true clock, without faults
	observer     *serving.Serving                       // asks at one moment
	generations  map[lifecycle.GenerationID]*generation // all there have been
	sets         map[lifecycle.Set]int                  // the view of each set of speed items there has been
	compiled     compiled
	level        [views]uint64                 // per view: the last run seen applied to what answers
	answers      [views]lifecycle.GenerationID // per view: which it was
	pointers     map[view.Name]lifecycle.View  // as last seen
	deployed     deployment                    // what batch is deployed with

	calm      bool // no more faults
	counts    Counts
	violation *violation
	trace     bytes.Buffer

	opened, invoked, requests, calls, looks, ticked, waiting int
	backlog                                                  bool

	endsKappa, likeLambda, twinsAlike bool // see Result
	pages                             int

	backlogThen         backlog   // when the faults stopped
	drainedAt           time.Time // when all work had ended first, after the faults
	runsThen, ticksThen int
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
		h.spareCompiled()
		result = h.result(seed)
		if err == nil && h.violation != nil {
			err = &Failure{Seed: seed, Kappa: o.kappa, Oracle: h.violation.Oracle, Detail: h.violation.Detail,
				Trace: result.Trace}
		}
	}()
	h.settings = h.drawSettings()
	h.settings.changes = h.drawChanges(seed)
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
		Seed: seed, Faults: h.counts, Steps: h.step, Calls: h.calls, Looks: h.looks, Events: len(h.identities),
		Runs:    len(h.runs),
		Virtual: h.clock.Sub(epoch), Kappa: h.endsKappa, Alike: h.endsKappa && h.likeLambda, Twins: h.twinsAlike,
		Pages:   h.pages,
		Waiting: h.backlogThen.records, Copied: h.backlogThen.copies, Trace: h.trace.Bytes(),
	}
	for _, o := range h.landed {
		r.Copies += len(o.copies)
	}
	return r
}

// build makes a world in which nothing has happened but the registration of its views.
func (h *history) build(seed uint64) error {
	h.truth = truth{
		objects: map[ulid.ULID]*object{}, published: map[string][]*copyOf{}, delivered: map[event.Sequence]*record{},
		runOf: map[slot.Slot]uint64{},
		folds: map[cell]*fold{}, counting: map[cell][]*position{}, held: map[cell][]*copyOf{},
		windows: map[rowsOf][]int64{}, built: map[int]uint64{},
	}
	h.generations, h.sets = map[lifecycle.GenerationID]*generation{}, map[lifecycle.Set]int{}
	h.pointers = map[view.Name]lifecycle.View{}
	h.stuck = map[lifecycle.GenerationID]bool{}
	h.deployed = h.choices[0]
	if h.compiled.programs = h.kit.programs; !h.isPlain() {
		h.ownPrograms()
	}
	h.archive, h.queue, h.catalog = &memory.Archive{}, &memory.Queue{}, &memory.Catalog{}
	h.base, h.items, h.seen = &memory.Base{}, &memory.Speed{}, &memory.Seen{}
	h.stream = memory.NewStream(h.shards)
	h.archive.Now = func() time.Time { return h.clock.Truncate(time.Second) } // S3 tells whole seconds
	h.stream.Now = func() time.Time { return h.clock }
	key := event.HashKey{byte(seed), byte(seed >> 8), 2, 3}
	now := func() time.Time { return h.clock }
	var err error
	h.layout, err = h.systemSettings().OpenLayout(everywhere, h.archive, "memory", bytes.NewReader(key[:]), now)
	if err != nil {
		return err
	}
	h.beside = h.system(system.Stores{
		Archive: h.archive, Catalog: h.catalog, Base: h.base, Speed: h.items,
	}, h.compiled.programs, now, h.newULID)
	h.observer = h.beside.Serving()
	if !h.announced {
		if err := h.beside.Batch(h.kit.of(h.deployed)).Register(everywhere, 0); err != nil {
			return err
		}
	}
	h.learnGenerations()
	registered, err := h.catalog.Views(everywhere) // past the ports, so onView has not seen them
	if err != nil {
		return err
	}
	for _, v := range registered {
		h.pointers[v.Name] = v
	}
	m, err := eventsource.New(h.mappingSettings())
	h.source = source{mapping: m}
	return err
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
