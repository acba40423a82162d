package lifecycle

import (
	"fmt"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// Refusal says why an operation on a view is not done, and what would be right.
type Refusal struct {
	View    view.Name
	Reason  string
	Unknown bool // because the view has no generation of the id: it never had, or is rid of it
}

func (r *Refusal) Error() string { return fmt.Sprintf("view %s: %s", r.View, r.Reason) }

func (v View) refuse(format string, args ...any) error {
	return &Refusal{View: v.Name, Reason: fmt.Sprintf(format, args...)}
}

func (v View) unknown(id GenerationID) error {
	return &Refusal{View: v.Name, Reason: fmt.Sprintf("there is no generation %s", id), Unknown: true}
}

// MayServe says why a generation cannot serve yet, or at all: nil when it can. It has to be built up to the head,
// since answers never go back; and its horizon has to have reached the slot from which speed folds it, since slots
// between the two would be in neither half. Nothing overrides this.
//
// Errors: *Refusal.
func (v View) MayServe(id GenerationID, head Run) error {
	g, ok := v.Generation(id)
	serving, serves := v.Generation(v.Serving)
	switch {
	case !ok:
		return v.unknown(id)
	case g.State == Announced:
		return v.refuse("generation %s is announced only; batch confirms it at its next tick", id)
	case g.State == Dropping:
		return v.refuse("generation %s has been given up; build the definition anew", id)
	case g.HasBase() && g.Run == 0:
		return v.refuse("generation %s is not built yet", id)
	case g.Lacks > 0 && serves:
		return v.refuse("generation %s lacks events of run %d on for good; rebuild the view", id, g.Lacks)
	case g.Horizon < g.LiveFrom:
		return v.refuse("generation %s is live from %s on, and has what came before up to %s only", id, g.LiveFrom, g.Horizon)
	case g.Run < head.N:
		return v.refuse("generation %s lags: it has run %d, the last one is %d", id, g.Run, head.N)
	case serves && g.Run < serving.Run:
		return v.refuse("generation %s lags: it has run %d, what serves has %d", id, g.Run, serving.Run)
	}
	return nil
}

// Switch moves the pointer to a generation, now; "" for the one that is being built. Going to a
// retained one is going back: see Rollback.
//
// Errors: *Refusal.
func (v View) Switch(to GenerationID, head Run, now event.Millis) (View, error) {
	if to == "" {
		g, ok := v.FirstInState(Building)
		if !ok {
			return v, v.refuse("no generation is being built; name one, or deploy or rebuild a definition")
		}
		to = g.ID
	}
	if to == v.Serving {
		return v, v.refuse("generation %s serves already", to)
	}
	if err := v.MayServe(to, head); err != nil {
		return v, err
	}
	g, _ := v.Generation(to)
	next := v.Switched(to, now)
	if g.State == Retained {
		serving, _ := v.Generation(v.Serving)
		return next.back(serving.Definition, g.Definition, now), nil
	}
	if next.Held == g.Definition {
		next.Held = ""
	}
	return next, nil
}

// back is the view once it has gone back from a definition to another. What was on its way is given up, and so is the
// wish for it. What batch is deployed with is held, so that it does not bring it back: what is held already, else what
// was on its way, else what served; but nothing when that is what the view has gone back to.
func (v View) back(from, to view.Hash, now event.Millis) View {
	deployed := from
	for _, g := range v.Generations {
		if g.isOnItsWay() {
			deployed = g.Definition
			v, _ = v.moved(g.ID, Replace, now)
		}
	}
	if v.Held == "" {
		v.Held = deployed
	}
	if v.Held == to {
		v.Held = ""
	}
	v.Rebuild = false
	return v
}

// Rollback moves the pointer back to the retained generation, and holds the definition that batch is deployed with.
// What served is retained, so that a second rollback undoes the first.
//
// Errors: *Refusal.
func (v View) Rollback(head Run, now event.Millis) (View, error) {
	back, ok := v.FirstInState(Retained)
	if !ok {
		return v, v.refuse("no generation is retained to go back to")
	}
	return v.Switch(back.ID, head, now)
}

// Drop gives up a retained generation, "" for the one there is: nobody goes back to it any more, and its items are
// deleted a while later.
//
// Errors: *Refusal.
func (v View) Drop(id GenerationID, now event.Millis) (View, error) {
	next, _, err := v.giveUp(id, Drop, now, "retained", Retained)
	return next, err
}

// DropRetired drops a retired view at once: nothing of it answers any more, and its items are deleted a while later.
//
// Errors: *Refusal.
func (v View) DropRetired(now event.Millis) (View, error) {
	switch {
	case v.Retired == event.Never:
		return v, v.refuse("it is not retired: the file that is deployed names it; take it out of the file first")
	case v.IsGone():
		return v, nil // the same again
	}
	return v.ended(now), nil
}

// Abandon gives up a generation that is announced or being built, "" for the one there is, and holds its definition,
// so that batch, which is deployed with it, does not begin again. A wish to build anew ends with it, and is all that
// ends when there is no such generation yet.
//
// Errors: *Refusal.
func (v View) Abandon(id GenerationID, now event.Millis) (View, error) {
	next, given, err := v.giveUp(id, Abandon, now, "announced or being built", Announced, Building)
	if err != nil && id == "" && v.Rebuild {
		v.Rebuild = false
		return v, nil
	}
	if err != nil || given.ID == "" {
		return v, err
	}
	next.Rebuild = false
	if serving, _ := v.Generation(v.Serving); given.Definition != serving.Definition {
		next.Held = given.Definition
	}
	return next, nil
}

// giveUp drops a generation in one of some states, "" for the first one there is, and says which; none when it is
// given up already.
func (v View) giveUp(
	id GenerationID, m Move, now event.Millis, what string, states ...State,
) (next View, given Generation, err error) {
	if id == "" {
		g, ok := v.FirstInState(states...)
		if !ok {
			return v, Generation{}, v.refuse("no generation is %s", what)
		}
		id = g.ID
	}
	g, ok := v.Generation(id)
	switch {
	case !ok:
		return v, Generation{}, v.unknown(id)
	case id == v.Serving:
		return v, Generation{}, v.refuse("generation %s serves; switch to another one first", id)
	case g.State == Dropping:
		return v, Generation{}, nil // the same again
	}
	next, ok = v.moved(id, m, now)
	if !ok {
		return v, Generation{}, v.refuse("generation %s is %s, not %s", id, g.State, what)
	}
	return next, g, nil
}

// WantRebuild asks for the definition that batch is deployed with to be built anew, which begins with its next run. A
// hold on it ends then.
//
// Errors: *Refusal.
func (v View) WantRebuild() (View, error) {
	if len(v.Generations) == 0 && v.Held == "" {
		return v, v.refuse("it has no definition yet")
	}
	if v.IsGone() {
		return v, v.refuse("it was retired and dropped; deploy it again")
	}
	if _, ok := v.FirstInState(Announced); ok {
		return v, v.refuse("a generation is announced already; wait for it, or abandon it")
	}
	v.Rebuild = true
	return v, nil
}
