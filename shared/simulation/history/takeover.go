package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// In one history in six, a new stack takes the archive over (design 3.10): stream, queue, tables and functions are new,
// and a new layout begins. Functions of the old stack that are frozen or slow then go on, with the stores of the old
// stack; only the archive is shared. From there on, the oracles demand of the new stack what they demand of any other:
// its runs hold the whole archive, and its answers are the fold of it.
//
// In some of these histories, somebody sets the catalog back before, to an earlier state over base items that stay.
// The answers are then wrong, so no oracle reads any until the archive is taken over. One rule still holds: batch adds
// to no item whose horizon no run of the catalog has.

// takeOver says when what happens. A zero time: never.
type takeOver struct {
	backedUpAt, setBackAt, takenOverAt time.Time
}

// drawTakeOver draws the times from a random source of its own, so that other histories are not affected.
func (h *history) drawTakeOver(seed uint64) {
	own := rand.New(rand.NewPCG(seed, 0x74616b656f766572))
	if own.IntN(6) > 0 || h.forgets {
		return
	}
	s := &h.settings
	between := func(from, to time.Time) time.Time {
		return from.Add(time.Duration(own.Int64N(int64(to.Sub(from)))))
	}
	s.takenOverAt = between(epoch.Add(s.active*2/5), epoch.Add(s.active*3/4))
	if own.IntN(2) == 0 {
		lasts := s.takenOverAt.Sub(epoch)
		s.backedUpAt = between(epoch.Add(lasts/8), epoch.Add(lasts/3))
		s.setBackAt = between(epoch.Add(lasts/3), epoch.Add(lasts*2/3))
		ticks := s.setBackAt.Add(2*s.slotLength + s.sealDelay + 4*s.tickEvery) // batch makes runs meanwhile
		s.takenOverAt = later(s.takenOverAt, earlier(ticks, epoch.Add(s.active*9/10)))
	}
}

// beginTakeOver schedules what drawTakeOver has drawn.
func (h *history) beginTakeOver() {
	if h.takenOverAt.IsZero() {
		return
	}
	h.at(h.takenOverAt, h.takeArchiveOver)
	if !h.setBackAt.IsZero() {
		h.at(h.backedUpAt, h.backUp)
	}
}

// backUp copies the catalog once base items of a run can exist, and schedules that it is set back. It is set back only
// over items of later runs.
func (h *history) backUp() {
	if h.layout.Number > 1 {
		return
	}
	hasBase := func(v lifecycle.View) bool {
		g, ok := v.Generation(answeringOf(v))
		return ok && g.HasBase() && g.Run > 0
	}
	all, err := h.catalog.Views(everywhere)
	h.must(err)
	if !slices.ContainsFunc(all, hasBase) {
		h.after(time.Second, h.backUp)
		return
	}
	backup, runs := h.catalog.Copy(), h.head()
	var setBack func()
	setBack = func() {
		switch filled := h.lastFilled() > runs; {
		case h.layout.Number > 1:
		case filled:
			h.setCatalogBack(backup)
		default:
			h.after(time.Second, setBack)
		}
	}
	h.at(later(h.setBackAt, h.clock), setBack)
}

// stack is one deployment: its stores, beside the archive.
type stack struct {
	stream  *memory.Stream
	queue   *queue
	catalog *memory.Catalog
	base    *memory.Base
	items   *memory.Speed
	seen    *memory.Seen
	layout  archive.Layout
	setBack bool // its catalog was set back, and its other stores were not
}

// queue is a republish queue, with the number of requests that were taken and will be tried again.
type queue struct {
	memory.Queue
	waiting int
}

// number returns the number of the stack's layout. Before the layout is open, it is the first one.
func (s *stack) number() int { return max(s.layout.Number, 1) }

// ofStack is what the oracle knows of the stack that clients reach. It begins anew with each stack.
type ofStack struct {
	published   map[string][]*copyOf // the lines of published records, by a record's data
	delivered   map[event.Sequence]*record
	runs        []lifecycle.Run
	runOf       map[slot.Slot]uint64 // runs by horizon
	folds       map[cell]*fold
	counting    map[cell][]*position                   // the counting positions of each cell
	held        map[cell][]*copyOf                     // the copies of each cell that committed runs hold
	places      int                                    // the last place in archive order that was given
	windows     map[rowsOf][]int64                     // starts of the windows that hold anything, by view and key
	built       map[int]uint64                         // per view: the run with which its generation was built
	generations map[lifecycle.GenerationID]*generation // every generation that ever existed
	sets        map[lifecycle.Set]int                  // the view of every set of speed items that ever existed
	level       [views]uint64                          // per view: the last run that the answering generation was seen at
	answers     [views]lifecycle.GenerationID          // per view: the generation that was answering then
	pointers    map[view.Name]lifecycle.View           // the views as last seen
	stuck       map[lifecycle.GenerationID]bool        // those that replay cannot continue
	holders     map[string]holder                      // of leases, by name
	doubtful    []*record                              // expired records that speed may have begun (expiring.go)
}

