package history

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// violation is a violation that an oracle found.
type violation struct {
	Oracle string
	Detail string
}

func (v violation) Error() string { return v.Oracle + ": " + v.Detail }

// The oracles. Each is named after the rule that it checks.
const (
	oracleLost     = "acknowledged events are archived"
	oracleSealed   = "acknowledged events are in the run of their slot"
	oracleArchive  = "archive and stream hold what was sent"
	oracleStreamed = "every streamed event is archived"
	oracleForeign  = "batch continues only items of its own catalog"
	oracleAnswered = "client and ingest accept the same events"
	oracleRuns     = "each run holds the objects and counts that it claims"
	oracleHorizon  = "every horizon is a run's, and horizons only grow"
	oracleBatch    = "the batch part is the fold of the runs below the horizon"
	oracleSpeed    = "the speed part holds every counting position once"
	oracleTwice    = "an event counts twice only in the two allowed cases"
	oracleBack     = "no answer loses an event that an earlier answer showed"
	oracleExact    = "a row is marked exact if and only if it is exact"
	oracleOrder    = "an order of groups leaves out none that belongs among those shown"
	oracleVisible  = "acknowledged events become visible in time"
	oracleQuiet    = "once everything is delivered, answers equal runs and lanes"
	oracleFinal    = "final answers are the plain fold"
	oracleLacks    = "a generation says that it lacks events if and only if it does"
	oracleSwept    = "swept runs have receipts"
	oracleDrained  = "all work ends"
	oracleBacklog  = "few copies wait in the stream"
	oracleQuery    = "queries answer"
	oracleKappa    = "a Kappa answer is its live half plus its replayed half"
	oracleComplete = "a complete answer has every event that arrived before"
	oracleStates   = "replayed states equal the fold, byte for byte"
	oracleTwins    = "a Kappa twin gives the same answers"
	oracleDrift    = "a clean view has no drift"
	oracleOperator = "every operation gets an answer"
	oracleMoves    = "generations change state only as allowed"
	oracleListed   = "every key that an earlier query could find is listed"
	oracleSkew     = "clocks that are off by more than the margin are refused"
	oracleItself   = "the simulator keeps its own rules"
	oraclePanic    = "nothing panics"
)

// fail records the first violation. A function that is running continues until it pauses; then the history ends.
func (h *history) fail(oracle, format string, args ...any) {
	if h.violation == nil {
		h.violation = &violation{oracle, fmt.Sprintf(format, args...)}
		h.line("oracle", oracle, h.violation.Detail, "VIOLATED")
	}
}

// onObject checks an object that has just landed.
func (h *history) onObject(key archive.Key, body []byte) {
	switch {
	case key >= archive.FirstEvent && key < archive.EndOfEvents:
		o, err := h.addObject(key, body)
		if err != nil {
			h.fail(oracleArchive, "%v", err)
			return
		}
		if n := len(h.runs); n > 0 && o.slot < h.runs[n-1].Horizon {
			h.count(LateObject)
		}
	case len(key) > 9 && key[:9] == "setaside/":
		h.count(SetAside)
	}
}

// onPublish checks records before they go into the stream.
func (h *history) onPublish(layout archive.Layout, entries []stream.Entry) {
	if err := h.addEntries(layout, entries); err != nil {
		h.fail(oracleStreamed, "%v", err)
	}
}

// onAck checks a request that ingest has acknowledged. Its object must exist and hold every valid event of the request,
// and no run may have claimed its slot without it.
func (h *history) onAck(inv *invocation, sent []*identity, request int) {
	if len(sent) == 0 {
		return
	}
	var o *object
	if inv.request != nil {
		o = h.objects[*inv.request]
	}
	if o == nil || len(o.copies) != len(sent) {
		h.fail(oracleLost, "request %d of %d events is acknowledged by %s, but the archive does not have all of them",
			request, len(sent), inv.name)
		return
	}
	for i, c := range o.copies {
		if c.identity != sent[i] {
			h.fail(oracleLost, "request %d is acknowledged by %s, but its event %d is not archived in its place",
				request, inv.name, sent[i].n)
		}
		if !c.identity.acked {
			c.identity.acked, c.identity.ackedAt = true, h.clock
		}
	}
	o.acked = true
	if n := len(h.runs); n > 0 && o.run == 0 && o.slot < h.runs[n-1].Horizon {
		h.fail(oracleSealed, "%s is acknowledged, but run %d has claimed its slot without it", o.key, n)
	}
}

// onRun checks a run that has just been committed.
func (h *history) onRun(run lifecycle.Run) {
	if err := h.addRun(run); err != nil {
		h.fail(oracleRuns, "%v", err)
		return
	}
	if o := h.findMissed(run.Horizon); o != nil {
		h.fail(oracleSealed, "run %d claims the slots below %s, but leaves out %s, which is acknowledged", run.N, run.Horizon,
			o.key)
	}
}

