package mutants

const (
	moverFile      = "shared/generations/generations.go"
	kindFile       = "shared/lifecycle/kind.go"
	movesFile      = "shared/lifecycle/moves.go"
	deploymentFile = "shared/generations/deployment.go"
)

// ofKappa returns mistakes with Kappa views and with operators that histories find: their oracles know of every copy
// whether the live half may hold it, or replay, or neither.
func ofKappa() []Mutant {
	return []Mutant{
		{
			Name: "kappa-live-from-zero", Design: "3.8",
			Mistake: "speed folds slots of a Kappa view that replay must fold",
			Edits: []Edit{{kindFile, `		return max(g.LiveFrom, g.Horizon)
	}
	return g.LiveFrom
`, `		return max(g.LiveFrom, g.Horizon)
	}
	return 0
`}},
		},
		{
			Name: "kappa-edge-too-narrow", Design: "3.8",
			Mistake: "replay looks for events that the live half has counted in the last half of the window only",
			Edits: []Edit{{replayEdge, `	return live.Millis().Add(-t.Layout.SpeedWindow)
`, `	return live.Millis().Add(-t.Layout.SpeedWindow / 2)
`}},
		},
		{
			Name: "kappa-reads-lanes-from-live-on", Design: "3.8",
			Mistake: "replay reads the seen items from LiveFrom on, but none from right before",
			Edits:   []Edit{{replayEdge, `	recorded := t.edge(l.live).Add(-t.ClockMargin.Apart())`, `	recorded := l.live.Millis()`}},
		},
		{
			Name: "kappa-lanes-up-to-live", Design: "3.8",
			Mistake: "replay looks for copies below LiveFrom among those that the live half has counted",
			Edits:   []Edit{{replayEdge, `arrival <= last {`, `arrival <= min(last, l.live.Millis()) {`}},
		},
		{
			Name: "replay-by-the-other-window", Design: "3.8",
			Mistake: "replay finds duplicates within batch's window instead of speed's",
			Edits:   []Edit{{replayRead, `runs.Rule{Window: t.Layout.SpeedWindow,`, `runs.Rule{Window: t.Layout.DedupeWindow,`}},
		},
		{
			Name: "replay-includes-live", Design: "3.8",
			Mistake: "replay also folds the slot from which speed folds",
			Edits: []Edit{{replayRead, `		if s >= live {
			continue`, `		if s > live {
			continue`}},
		},
		{
			Name: "replay-passes-over-a-run", Design: "3.8",
			Mistake: "replay passes over a run although some of its events arrived from LiveFrom on",
			Edits:   []Edit{{replayRead, `run.FirstArrival < live.Millis() {`, `run.LastArrival < live.Millis() {`}},
		},
		{
			Name: "replay-commits-before-it-folds", Design: "3.8",
			Mistake: "replay moves its run although no item holds the first runs yet",
			Edits:   []Edit{{replayFile, `	if len(in.seen) > 0 {`, `	if len(in.seen) > 0 && g.Run > 0 {`}},
		},
		{
			Name: "replay-drops-what-is-retained", Design: "3.7",
			Mistake: "a Kappa generation is deleted while it is retained",
			Edits: []Edit{{moverFile, `m.Owner || g.State != lifecycle.Dropping:`,
				`m.Owner || g.State != lifecycle.Dropping && (g.State != lifecycle.Retained || g.HasBase()):`}},
		},
		{
			Name: "kappa-announced-again-in-place", Design: "3.8",
			Mistake: "a Kappa generation that was announced too late keeps what speed has folded, for a later slot",
			Edits: []Edit{{movesFile, `	if g.PerSlot() {
		next, ok := v.moved(id, Postpone, event.Never)`, `	if g.ID != "" {
		next, ok := v.moved(id, Postpone, event.Never)`}},
		},
		{
			Name: "sweep-waits-for-replay", Design: "3.8",
			Mistake: "the sweep waits for replay, which waits for the sweep",
			Edits: []Edit{{lifecycleFile, `	return ok && g.IsKept() && g.HasBase() && g.Run < run`,
				`	isReplayed := func(g Generation) bool { return g.IsKept() && !g.HasBase() && g.Run < run }
	return slices.ContainsFunc(v.Generations, isReplayed) || ok && g.IsKept() && g.HasBase() && g.Run < run`}},
		},
		{
			Name: "complete-before-it-is-swept", Design: "3.8",
			Mistake: "an answer is complete as far as replay has come, whatever the stream has lost",
			Edits:   []Edit{{kindFile, `		swept = min(swept, g.Run)`, `		swept = g.Run`}},
		},
		{
			Name: "switch-below-live", Design: "3.7",
			Mistake: "a built generation may serve before its horizon has reached the slot from which it is live",
			Edits:   []Edit{{operateFile, `	case g.Horizon < g.LiveFrom:`, `	case g.Horizon < g.LiveFrom && g.Run == 0:`}},
		},
		{
			Name: "batch-undoes-a-rollback", Design: "3.7",
			Mistake: "at its next tick, batch begins again the definition that an operator has abandoned",
			Edits:   []Edit{{movesFile, `w.held == (v.Held == definition)`, `!w.held`}},
		},
	}
}
