package generations_test

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

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

const dropGrace = time.Minute

var now = time.UnixMilli(1_000_000_000)

// fixture is a mover for the generations that batch owns, over a catalog in memory.
type fixture struct {
	generations.Mover
	catalog memory.Catalog
	calls   []string // calls of Drop
}

func newFixture(t *testing.T, views ...lifecycle.View) *fixture {
	t.Helper()
	d := &fixture{}
	for _, v := range views {
		if err := d.catalog.PutView(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	d.Mover = generations.Mover{
		Catalog: &d.catalog, Owner: lifecycle.Batch, DropGrace: dropGrace, Tries: 3, Started: now, DeleteParts: 2,
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Drop: func(_ context.Context, g lifecycle.Generation, after string) (string, error) {
			d.calls = append(d.calls, string(g.ID)+after)
			if len(after) < 2 {
				return after + ">", nil
			}
			return "", nil
		},
	}
	return d
}

var head = lifecycle.Run{N: 7}

// move moves all views. It describes the first view: its serving generation, and all generations with their states.
func (d *fixture) move(t *testing.T, ctx context.Context) (string, error) {
	t.Helper()
	views, err := d.catalog.Views(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	moveErr := d.Move(ctx, views, head)
	v, err := d.catalog.View(t.Context(), views[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(v.Serving) + ":"
	for _, g := range v.Generations {
		text += fmt.Sprintf(" %s %s", g.ID, g.State)
	}
	return text, moveErr
}

func generation(id string, state lifecycle.State, change func(*lifecycle.Generation)) lifecycle.Generation {
	g := lifecycle.Generation{
		ID:         lifecycle.GenerationID(id),
		Definition: view.Hash(id),
		State:      state,
		Run:        7,
		Horizon:    7000,
		LiveFrom:   5000,
	}
	if state == lifecycle.Dropping {
		g.Since = event.MillisOf(now.Add(-dropGrace))
	}
	if change != nil {
		change(&g)
	}
	return g
}

func of(serving string, all ...lifecycle.Generation) lifecycle.View {
	return lifecycle.View{Name: "v", Serving: lifecycle.GenerationID(serving), Generations: all}
}

func TestMove(t *testing.T) {
	kappa := func(g *lifecycle.Generation) { g.Architecture = view.Kappa }
	a, b := generation("a", lifecycle.Serving, nil), generation("b", lifecycle.Building, nil)
	gone := generation("z", lifecycle.Dropping, nil)
	for name, c := range map[string]struct {
		v       lifecycle.View
		approve bool
		want    string
		dropped string
	}{
		"a first generation serves":                 {of("", b), true, "b: b serving", ""},
		"a new generation replaces the serving one": {of("a", a, b), false, "b: a retained b serving", ""},
		"an operator must approve":                  {of("a", a, b), true, "a: a serving b building", ""},
		"it lags": {of("a", a,
			generation("b", lifecycle.Building, func(g *lifecycle.Generation) {
				g.Run = 6
			})), false, "a: a serving b building", ""},
		"its horizon is below its live slot": {of("a", a,
			generation("b", lifecycle.Building, func(g *lifecycle.Generation) {
				g.LiveFrom = 9000
			})), false, "a: a serving b building", ""},
		"it has the other architecture": {of("a", a, generation("b", lifecycle.Building, kappa)), false,
			"a: a serving b building", ""},
		"a generation that was given up is deleted": {of("a", a, gone), false, "a: a serving", "z z> z>>"},
		"a generation that was given up a moment ago stays": {of("a", a,
			generation("z", lifecycle.Dropping, func(g *lifecycle.Generation) {
				g.Since++
			})), false, "a: a serving z dropping", ""},
		"a generation that was given up and not dated stays": {of("a", a,
			generation("z", lifecycle.Dropping, func(g *lifecycle.Generation) {
				g.Since = event.Never
			})), false, "a: a serving z dropping", ""},
		"a retained generation stays": {of("a", a, generation("b", lifecycle.Retained, nil)), false,
			"a: a serving b retained", ""},
		"a generation of the other owner stays": {of("a", a, generation("z", lifecycle.Dropping, kappa)), false,
			"a: a serving z dropping", ""},
		"switches come before deletions, which take long": {of("a", gone, a, b), false, "b: z dropping a retained b serving",
			""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newFixture(t, c.v)
			d.RequireApproval = c.approve
			got, err := d.move(t, t.Context())
			if got != c.want || err != nil {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
			if diff := cmp.Diff(c.dropped, strings.Join(d.calls, " ")); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShortOfTime checks that work which does not fit into the tick's time is not begun, and that the generation waits
// for the next tick.
func TestShortOfTime(t *testing.T) {
	d := newFixture(t, of("a", generation("a", lifecycle.Serving, nil), generation("z", lifecycle.Dropping, nil)))
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(time.Hour))
	defer cancel()
	d.Started = now.Add(-2 * time.Hour)
	if got, _ := d.move(t, ctx); got != "a: a serving z dropping" || len(d.calls) > 0 {
		t.Errorf("%s, after %v", got, d.calls)
	}
}

// TestFails checks that a failure is reported with the view's name and stops no other view. A view that somebody else
// has changed is left to the next tick.
func TestFails(t *testing.T) {
	broken := errors.New("broken")
	w := of("", generation("b", lifecycle.Building, nil))
	w.Name = "w"
	d := newFixture(t, of("a", generation("a", lifecycle.Serving, nil), generation("z", lifecycle.Dropping, nil)), w)
	d.Drop = func(context.Context, lifecycle.Generation, string) (string, error) { return "", broken }
	got, err := d.move(t, t.Context())
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "view v: drop generation z") ||
		got != "a: a serving z dropping" {
		t.Errorf("%s, %v", got, err)
	}
	if other, err := d.catalog.View(t.Context(), "w"); err != nil || other.Serving != "b" {
		t.Errorf("the other view is %+v, %v", other, err)
	}

	d = newFixture(t, of("a", generation("a", lifecycle.Serving, nil), generation("b", lifecycle.Building, nil)))
	for _, c := range []struct{ fault, want error }{{catalog.ErrConflict, nil}, {broken, broken}} {
		d.catalog.Hook = func(call memory.Call) memory.Fault {
			if call.Name == "catalog.PutView" {
				return memory.Fault{Err: c.fault}
			}
			return memory.Fault{}
		}
		if got, err := d.move(t, t.Context()); !errors.Is(err, c.want) || got != "a: a serving b building" {
			t.Errorf("%v: %s, %v", c.fault, got, err)
		}
	}
}

// TestDeploymentNamesTheStep checks that an error says which step failed for which view, and that it stops no other
// view.
func TestDeploymentNamesTheStep(t *testing.T) {
	down := errors.New("down")
	c := &memory.Catalog{Hook: func(call memory.Call) memory.Fault {
		if call.Name == "catalog.PutView" && call.Key == "a" {
			return memory.Fault{Err: down}
		}
		return memory.Fault{}
	}}
	ids := 0
	d := generations.Deployment{
		Archive: &memory.Archive{}, Catalog: c, Tries: 2, Now: func() time.Time { return now },
		Layout:      archive.Layout{Number: 1, Slot: slot.Length(time.Minute), SpeedWindow: time.Hour},
		Definitions: []lifecycle.Definition{{Name: "a", Hash: "a"}, {Name: "b", Hash: "b"}},
		NewID: func() (ulid.ULID, error) {
			ids++
			return ulid.ULID{15: byte(ids)}, nil
		},
	}
	_, announced := d.Announce(t.Context(), nil, nil)
	for step, err := range map[string]error{"announce": announced, "register": d.Register(t.Context(), 0)} {
		if !errors.Is(err, down) || !strings.HasPrefix(err.Error(), step+" view a: ") {
			t.Errorf("error is %v, want the step, %s, and the view", err, step)
		}
	}
	if v, err := c.View(t.Context(), "b"); err != nil || len(v.Generations) != 1 {
		t.Errorf("the other view is %+v, %v, want it announced", v, err)
	}
}