// onView checks a view that has just been written, and all of its answers.
func (h *history) onView(name view.Name) {
	v, err := h.catalog.View(everywhere, name)
	if err != nil {
		h.fail(oracleHorizon, "view %s: %v", name, err)
		return
	}
	h.learnGenerations()
	h.countMoves(v)
	answering := answeringOf(v)
	for _, g := range v.Generations {
		if g.Run != 0 && h.runOf[g.Horizon] != g.Run || g.Run > uint64(len(h.runs)) {
			h.fail(oracleHorizon, "view %s is at run %d with the horizon %s, which is run %d's", name, g.Run, g.Horizon,
				h.runOf[g.Horizon])
		}
		number := slices.Index(viewNames[:], string(name))
		switch {
		case !g.HasBase():
			h.built[number] = max(h.built[number], 1) // a generation without base items is never built in one pass
		case g.Run > 0 && (h.built[number] == 0 || h.built[number] < g.Run && h.mayBuild()):
			h.built[number] = g.Run
			h.sameTruth(g.Run)
		}
		if v.Serving == g.ID && (g.Horizon < g.LiveFrom || g.State != lifecycle.Serving) {
			h.fail(oracleHorizon, "view %s serves with the horizon %s in state %s, but speed has it only from %s on",
				name, g.Horizon, g.State, g.LiveFrom)
		}
		if g.ID != answering {
			continue
		}
		// Before a view has ever served, an abandoned generation may have been ahead of the one that answers in its place.
		if g.Run < h.level[number] && (v.Serving != "" || h.answers[number] == g.ID) {
			h.fail(oracleHorizon, "view %s goes back from run %d to %d", name, h.level[number], g.Run)
		}
		h.level[number], h.answers[number] = g.Run, g.ID
	}
	h.lookAt(slices.Index(viewNames[:], string(name)))
}

// answeringOf returns the generation that answers: the one that serves. Before any serves, it is the first one that
// holds anything.
func answeringOf(v lifecycle.View) lifecycle.GenerationID {
	if v.Serving != "" {
		return v.Serving
	}
	for _, g := range v.Generations {
		isKappa := !g.HasBase() && g.State != lifecycle.Announced && g.Horizon >= g.LiveFrom
		if g.IsKept() && (g.Run > 0 && g.Run >= g.AnswersFrom || isKappa) {
			return g.ID
		}
	}
	return ""
}

// countMoves counts the state changes of a view's generations.
func (h *history) countMoves(v lifecycle.View) {
	if v.Failure != "" && h.pointers[v.Name].Failure == "" {
		h.count(BuildGivenUp)
	}
	before := h.pointers[v.Name]
	if before.Serving != "" && before.Serving != v.Serving {
		h.count(h.switchOf(before.Serving, v.Serving))
		h.count(Switched)
		if h.generations[before.Serving].reading.before != h.generations[v.Serving].reading.before {
			h.count(EngineSwitched)
		}
	}
	for _, g := range before.Generations {
		if _, ok := v.Generation(g.ID); !ok {
			h.count(Dropped) // a frozen function may leave items behind; nobody reads them
		}
		h.checkMove(before, v, g)
	}
	for _, g := range v.Generations {
		was, known := before.Generation(g.ID)
		if !g.IsKept() && was.State != g.State {
			h.generations[g.ID].givenUp = h.clock
		}
		if !known && isPutAway(before, g) {
			h.fail(oracleMoves, "view %s: generation %s begins with a definition that an operator holds", v.Name, g.ID)
		}
	}
	h.pointers[v.Name] = v
}

// moves lists which states may follow each state of a generation.
var moves = map[lifecycle.State][]lifecycle.State{
	lifecycle.Announced: {lifecycle.Announced, lifecycle.Building, lifecycle.Dropping},
	lifecycle.Building:  {lifecycle.Building, lifecycle.Serving, lifecycle.Dropping},
	lifecycle.Serving:   {lifecycle.Serving, lifecycle.Retained},
	lifecycle.Retained:  {lifecycle.Retained, lifecycle.Building, lifecycle.Serving, lifecycle.Dropping},
	lifecycle.Dropping:  {lifecycle.Dropping},
}

// checkMove checks what one write has changed in a generation.
func (h *history) checkMove(before, after lifecycle.View, g lifecycle.Generation) {
	next, ok := after.Generation(g.ID)
	left := h.clock.Sub(h.generations[g.ID].givenUp)
	switch {
	case !ok && (g.State != lifecycle.Dropping || left < h.systemSettings().DropGrace):
		h.fail(oracleMoves, "view %s: generation %s is deleted in state %s, %s after the write that gave it up", before.Name,
			g.ID, g.State, left)
	case ok && !slices.Contains(moves[g.State], next.State):
		h.fail(oracleMoves, "view %s: generation %s changed from %s to %s", before.Name, g.ID, g.State, next.State)
	case ok && g.State == lifecycle.Retained && next.State == lifecycle.Building && isPutAway(before, g):
		h.fail(oracleMoves, "view %s: generation %s is built again with a definition that an operator holds", before.Name,
			g.ID)
	}
}

