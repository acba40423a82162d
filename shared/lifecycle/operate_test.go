package lifecycle_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// head is the head of the log in these tests.
var head = lifecycle.Run{N: 9, Horizon: 9_000_000}

// at returns a generation at a run; the run's number decides its horizon.
func at(g lifecycle.Generation, run uint64) lifecycle.Generation {
	g.Run, g.Horizon = run, slot.Slot(run*1_000_000)
	return g
}

// ready returns a generation that has reached the head.
func ready(definition string, state lifecycle.State, since event.Millis) lifecycle.Generation {
	return at(in(definition, state, since), head.N)
}

// wanted returns a view with a held definition and perhaps a requested rebuild, as WantRebuild makes it of life.
func wanted(held view.Hash, rebuild bool, v lifecycle.View) lifecycle.View {
	if v.Held = held; rebuild {
		v.Rebuild = 6
	}
	return v
}

// reason returns the text of a refusal, or "" without an error. Any other error fails the test.
func reason(t *testing.T, err error) string {
	t.Helper()
	var refusal *lifecycle.Refusal
	if err == nil {
		return ""
	}
	if !errors.As(err, &refusal) || refusal.View != "v" {
		t.Fatalf("error %v is no refusal of view v", err)
	}
	if err.Error() != "view v: "+refusal.Reason {
		t.Errorf("the refusal reads %q", err)
	}
	return refusal.Reason
}

// copyOf returns a deep copy of a view.
func copyOf(v lifecycle.View) lifecycle.View {
	v.Generations = slices.Clone(v.Generations)
	return v
}

func TestMayServe(t *testing.T) {
	kappa := func(g lifecycle.Generation) lifecycle.Generation {
		g.Architecture = view.Kappa
		return g
	}
	live := func(from slot.Slot, g lifecycle.Generation) lifecycle.Generation {
		g.LiveFrom = from
		return g
	}
	serving := ready("A", lifecycle.Serving, 0)
	for _, c := range []struct {
		name string
		view lifecycle.View
		head lifecycle.Run
		want string
	}{
		{"built up to the head", life("A", serving, ready("B", lifecycle.Building, 0)), head, ""},
		{"built up to the head, live before", life("A", serving, live(9_000_000, ready("B", lifecycle.Building, 0))), head,
			""},
		{"retained", life("A", serving, ready("B", lifecycle.Retained, 5)), head, ""},
		{"it serves", life("B", ready("B", lifecycle.Serving, 0)), head, ""},
		{"the first one", life("", ready("B", lifecycle.Building, 0)), head, ""},
		{"beyond the head that was read", life("A", serving, at(in("B", lifecycle.Building, 0), 10)), head, ""},
		{"replayed", life("A", serving, kappa(live(9_000_000, ready("B", lifecycle.Building, 0)))), head, ""},
		{"nothing to replay, since there is no run", life("", kappa(in("B", lifecycle.Building, 0))), lifecycle.Run{}, ""},

		{"not there", life("A", serving), head, "there is no generation B"},
		{"announced", life("A", serving, ready("B", lifecycle.Announced, 0)), head,
			"generation B is only announced; wait until batch confirms it at its next tick"},
		{"given up", life("A", serving, ready("B", lifecycle.Dropping, 5)), head,
			"generation B was given up; rebuild its definition"},
		{"not built", life("A", serving, in("B", lifecycle.Building, 0)), head, "generation B is not built yet"},
		{"not built, and there is no run", life("", in("B", lifecycle.Building, 0)), lifecycle.Run{},
			"generation B is not built yet"},
		{
			"live later than its horizon", life("A", serving, live(9_000_001, ready("B", lifecycle.Building, 0))), head,
			"generation B is live from 1970-01-01T02:30:00Z, but its runs end at 1970-01-01T02:30:00Z; wait until they reach it",
		},
		{
			"retained, and live later than its horizon", life("A", serving, live(10_000_000, ready("B",
				lifecycle.Retained, 0))), head,
			"generation B is live from 1970-01-01T02:46:40Z, but its runs end at 1970-01-01T02:30:00Z; wait until they reach it",
		},
		{
			"nothing replayed yet", life("A", serving, kappa(live(9_000_000, in("B", lifecycle.Building, 0)))), head,
			"generation B is live from 1970-01-01T02:30:00Z, but its runs end at 1970-01-01T00:00:00Z; wait until they reach it",
		},
		{"behind the head", life("A", at(in("A", lifecycle.Serving, 0), 8), at(in("B", lifecycle.Building, 0), 8)), head,
			"generation B is behind: it is at run 8, the last run is 9"},
		{"retained, behind the head", life("A", serving, at(in("B", lifecycle.Retained, 0), 7)), head,
			"generation B is behind: it is at run 7, the last run is 9"},
		{"replayed, behind the head", life("A", serving, kappa(at(in("B", lifecycle.Building, 0), 8))), head,
			"generation B is behind: it is at run 8, the last run is 9"},
		{
			"behind the serving generation, which is beyond the head that was read",
			life("A", at(in("A", lifecycle.Serving, 0), 10), ready("B", lifecycle.Building, 0)), head,
			"generation B is behind: it is at run 9, the serving generation is at run 10",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.view.MayServe("B", c.head)
			if diff := cmp.Diff(c.want, reason(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var refusal *lifecycle.Refusal
			if errors.As(err, &refusal) && refusal.Unknown != (c.name == "not there") {
				t.Errorf("unknown is %t", refusal.Unknown)
			}
		})
	}
}

// operation is one case: the effect of an operation on a view, or its refusal.
type operation struct {
	name         string
	before, want lifecycle.View // want is before if the operation is refused
	do           func(v lifecycle.View) (lifecycle.View, error)
	refusal      string // text of the refusal; "" for none
	again        string // refusal of the second time; "": the second time changes nothing
}

const flips = "the second time undoes the first"

func run(t *testing.T, cases []operation) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			kept := copyOf(c.before)
			got, err := c.do(c.before)
			if diff := cmp.Diff(c.refusal, reason(t, err)); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(kept, c.before); diff != "" {
				t.Errorf("the view itself was changed (-before +after):\n%s", diff)
			}
			if c.refusal != "" || c.again == flips {
				return
			}
			again, err := c.do(got)
			if diff := cmp.Diff(c.again, reason(t, err)); diff != "" {
				t.Errorf("once more, refusal (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("once more (-first +second):\n%s", diff)
			}
		})
	}
}

