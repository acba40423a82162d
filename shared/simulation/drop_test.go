package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/simulation"
)

// longFreeze is how long a function freezes. It is longer than DropGrace.
const longFreeze = simulation.RetainFor / 2

// TestFrozenDrop freezes the tick that gives up a retired view's generation at each of its writes, for longer than
// DropGrace. A query begins just before each write. It must find all items as long as DropGrace lasts, by the true
// time since that write.
func TestFrozenDrop(t *testing.T) {
	for n := range 3 {
		t.Run(fmt.Sprint("write ", n), func(t *testing.T) {
			w := retiredLong(t)
			q := &openQuery{}
			done := onCall(w.World, call{"catalog.PutView", n}, func() error {
				w.Wait(longFreeze)
				return q.begin(w.World)
			})
			if err := tick(w.World); err != nil {
				t.Fatal(err)
			}
			if err := done(); err != nil || !byUser(t, w.World).IsGone() {
				t.Fatalf("error %v, the view is %+v, want it given up", err, byUser(t, w.World))
			}
			q.mustReadAll(t, w.World)
			mustDelete(t, w.World, q.generation.ID)
		})
	}
}

// TestDropBesideFrozenTick freezes a tick before it reads the views, for longer than DropGrace. Then a query begins, an
// operator drops the retired view, and the tick continues: it dates the generation. The query must find all items as
// long as DropGrace lasts.
func TestDropBesideFrozenTick(t *testing.T) {
	w := retired(t)
	q := &openQuery{}
	done := onCall(w.World, call{"catalog.Views", 0}, func() error {
		w.Wait(longFreeze)
		if err := q.begin(w.World); err != nil {
			return err
		}
		_, err := w.Operations.Do(t.Context(), "by_user", operations.Drop, "")
		return err
	})
	if err := tick(w.World); err != nil {
		t.Fatal(err)
	}
	v := byUser(t, w.World)
	if err := done(); err != nil || len(v.Generations) != 1 || v.Generations[0].Since == event.Never {
		t.Fatalf("error %v, the view is %+v, want its generation dated", err, v)
	}
	q.mustReadAll(t, w.World)
	mustDelete(t, w.World, q.generation.ID)
}

// retired returns a world in which by_user has been retired. No event comes any more.
func retired(t *testing.T) life {
	t.Helper()
	w := running(t)
	leaveOut(w.World)
	if err := steps(tick, wait(simulation.Slot), tick)(w.World); err != nil {
		t.Fatal(err)
	}
	return w
}

// retiredLong is like retired, but the next tick gives up the view's generation.
func retiredLong(t *testing.T) life {
	t.Helper()
	w := retired(t)
	w.Wait(simulation.RetainFor)
	return w
}

// openQuery is a query for one key that has read the pointer, and reads the items later.
type openQuery struct {
	generation lifecycle.Generation
	reader     serving.Reader
	selection  serving.Selection
	want       []string // the rows when it began, without what says how exact they are
}

// begin reads the pointer, as a query does.
func (q *openQuery) begin(w *simulation.World) error {
	ctx := context.Background()
	v, err := w.Serving.LoadView(ctx, "by_user")
	if err != nil {
		return err
	}
	query, err := present.Parse("by_user", map[string][]string{"user": {"u0"}}, "", w.Serving.Now())
	if err != nil {
		return err
	}
	q.generation, _ = v.Answering()
	q.selection = query.Selection
	if q.reader, err = w.Serving.Reader(ctx, q.generation); err != nil {
		return err
	}
	if q.want, err = q.read(); err == nil && len(q.want) == 0 {
		err = errors.New("the query finds no row")
	}
	return err
}

// read reads the items of the generation that the query has begun with.
func (q *openQuery) read() (rows []string, err error) {
	result, err := q.reader.Read(context.Background(), q.selection)
	if err != nil {
		return nil, err
	}
	for _, row := range present.NewAnswer(result, false).Data {
		rows = append(rows, fmt.Sprintf("%s %s", row.Start, row.Values))
	}
	return rows, nil
}

// mustReadAll lets batch tick now and at the end of DropGrace. The query must find all items after each tick.
func (q *openQuery) mustReadAll(t *testing.T, w *simulation.World) {
	t.Helper()
	for _, d := range []time.Duration{0, simulation.DropGrace - time.Millisecond} {
		if err := steps(wait(d), tick)(w); err != nil {
			t.Fatal(err)
		}
		got, err := q.read()
		if diff := cmp.Diff(q.want, got); diff != "" || err != nil {
			t.Fatalf("%s later, error %v (-want +got):\n%s", d, err, diff)
		}
	}
}

// mustDelete checks that a generation and its items are gone after a while.
func mustDelete(t *testing.T, w *simulation.World, id lifecycle.GenerationID) {
	t.Helper()
	for range 3 {
		if err := steps(wait(2*simulation.DropGrace), tick)(w); err != nil {
			t.Fatal(err)
		}
	}
	if v := byUser(t, w); len(v.Generations) > 0 || w.Base.Len(id) > 0 {
		t.Errorf("%d items of generation %s are left: %+v", w.Base.Len(id), id, v)
	}
}
