package speed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Replay brings Kappa generations the events that arrived before they were live. It folds the objects of real runs, of
// slots below LiveFrom, in archive order into the generations' items, as records of a lane of their own. It continues
// for as long as a generation is kept, because objects may come late. It lets a complete generation serve, and deletes
// the items of a generation that was given up. All fields are required.
//
// A Replay is not safe for concurrent use. Several Replays may work on one catalog at once: an item's applied position
// prevents any object from being folded into it twice.
//
// Source: docs/design.md 3.8.
type Replay struct {
	Archive  archive.Archive
	Catalog  catalog.Catalog
	Sweeps   catalog.Sweeps
	Programs *programs.Cache
	Items    viewstore.Speed
	Seen     viewstore.Seen
	Codec    *event.Codec
	Layout   archive.Layout

	// Bytes is the most bytes of stored objects that one step folds, unless a single run has more.
	Bytes int64
	// TickBytes limits the rate of replay: a tick that has folded this many bytes begins no further step; 0 means no
	// limit.
	TickBytes int64
	// RetainSeen is how long a seen item lives; the same as Speed.RetainSeen.
	RetainSeen time.Duration
	// ClockMargin is the most by which any function's clock may differ from the store's.
	ClockMargin clock.Margin
	// DropGrace is the time between giving up a generation and deleting its items. Queries that have begun still read
	// them.
	DropGrace time.Duration
	// Tries is the number of attempts at one conditional write.
	Tries int
	// RequireApproval makes a generation that would replace a serving one wait for an operator.
	RequireApproval bool
	// Lease keeps other ticks away while one works.
	Lease lease.Keeper

	Parallel runner.Runner // runs requests for objects and items at once
	Now      func() time.Time
	Log      *slog.Logger

	cache   cache
	listing listing
}

// ReplayReport says what a tick of replay did. The function also logs it.
type ReplayReport struct {
	Head        uint64 // the last run when the tick began
	Generations []ReplayedGeneration
	// Lease says whether the tick worked. Otherwise another one does, or was killed; nothing else is reported then.
	Lease lease.Held
}

// ReplayedGeneration says how far replay has come with a generation.
type ReplayedGeneration struct {
	View       view.Name
	Generation lifecycle.GenerationID
	Run        uint64 // the items have all objects of the runs up to this one, of slots below LiveFrom
	Left       uint64 // number of runs from there to the head
	Waits      bool   // replay waits until the sweep has finished the next run

	Runs       int   // number of runs that this tick brought in
	Events     int64 // number of events that this tick read
	Duplicates int64 // number of these events that are duplicates, which do not count
	Items      int   // number of items that this tick wrote
	view.Counts
}

// Tick brings every confirmed Kappa generation up to the head, as far as the sweep and the time allow. The next tick
// continues.
//
// It may be called at any time, twice at once, and again after a crash at any point. A generation that fails does not
// stop the others; the next tick tries it again.
func (r *Replay) Tick(ctx context.Context) (report ReplayReport, err error) {
	held, err := r.Lease.Hold(ctx, lease.Work{Name: "replay"}, func(ctx context.Context) error {
		report, err = r.tick(ctx)
		return err
	})
	report.Lease = held
	return report, err
}

func (r *Replay) tick(ctx context.Context) (ReplayReport, error) {
	t := replayTick{Replay: r, started: r.Now(), archive: &recent{Archive: r.Archive}}
	var err error
	if t.head, err = r.Catalog.Head(ctx); err != nil {
		return ReplayReport{}, fmt.Errorf("read head: %w", err)
	}
	if t.swept, err = r.Sweeps.Swept(ctx); err != nil {
		return ReplayReport{}, fmt.Errorf("read swept: %w", err)
	}
	if t.views, err = r.Catalog.Views(ctx); err != nil {
		return ReplayReport{}, fmt.Errorf("read views: %w", err)
	}
	all := replayTargets(t.views)
	stepErr := t.bringUp(ctx, all)
	report := ReplayReport{Head: t.head.N}
	for _, g := range all {
		g.report.Run, g.report.Left = g.Run, t.head.N-min(g.Run, t.head.N)
		report.Generations = append(report.Generations, g.report)
	}
	return report, errors.Join(stepErr, t.mover().Move(ctx, t.views, t.head))
}

