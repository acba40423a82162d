package simulation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/operations"
)

// hiding is an archive that leaves an object out of its listings.
type hiding struct {
	archive.Archive
	hidden archive.Key
}

func (h *hiding) List(ctx context.Context, from, to archive.Key, limit int) ([]archive.Object, time.Time, error) {
	found, date, err := h.Archive.List(ctx, from, to, limit)
	return slices.DeleteFunc(found, func(o archive.Object) bool { return o.Key == h.hidden }), date, err
}

// TestRebuildTakesInWhatIsMissing checks an object that no run holds, and that is too old for the look-back. A rebuild
// of one view must take it in: the next run reads the object, for this view and all others. Until then, answers lack it
// and do not change.
func TestRebuildTakesInWhatIsMissing(t *testing.T) {
	ctx := context.Background()
	w := running(t)
	before, _, err := w.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(send(7, 100, 6), w.deliver)(w.World); err != nil {
		t.Fatal(err)
	}
	after, _, err := w.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1000)
	if err != nil || len(after) != len(before)+1 {
		t.Fatalf("%d objects after %d, %v", len(after), len(before), err)
	}
	hidden := &hiding{Archive: w.Archive, hidden: after[len(after)-1].Key}
	w.Batch.Archive = hidden
	if err := steps(wait(time.Minute), tick, wait(2*w.Batch.Lookback), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	hidden.hidden = ""
	if err := steps(wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	if w.Check(ctx) == nil {
		t.Fatal("the answers do not lack the hidden object")
	}
	first := serves(t, w.World)

	rebuild, err := byUser(t, w.World).WantRebuild()
	if err == nil {
		err = w.Catalog.PutView(ctx, rebuild)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := steps(wait(time.Minute), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
	head, err := w.Catalog.Head(ctx)
	if err != nil || head.LateObjects != 1 {
		t.Errorf("the last run is %+v, %v; want one late object", head, err)
	}
	v := byUser(t, w.World)
	if g := serves(t, w.World); g.ID == first.ID || g.Definition != first.Definition || g.LiveFrom != first.LiveFrom ||
		v.Rebuild != 0 {
		t.Errorf("generation %+v serves after %+v; rebuild %d", g, first, v.Rebuild)
	}
	if old, ok := v.Generation(first.ID); !ok || old.State != lifecycle.Retained {
		t.Errorf("the generation that served before is %+v", old)
	}
	w.goOn(t, 4, 1000)
	if again := serves(t, w.World); again.ID != v.Serving {
		t.Errorf("generation %s serves in the end, want %s", again.ID, v.Serving)
	}
}

// TestRebuildWaitsForARun checks that a rebuild begins only after the next run has looked for missing objects.
func TestRebuildWaitsForARun(t *testing.T) {
	ctx := context.Background()
	w := running(t)
	rebuild, err := byUser(t, w.World).WantRebuild()
	if err == nil {
		err = w.Catalog.PutView(ctx, rebuild)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := tick(w.World); err != nil {
		t.Fatal(err)
	}
	if v := byUser(t, w.World); v.Rebuild == 0 || len(v.Generations) != 1 {
		t.Errorf("within the same slot: %+v", v)
	}
	w.goOn(t, 4, 1000)
	if v := byUser(t, w.World); v.Rebuild != 0 || len(v.Generations) != 2 {
		t.Errorf("slots later: %+v", v)
	}
}

// TestRebuildIsNotBegunByAnOlderSearch checks that a request for a rebuild is not used up by a function that searched
// the archive before it. The function searches because of a first request, and freezes. An object lands that is too
// old for the look-back, and an operator requests the rebuild again. The rebuild of the second request must have the
// object.
func TestRebuildIsNotBegunByAnOlderSearch(t *testing.T) {
	ctx := t.Context()
	w := running(t)
	if err := steps(send(7, 100, 6), w.deliver)(w.World); err != nil {
		t.Fatal(err)
	}
	objects, _, err := w.Archive.List(ctx, archive.FirstEvent, archive.EndOfEvents, 1000)
	if err != nil {
		t.Fatal(err)
	}
	w.Batch.Archive = &hiding{Archive: w.Archive, hidden: objects[len(objects)-1].Key}
	err = steps(wait(time.Minute), tick, wait(2*w.Batch.Lookback), tick, operate(operations.Rebuild), wait(time.Minute))(
		w.World)
	if err != nil {
		t.Fatal(err)
	}
	ended := onCall(w.World, call{"catalog.Append", 0}, func() error { return operate(operations.Rebuild)(w.World) })
	if err := errors.Join(tick(w.World), ended()); err != nil {
		t.Fatal(err)
	}
	if v := byUser(t, w.World); v.Rebuild == 0 || len(v.Generations) != 1 {
		t.Errorf("the second request is used up: %+v", v)
	}
	w.Restart() // the object is listed from now on
	if err := steps(wait(time.Minute), tick, check)(w.World); err != nil {
		t.Error(err)
	}
	if v := byUser(t, w.World); v.Rebuild != 0 || len(v.Generations) != 2 {
		t.Errorf("a search later: %+v", v)
	}
}