// itemsAtOnce is how many items of a key one answer of a store has. It is small, so that much may come between two
// parts of a query's read.
const itemsAtOnce = 2

// newStack begins a stack with empty stores, and with the next layout of the archive.
func (h *history) newStack(key event.HashKey) error {
	settings := h.systemSettings()
	settings.Layout = h.layout.Number + 1
	now := func() time.Time { return h.clock }
	layout, err := settings.OpenLayout(
		everywhere, h.archive, fmt.Sprintf("memory %d", settings.Layout), bytes.NewReader(key[:]), now,
	)
	if err != nil {
		return err
	}
	h.stack = &stack{
		stream: memory.NewStream(h.shards), queue: &queue{}, catalog: &memory.Catalog{},
		base:  &memory.Base{AtOnce: itemsAtOnce},
		items: &memory.Speed{AtOnce: itemsAtOnce}, seen: &memory.Seen{}, layout: layout,
	}
	h.stream.Now = now
	h.ofStack = ofStack{
		published: map[string][]*copyOf{}, delivered: map[event.Sequence]*record{}, runOf: map[slot.Slot]uint64{},
		folds: map[cell]*fold{}, counting: map[cell][]*position{}, held: map[cell][]*copyOf{},
		windows: map[rowsOf][]int64{}, built: map[int]uint64{}, generations: map[lifecycle.GenerationID]*generation{},
		sets: map[lifecycle.Set]int{}, pointers: map[view.Name]lifecycle.View{},
		stuck: map[lifecycle.GenerationID]bool{}, holders: map[string]holder{},
	}
	h.beside = h.system(system.Stores{
		Archive: h.archive, Catalog: h.catalog, Base: h.base, Speed: h.items,
	}, h.systemSettings(), h.compiled.programs, now, h.newULID, nil)
	h.observer = h.beside.Serving()
	m, err := eventsource.New(h.mappingSettings())
	h.source = source{mapping: m, life: h.source.life + 1}
	return err
}

// takeArchiveOver replaces the stack by a new one. Nothing of the old one is in the new one's answers yet, and no run
// of the new one holds any object.
func (h *history) takeArchiveOver() {
	h.count(TakenOver)
	h.lanes, h.shards = 1+h.random.IntN(6), 1+h.random.IntN(4)
	h.must(h.newStack(event.HashKey{}))
	h.line("history", "has a new stack", fmt.Sprintf("layout %d from %s", h.layout.Number, h.layout.Begins), "")
	h.endEnvironments()
	for _, o := range h.landed {
		o.run = 0
		for _, c := range o.copies {
			c.nth, c.counted, c.dropped = 0, false, false
		}
	}
	for _, e := range h.identities {
		e.positions, e.shown, e.showings = nil, 0, nil
	}
	if n := len(h.landed); n > 0 { // somebody asks for an object of the old stack
		old := h.landed[h.random.IntN(n)]
		h.must(h.queue.Enqueue(everywhere, stream.Republish{
			Object: string(old.key), Lanes: h.beside.Republisher().Lanes(),
		}))
	}
}

// setCatalogBack makes the functions use the catalog of a backup. It is a table of its own, so all functions are new.
// Those that still run use the table that was there before.
func (h *history) setCatalogBack(backup *memory.Catalog) {
	h.count(CatalogSetBack)
	h.line("history", "sets the catalog back", "", "")
	same := *h.stack
	same.catalog, same.setBack = backup, true
	h.stack = &same
	h.compileFor(h.stack)
	h.endEnvironments()
}

// endEnvironments lets the existing environments take no more invocations.
func (h *history) endEnvironments() {
	for _, all := range h.environments {
		for _, e := range all {
			e.over = true
		}
	}
}

// isChecked reports whether the oracles look at what an environment does.
func (e *environment) isChecked() bool { return e.stack == e.h.stack && !e.stack.setBack }

// compileFor compiles what functions of a stack can ask for that the oracles do not look at.
func (h *history) compileFor(s *stack) {
	all, err := s.catalog.Views(everywhere)
	h.must(err)
	h.compileAhead(all)
}

// checkContinued checks an item that batch has written in a stack whose catalog was set back.
func (h *history) checkContinued(s *stack, at viewstore.BaseKey, loaded slot.Slot) {
	if loaded == slot.Beginning {
		return
	}
	head, err := s.catalog.Head(everywhere)
	h.must(err)
	runs, err := s.catalog.Runs(everywhere, 1, head.N)
	h.must(err)
	for _, run := range runs {
		if run.Horizon == loaded {
			return
		}
	}
	h.fail(oracleForeign, "batch adds to item %q of generation %s at %s, where no run of its catalog ends", at.Key,
		at.Generation, loaded)
}

// onRefused counts that batch has refused items of another catalog. It must do so by name, and only where the catalog
// was set back.
func (h *history) onRefused(e *environment, err error) {
	switch {
	case err == nil || !strings.Contains(err.Error(), "written under another catalog: rebuild the view"):
	case e.isChecked():
		h.fail(oracleForeign, "batch refuses items of its own catalog: %v", err)
	default:
		h.count(ItemsRefused)
	}
}
