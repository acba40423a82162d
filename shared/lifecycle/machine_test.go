package lifecycle_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// machine is a view with a random life: what batch does at a tick, deployed with one of three definitions,
// and what operators do.
type machine struct {
	view lifecycle.View
	head lifecycle.Run
	now  event.Millis
	ids  int
}

// to makes next the view. It checks that the operation has not changed before, of which kept is a copy.
func (m *machine) to(t *rapid.T, before, kept, next lifecycle.View) {
	if diff := cmp.Diff(kept, before); diff != "" {
		t.Fatalf("the view itself was changed (-before +after):\n%s", diff)
	}
	if next.Serving != before.Serving && !next.IsGone() {
		g, ok := next.Generation(next.Serving)
		was, _ := before.Generation(before.Serving)
		if !ok || g.Horizon < g.LiveFrom || g.Run < m.head.N || g.Run < was.Run {
			t.Fatalf("the pointer moves to %+v; the head is %+v, what served was %+v", g, m.head, was)
		}
	}
	for _, g := range slices.Concat(before.Generations, next.Generations) {
		was, _ := before.Generation(g.ID)
		is, _ := next.Generation(g.ID)
		if is.State == lifecycle.Dropping && was.IsKept() && is.Since != event.Never {
			t.Fatalf("generation %s is given up and already dated %d", g.ID, is.Since)
		}
		if !m.isMove(was.State, is.State) {
			t.Fatalf("generation %s goes from %q to %q: the table has no such move", g.ID, was.State, is.State)
		}
	}
	m.view = next
}

// isMove reports whether the table has a move from one state to another, or the two are the same.
func (m *machine) isMove(from, to lifecycle.State) bool {
	return from == to ||
		slices.ContainsFunc(lifecycle.Rules(), func(r lifecycle.Rule) bool { return r.From == from && r.To == to })
}

// operate does an operation of an operator, and does it again if twice.
func (m *machine) operate(t *rapid.T, do func(lifecycle.View) (lifecycle.View, error), twice bool) {
	before, kept := m.view, copyOf(m.view)
	next, err := do(before)
	var refusal *lifecycle.Refusal
	if err != nil && (!errors.As(err, &refusal) || refusal.Reason == "") {
		t.Fatalf("error %v is no refusal with a reason", err)
	}
	if err != nil && !cmp.Equal(kept, next) {
		t.Fatalf("refused (%v), and changed:\n%s", err, cmp.Diff(kept, next))
	}
	m.to(t, before, kept, next)
	if !twice || err != nil {
		return
	}
	if again, err := do(m.view); err != nil && !errors.As(err, &refusal) || !cmp.Equal(m.view, again) {
		t.Fatalf("once more (error %v):\n%s", err, cmp.Diff(m.view, again))
	}
}

// change makes a change that batch makes.
func (m *machine) change(t *rapid.T, do func(lifecycle.View) lifecycle.View) {
	before, kept := m.view, copyOf(m.view)
	m.to(t, before, kept, do(before))
}

// some draws an id that an operator may name: of a generation, or of none.
func (m *machine) some(t *rapid.T) lifecycle.GenerationID {
	ids := []lifecycle.GenerationID{"", "nobody's"}
	for _, g := range m.view.Generations {
		ids = append(ids, g.ID)
	}
	return rapid.SampledFrom(ids).Draw(t, "generation")
}