// isPutAway reports whether an operator holds the generation's definition, and has not asked for a rebuild since.
func isPutAway(v lifecycle.View, g lifecycle.Generation) bool {
	return v.Held == g.Definition && v.Rebuild == 0
}

// sameTruth checks a promise of the clients (see isTooLate): for the runs from which a generation is built, finding
// duplicates over all history keeps the same events as finding them within the window.
func (h *history) sameTruth(built uint64) {
	for _, e := range h.identities {
		n := 0
		for _, c := range e.copies {
			if c.counted && c.object.run <= built {
				n++
			}
		}
		if n > 1 {
			h.fail(oracleItself, "event %d counts %d times in the runs up to %d, but a generation is built from these runs",
				e.n, n, built)
		}
	}
}

func (h *history) onBase(item viewstore.BaseItem) {
	if h.runOf[item.Horizon] == 0 {
		h.fail(oracleHorizon, "base item %q has the horizon %s, but no run has that horizon", item.Key, item.Horizon)
	}
	if h.lookUpTo == 0 || h.step%8 == 0 {
		h.checkItem(h.generations[item.Generation].view, item.Key)
	}
}

func (h *history) onSpeed(item viewstore.SpeedItem) {
	inUse := func(g lifecycle.Generation) bool { return g.IsKept() && g.SpeedSet() == item.Set }
	isLive := item.Slot != viewstore.NoSlot && item.Key != view.SkippedKey
	if isLive && !h.isListed(item) && h.has(inUse) {
		h.fail(oracleListed, "speed item %q of slot %s is written, but its key is not listed", item.Key, item.Slot)
	}
	if v := h.sets[item.Set]; v == marks || h.step%4 == 0 {
		h.checkItem(v, item.Key)
	}
}

// has reports whether a generation is in the catalog at this moment that satisfies a condition. A function that was
// frozen until its generation was dropped writes items that no live keys list. No answer reads them.
func (h *history) has(is func(lifecycle.Generation) bool) bool {
	all, err := h.catalog.Views(everywhere)
	h.must(err)
	return slices.ContainsFunc(all, func(v lifecycle.View) bool { return slices.ContainsFunc(v.Generations, is) })
}

// checkItem checks the answer of which an item that was just written is a part.
func (h *history) checkItem(v int, key view.Key) {
	if key == view.SkippedKey {
		h.checkNow(skippedOf(v), "")
		return
	}
	h.checkNow(v, keyText(v, key))
}

func (h *history) onSwept(run uint64) {
	for _, o := range h.landed {
		if o.run == 0 || o.run > run {
			continue
		}
		for _, c := range o.copies {
			switch {
			case c.isDelivered() || c.isStreamed() && !h.hasOnlyStream(c) || !h.layout.Streams(o.slot):
			case h.isPassedBy(c):
				if o.run == run {
					h.count(Passed)
				}
			default:
				h.fail(oracleSwept, "run %d is swept, but event %d of %s has not reached speed", run, c.n, o.key)
				return
			}
		}
	}
}

// keyText returns the only field of a view's key, simulation.AllUsers for the roll-up of by_user, or "" for a key
// without fields.
func keyText(v int, key view.Key) string {
	d := view.Definition{}
	switch v {
	case byUser:
		d.Key, d.Rollups = []view.KeyField{{Field: "user"}}, [][]string{{}}
	case marks:
		d.Key = []view.KeyField{{Field: "group"}}
	}
	subset, values, _ := d.ValuesOf(key)
	switch {
	case subset != view.FullKey:
		return simulation.AllUsers
	case len(values) == 0:
		return ""
	}
	return values[0]
}

// traceText returns a key as a trace shows it.
func traceText(key view.Key) string {
	if text := strings.Trim(string(key), "\x00"); text != "\x01" {
		return text
	}
	return "all users"
}

func (h *history) learnGenerations() {
	all, err := h.catalog.Views(everywhere)
	if err != nil {
		h.fail(oracleHorizon, "%v", err)
	}
	for _, v := range all {
		for _, g := range v.Generations {
			h.learn(slices.Index(viewNames[:], string(v.Name)), g)
		}
	}
	h.compileAhead(all)
}

// lookAt checks all answers of a view, or lookUpTo of them.
func (h *history) lookAt(view int) {
	all := h.keys(view)
	for h.lookUpTo > 0 && len(all) > h.lookUpTo {
		at := h.random.IntN(len(all))
		all = append(all[:at], all[at+1:]...)
	}
	for _, key := range all {
		h.checkNow(view, key)
	}
	h.checkNow(skippedOf(view), "")
}

// keys returns the keys that a view can have.
func (h *history) keys(view int) []string {
	switch view {
	case byUser:
		return append(slices.Clone(users[:]), simulation.AllUsers)
	case marks:
	default:
		return []string{""}
	}
	var all []string
	for n := 0; n < len(h.identities); n += marksPerGroup {
		all = append(all, h.identities[n].group())
	}
	return all
}
