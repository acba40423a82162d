// Package history plays whole histories of the system, one per seed. A history runs ingest, republish, stream, speed
// behind the event source mapping, batch, sweep, replay, audits, operators and queries, several of each at once, over
// the stores in memory. A virtual clock and a seeded scheduler interleave them at every call of a contract, and every
// kind of fault can happen there. An oracle checks every answer after every step that can change one. It shares no code
// with the layers.
//
// Two histories in five have only Lambda views, and no operator. In half of the others, views are Kappa from the start,
// or change to Kappa and back. One history in ten deploys another version of the engine, and the one before again. In
// one in six, a new stack takes the archive over. Each history ends with a Kappa twin of every view, which replay alone
// fills: the states of the twin must equal the fold byte for byte, and its answers the plain fold.
//
// One seed is one history: the same seed gives the same trace, byte for byte, on any machine. The seed also decides the
// settings of the history, which kinds of faults it has, and how often. So quiet and wild histories both occur ("swarm
// testing": Groce et al., ISSTA 2012).
//
// How to play many seeds, and one seed with its trace:
//
//	go test ./shared/simulation/history -run 'TestHistories$' -seeds 10000 -first 1
//	go test ./shared/simulation/history -run 'TestHistory$' -seed 17 -v
//	go test ./shared/simulation/history -run 'TestLambdaIsKappa$' -seeds 1000
//
// The package uses only the exported methods of the layers, and only the stores of package memory. Histories do not
// play: records that leave the stream before speed applies them (the mapping has no limit on tries or age, and
// retention is days), items that expire before their slot is covered, diff and shadow reads, and a new stream over
// tables that were kept.
package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/system"
)

// Result describes a history that has been played.
type Result struct {
	Seed    uint64
	Faults  Counts
	Steps   uint64        // number of steps of the scheduler
	Calls   int           // calls of contracts
	Looks   int           // answers that were read at one moment and checked
	Events  int           // distinct events
	Copies  int           // copies of these events in the archive
	Runs    int           // committed runs
	Virtual time.Duration // simulated time
	Kappa   bool          // whether a Kappa view served at the end, before the twins
	// Alike reports whether those Kappa views answered as Lambda views do: no two copies of an event were further apart
	// than the speed window, and none differed.
	Alike bool
	// Twins reports whether the twins of all views answered as Lambda views do, by the same rule as Alike.
	Twins bool
	// ExactSteps counts, by view, the rows of steps that were marked exact and equal the fold of the runs.
	ExactSteps [views]int

	Waiting int    // records that waited for speed when the faults stopped
	Copied  int    // records of Waiting that are copies of records in the stream
	Pages   int    // pages of Kappa generations that were compared with the fold, byte for byte
	Trace   []byte // one line per step
}

// Failure is the error of a history in which an oracle was violated.
type Failure struct {
	Seed   uint64
	Kind   string // which of the functions Run played the history: "", "kappa" or "expiring"
	Oracle string // the rule that must hold
	Detail string // how the rule was violated
	Trace  []byte
}

// Error names the seed, the oracle, and the command that plays the history again.
func (f *Failure) Error() string {
	kind := ""
	if f.Kind != "" {
		kind = " -" + f.Kind
	}
	return fmt.Sprintf("seed %d: %s: %s\nreplay: go test ./shared/simulation/history -run 'TestHistory$' -seed %d%s -v",
		f.Seed, f.Oracle, f.Detail, f.Seed, kind)
}

// Run plays the history of one seed to its end. The error is a *Failure when an oracle was violated; the result then
// holds what had happened by that moment. Run is safe for concurrent use.
func Run(seed uint64) (Result, error) { return run(seed, options{}) }

// RunKappa plays a history that certainly has Kappa views. With an even seed, most histories send only such copies as
// Lambda and Kappa views count alike.
func RunKappa(seed uint64) (Result, error) { return run(seed, options{kappa: true}) }

// RunExpiring plays a history in which records leave the stream before speed has applied them.
func RunExpiring(seed uint64) (Result, error) { return run(seed, options{lapses: true}) }

// Tamper breaks the world on purpose, to test the oracles. Every call of a function asks it first. When it returns
// true, the call is not applied, and its caller gets a success.
type Tamper func(w *World, name, key string) (drop bool)

// World is the part of a history that a Tamper can reach.
type World struct {
	Clock   time.Time
	Archive *memory.Archive
	Base    *memory.Base
	Items   *memory.Speed
	Seen    *memory.Seen
	Random  *rand.Rand

	h *history
}

// Generations returns the IDs of all generations, in the order of the views' names.
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

// RunBroken plays the history of one seed in a world that tamper breaks.
func RunBroken(seed uint64, tamper Tamper) (Result, error) {
	return run(seed, options{tamper: tamper})
}

// options change what a seed decides.
type options struct {
	tamper Tamper
	lie    Lie
	// kappa makes sure that there are Kappa views. With an even seed, most histories then send only such copies as Lambda
	// and Kappa views count alike.
	kappa  bool
	lapses bool            // records expire
	adjust func(*settings) // changes the settings that were drawn
	begin  func(*history)  // called before anything happens
	end    func(*history)  // called when all work has ended
	stands bool            // the history ends when its faults stop, since nothing can work
}