// refused returns a case of an operation that is refused and leaves the view as it is.
func refused(name string, v lifecycle.View, do func(lifecycle.View) (lifecycle.View, error), refusal string) operation {
	return operation{name: name, before: v, want: v, do: do, refusal: refusal}
}

func switchTo(id lifecycle.GenerationID) func(lifecycle.View) (lifecycle.View, error) {
	return func(v lifecycle.View) (lifecycle.View, error) { return v.Switch(id, head, 99) }
}

func TestSwitch(t *testing.T) {
	serving := ready("A", lifecycle.Serving, 0)
	building := life(
		"A", serving, ready("B", lifecycle.Building, 0), ready("C", lifecycle.Retained, 3), ready("D", lifecycle.Dropping, 4),
	)
	switched := life(
		"B", ready("A", lifecycle.Retained, 99), ready("B", lifecycle.Serving, 0), ready("C", lifecycle.Dropping, 0),
		ready("D", lifecycle.Dropping, 4),
	)
	const none = "no generation is being built; name a generation, deploy a definition or rebuild the view"
	run(t, []operation{
		{"the building generation", building, switched, switchTo(""), "", none},
		{"the building generation, named", building, switched, switchTo("B"), "", "generation B already serves"},
		{
			"the first generation",
			life("", ready("B", lifecycle.Building, 0)),
			life("B", ready("B", lifecycle.Serving, 0)),
			switchTo(""),
			"",
			none,
		},
		{
			"a requested rebuild stays requested", wanted("", true, life("A", serving, ready("B", lifecycle.Building, 0))),
			wanted(
				"", true, life("B", ready("A", lifecycle.Retained, 99), ready("B", lifecycle.Serving, 0)),
			), switchTo("B"), "", "generation B already serves",
		},
		{
			"back to the retained generation", life("B", ready("A", lifecycle.Retained, 3), ready("B", lifecycle.Serving, 0)),
			wanted(
				"B", false, life("A", ready("A", lifecycle.Serving, 0), ready("B", lifecycle.Retained, 99)),
			), switchTo("A"), "", "generation A already serves",
		},

		refused("no generation is building", life("A", serving, ready("C", lifecycle.Retained, 3)), switchTo(""), none),
		refused("a generation is only announced", life("A", serving, in("B", lifecycle.Announced, 0)), switchTo(""), none),
		refused(
			"a generation is only announced, named", life("A", serving, in("B", lifecycle.Announced, 0)), switchTo("B"),
			"generation B is only announced; wait until batch confirms it at its next tick",
		),
		refused("a serving generation", life("A", serving), switchTo("A"), "generation A already serves"),
		refused("an unknown generation", building, switchTo("X"), "there is no generation X"),
		refused(
			"a generation that was given up", building, switchTo("D"), "generation D was given up; rebuild its definition",
		),
		refused(
			"a generation that is not built", life("A", serving, in("B", lifecycle.Building, 0)), switchTo(""),
			"generation B is not built yet",
		),
		refused(
			"a generation behind the head", life("A", serving, at(in("B", lifecycle.Building, 0), 8)), switchTo(""),
			"generation B is behind: it is at run 8, the last run is 9",
		),
		refused("a view without generations", life(""), switchTo(""), none),
	})
}

