package lifecycle_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// life returns a view with these generations. The id of a generation is also its definition.
func life(serving string, generations ...lifecycle.Generation) lifecycle.View {
	for i := range generations {
		generations[i].ID = lifecycle.GenerationID(generations[i].Definition)
	}
	return lifecycle.View{Name: "v", Revision: 5, Serving: lifecycle.GenerationID(serving), Generations: generations}
}

func in(definition string, state lifecycle.State, since event.Millis) lifecycle.Generation {
	return lifecycle.Generation{Definition: view.Hash(definition), State: state, Since: since}
}

func TestWithDesired(t *testing.T) {
	announced := lifecycle.Generation{ID: "new", Definition: "B", State: lifecycle.Announced, LiveFrom: 7000}
	held := func(definition view.Hash, v lifecycle.View) lifecycle.View {
		v.Held = definition
		return v
	}
	rebuild := func(v lifecycle.View) lifecycle.View {
		v.Rebuild = 4
		return v
	}
	anew := func(v lifecycle.View) lifecycle.View {
		v.Generations = append(v.Generations, announced)
		return v
	}
	for name, test := range map[string]struct{ before, want lifecycle.View }{
		"the desired definition serves": {life("B", in("B", lifecycle.Serving, 0)), life("B", in("B", lifecycle.Serving, 0))},
		"it is building": {
			life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Building, 0)),
			life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Building, 0)),
		},
		"it is the first one": {life(""), lifecycle.View{Name: "v",
			Revision: 5, Generations: []lifecycle.Generation{announced}}},
		"it is new": {
			life("A", in("A", lifecycle.Serving, 0)),
			lifecycle.View{Name: "v", Revision: 5, Serving: "A",
				Generations: append(life("", in("A", lifecycle.Serving, 0)).Generations, announced)},
		},
		"it is new, and others are on their way": {
			life("A", in("A", lifecycle.Serving, 0), in("C", lifecycle.Announced, 0), in("D", lifecycle.Building, 0),
				in("E", lifecycle.Retained, 3)),
			lifecycle.View{Name: "v", Revision: 5, Serving: "A", Generations: append(life("", in("A", lifecycle.Serving, 0),
				in("C", lifecycle.Dropping, 0), in("D", lifecycle.Dropping, 0), in("E", lifecycle.Retained,
					3)).Generations, announced)},
		},
		"it is retained": {
			life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Retained, 3)),
			life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Building, 0)),
		},
		"it serves, and another one is on its way": {
			life("B", in("B", lifecycle.Serving, 0), in("C", lifecycle.Building, 0)),
			life("B", in("B", lifecycle.Serving, 0), in("C", lifecycle.Dropping, 0)),
		},
		"it is being dropped, and begins again": {
			life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 0)),
			lifecycle.View{Name: "v", Revision: 5, Serving: "A",
				Generations: append(life("", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 0)).Generations,
					announced)},
		},
		"it is held and retained": {
			held("B", life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Retained, 3))),
			held("B", life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Retained, 3))),
		},
		"it is held and was abandoned": {
			held("B", life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 3))),
			held("B", life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 3))),
		},
		"it is held and was dropped": {held("B", life("A", in("A", lifecycle.Serving, 0))),
			held("B", life("A", in("A", lifecycle.Serving, 0)))},
		"it is new, and another one is held": {
			held("C", life("A", in("A", lifecycle.Serving, 0), in("C", lifecycle.Retained, 3))),
			anew(life("A", in("A", lifecycle.Serving, 0), in("C", lifecycle.Retained, 3))),
		},
		"it serves, and another one is held": {
			held("A", life("B", in("B", lifecycle.Serving, 0), in("A", lifecycle.Retained, 3))),
			life("B", in("B", lifecycle.Serving, 0), in("A", lifecycle.Retained, 3)),
		},
		"it is retained, and another one is held": {
			held("C", life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Retained, 3))),
			life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Building, 0)),
		},
		"it serves, and a rebuild is requested": {rebuild(life("B", in("B", lifecycle.Serving, 0))),
			anew(life("B", in("B", lifecycle.Serving, 0)))},
		"it serves, a rebuild is requested, and another one is retained": {
			rebuild(life("B", in("A", lifecycle.Retained, 3), in("B", lifecycle.Serving, 0))),
			anew(life("B", in("A", lifecycle.Retained, 3), in("B", lifecycle.Serving, 0))),
		},
		"it is building, and a rebuild is requested": {
			rebuild(life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Building, 0))),
			anew(life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 0))),
		},
		"it is held, and a rebuild is requested": {
			rebuild(held("B", life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Retained, 3)))),
			anew(life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Retained, 3))),
		},
		"it is held and deleted, and a rebuild is requested": {rebuild(held("B", life("A", in("A", lifecycle.Serving, 0)))),
			anew(life("A", in("A", lifecycle.Serving, 0)))},
		"it is new, and a rebuild of another one was requested": {
			rebuild(life("A", in("A", lifecycle.Serving, 0), in("C", lifecycle.Building, 0))),
			anew(life("A", in("A", lifecycle.Serving, 0), in("C", lifecycle.Dropping, 0))),
		},
	} {
		t.Run(name, func(t *testing.T) {
			kept := test.before
			kept.Generations = append([]lifecycle.Generation(nil), kept.Generations...)
			got, changed := test.before.WithDesired(announced, 4)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if changed == cmp.Equal(kept, test.want) {
				t.Errorf("changed: %v", changed)
			}
			if diff := cmp.Diff(kept, test.before); diff != "" {
				t.Errorf("the view itself was changed:\n%s", diff)
			}
			if again, changed := got.WithDesired(lifecycle.Generation{ID: "newer", Definition: "B", State: lifecycle.Announced,
				LiveFrom: 9000}, 0); changed {
				t.Errorf("once more, it is changed to %+v", again)
			}
		})
	}
}

