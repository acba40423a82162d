package lifecycle

import (
	"fmt"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// Refusal is the error of an operation that a view does not permit now. It says why, and what would be right.
type Refusal struct {
	View    view.Name
	Reason  string
	Unknown bool // true when the view does not have the generation: it never did, or has deleted it
}

func (r *Refusal) Error() string { return fmt.Sprintf("view %s: %s", r.View, r.Reason) }

func (v View) refuse(format string, args ...any) error {
	return &Refusal{View: v.Name, Reason: fmt.Sprintf(format, args...)}
}

func (v View) unknown(id GenerationID) error {
	return &Refusal{View: v.Name, Reason: fmt.Sprintf("there is no generation %s", id), Unknown: true}
}

// MayServe returns nil when a generation can serve, and otherwise the reason why it cannot. A generation must have
// every run up to the head, since answers never go back. Its horizon must have reached LiveFrom, since neither batch
// nor speed has the slots between the two. No operator can override this.
//
// Errors: *Refusal; retry when the view has changed.
func (v View) MayServe(id GenerationID, head Run) error {
	g, ok := v.Generation(id)
	serving, serves := v.Generation(v.Serving)
	switch {
	case !ok:
		return v.unknown(id)
	case g.State == Announced:
		return v.refuse("generation %s is only announced; wait until batch confirms it at its next tick", id)
	case g.State == Dropping:
		return v.refuse("generation %s was given up; rebuild its definition", id)
	case g.HasBase() && g.Run == 0:
		return v.refuse("generation %s is not built yet", id)
	case g.Lacks > 0 && serves:
		return v.refuse("generation %s permanently lacks events from run %d on; rebuild the view", id, g.Lacks)
	case g.Horizon < g.LiveFrom:
		return v.refuse("generation %s is live from %s, but its runs end at %s; wait until they reach it", id, g.LiveFrom,
			g.Horizon)
	case g.Run < g.AnswersFrom:
		return v.refuse("generation %s is behind: it is at run %d, and may answer from run %d on", id, g.Run, g.AnswersFrom)
	case g.Run < head.N:
		return v.refuse("generation %s is behind: it is at run %d, the last run is %d", id, g.Run, head.N)
	case serves && g.Run < serving.Run:
		return v.refuse("generation %s is behind: it is at run %d, the serving generation is at run %d", id, g.Run,
			serving.Run)
	}
	return nil
}

// Switch makes a generation serve as of now; to "" means the generation that is being built. Switching to a retained
// generation is a rollback: see Rollback.
//
// Errors: *Refusal; retry when the view has changed.
func (v View) Switch(to GenerationID, head Run, now event.Millis) (View, error) {
	if to == "" {
		g, ok := v.FirstInState(Building)
		if !ok {
			return v, v.refuse("no generation is being built; name a generation, deploy a definition or rebuild the view")
		}
		to = g.ID
	}
	if to == v.Serving {
		return v, v.refuse("generation %s already serves", to)
	}
	if err := v.MayServe(to, head); err != nil {
		return v, err
	}
	g, _ := v.Generation(to)
	next := v.Switched(to, now)
	if g.State == Retained {
		serving, _ := v.Generation(v.Serving)
		return next.back(serving.Definition, g.Definition), nil
	}
	if next.Held == g.Definition {
		next.Held = ""
	}
	return next, nil
}

// back returns the view after a rollback from one definition to another. It gives up generations that were announced or
// being built, and cancels a requested rebuild. It also holds the definition that batch is deployed with, so that batch
// does not build it again. That definition is the one already held, else the one that was announced or being built,
// else the one that served. Nothing is held when that is the definition the view has gone back to.
func (v View) back(from, to view.Hash) View {
	deployed := from
	for _, g := range v.Generations {
		if g.isOnItsWay() {
			deployed = g.Definition
			v, _ = v.moved(g.ID, Replace, event.Never)
		}
	}
	if v.Held == "" {
		v.Held = deployed
	}
	if v.Held == to {
		v.Held = ""
	}
	v.Rebuild = 0
	return v
}

// Rollback makes the retained generation serve again, and holds the definition that batch is deployed with. The
// generation that served becomes the retained one, so a second rollback undoes the first.
//
// Errors: *Refusal; retry when the view has changed.
func (v View) Rollback(head Run, now event.Millis) (View, error) {
	back, ok := v.FirstInState(Retained)
	if !ok {
		return v, v.refuse("there is no retained generation to go back to")
	}
	return v.Switch(back.ID, head, now)
}

// Drop gives up a retained generation; id "" means the only one. A rollback to it is no longer possible, and its items
// are deleted later.
//
// Errors: *Refusal; retry when the view has changed.
func (v View) Drop(id GenerationID) (View, error) {
	next, _, err := v.giveUp(id, Drop, "retained", Retained)
	return next, err
}

// DropRetired drops a retired view now, before RetainFor is over. The view stops answering, and its items are deleted
// later.
//
// Errors: *Refusal; retry when the view has changed.
func (v View) DropRetired() (View, error) {
	switch {
	case v.Retired == event.Never:
		return v, v.refuse("the view is not retired: the deployed views file names it; remove it from the file first")
	case v.IsGone():
		return v, nil // a repeated call
	}
	return v.ended(), nil
}

// Abandon gives up a generation that is announced or being built; id "" means the first one. It holds that generation's
// definition, so that batch, which is deployed with it, does not build it again. It also cancels a requested rebuild.
// When there is no such generation yet, it only cancels the rebuild, and forgets why batch gave up a build.
//
// Errors: *Refusal; retry when the view has changed.
func (v View) Abandon(id GenerationID) (View, error) {
	next, given, err := v.giveUp(id, Abandon, "announced or being built", Announced, Building)
	if err != nil && id == "" && (v.Rebuild != 0 || v.Failure != "") {
		v.Rebuild, v.Failure = 0, ""
		return v, nil
	}
	if err != nil || given.ID == "" {
		return v, err
	}
	return next.putAway(given), nil
}

// putAway returns the view after a generation on its way was given up: its definition is held, unless it serves, and no
// rebuild is requested any more.
func (v View) putAway(given Generation) View {
	v.Rebuild = 0
	if serving, _ := v.Generation(v.Serving); given.Definition != serving.Definition {
		v.Held = given.Definition
	}
	return v
}

// giveUp gives up a generation that is in one of the given states, and returns it; id "" means the first one. It
// returns no generation when the one with the id was given up before.
func (v View) giveUp(id GenerationID, m Move, what string, states ...State) (next View, given Generation, err error) {
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
		return v, Generation{}, v.refuse("generation %s serves; switch to another generation first", id)
	case g.State == Dropping:
		return v, Generation{}, nil // a repeated call
	}
	next, ok = v.moved(id, m, event.Never)
	if !ok {
		return v, Generation{}, v.refuse("generation %s is %s, not %s", id, g.State, what)
	}
	return next, g, nil
}

// WantRebuild requests that batch builds the definition that it is deployed with again, beginning with its next run.
// Then batch also ends a hold on the definition. A repeated request is a new one: batch looks for missing objects after
// it, so it includes those that came since the first.
//
// Errors: *Refusal; retry when the view has changed.
func (v View) WantRebuild() (View, error) {
	if len(v.Generations) == 0 && v.Held == "" {
		return v, v.refuse("the view has no definition yet; deploy one")
	}
	if v.Retired != event.Never {
		return v, v.refuse("the view is retired, since no deployed file names it; deploy it again")
	}
	if _, ok := v.FirstInState(Announced); ok {
		return v, v.refuse("a generation is already announced; wait until it is confirmed, or abandon it")
	}
	v.Rebuild = v.Revision + 1
	return v, nil
}
