package mutants

// ofRetiring returns mistakes with views that the deployed file no longer defines.
func ofRetiring() []Mutant {
	by := func(test, why string) Killer {
		return Killer{Package: "shared/simulation", Run: "^" + test + "$", Why: why}
	}
	step := func(test, why string) Killer {
		return Killer{Package: "shared/generations", Run: "^" + test + "$", Why: why}
	}
	const brief = "in histories a view that is left out is named again soon"
	return []Mutant{
		{
			Name: "empty-file-retires", Design: "3.7",
			Mistake: "a file without views retires all views",
			Edits:   []Edit{{deploymentFile, `	if len(s.Definitions) == 0 {`, `	if s.Now == nil {`}},
			Killer:  step("TestRetire", "no history deploys an empty file"),
		},
		{
			Name: "named-views-retired", Design: "3.7",
			Mistake: "batch also retires a view that the file defines",
			Edits:   []Edit{{deploymentFile, `is && !isNamed {`, `is && (isNamed || !isNamed) {`}},
			Killer:  step("TestRetire", brief+", by which it is taken up"),
		},
		{
			Name: "retired-not-folded", Design: "3.7",
			Mistake: "speed no longer folds a retired view",
			Edits:   []Edit{{liveFile, `if g.Definition != p.Hash || !g.IsKept() {`, `if g.Definition != p.Hash || !g.IsKept() || v.Retired != 0 {`}},
			Killer:  by("TestRetired", brief+", and few events come in between"),
		},
		{
			Name: "retired-not-applied", Design: "3.7",
			Mistake: "batch applies no runs to a retired view",
			Edits:   []Edit{{batchFile, `			if !g.TakesRuns() {`, `			if !g.TakesRuns() || v.Retired != event.Never {`}},
			Killer:  by("TestRetired", brief+", and what it lacks is applied then"),
		},
		{
			Name: "retired-entry-deleted", Design: "3.7",
			Mistake: "batch deletes the entry of a dropped view, so revisions begin again",
			Edits: []Edit{{catalogFile, `		c.views[v.Name] = v
		return nil
`, `		c.views[v.Name] = v
		if v.IsGone() && len(v.Generations) == 0 {
			delete(c.views, v.Name)
		}
		return nil
`}},
			Killer: step("TestFrozenThroughALife", brief+", so that none is dropped"),
		},
		{
			Name: "retired-dropped-at-once", Design: "3.7",
			Mistake: "batch drops a retired view at the next tick",
			Edits:   []Edit{{movesFile, `now >= v.Retired.Add(retainFor) {`, `now >= v.Retired.Add(0*retainFor) {`}},
			Killer:  by("TestRetired", "the test leaves a view out for several ticks, and looks at it after each"),
		},
		{
			Name: "retired-not-taken-up", Design: "3.7",
			Mistake: "a retired view stays retired when it is deployed again",
			Edits: []Edit{{movesFile, `	next, changed = v, v.Retired != event.Never
	next.Retired = event.Never
`, `	next = v
`}},
			Killer: by("TestRetired", "it answers all the same, until a later file leaves it out"),
		},
	}
}
