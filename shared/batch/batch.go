package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Batch makes runs and applies them. All fields are required. A Batch is not safe for concurrent use. Several Batches
// may work on one catalog at once: each helps the others or stops, and does no harm.
type Batch struct {
	Archive     archive.Archive
	Catalog     catalog.Catalog
	Programs    *programs.Cache
	Base        viewstore.Base
	Codec       *event.Codec
	Layout      archive.Layout
	Definitions []lifecycle.Definition // the desired definitions of all views

	// SealDelay is the time from a slot's end until the slot is sealed: at least commit_within + clock_margin, and one
	// second more where the store's clock shows whole seconds only.
	SealDelay time.Duration
	// ClockMargin is the most by which the store's clock may differ from this machine's.
	ClockMargin clock.Margin
	// Lookback is how long after the end of its slot an object may land and still join a run: see runs.LookBack.
	Lookback time.Duration
	// ListPage is how many objects one request lists.
	ListPage int
	// ConfirmWithin bounds the time for an announcement and its confirmation. Batch makes a slower announcement again.
	ConfirmWithin time.Duration
	// RetainFor is how long a generation that has served is kept current, so that an operator can switch back to it.
	RetainFor time.Duration
	// DropGrace is the time between giving up a generation and deleting its items. Queries that have begun still read
	// them: an HTTP API waits 30 s for a query.
	DropGrace time.Duration
	// RequireApproval makes a generation that would replace a serving one wait for an operator.
	RequireApproval bool
	// RunBytes is the most bytes of stored objects that one run reads, unless a single slot has more.
	RunBytes int64
	// HeldBytes is the most bytes of stored objects that one run holds decoded. Of a run with more, it holds the
	// identities, and reads the objects twice.
	HeldBytes int64
	// Tries is the number of attempts at one conditional write.
	Tries int
	// Lease keeps other ticks away while one makes runs, or builds a view.
	Lease lease.Keeper

	Workers  int           // number of workers that fold at once
	Parallel runner.Runner // runs the workers, and the requests to the stores
	Now      func() time.Time
	NewID    func() (ulid.ULID, error) // returns a ULID that was never made before
	Log      *slog.Logger

	held     held
	horizons horizons
}

// Report says what a tick did. The function also logs it.
type Report struct {
	Head    lifecycle.Run   // the last run when the tick ended
	Runs    []lifecycle.Run // the runs that this tick made
	Items   int             // number of base items that this tick wrote
	Views   []ViewReport
	Backlog bool // time was short, and sealed slots or builds are left
	// Load is the largest share of the function's memory that the events of one of Runs take, in percent; see runs.Load.
	Load int64
	// Lease says whether the tick made runs. Busy: another tick works, and this one has done nothing. Waits: ticks that
	// made runs were killed, so this tick has made none, and all else that a tick does.
	Lease lease.Held
}

// ViewReport counts the events that the tick folded into the generations of one view, and those that it skipped: also
// those of a build, and those of a run that is applied again after a crash.
type ViewReport struct {
	Name view.Name
	view.Counts

	// SkippedByRuns counts the events that the generation which answers skipped, of the runs that this tick moved it
	// past. A run counts in one tick only, however often it is applied. A crash after that move loses the count.
	SkippedByRuns int64
}

// Tick brings every generation up to the last sealed slot. It finishes the work that an earlier tick left, makes new
// runs and applies them, builds new generations, and lets a generation serve once it is complete.
//
// It may be called at any time, twice at once, and again after a crash at any point. After an error, the next tick
// tries again. It builds after it has given back the lease for runs. So a build that takes long, or is killed each
// time, holds back no run.
func (b *Batch) Tick(ctx context.Context) (Report, error) {
	t := tick{Batch: b, failed: map[lifecycle.GenerationID]bool{}}
	var err error
	t.report.Lease, err = b.Lease.Hold(ctx, lease.Work{Name: "batch"}, func(ctx context.Context) error {
		return t.work(ctx, true)
	})
	if t.report.Lease.Busy {
		return t.report, nil
	}
	if t.report.Lease.Waits {
		err = t.work(ctx, false)
	}
	if err == nil {
		err = t.build(ctx)
	}
	return t.report, errors.Join(append(t.failures, err)...)
}

// sealed returns the exclusive end of the slots that a run may claim. It uses the earlier of this machine's clock and
// the store's, read before any listing.
func (b *Batch) sealed(ctx context.Context) (slot.Slot, time.Time, error) {
	layout, date, err := archive.ReadLayout(ctx, b.Archive, b.Layout.Number)
	if err != nil {
		return 0, time.Time{}, err
	}
	if layout != b.Layout {
		return 0, time.Time{}, errors.New("the archive's layout changed after this function started: restart the function")
	}
	now := b.Now()
	if err := b.ClockMargin.Check(now, date); err != nil {
		return 0, time.Time{}, err
	}
	if !date.IsZero() && date.Before(now) {
		now = date
	}
	return b.Layout.Slot.Sealed(now, b.SealDelay), now, nil
}

// tick is the work of one Tick.
type tick struct {
	*Batch
	started time.Time
	report  Report
	views   []lifecycle.View // as last read or written
	search  search

	rebuilds map[view.Name]int64 // the requests for a rebuild, by view, as read before the search

	set      *view.Set // the definitions of all generations in use that can be run
	unusable []error   // one for each generation whose definition is not in the set

	// A view that fails stops no other one: the tick goes on, and tells of the errors in the end.
	failures []error
	failed   map[lifecycle.GenerationID]bool // generations that the tick does not try to level again
}