func rollback(v lifecycle.View) (lifecycle.View, error) { return v.Rollback(head, 99) }

func TestRollback(t *testing.T) {
	served := func(others ...lifecycle.Generation) lifecycle.View {
		return life(
			"B",
			append([]lifecycle.Generation{ready("A", lifecycle.Retained, 3), ready("B", lifecycle.Serving, 0)}, others...)...)
	}
	back := func(others ...lifecycle.Generation) lifecycle.View {
		return life(
			"A",
			append([]lifecycle.Generation{ready("A", lifecycle.Serving, 0), ready("B", lifecycle.Retained, 99)}, others...)...)
	}
	rebuilt := func(first, second lifecycle.State, since event.Millis, others ...lifecycle.Generation) lifecycle.View {
		serving := lifecycle.GenerationID("A1")
		if second == lifecycle.Serving {
			serving = "A2"
		}
		g1, g2 := ready("A", first, 0), ready("A", second, 0)
		g1.ID, g2.ID = "A1", "A2"
		if first == lifecycle.Retained {
			g1.Since = since
		} else {
			g2.Since = since
		}
		return lifecycle.View{
			Name:        "v",
			Revision:    5,
			Serving:     serving,
			Generations: append([]lifecycle.Generation{g1, g2}, others...),
		}
	}
	run(t, []operation{
		{"the serving definition is held, and its generation retained", served(), wanted("B", false, back()), rollback, "",
			flips},
		{
			"a second rollback: nothing is held",
			wanted("B", false, back()),
			life("B", ready("A", lifecycle.Retained, 99), ready("B", lifecycle.Serving, 0)),
			rollback,
			"",
			flips,
		},
		{
			"a building generation is given up, and its definition held, since batch is deployed with it",
			served(in("C", lifecycle.Building, 0), in("D", lifecycle.Dropping, 4)),
			wanted("C", false, back(in("C", lifecycle.Dropping, 0), in("D", lifecycle.Dropping, 4))), rollback, "", flips,
		},
		{
			"an announced generation is given up, and its definition held",
			served(in("C", lifecycle.Announced, 0)),
			wanted("C", false, back(in("C", lifecycle.Dropping, 0))),
			rollback,
			"",
			flips,
		},
		{
			"a definition that was held before stays held",
			wanted("C", false, served()),
			wanted("C", false, back()),
			rollback,
			"",
			flips,
		},
		{"a requested rebuild ends", wanted("", true, served()), wanted("B", false, back()), rollback, "", flips},
		{
			"an older generation of the same definition: nothing is held",
			rebuilt(lifecycle.Retained, lifecycle.Serving, 3),
			rebuilt(lifecycle.Serving, lifecycle.Retained, 99),
			rollback,
			"",
			flips,
		},
		{
			"an older generation of the same definition, while another one is building",
			rebuilt(lifecycle.Retained, lifecycle.Serving, 3, in("C", lifecycle.Building, 0)),
			wanted(
				"C", false, rebuilt(lifecycle.Serving, lifecycle.Retained, 99, in("C", lifecycle.Dropping, 0)),
			), rollback, "", flips,
		},

		refused(
			"no generation is retained", life("A", ready("A", lifecycle.Serving, 0), ready("B",
				lifecycle.Building, 0)), rollback,
			"there is no retained generation to go back to",
		),
		refused("a view without generations", life(""), rollback, "there is no retained generation to go back to"),
		refused(
			"the retained generation is behind the head", life("B", at(in("A", lifecycle.Retained, 3), 8), ready("B",
				lifecycle.Serving, 0)),
			rollback, "generation A is behind: it is at run 8, the last run is 9",
		),
	})
}

