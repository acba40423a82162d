package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// older is the catalog as seen by another release, which does not run the engine of a definition.
type older struct {
	catalog.Control
	unknown view.Hash
	engine  int // what the text of unknown names instead of its own
}

func (o *older) Definition(ctx context.Context, hash view.Hash) ([]byte, error) {
	text, err := o.Control.Definition(ctx, hash)
	if hash == o.unknown {
		text = []byte(strings.Replace(string(text), `"engine":2`, fmt.Sprintf(`"engine":%d`, o.engine), 1))
	}
	return text, err
}

// TestOldSpeedBeside lets two versions of speed take turns, as during a deployment. Both fold the definitions that both
// know, and answers must not show which version applied a record. When a definition exists that the old version cannot
// run, the old version must refuse every record with an error that names the definition, before it applies anything.
// The new version then applies all records.
func TestOldSpeedBeside(t *testing.T) {
	ctx := context.Background()
	w, err := newWorld(1)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := simulation.Settings().NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	seesLess := &older{Control: w.Catalog, engine: 99}
	s, err := system.New(system.Stores{Archive: w.Archive, Catalog: seesLess, Speed: w.Items, Seen: w.Seen,
		Programs: &programs.Cache{}}, simulation.Settings(), setting.Host{
		Layout: w.Speed.Layout, Codec: codec, Parallel: runner.Sequential, Workers: 1, Now: func() time.Time {
			return w.Clock
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	old := s.Speed()
	// byOld delivers everything to the old version. refused says that it must refuse it.
	byOld := func(refused bool) {
		t.Helper()
		shards, err := w.Records()
		if err != nil {
			t.Fatal(err)
		}
		for _, records := range shards {
			if len(records) == 0 {
				continue
			}
			applied, report, err := old.Apply(ctx, records)
			switch {
			case refused && (err == nil || !strings.Contains(err.Error(), string(seesLess.unknown)) || applied != 0 ||
				report.Items != 0):
				t.Fatalf("the old version applied %d records and wrote %d items, error %v", applied, report.Items, err)
			case !refused && (err != nil || applied < len(records)):
				t.Fatalf("the old version applied %d of %d records, error %v", applied, len(records), err)
			}
		}
	}
	if err := steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick)(w); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := send(uint64(10+i), 10*i, 5)(w); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			byOld(false)
		}
		if err := steps(deliver, wait(simulation.Slot/2), tick)(w); err != nil {
			t.Fatal(err)
		}
		if err := w.Check(ctx); err != nil {
			t.Fatalf("turn %d: %v", i, err)
		}
	}

	before := serves(t, w)
	if err := steps(deploy(1), wait(time.Minute), tick)(w); err != nil {
		t.Fatal(err)
	}
	for _, g := range byUser(t, w).Generations {
		if g.Definition != before.Definition {
			seesLess.unknown = g.Definition
		}
	}
	if seesLess.unknown == "" {
		t.Fatal("nothing was announced")
	}
	old.Programs = &programs.Cache{} // as a new environment starts
	fresh := once()
	// apply them once, since a definition that was not live then would count a record that is delivered again below
	if err := fresh(w); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if err := send(uint64(20+i), 100+10*i, 5)(w); err != nil {
			t.Fatal(err)
		}
		byOld(true)
		if err := steps(fresh, wait(simulation.Slot), tick)(w); err != nil {
			t.Fatal(err)
		}
		if err := w.Check(ctx); err != nil {
			t.Fatalf("turn %d of the deployment: %v", i, err)
		}
	}
	if after := serves(t, w); after.Definition != seesLess.unknown {
		t.Errorf("definition %s serves, not the new one", after.Definition)
	}
}

// TestDeploymentRefused deploys a release that cannot run what is kept: its engine is too old, or too new. Batch must
// announce and move nothing, and name the generation, whatever its state. Speed must refuse all records. A query of
// another view answers. The release before then goes on as if nothing had happened.
func TestDeploymentRefused(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		engine   int
		retained bool // it is no longer the generation that serves
		says     string
	}{
		"an old generation serves":      {engine.Previous - 1, false, "let its views be built anew there"},
		"an old generation is retained": {engine.Previous - 1, true, "let its views be built anew there"},
		"a new generation serves":       {engine.Current + 1, false, "deploy all functions at that release"},
	} {
		w, err := newWorld(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := steps(serve, send(1, 0, 20), once(), wait(time.Minute), tick)(w); err != nil {
			t.Fatal(err)
		}
		kept, state := serves(t, w), lifecycle.Serving
		if c.retained {
			state = lifecycle.Retained
			if err := steps(deploy(1), wait(time.Minute), tick, wait(time.Minute), tick)(w); err != nil {
				t.Fatal(err)
			}
		}
		parsed, err := viewfile.Parse("views.yaml", []byte(variant(2)))
		if err != nil {
			t.Fatal(err)
		}
		other, err := system.New(system.Stores{Archive: w.Archive, Stream: w.Stream, Queue: w.Queue, Base: w.Base,
			Catalog: &older{w.Catalog, kept.Definition, c.engine}, Speed: w.Items, Seen: w.Seen,
			Programs: &programs.Cache{}}, simulation.Settings(), setting.Host{
			Layout: w.Speed.Layout, Codec: w.Batch.Codec, Parallel: runner.Sequential, Workers: 1,
			Now: func() time.Time { return w.Clock }, NewULID: func(time.Time) (ulid.ULID, error) { return w.Batch.NewID() },
			Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		before, err := w.Catalog.Views(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b := other.Batch(lifecycle.Define(parsed))
		_, ticked := b.Tick(ctx)
		for what, err := range map[string]error{"tick": ticked, "register": b.Register(ctx, 0)} {
			named := fmt.Sprintf("view by_user keeps the generation %s, which is %s", kept.ID, state)
			if !errors.Is(err, view.ErrVersion) || !strings.Contains(err.Error(), named) ||
				!strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		after, err := w.Catalog.Views(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s: the catalog changed (-before +after):\n%s", name, diff)
		}
		shards, err := w.Records()
		if err != nil {
			t.Fatal(err)
		}
		for _, records := range shards {
			if len(records) == 0 {
				continue
			}
			if applied, _, err := other.Speed().Apply(ctx, records); applied != 0 || !errors.Is(err, view.ErrVersion) {
				t.Errorf("%s: speed applied %d records, error %v", name, applied, err)
			}
		}
		if _, err := simulation.Query(ctx, other.Serving(), "everything", nil); err != nil {
			t.Errorf("%s: a query of another view: %v", name, err)
		}
		if err := steps(send(2, 20, 10), deliver, wait(time.Minute), tick)(w); err != nil {
			t.Errorf("%s: the release before: %v", name, err)
		}
		if err := w.Check(ctx); err != nil {
			t.Errorf("%s: the release before: %v", name, err)
		}
	}
}