// one draws a generation for which is returns true; without any, it skips the action.
func (m *machine) one(t *rapid.T, is func(lifecycle.Generation) bool) lifecycle.Generation {
	var all []lifecycle.Generation
	for _, g := range m.view.Generations {
		if is(g) {
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		t.Skip("there is none")
	}
	return rapid.SampledFrom(all).Draw(t, "generation")
}

func (m *machine) want(t *rapid.T) {
	definition := rapid.SampledFrom([]view.Hash{"A", "B", "C"}).Draw(t, "definition")
	m.ids++
	fresh := lifecycle.Generation{
		ID: lifecycle.GenerationID(
			fmt.Sprintf("%s%d", definition, m.ids),
		), Definition: definition, State: lifecycle.Announced,
		LiveFrom: m.head.Horizon + slot.Slot(rapid.IntRange(0, 2).Draw(t, "slots ahead")),
	}
	if definition == "C" {
		fresh.Architecture = view.Kappa
	} else if same, ok := m.view.GenerationOf(definition); ok && same.State != lifecycle.Announced {
		fresh.State, fresh.LiveFrom = lifecycle.Building, same.LiveFrom // as batch does
	}
	before, kept, held := m.view, copyOf(m.view), m.view.Held
	next, changed := before.WithDesired(fresh, before.Rebuild)
	if changed == cmp.Equal(kept, next) {
		t.Fatalf("changed is %t:\n%s", changed, cmp.Diff(kept, next))
	}
	m.to(t, before, kept, next)
	switch again, changed := m.view.WithDesired(fresh, m.view.Rebuild); {
	case changed:
		t.Fatalf("wanted once more, it is another one:\n%s", cmp.Diff(m.view, again))
	case m.view.Retired != 0:
		t.Fatalf("%s is wanted, and the view is retired", definition)
	case held == definition && kept.Rebuild == 0:
		if kept.Retired = 0; !cmp.Equal(kept, m.view) {
			t.Fatalf("%s is held, and its deployment changes the view:\n%s", definition, cmp.Diff(kept, m.view))
		}
	default:
		g, ok := m.view.GenerationOf(definition)
		if !ok || g.State == lifecycle.Retained || m.view.Held != "" || m.view.Rebuild != 0 {
			t.Fatalf("%s is wanted, and the view is %+v", definition, m.view)
		}
	}
}

// settle does what some ticks of batch do when nothing else happens: it confirms announcements, applies all runs, and
// lets generations serve that may.
func (m *machine) settle(t *rapid.T) {
	for _, g := range m.view.Generations {
		if g.IsKept() {
			m.change(t, func(v lifecycle.View) lifecycle.View {
				next, _ := v.Confirmed(g.ID).Advanced(g.ID, m.head)
				return next
			})
		}
	}
	for _, g := range m.view.Generations {
		if g.State == lifecycle.Building && m.view.MayServe(g.ID, m.head) == nil {
			m.change(t, func(v lifecycle.View) lifecycle.View { return v.Switched(g.ID, m.now) })
			return
		}
	}
}

// check checks the rules that always hold.
func (m *machine) check(t *rapid.T) {
	count := map[lifecycle.State]int{}
	for _, g := range m.view.Generations {
		count[g.State]++
		if (g.State == lifecycle.Serving) != (g.ID == m.view.Serving) {
			t.Fatalf("%s serves, and %s is %s", m.view.Serving, g.ID, g.State)
		}
		onItsWay := g.State == lifecycle.Announced || g.State == lifecycle.Building
		if onItsWay && m.view.Held != "" {
			t.Fatalf("%s is held, and %s is %s", m.view.Held, g.ID, g.State)
		}
		if g.State != lifecycle.Dropping && (g.Since != 0) != (g.State == lifecycle.Retained) {
			t.Fatalf("%s is %s since %d", g.ID, g.State, g.Since)
		}
	}
	if serving, ok := m.view.Generation(m.view.Serving); ok && serving.Definition == m.view.Held {
		t.Fatalf("what serves is held: %+v", m.view)
	} else if !ok && m.view.Serving != "" {
		t.Fatalf("%s serves, and is gone", m.view.Serving)
	}
	if count[lifecycle.Serving] > 1 || count[lifecycle.Retained] > 1 ||
		count[lifecycle.Announced]+count[lifecycle.Building] > 1 {
		t.Fatalf("more than one of a kind: %+v", m.view)
	}
}

// TestMachine lets batch and operators do anything in any order. At most one generation serves, and the view's Serving
// names it. At most one is retained. At most one is on its way, and none while a definition is held. The serving
// definition is not held. No generation serves that may not.
func TestMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{view: lifecycle.View{Name: "v", Revision: 5}, now: 1}
		applied := func(g lifecycle.Generation) bool {
			return g.IsKept() && g.State != lifecycle.Announced && g.Run < m.head.N
		}
		t.Repeat(map[string]func(*rapid.T){
			"":            m.check,
			"time passes": func(t *rapid.T) { m.now += event.Millis(rapid.Int64Range(1, 10).Draw(t, "ms")) },
			"settle":      m.settle,
			"changed": func(t *rapid.T) { // a run, a deployment, and everything that follows
				m.head = lifecycle.Run{N: m.head.N + 1, Horizon: m.head.Horizon + 2}
				m.want(t)
				m.settle(t)
			},
			"a run":  func(*rapid.T) { m.head = lifecycle.Run{N: m.head.N + 1, Horizon: m.head.Horizon + 1} },
			"deploy": m.want,
			"confirm": func(t *rapid.T) {
				g := m.one(t, func(g lifecycle.Generation) bool { return g.State == lifecycle.Announced })
				m.change(t, func(v lifecycle.View) lifecycle.View { return v.Confirmed(g.ID) })
			},
			"postpone": func(t *rapid.T) {
				g := m.one(t, func(g lifecycle.Generation) bool { return g.State == lifecycle.Announced })
				m.ids++
				another := lifecycle.GenerationID(fmt.Sprintf("%s%d", g.Definition, m.ids))
				m.change(t, func(v lifecycle.View) lifecycle.View { return v.Postponed(g.ID, another, g.LiveFrom+1) })
			},
			"apply": func(t *rapid.T) {
				g := m.one(t, applied)
				m.change(t, func(v lifecycle.View) lifecycle.View { next, _ := v.Advanced(g.ID, m.head); return next })
			},
			"serve": func(t *rapid.T) {
				g := m.one(t, func(g lifecycle.Generation) bool {
					return g.State == lifecycle.Building && m.view.MayServe(g.ID, m.head) == nil
				})
				m.change(t, func(v lifecycle.View) lifecycle.View { return v.Switched(g.ID, m.now) })
			},
			"expire": func(t *rapid.T) {
				retainFor := time.Duration(rapid.Int64Range(0, 10).Draw(t, "retain for")) * time.Millisecond
				m.change(t, func(v lifecycle.View) lifecycle.View { next, _ := v.Expired(retainFor, m.now); return next })
			},
			"the file leaves the view out": func(t *rapid.T) {
				retainFor := time.Duration(rapid.Int64Range(0, 20).Draw(t, "retain for")) * time.Millisecond
				before := m.view
				m.change(t, func(v lifecycle.View) lifecycle.View { next, _ := v.Unnamed(retainFor, m.now); return next })
				isKept := slices.ContainsFunc(before.Generations, lifecycle.Generation.IsKept)
				if m.view.IsGone() != (!isKept || before.Retired != event.Never &&
					m.now.Time().Sub(before.Retired.Time()) >= retainFor) ||
					m.view.IsGone() && m.view.Held != "" {
					t.Fatalf("left out at %d, kept for %s: %+v, after %+v", m.now, retainFor, m.view, before)
				}
			},
			"drop the retired view": func(t *rapid.T) {
				m.operate(t, func(v lifecycle.View) (lifecycle.View, error) { return v.DropRetired() }, true)
			},
			"date": func(t *rapid.T) {
				g := m.one(t, func(g lifecycle.Generation) bool { return g.State == lifecycle.Dropping })
				m.change(t, func(v lifecycle.View) lifecycle.View { next, _ := v.Dated(g.ID, m.now); return next })
			},
			"delete": func(t *rapid.T) {
				g := m.one(t, func(g lifecycle.Generation) bool { return g.State == lifecycle.Dropping })
				m.change(t, func(v lifecycle.View) lifecycle.View { return v.Without(g.ID) })
			},
			"switch": func(t *rapid.T) {
				to := m.some(t)
				m.operate(t, func(v lifecycle.View) (lifecycle.View, error) { return v.Switch(to, m.head, m.now) }, true)
			},
			"roll back": func(t *rapid.T) {
				m.operate(t, func(v lifecycle.View) (lifecycle.View, error) { return v.Rollback(m.head, m.now) }, false)
			},
			"drop": func(t *rapid.T) {
				id := m.some(t)
				m.operate(t, func(v lifecycle.View) (lifecycle.View, error) { return v.Drop(id) }, true)
			},
			"abandon": func(t *rapid.T) {
				id := m.some(t)
				m.operate(t, func(v lifecycle.View) (lifecycle.View, error) { return v.Abandon(id) }, true)
			},
			"rebuild": func(t *rapid.T) {
				m.operate(t, func(v lifecycle.View) (lifecycle.View, error) { return v.WantRebuild() }, true)
			},
		})
	})
}
