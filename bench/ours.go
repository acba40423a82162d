package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"runtime/pprof"
	"time"

	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/view"
)

// prepared is a world in front of the tick that is measured.
type prepared struct {
	*world
	*batch.Batch
}

// prepareRun prepares a tick that makes one run of all objects and brings it into a generation, as batch does on its
// schedule: get, decompress, scan, find duplicates, fold, encode and store the items.
func prepareRun(ctx context.Context, folder string) (prepared, error) {
	w, err := open(ctx, folder)
	if err != nil {
		return prepared{}, err
	}
	s, err := w.system()
	if err != nil {
		return prepared{}, err
	}
	b := s.Batch(w.views)
	if err := b.Register(ctx, 0); err != nil {
		return prepared{}, err
	}
	// An empty first run, so that the second one advances the generation.
	if _, err := b.Tick(ctx); err != nil {
		return prepared{}, err
	}
	w.now = end
	return prepared{w, b}, nil
}

// prepareRebuild prepares a tick that builds a generation of a history that is in a run already, as batch does for a
// new definition.
func prepareRebuild(ctx context.Context, folder string) (prepared, error) {
	w, err := open(ctx, folder)
	if err != nil {
		return prepared{}, err
	}
	s, err := w.system()
	if err != nil {
		return prepared{}, err
	}
	w.now = end
	if _, err := s.Batch(nil).Tick(ctx); err != nil {
		return prepared{}, err
	}
	b := s.Batch(w.views)
	return prepared{w, b}, b.Register(ctx, 0)
}

// advancedPart is the part of the time of all events that an advance brings in.
const advancedPart = 31

// prepareAdvance prepares a tick that makes one run of the last events, and brings it into a generation that has all
// others.
func prepareAdvance(ctx context.Context, folder string) (prepared, error) {
	w, err := open(ctx, folder)
	if err != nil {
		return prepared{}, err
	}
	s, err := w.system()
	if err != nil {
		return prepared{}, err
	}
	b := s.Batch(w.views)
	if err := b.Register(ctx, 0); err != nil {
		return prepared{}, err
	}
	w.now = begin.Add(days * 24 * time.Hour * (advancedPart - 1) / advancedPart)
	if _, err := b.Tick(ctx); err != nil {
		return prepared{}, err
	}
	w.now = end
	return prepared{w, b}, nil
}

// measureTick measures a tick, and then reads its answer. It writes a profile of the tick, unless profile is "".
func (p prepared) measureTick(ctx context.Context, profile string) (Measured, error) {
	stop, err := startProfile(profile)
	if err != nil {
		return Measured{}, err
	}
	clock := startClock()
	report, err := p.Tick(ctx)
	m, clockErr := clock.stop()
	if err := errors.Join(err, clockErr, stop()); err != nil {
		return m, err
	}
	m.Items = report.Items
	m.Answer, err = p.answer(ctx)
	return m, err
}

// startProfile begins a profile of the processor. stop writes it into the file; without a name there is none.
func startProfile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, pprof.StartCPUProfile(file)
}

// answer adds up the rows of all items.
func (w *world) answer(ctx context.Context) (Answer, error) {
	v, err := w.catalog.View(ctx, w.definition.Name)
	if err == nil && len(v.Generations) != 1 {
		err = fmt.Errorf("the view has %d generations, want 1", len(v.Generations))
	}
	if err != nil {
		return Answer{}, err
	}
	set, err := view.Compile(w.definition)
	if err != nil {
		return Answer{}, err
	}
	sums := make([]big.Rat, len(w.definition.Aggregates))
	groups := 0
	for after := ""; ; {
		items, next, err := w.base.Scan(ctx, v.Generations[0].ID, after)
		if err != nil {
			return Answer{}, err
		}
		for _, item := range items {
			windows := set.Programs[0].NewWindows()
			if err := windows.MergePage(item.Page, item.States, nil); err != nil {
				return Answer{}, err
			}
			groups += windows.Len()
			for _, window := range windows.Sorted() {
				for i := range sums {
					var value big.Rat
					if _, ok := value.SetString(string(windows.AppendValue(nil, i, window))); !ok {
						return Answer{}, fmt.Errorf("aggregate %d is not a number", i)
					}
					sums[i].Add(&sums[i], &value)
				}
			}
		}
		if after = next; after == "" {
			break
		}
	}
	text := func(i int) json.Number { return json.Number(sums[i].FloatString(2)) }
	return Answer{
		Groups: groups, Views: text(0), Amount: text(1), Shortest: text(2), Longest: text(3), Users: text(4),
	}, nil
}