// replayTick is the work of one Tick.
type replayTick struct {
	*Replay
	archive *recent
	started time.Time
	head    lifecycle.Run
	views   []lifecycle.View // as last read
	swept   uint64           // the last run that the sweep has finished
	bytes   int64            // bytes of stored objects that the tick's steps have read
	lanes   map[edgeLane]*laneMemory
}

// replayTarget is a generation that replay maintains.
type replayTarget struct {
	lifecycle.Generation
	report ReplayedGeneration
	leave  bool // this tick does nothing more for it
}

// replayTargets returns the generations that replay brings runs into.
func replayTargets(views []lifecycle.View) []*replayTarget {
	var all []*replayTarget
	for _, v := range views {
		for _, g := range v.Generations {
			if g.Owner() == lifecycle.Replay && g.TakesRuns() {
				all = append(all, &replayTarget{Generation: g, report: ReplayedGeneration{View: v.Name, Generation: g.ID}})
			}
		}
	}
	return all
}

// bringUp takes step after step with the generations that are furthest behind, until none can go further, time is
// short, or the tick has read enough.
func (t *replayTick) bringUp(ctx context.Context, all []*replayTarget) error {
	var errs []error
	for level := t.furthestBehind(all); len(level) > 0 && !t.isShortOfTime(ctx) && !t.hasReadEnough(); {
		if err := t.step(ctx, level); err != nil {
			errs = append(errs, err)
		}
		if err := t.refresh(ctx, all); err != nil {
			return errors.Join(append(errs, err)...)
		}
		level = t.furthestBehind(all)
	}
	return errors.Join(errs...)
}

// refresh reads how far the generations are. It leaves out generations that were given up: their items may be deleted
// soon.
func (t *replayTick) refresh(ctx context.Context, all []*replayTarget) error {
	views, err := t.Catalog.Views(ctx)
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	t.views = views
	stored := replayTargets(views)
	for _, g := range all {
		at := slices.IndexFunc(stored, func(s *replayTarget) bool { return s.ID == g.ID })
		if at < 0 {
			g.leave = true
			continue
		}
		g.Generation = stored[at].Generation
	}
	return nil
}

// furthestBehind returns, among the generations that can go on, those that are furthest behind and lack the same
// events.
func (t *replayTick) furthestBehind(all []*replayTarget) []*replayTarget {
	level := lifecycle.FurthestBehind(all, func(g *replayTarget) (run uint64, canGoOn bool) {
		return g.Run, !g.leave && !g.report.Waits && g.Run < t.head.N
	})
	return slices.DeleteFunc(level, func(g *replayTarget) bool {
		return g.LiveFrom != level[0].LiveFrom || g.Lacks != level[0].Lacks
	})
}

// step brings the next runs into generations that lack the same ones. A generation for which it fails stays where it
// was.
func (t *replayTick) step(ctx context.Context, level []*replayTarget) error {
	p, err := t.choose(ctx, level[0].LiveFrom, level[0].Run)
	if err != nil {
		return failed(level, err)
	}
	if p.runs == 0 {
		for _, g := range level {
			g.report.Waits = true
		}
		return nil
	}
	var set *view.Set
	in := &replayInput{}
	if len(p.chosen) > 0 {
		if set, err = t.Programs.Of(ctx, t.Catalog, definitions(level)); err != nil {
			return failed(level, err)
		}
		if in, err = t.read(ctx, set.Fields(), level[0], p); err != nil {
			return failed(level, err)
		}
		t.bytes += p.bytes
	}
	var all []error
	for _, g := range level {
		if err := t.bringIn(ctx, g, set, in, p.through); err != nil {
			all = append(all, failed([]*replayTarget{g}, err))
			continue
		}
		g.report.Runs += p.runs
	}
	return errors.Join(all...)
}