func TestSwitched(t *testing.T) {
	before := life(
		"A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Building, 0), in("C", lifecycle.Retained, 3),
		in("D", lifecycle.Dropping, 0), in("E", lifecycle.Announced, 0),
	)
	want := life(
		"B", in("A", lifecycle.Retained, 99), in("B", lifecycle.Serving, 0), in("C", lifecycle.Dropping, 0),
		in("D", lifecycle.Dropping, 0), in("E", lifecycle.Announced, 0),
	)
	if diff := cmp.Diff(want, before.Switched("B", 99)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if before.Serving != "A" || before.Generations[0].State != lifecycle.Serving {
		t.Errorf("the view itself was changed: %+v", before)
	}
}

// TestDated checks that only a generation that was given up gets a time, and only once.
func TestDated(t *testing.T) {
	given := life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 0), in("C", lifecycle.Retained, 3))
	dated, changed := given.Dated("B", 99)
	want := life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 99), in("C", lifecycle.Retained, 3))
	if diff := cmp.Diff(want, dated); diff != "" || !changed {
		t.Errorf("changed %t (-want +got):\n%s", changed, diff)
	}
	for _, id := range []lifecycle.GenerationID{"A", "B", "C", "D"} {
		if again, changed := dated.Dated(id, 100); changed || !cmp.Equal(dated, again) {
			t.Errorf("generation %s is dated: %+v", id, again)
		}
	}
}

func TestWithout(t *testing.T) {
	v := life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 0))
	if diff := cmp.Diff(life("A", in("A", lifecycle.Serving, 0)), v.Without("B")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(v, v.Without("C")); diff != "" {
		t.Errorf("without one that is not there (-want +got):\n%s", diff)
	}
	if len(v.Generations) != 2 || v.Generations[1].ID != "B" {
		t.Errorf("the view itself was changed: %+v", v)
	}
}