func (o options) kind() string {
	switch {
	case o.kappa:
		return "kappa"
	case o.lapses:
		return "expiring"
	}
	return ""
}

// history is the state of a history while it is played.
type history struct {
	settings
	scheduler
	truth
	kit    *kit
	random *rand.Rand
	options

	archive *memory.Archive // all stacks share it
	*stack                  // the one that clients reach
	ofStack
	environments [roles][]*environment
	flying       []*invocation
	besides      []*invocation // what runs beside them in their processes
	source       source
	spared       bool // see isSpared
	sparedAt     time.Time
	beside       *system.System   // reads the stores by the true clock, without faults
	observer     *serving.Serving // queries at one moment, without faults
	found        map[found]bool   // the keys under which answers had rows
	compiled     compiled
	deployed     deployment // the definitions that batch is deployed with

	calm      bool // the faults have stopped
	isRaised  bool // the newer release has written the format that the older one cannot read
	counts    Counts
	violation *violation
	trace     bytes.Buffer

	opened, invoked, requests, calls, looks, ticked int
	lists, exactSteps                               [views]int // questions for all keys, and their exact rows of steps
	backlog                                         bool

	endsKappa, likeLambda, twinsAlike bool // see Result
	pages                             int

	backlogThen         backlog   // the backlog when the faults stopped
	drainedAt           time.Time // when all work had ended for the first time after the faults stopped
	runsThen, ticksThen int
}

func run(seed uint64, o options) (result Result, err error) {
	k, err := theKit()
	if err != nil {
		return Result{Seed: seed}, err
	}
	h := &history{kit: k, stack: &stack{}, random: rand.New(rand.NewPCG(seed, 0x616e616272616e63)), options: o}
	h.found = map[found]bool{}
	h.clock = epoch
	defer func() {
		if r := recover(); r != nil {
			h.fail(oraclePanic, "%v\n%s", r, debug.Stack())
		}
		h.abandon()
		h.spareCompiled()
		result = h.result(seed)
		if err == nil && h.violation != nil {
			err = &Failure{Seed: seed, Kind: o.kind(), Oracle: h.violation.Oracle, Detail: h.violation.Detail,
				Trace: result.Trace}
		}
	}()
	h.settings = h.drawSettings()
	h.settings.changes = h.drawChanges(seed)
	h.drawExpiring(seed)
	h.drawReleases(seed)
	h.drawLeases(seed)
	h.drawTakeOver(seed)
	if o.adjust != nil {
		o.adjust(&h.settings)
	}
	if err := h.build(seed); err != nil {
		return result, err
	}
	h.play()
	return result, nil
}

// abandon ends the functions that still run after a violation, so that nothing of a history outlives it.
func (h *history) abandon() {
	for len(h.flying) > 0 {
		inv := h.flying[0]
		h.flying = h.flying[1:]
		if !inv.ended {
			inv.ended = true
			inv.stop()
		}
	}
	for _, beside := range h.besides {
		beside.stop()
	}
}

func (h *history) result(seed uint64) Result {
	r := Result{
		Seed: seed, Faults: h.counts, Steps: h.step, Calls: h.calls, Looks: h.looks, Events: len(h.identities),
		Runs:    len(h.runs),
		Virtual: h.clock.Sub(epoch), Kappa: h.endsKappa, Alike: h.endsKappa && h.likeLambda, Twins: h.twinsAlike,
		Pages: h.pages, ExactSteps: h.exactSteps,
		Waiting: h.backlogThen.records, Copied: h.backlogThen.copies, Trace: h.trace.Bytes(),
	}
	for _, o := range h.landed {
		r.Copies += len(o.copies)
	}
	return r
}

// build makes a world with registered views, in which nothing else has happened.
func (h *history) build(seed uint64) error {
	h.objects = map[ulid.ULID]*object{}
	h.deployed = h.choices[0]
	if h.compiled.programs = h.kit.programs; !h.isPlain() {
		h.ownPrograms()
	}
	h.archive = &memory.Archive{Now: func() time.Time { return h.clock.Truncate(time.Second) }} // S3 has whole seconds
	if err := h.newStack(event.HashKey{byte(seed), byte(seed >> 8), 2, 3}); err != nil {
		return err
	}
	if !h.announced {
		if err := h.beside.Batch(h.kit.of(h.deployed)).Register(everywhere, 0); err != nil {
			return err
		}
	}
	h.learnGenerations()
	registered, err := h.catalog.Views(everywhere) // read without a port, so onView has not seen them
	if err != nil {
		return err
	}
	for _, v := range registered {
		h.pointers[v.Name] = v
	}
	return nil
}

// tampered wraps a call so that the Tamper is asked first.
func (h *history) tampered(name, key string, do func() error) func() error {
	return func() error {
		w := &World{Clock: h.clock, Archive: h.archive, Base: h.base, Items: h.items, Seen: h.seen, Random: h.random, h: h}
		if h.tamper(w, name, key) {
			return nil
		}
		return do()
	}
}

// takeSome splits entries at random: those that the stream takes, and the indexes of the others.
func (h *history) takeSome(entries []stream.Entry) (taken []stream.Entry, failed []int) {
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
