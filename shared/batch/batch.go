package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Batch makes and applies runs. All fields are needed. A Batch does one thing at a time; several Batches may work on one catalog at once: they
// help or stop, and do no harm.
type Batch struct {
	Archive     archive.Archive
	Catalog     catalog.Catalog
	Programs    *programs.Cache
	Base        viewstore.Base
	Codec       *event.Codec
	Layout      archive.Layout
	Definitions []lifecycle.Definition // what the views are to be

	SealDelay       time.Duration // a slot is sealed this long after its end; at least commit_within + clock_margin, and a second where the store tells whole ones
	ClockMargin     clock.Margin  // by which the store's clock may differ from ours
	Lookback        time.Duration // slots this far below the horizon are listed again for late objects
	ConfirmWithin   time.Duration // for the writes of an announcement and its confirmation: one that takes longer is made again
	RetainFor       time.Duration // a generation that has served is kept current for so long, to go back to
	DropGrace       time.Duration // the items of what was given up are left for so long, to queries that have begun: an HTTP API waits 30 s for one
	RequireApproval bool          // what takes the place of something that serves waits for an operator
	RunBytes        int64         // of objects as stored, that one run reads, unless one slot has more
	Tries           int           // at one conditional write

	Workers  int           // deltas folded at once
	Parallel runner.Runner // runs them, and requests to the stores
	Now      func() time.Time
	NewID    func() (ulid.ULID, error) // a ULID never made before
	Log      *slog.Logger

	held held
}

// Report says what a tick did. It is also its log line.
type Report struct {
	Head    lifecycle.Run   // the last run after the tick
	Runs    []lifecycle.Run // made by this tick
	Items   int             // base items written
	Views   []ViewReport
	Backlog bool // sealed slots or builds are left: time was short
}

// ViewReport says what became of the events for one view.
type ViewReport struct {
	Name view.Name
	view.Counts
}

// Tick brings every generation up to the last sealed slot: it finishes what an earlier tick left, makes new runs and applies them, builds
// generations that have none yet, and lets a generation serve once it is complete.
//
// It may be called at any time, twice at once, and again after a crash at any point.
func (b *Batch) Tick(ctx context.Context) (Report, error) {
	sealed, now, err := b.sealed(ctx)
	if err != nil {
		return Report{}, err
	}
	t := tick{Batch: b, started: now}
	if err := t.readViews(ctx); err != nil {
		return Report{}, err
	}
	announced := t.announce(ctx, false)
	err = t.run(ctx, sealed)
	// A view that cannot be announced keeps no other from being brought up to date.
	return t.report, errors.Join(err, announced)
}

// sealed is the exclusive end of the slots that may be claimed, by the earlier of the own clock and the store's, read before any listing.
func (b *Batch) sealed(ctx context.Context) (slot.Slot, time.Time, error) {
	layout, date, err := archive.ReadLayout(ctx, b.Archive)
	if err != nil {
		return 0, time.Time{}, err
	}
	if layout != b.Layout {
		return 0, time.Time{}, errors.New("the archive's layout is not the one this function was started with")
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
	views   []lifecycle.View // as read last, and as written since
	search  search
	set     *view.Set
}

// search is for late objects in the whole archive, by one run of a tick. It is wanted when an operator has a view built anew; once
// it is done, the runs hold all that the archive held.
type search int

const (
	searchNotWanted search = iota
	searchWanted
	searchDone
)

func (t *tick) run(ctx context.Context, sealed slot.Slot) error {
	head, err := t.Catalog.Head(ctx)
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	if err := t.compile(ctx); err != nil {
		return err
	}
	if err := t.level(ctx, head); err != nil {
		return err
	}
	if head, err = t.extend(ctx, head, sealed); err != nil {
		return err
	}
	if t.search == searchDone {
		if err := t.announce(ctx, true); err != nil {
			return err
		}
	}
	t.report.Head = head
	// A build reads all history and may be killed at every tick, so what does not wait for it comes first.
	moved := t.moveAll(ctx, head)
	n, err := t.build(ctx)
	if n > 0 {
		err = errors.Join(err, t.moveAll(ctx, head))
	}
	return errors.Join(moved, err)
}

// moveAll takes every view one step further in the life of its generations.
func (t *tick) moveAll(ctx context.Context, head lifecycle.Run) error {
	return errors.Join(t.mover().Move(ctx, t.views, head), t.deployment().Expire(ctx, t.views), t.deployment().Retire(ctx, t.views))
}

// compile makes programs of the definitions of all generations.
func (t *tick) compile(ctx context.Context) (err error) {
	if t.set, err = t.Programs.Of(ctx, t.Catalog, lifecycle.Hashes(t.views)); err != nil {
		return err
	}
	if slices.ContainsFunc(t.views, lifecycle.View.WantsRebuild) {
		t.search = searchWanted
	}
	for _, v := range t.views {
		t.report.Views = append(t.report.Views, ViewReport{Name: v.Name})
	}
	return nil
}

// level applies the runs that generations lack which have some already: what a crash has left.
func (t *tick) level(ctx context.Context, head lifecycle.Run) error {
	for {
		if len(t.furthestBehind(head)) == 0 {
			return nil
		}
		// What was given up meanwhile is left alone.
		if err := t.readViews(ctx); err != nil {
			return err
		}
		level := t.furthestBehind(head)
		if len(level) == 0 {
			return nil
		}
		run, err := t.reader().Get(ctx, level[0].generation.Run+1)
		if err != nil {
			return err
		}
		in, err := t.reread(ctx, run)
		if err != nil {
			return err
		}
		if err := t.advance(ctx, level, run, in); err != nil {
			return err
		}
	}
}

// target is a generation with the program that keeps it.
type target struct {
	view       view.Name
	generation lifecycle.Generation
	place      int // of its program in the set
}

// furthestBehind are the generations that lack runs and have some, those that have the fewest.
func (t *tick) furthestBehind(head lifecycle.Run) []target {
	own, _ := t.targets()
	return lifecycle.FurthestBehind(own, func(g target) (run uint64, ok bool) {
		return g.generation.Run, g.generation.Run > 0 && g.generation.Run < head.N
	})
}

// atRun keeps the targets whose last run is the given one.
func atRun(all []target, run uint64) []target {
	var some []target
	for _, g := range all {
		if g.generation.Run == run {
			some = append(some, g)
		}
	}
	return some
}

// targets are the generations that runs are brought into: those that batch owns, and those that replay does.
func (t *tick) targets() (own, replays []target) {
	for _, v := range t.views {
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
					own = append(own, target{view: v.Name, generation: g, place: place})
				}
			}
		}
	}
	return own, replays
}

// isShortOfTime says whether another run may not fit into the time left.
func (t *tick) isShortOfTime(ctx context.Context) bool { return budget.Short(ctx, t.started, t.Now()) }
