package simulation_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/system"
	"github.com/anabranch/anabranch/shared/view"
)

// older is the catalog as seen by an older version of the code, which does not know the engine of a definition.
type older struct {
	catalog.Control
	unknown view.Hash
}

func (o *older) Definition(ctx context.Context, hash view.Hash) ([]byte, error) {
	text, err := o.Control.Definition(ctx, hash)
	if hash == o.unknown {
		text = []byte(strings.Replace(string(text), `"engine":2`, `"engine":99`, 1))
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
	seesLess := &older{Control: w.Catalog}
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