// TestOf checks that among several generations of one definition, Of returns the one that is closest to serving,
// wherever it is in the list.
func TestOf(t *testing.T) {
	others := []lifecycle.Generation{
		{ID: "o1", Definition: "A", State: lifecycle.Serving},
		{ID: "o2", Definition: "C", State: lifecycle.Building},
	}
	order := []lifecycle.State{lifecycle.Serving, lifecycle.Building, lifecycle.Announced, lifecycle.Retained}
	for i, state := range order {
		v := lifecycle.View{Generations: others}
		for _, later := range append([]lifecycle.State{lifecycle.Dropping}, order[i:]...) {
			// Generations that are later in the order come earlier in the view.
			v.Generations = append(
				[]lifecycle.Generation{{ID: lifecycle.GenerationID(later), Definition: "B", State: later}},
				v.Generations...)
		}
		if g, ok := v.GenerationOf("B"); !ok || g.State != state || g.Definition != "B" {
			t.Errorf("of %+v: %+v, %t; want the one that is %s", v.Generations, g, ok, state)
		}
	}
	for name, v := range map[string]lifecycle.View{
		"no generation": {}, "others": {Generations: others},
		"a generation that was given up": {Generations: []lifecycle.Generation{{ID: "b", Definition: "B",
			State: lifecycle.Dropping}}},
	} {
		if g, ok := v.GenerationOf("B"); ok || g != (lifecycle.Generation{}) {
			t.Errorf("%s: %+v, %t", name, g, ok)
		}
	}
	twice := lifecycle.View{
		Generations: []lifecycle.Generation{
			{ID: "b1", Definition: "B", State: lifecycle.Retained},
			{ID: "b2", Definition: "B", State: lifecycle.Serving},
		},
	}
	if g, ok := twice.GenerationOf("B"); !ok || g.ID != "b2" {
		t.Errorf("rebuilt: %+v, %t", g, ok)
	}
}

// TestRebuildWaits checks that a requested rebuild does not begin before the runs hold the whole archive, and stays
// requested. Everything else continues.
func TestRebuildWaits(t *testing.T) {
	v := life("B", in("B", lifecycle.Serving, 0))
	v.Rebuild = 4
	fresh := lifecycle.Generation{ID: "new", Definition: "B", State: lifecycle.Building}
	if next, changed := v.WithDesired(fresh, 3); changed || next.Rebuild == 0 {
		t.Errorf("changed %t, %+v", changed, next)
	}
	other := lifecycle.Generation{ID: "new", Definition: "C", State: lifecycle.Announced}
	if next, changed := v.WithDesired(other, 0); !changed || next.Rebuild == 0 || len(next.Generations) != 2 {
		t.Errorf("another definition: changed %t, %+v", changed, next)
	}
	if next, changed := v.WithDesired(fresh, 4); !changed || next.Rebuild != 0 || len(next.Generations) != 2 {
		t.Errorf("with all of the archive: changed %t, %+v", changed, next)
	}
}

// TestFailed checks that giving up a build holds its definition, unless that serves, and says why; and that it leaves
// alone what is built by now or was given up before.
func TestFailed(t *testing.T) {
	building := in("B", lifecycle.Building, 0)
	before := life("A", in("A", lifecycle.Serving, 0), building)
	before.Rebuild = 4
	got, changed := before.Failed("B", "killed")
	want := life("A", in("A", lifecycle.Serving, 0), in("B", lifecycle.Dropping, 0))
	want.Held, want.Failure = "B", "killed"
	if diff := cmp.Diff(want, got); diff != "" || !changed {
		t.Errorf("changed %v (-want +got):\n%s", changed, diff)
	}
	again := before.With(lifecycle.Generation{ID: "B", Definition: "A", State: lifecycle.Building})
	if got, _ := again.Failed("B", "killed"); got.Held != "" || got.Failure != "killed" {
		t.Errorf("a rebuild of what serves: %+v; want nothing held", got)
	}
	building.ID, building.Run = "B", 7
	for name, v := range map[string]lifecycle.View{
		"built by now": before.With(building), "given up before": got, "another id": life("A", in("A", lifecycle.Serving, 0)),
	} {
		if next, changed := v.Failed("B", "again"); changed {
			t.Errorf("%s: %+v", name, next)
		}
	}
	for name, next := range map[string]lifecycle.View{
		"another serves": got.Switched("A", 77), "the view is dropped": func() lifecycle.View {
			got.Retired = 1
			next, _ := got.DropRetired()
			return next
		}(),
	} {
		if next.Failure != "" {
			t.Errorf("%s: the failure is still %q", name, next.Failure)
		}
	}
	if next, err := got.Abandon(""); err != nil || next.Failure != "" {
		t.Errorf("an operator abandons it: %+v, %v", next, err)
	}
}