// bringIn brings a step's input into one generation.
func (t *replayTick) bringIn(
	ctx context.Context, g *replayTarget, set *view.Set, in *replayInput, through lifecycle.Run,
) error {
	if len(in.seen) > 0 {
		if err := t.tellOthers(ctx, g, through); err != nil {
			return err
		}
		if err := t.fold(ctx, g, set, in); err != nil {
			return err
		}
	}
	return t.commit(ctx, g, through)
}

// tellOthers notes, before a generation that answers takes in runs, that no other generation answers without them.
func (t *replayTick) tellOthers(ctx context.Context, g *replayTarget, through lifecycle.Run) error {
	for _, v := range t.views {
		if answering, _ := v.Answering(); v.Name != g.report.View || answering.ID != g.ID {
			continue
		}
		_, err := generations.AnswerFrom(ctx, t.Catalog, v, t.Tries, through.N)
		return err
	}
	return nil
}

// failed ends the tick for the generations of a failed step, and names them in the error. The next tick tries again.
func failed(all []*replayTarget, err error) error {
	var names []string
	for _, g := range all {
		g.leave = true
		names = append(names, fmt.Sprintf("generation %s of view %s", g.ID, g.report.View))
	}
	return fmt.Errorf("replay %s: %w", strings.Join(names, ", "), err)
}

func definitions(level []*replayTarget) []view.Hash {
	var all []view.Hash
	for _, g := range level {
		all = append(all, g.Definition)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fold folds the step's events into a generation's items.
func (t *replayTick) fold(ctx context.Context, g *replayTarget, set *view.Set, in *replayInput) error {
	at := slices.IndexFunc(set.Programs, func(p *view.Program) bool { return p.Hash == g.Definition })
	f := fold{
		writer: writer{
			items: t.Items, cache: &t.cache, listing: &t.listing, tries: t.Tries, parallel: t.Parallel,
		},
		program: set.Programs[at], set: g.SpeedSet(), lane: event.ReplayLane, records: in.considered,
	}
	_, counts, items, err := f.apply(ctx, []group{{slot: viewstore.NoSlot, rows: in.rows()}})
	g.report.Events += int64(len(in.duplicate))
	g.report.Duplicates += int64(countTrue(in.duplicate))
	g.report.Items += items
	g.report.Folded += counts.Folded
	g.report.Skipped += counts.Skipped
	return err
}

// commit stores how far replay has come with a generation.
func (t *replayTick) commit(ctx context.Context, g *replayTarget, through lifecycle.Run) error {
	// Commit point: all objects of these runs, of slots below LiveFrom, are in the generation's items. A crash before
	// leaves items with some of the objects; the next tick folds the runs again, into each item only above its applied
	// position.
	_, _, err := generations.Update(ctx, t.Catalog, g.report.View, t.Tries,
		func(v lifecycle.View) (lifecycle.View, bool, error) {
			next, changed := v.Advanced(g.ID, through)
			return next, changed, nil
		})
	if err != nil {
		return fmt.Errorf("move replay to run %d: %w", through.N, err)
	}
	return nil
}

// hasReadEnough says whether this tick has read TickBytes.
func (t *replayTick) hasReadEnough() bool { return t.TickBytes > 0 && t.bytes >= t.TickBytes }

// mover moves the generations that replay owns. Batch moves its own.
func (t *replayTick) mover() generations.Mover {
	drop := func(ctx context.Context, g lifecycle.Generation, after string) (string, error) {
		return t.Items.Drop(ctx, g.SpeedSet(), after)
	}
	return generations.Mover{
		Catalog: t.Catalog, Owner: lifecycle.Replay, RequireApproval: t.RequireApproval,
		DropGrace: t.DropGrace + t.ClockMargin.Apart(), Tries: t.Tries, Drop: drop,
		Started: t.started, DeleteParts: 2, Now: t.Now, Log: t.Log,
	}
}

// isShortOfTime says whether another step may not fit into the time left.
func (t *replayTick) isShortOfTime(ctx context.Context) bool {
	return budget.Short(ctx, t.started, t.Now())
}
