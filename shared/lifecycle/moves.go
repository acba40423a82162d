package lifecycle

import (
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Move names a step of a generation from one state to the next.
type Move string

// The moves.
const (
	Announce Move = "announce"
	Begin    Move = "begin"
	Postpone Move = "postpone"
	Confirm  Move = "confirm"
	Replace  Move = "replace"
	Serve    Move = "serve"
	Resume   Move = "resume"
	Displace Move = "displace"
	Expire   Move = "expire"
	Drop     Move = "drop"
	Abandon  Move = "abandon"
	Fail     Move = "fail"
	End      Move = "end"
	Date     Move = "date"
	Delete   Move = "delete"
)

// Rule is one row of the table of moves.
type Rule struct {
	From   State
	Move   Move
	To     State
	Guard  string // condition besides the state; "" for none
	Reason string // why a layer or an operator makes the move
}

// Rules returns every move that a generation can make.
func Rules() []Rule {
	const (
		wanted  = "another definition is deployed, or a rebuild is wanted"
		retired = "the view is retired"
		ended   = "RetainFor is over, or an operator drops the view"
	)
	return []Rule{
		{None, Announce, Announced, "speed has no items of the definition to share", wanted},
		{None, Begin, Building, "speed already folds the definition, into items to share", wanted},
		{Announced, Confirm, Building, "the announcement has been read in time", "speed folds every event from LiveFrom on"},
		{Announced, Postpone, Announced, "it was read too late, and items are per slot",
			"no query reads what speed folded too early"},
		{Announced, Replace, Dropping, "",
			"another replaces it: its definition changed, or it came too late and items are not per slot"},
		{Building, Replace, Dropping, "", "another replaces it: its definition changed, or an operator went back"},
		{Building, Serve, Serving, "MayServe; and an operator approves, if RequireApproval is set", "it is complete"},
		{Retained, Serve, Serving, "MayServe", "an operator goes back to it"},
		{Retained, Resume, Building, "its definition is not held", "its definition is deployed again"},
		{Serving, Displace, Retained, "", "another serves"},
		{Retained, Displace, Dropping, "", "another is retained"},
		{Retained, Expire, Dropping, "RetainFor is over", "nobody went back to it"},
		{Retained, Drop, Dropping, "", "an operator drops it"},
		{Announced, Abandon, Dropping, "", "an operator abandons it"},
		{Building, Abandon, Dropping, "", "an operator abandons it"},
		{Building, Fail, Dropping, "batch has brought no run in", "its build was killed too often: it does not fit"},
		{Announced, End, Dropping, retired, ended},
		{Building, End, Dropping, retired, ended},
		{Serving, End, Dropping, retired, ended},
		{Retained, End, Dropping, retired, ended},
		{Dropping, Date, Dropping, "it has no date, and its owner has read that", "DropGrace counts from there"},
		{Dropping, Delete, None, "DropGrace is over, and no item is left", "no query reads it any more"},
	}
}

// after returns the generation after a move. ok is false when the table has no such move from its state. Only a move to
// Retained, and Date, use now: they write it as Since.
func (g Generation) after(m Move, now event.Millis) (next Generation, ok bool) {
	for _, r := range Rules() {
		if r.Move != m || r.From != g.State {
			continue
		}
		g.State, g.Since = r.To, event.Never
		if r.To == Retained || r.Move == Date {
			g.Since = now
		}
		return g, true
	}
	return g, false
}

// moved returns the view after a move of one generation. ok is false when the view does not have the generation, or
// when the table has no such move from its state.
func (v View) moved(id GenerationID, m Move, now event.Millis) (next View, ok bool) {
	g, _ := v.Generation(id)
	g, ok = g.after(m, now)
	if !ok || g.ID != id {
		return v, false
	}
	return v.With(g), true
}

// New returns a new generation of a definition that speed folds for slots from live on. The move m is Announce, or
// Begin where speed already folds the definition.
func New(d Definition, id GenerationID, m Move, live slot.Slot) Generation {
	g, _ := Generation{ID: id, Definition: d.Hash, Architecture: d.Architecture, LiveFrom: live}.after(m, event.Never)
	return g
}

// FoldedFrom returns the slot from which speed already folds a definition into items that a new generation of it would
// share. Such a generation may begin without an announcement.
func (v View) FoldedFrom(d Definition) (live slot.Slot, ok bool) {
	same, ok := v.GenerationOf(d.Hash)
	return same.LiveFrom, ok && same.PerSlot() && same.State != Announced
}

// outcome says what WithDesired does with the desired definition.
type outcome string

const (
	leave outcome = "leave" // change nothing
	// Leave the definition's generation as it is, and replace all others that are on their way.
	stay outcome = "stay"
	// like stay, but the retained generation becomes Building again; it is complete, and so serves at the next tick
	resume outcome = "resume"
	come   outcome = "come" // add a fresh generation, and replace all others that are on their way
)

// want is one row of the truth table of WithDesired.
type want struct {
	held     bool    // an operator holds the definition
	rebuild  bool    // an operator wants it anew, and the runs hold all of the archive
	furthest []State // of the definition's generations, the one furthest on; None for there is none
	outcome  outcome
}

// wants returns the truth table of WithDesired. Every case is in exactly one row.
func wants() []want {
	anyState := []State{None, Announced, Building, Retained, Serving}
	return []want{
		{held: true, rebuild: false, furthest: anyState, outcome: leave},
		{held: true, rebuild: true, furthest: anyState, outcome: come},
		{held: false, rebuild: true, furthest: anyState, outcome: come},
		{held: false, rebuild: false, furthest: []State{None}, outcome: come},
		{held: false, rebuild: false, furthest: []State{Retained}, outcome: resume},
		{held: false, rebuild: false, furthest: []State{Announced, Building, Serving}, outcome: stay},
	}
}

// wanted returns the outcome for a definition.
func (v View) wanted(definition view.Hash, rebuild bool) outcome {
	furthest, _ := v.GenerationOf(definition)
	for _, w := range wants() {
		if w.held == (v.Held == definition) && w.rebuild == rebuild && slices.Contains(w.furthest, furthest.State) {
			return w.outcome
		}
	}
	return leave
}

// WithDesired returns the view once the definition of a fresh generation is the desired one, and whether that changes
// anything: see wants. It gives up the generations that this replaces. A retired view is no longer retired. Every
// outcome but leave ends a hold. A requested rebuild begins only when it is the request searched: the one that was
// there before batch searched the whole archive for objects that no run holds. Any other request stays: it may have
// come after the search, for an object that the search could not find. 0: nothing was searched.
func (v View) WithDesired(fresh Generation, searched int64) (next View, changed bool) {
	rebuild := v.Rebuild != 0 && v.Rebuild == searched
	does := v.wanted(fresh.Definition, rebuild)
	next, changed = v, v.Retired != event.Never
	next.Retired = event.Never
	if does == leave {
		return next, changed
	}
	changed = changed || v.Held != ""
	if v.Held != "" || does == come {
		next.Failure = ""
	}
	next.Held = ""
	for _, g := range v.Generations {
		m := Replace
		switch {
		case g.Definition == fresh.Definition && does == resume:
			m = Resume
		case g.Definition == fresh.Definition && !rebuild:
			continue
		}
		if moved, ok := next.moved(g.ID, m, event.Never); ok {
			next, changed = moved, true
		}
	}
	if does == come {
		if rebuild {
			next.Rebuild = 0
		}
		next.Generations = append(slices.Clone(next.Generations), fresh)
		changed = true
	}
	return next, changed
}

// Confirmed returns the view with an announced generation confirmed.
func (v View) Confirmed(id GenerationID) View {
	next, _ := v.moved(id, Confirm, event.Never)
	return next
}

// Postponed returns the view after an announced generation was announced again, for slots from live on. Without items
// per slot, what speed has folded too early would stay in the items; then a new generation with the id another replaces
// it.
func (v View) Postponed(id, another GenerationID, live slot.Slot) View {
	g, _ := v.Generation(id)
	if g.PerSlot() {
		next, ok := v.moved(id, Postpone, event.Never)
		if ok {
			g.LiveFrom = live
			next = next.With(g)
		}
		return next
	}
	next, ok := v.moved(id, Replace, event.Never)
	if ok {
		fresh := New(Definition{Hash: g.Definition, Architecture: g.Architecture}, another, Announce, live)
		next.Generations = append(next.Generations, fresh)
	}
	return next
}

// Advanced returns the view after the owner has brought a run, and all runs before it, into a generation. Nothing
// changes when the generation already has the run, or was given up.
func (v View) Advanced(id GenerationID, run Run) (next View, changed bool) {
	g, ok := v.Generation(id)
	if !ok || !g.IsKept() || g.Run >= run.N {
		return v, false
	}
	if g.Run == 0 && g.HasBase() {
		g.Built = run.N
	}
	g.Run, g.Horizon = run.N, run.Horizon
	return v.With(g), true
}

// Switched returns the view after a generation has begun to serve. The one that served before becomes the retained one,
// and the one retained until then is dropped.
func (v View) Switched(to GenerationID, now event.Millis) View {
	next := v
	next.Serving, next.Failure = to, ""
	for _, g := range v.Generations {
		m := Displace
		if g.ID == to {
			m = Serve
		}
		next, _ = next.moved(g.ID, m, now)
	}
	return next
}

// Failed returns the view after batch has given up the build of a generation, which was killed too often. The
// definition is held, as after Abandon: batch builds it again only when an operator wants that, or after another
// definition was deployed. That build is planned anew, from the head of then. Nothing changes when the generation has a
// run by now, or was given up.
func (v View) Failed(id GenerationID, why string) (next View, changed bool) {
	g, _ := v.Generation(id)
	if g.Run > 0 {
		return v, false
	}
	if next, changed = v.moved(id, Fail, event.Never); !changed {
		return v, false
	}
	next = next.putAway(g)
	next.Failure = why
	return next, true
}

// Expired returns the view after its retained generation was given up, once that has been retained for retainFor.
func (v View) Expired(retainFor time.Duration, now event.Millis) (next View, changed bool) {
	g, ok := v.FirstInState(Retained)
	if !ok || now < g.Since.Add(retainFor) {
		return v, false
	}
	return v.moved(g.ID, Expire, event.Never)
}

// Unnamed returns the view when the deployed views file does not name it. The view is then retired since now. It still
// answers and is kept current, so that deploying it again leaves no gap. After retainFor it is dropped.
func (v View) Unnamed(retainFor time.Duration, now event.Millis) (next View, changed bool) {
	isFirst := v.Retired == event.Never
	if isFirst {
		v.Retired = now
	}
	if v.IsGone() || !isFirst && now >= v.Retired.Add(retainFor) {
		return v.ended(), isFirst || !v.IsGone() || v.Held != "" || v.Rebuild != 0
	}
	return v, isFirst
}

// ended returns the retired view after all its generations were given up. It also ends a hold and a requested rebuild.
func (v View) ended() View {
	next := v
	next.Serving, next.Held, next.Rebuild, next.Failure = "", "", 0, ""
	for _, g := range v.Generations {
		next, _ = next.moved(g.ID, End, event.Never)
	}
	return next
}

// Dated returns the view after a generation that was given up got its date, from which DropGrace counts. The caller
// reads its clock after the view. So the date is not before the write that gave the generation up, even if the function
// that made this write froze before it. Nothing changes when the generation has a date, or was not given up.
func (v View) Dated(id GenerationID, now event.Millis) (next View, changed bool) {
	if g, _ := v.Generation(id); g.Since != event.Never {
		return v, false
	}
	return v.moved(id, Date, now)
}

// Without returns the view without a generation that was given up before.
func (v View) Without(id GenerationID) View {
	v.Generations = slices.DeleteFunc(slices.Clone(v.Generations), func(g Generation) bool {
		_, ok := g.after(Delete, 0)
		return ok && g.ID == id
	})
	return v
}