// search is the state of a search for late objects in the whole archive. One run of a tick does it when an operator
// asked for a rebuild. Once it is done, the runs hold every object that the archive held.
type search int

const (
	searchNotWanted search = iota
	searchWanted
	searchDone
)

// work does all that a tick does before it builds. It makes and applies runs only if it is told to.
func (t *tick) work(ctx context.Context, makesRuns bool) error {
	sealed, now, err := t.sealed(ctx)
	if err != nil {
		return err
	}
	t.started = now
	if err := t.readViews(ctx); err != nil {
		return err
	}
	if err := t.compile(ctx); err != nil {
		return err
	}
	t.announce(ctx, nil)
	head, err := t.Catalog.Head(ctx)
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	t.forgetLost(head)
	if err := t.begin(ctx); err != nil {
		return err
	}
	if makesRuns {
		if head, err = t.bringUp(ctx, head, sealed); err != nil {
			return err
		}
	}
	t.report.Backlog = t.report.Backlog || head.Horizon < sealed && !makesRuns
	t.report.Head = head
	// A build reads all history and may be killed at every tick, so the work that does not depend on it comes first.
	if err := t.moveAll(ctx, head); err != nil {
		t.fail(err)
	}
	return nil
}

// bringUp applies runs that a crash left, makes new ones up to the last sealed slot, and returns the head.
func (t *tick) bringUp(ctx context.Context, head lifecycle.Run, sealed slot.Slot) (lifecycle.Run, error) {
	if err := t.level(ctx, head); err != nil {
		return head, err
	}
	head, err := t.extend(ctx, head, sealed)
	if err == nil && t.search == searchDone {
		t.announce(ctx, t.rebuilds)
	}
	return head, err
}

// moveAll takes every view one step further in the life of its generations.
func (t *tick) moveAll(ctx context.Context, head lifecycle.Run) error {
	return errors.Join(
		t.mover().Move(ctx, t.views, head),
		t.deployment().Expire(ctx, t.views),
		t.deployment().Retire(ctx, t.views),
	)
}

// begin compiles the definitions again, since some may be announced now, and notes which views want a rebuild.
func (t *tick) begin(ctx context.Context) error {
	if err := t.compile(ctx); err != nil {
		return err
	}
	t.failures = append(t.failures, t.unusable...)
	t.rebuilds = map[view.Name]int64{}
	for _, v := range t.views {
		if v.WantsRebuild() {
			t.rebuilds[v.Name], t.search = v.Rebuild, searchWanted
		}
		t.report.Views = append(t.report.Views, ViewReport{Name: v.Name})
	}
	return nil
}

// level finishes what a crash left: it applies the missing runs to generations that already have some runs.
func (t *tick) level(ctx context.Context, head lifecycle.Run) error {
	for {
		if len(t.furthestBehind(head)) == 0 {
			return nil
		}
		// Reading again leaves out the generations that were given up meanwhile.
		if err := t.readViews(ctx); err != nil {
			return err
		}
		level := t.furthestBehind(head)
		if len(level) == 0 {
			return nil
		}
		next, in, err := t.readRun(ctx, level[0].generation.Run+1)
		if err != nil {
			t.fail(err, level...)
			continue
		}
		t.advance(ctx, level, next, in)
	}
}

// readRun reads a run, and its input.
func (t *tick) readRun(ctx context.Context, n uint64) (lifecycle.Run, *input, error) {
	run, err := t.reader().Get(ctx, n)
	if err != nil {
		return run, nil, err
	}
	in, err := t.reread(ctx, run)
	return run, in, err
}

// target is a generation with the program of its definition.
type target struct {
	view       view.Name
	generation lifecycle.Generation
	place      int  // index of its program in the set
	answers    bool // it is the generation of its view that answers
}

// furthestBehind returns, among the generations that have some runs and lack others, those that have the fewest.
func (t *tick) furthestBehind(head lifecycle.Run) []target {
	own, _ := t.targets()
	return lifecycle.FurthestBehind(own, func(g target) (run uint64, ok bool) {
		n := g.generation.Run
		return n, n > 0 && n < head.N && !t.failed[g.generation.ID]
	})
}

// atRun returns the targets whose last run is the given one.
func atRun(all []target, run uint64) []target {
	var some []target
	for _, g := range all {
		if g.generation.Run == run {
			some = append(some, g)
		}
	}
	return some
}

// targets returns the generations that take runs: those that batch owns, and those that replay owns.
func (t *tick) targets() (own, replays []target) {
	for _, v := range t.views {
		answering, _ := v.Answering()
		for _, g := range v.Generations {
			if !g.TakesRuns() {
				continue
			}
			if g.Owner() == lifecycle.Replay {
				replays = append(replays, target{view: v.Name, generation: g})
				continue
			}
			for place, p := range t.set.Programs {
				if p.Hash == g.Definition {
					own = append(own, target{view: v.Name, generation: g, place: place, answers: g.ID == answering.ID})
				}
			}
		}
	}
	return own, replays
}

// isShortOfTime says whether another run may not fit into the time left.
func (t *tick) isShortOfTime(ctx context.Context) bool { return budget.Short(ctx, t.started, t.Now()) }