// TestHoldsAfterRollback checks that batch leaves the held definition alone, however often it ticks, until another
// definition is deployed.
func TestHoldsAfterRollback(t *testing.T) {
	wants := func(definition view.Hash) lifecycle.Generation {
		return lifecycle.Generation{ID: "new", Definition: definition, State: lifecycle.Announced, LiveFrom: 7000}
	}
	for name, v := range map[string]lifecycle.View{
		"it served": life("B", ready("A", lifecycle.Retained, 3), ready("B", lifecycle.Serving, 0)),
		"it was next": life("C", ready("A", lifecycle.Retained, 3), ready("C", lifecycle.Serving, 0),
			ready("B", lifecycle.Building, 0)),
	} {
		back, err := v.Rollback(head, 99)
		if err != nil {
			t.Fatal(name, err)
		}
		if next, changed := back.WithDesired(wants("B"), 0); changed {
			t.Errorf("%s: batch brings it back: %+v", name, next)
		}
		next, changed := back.WithDesired(wants("D"), 0)
		if !changed || next.Held != "" {
			t.Errorf("%s: another definition is deployed: %+v, %t", name, next, changed)
		}
		if _, ok := next.GenerationOf("D"); !ok {
			t.Errorf("%s: another definition is deployed, and does not come: %+v", name, next)
		}
	}
}

func TestDrop(t *testing.T) {
	drop := func(id lifecycle.GenerationID) func(lifecycle.View) (lifecycle.View, error) {
		return func(v lifecycle.View) (lifecycle.View, error) { return v.Drop(id) }
	}
	v := life(
		"A", ready("A", lifecycle.Serving, 0), ready("B", lifecycle.Retained, 3), in("C", lifecycle.Building, 0),
		in("D", lifecycle.Dropping, 4), in("E", lifecycle.Announced, 0),
	)
	dropped := life(
		"A", ready("A", lifecycle.Serving, 0), ready("B", lifecycle.Dropping, 0), in("C", lifecycle.Building, 0),
		in("D", lifecycle.Dropping, 4), in("E", lifecycle.Announced, 0),
	)
	run(t, []operation{
		{"the retained generation", v, dropped, drop(""), "", "no generation is retained"},
		{"the retained generation, named", v, dropped, drop("B"), "", ""},
		{"a hold stays", wanted("B", false, v), wanted("B", false, dropped), drop("B"), "", ""},
		{"a requested rebuild stays requested", wanted("", true, v), wanted("", true, dropped), drop("B"), "", ""},
		{"a generation that is dropping keeps its time", v, v, drop("D"), "", ""},

		refused("no generation is retained", life("A", ready("A",
			lifecycle.Serving, 0)), drop(""), "no generation is retained"),
		refused("the serving generation", v, drop("A"), "generation A serves; switch to another generation first"),
		refused("a building generation", v, drop("C"), "generation C is building, not retained"),
		refused("an announced generation", v, drop("E"), "generation E is announced, not retained"),
		refused("an unknown generation", v, drop("X"), "there is no generation X"),
	})
}

func TestAbandon(t *testing.T) {
	abandon := func(id lifecycle.GenerationID) func(lifecycle.View) (lifecycle.View, error) {
		return func(v lifecycle.View) (lifecycle.View, error) { return v.Abandon(id) }
	}
	of := func(c lifecycle.Generation) lifecycle.View {
		return life(
			"A", ready("A", lifecycle.Serving, 0), ready("B", lifecycle.Retained, 3), c, in("D", lifecycle.Dropping, 4),
		)
	}
	announced, building, given := of(in("C", lifecycle.Announced, 0)), of(
		ready("C", lifecycle.Building, 0),
	), in("C", lifecycle.Dropping, 0)
	again := ready("A", lifecycle.Building, 0)
	again.ID = "A2"
	rebuilding := lifecycle.View{
		Name:        "v",
		Serving:     "A",
		Generations: append(life("A", ready("A", lifecycle.Serving, 0)).Generations, again),
	}
	again.State = lifecycle.Dropping
	rebuiltNot := lifecycle.View{
		Name:        "v",
		Serving:     "A",
		Generations: append(life("A", ready("A", lifecycle.Serving, 0)).Generations, again),
	}
	const none = "no generation is announced or being built"
	run(t, []operation{
		{"the announced generation", announced, wanted("C", false, of(given)), abandon(""), "", none},
		{"the announced generation, named", announced, wanted("C", false, of(given)), abandon("C"), "", ""},
		{"the building generation", building, wanted("C", false, of(at(given, 9))), abandon(""), "", none},
		{"the building generation, named", building, wanted("C", false, of(at(given, 9))), abandon("C"), "", ""},
		{
			"a requested rebuild ends",
			wanted("", true, building),
			wanted("C", false, of(at(given, 9))),
			abandon("C"),
			"",
			"",
		},
		{"a rebuild of the serving definition: it is not held", rebuilding, rebuiltNot, abandon("A2"), "", ""},
		{
			"the first generation",
			life("", in("C", lifecycle.Announced, 0)),
			wanted("C", false, life("", given)),
			abandon(""),
			"",
			none,
		},
		{
			"a requested rebuild that has not begun",
			wanted("", true, life("A", ready("A", lifecycle.Serving, 0))),
			life("A", ready("A", lifecycle.Serving, 0)),
			abandon(""),
			"",
			none,
		},
		{
			"a requested rebuild of a held definition that has not begun",
			wanted("B", true, life("A", ready("A", lifecycle.Serving, 0))),
			wanted("B", false, life("A", ready("A", lifecycle.Serving, 0))),
			abandon(""),
			"",
			none,
		},
		{"a generation that is dropping keeps its time", announced, announced, abandon("D"), "", ""},

		refused(
			"no generation is announced or building", life("A", ready("A", lifecycle.Serving, 0), ready("B",
				lifecycle.Retained, 3)), abandon(""),
			none,
		),
		refused("the serving generation", announced, abandon("A"), "generation A serves; switch to another generation first"),
		refused("the retained generation", announced, abandon("B"), "generation B is retained, not announced or being built"),
		refused("an unknown generation", announced, abandon("X"), "there is no generation X"),
		refused("an unknown generation, with a requested rebuild", wanted("",
			true, announced), abandon("X"), "there is no generation X"),
	})
}

func TestWantRebuild(t *testing.T) {
	want := func(v lifecycle.View) (lifecycle.View, error) { return v.WantRebuild() }
	serving := life("A", ready("A", lifecycle.Serving, 0))
	building := life("A", ready("A", lifecycle.Serving, 0), in("B", lifecycle.Building, 0))
	retired := serving
	retired.Retired = 7
	gone, err := retired.DropRetired()
	if err != nil {
		t.Fatal(err)
	}
	run(t, []operation{
		{"the definition serves", serving, wanted("", true, serving), want, "", ""},
		{"another definition is building", building, wanted("", true, building), want, "", ""},
		{"a definition is held", wanted("B", false, serving), wanted("B", true, serving), want, "", ""},
		{"a definition is held, and no generation is left", wanted("B", false, life("")), wanted("B",
			true, life("")), want, "", ""},

		refused("no definition", life(""), want, "the view has no definition yet; deploy one"),
		refused("a retired view", retired, want,
			"the view is retired, since no deployed file names it; deploy it again"),
		refused("a view that was dropped", gone, want,
			"the view is retired, since no deployed file names it; deploy it again"),
		refused(
			"a generation is announced", life("A", ready("A", lifecycle.Serving, 0), in("B", lifecycle.Announced, 0)), want,
			"a generation is already announced; wait until it is confirmed, or abandon it",
		),
	})
}
