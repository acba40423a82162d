package mutants

const (
	engineFile     = "shared/view/engine/engine.go"
	definitionFile = "shared/view/definition.go"
)

// ofEngines returns mistakes in what a release does with the definitions of the engine's version before.
func ofEngines() []Mutant {
	return []Mutant{
		{
			Name: "old-generation-by-new-rules", Design: "4.1",
			Mistake: "a generation of the version before is folded by the rules of the newest",
			Edits:   []Edit{{definitionFile, `return engine.Of(d.version()) }`, `return engine.Newest(), nil }`}},
		},
		{
			Name: "old-version-rounds", Design: "4.1",
			Mistake: "the version before counts numbers that it skips, rounded",
			Edits:   []Edit{{engineFile, `		Numbers: aggregate.Limit{Whole: 20, Decimals: 18},`, ``}},
		},
		{
			Name: "old-pages-by-new-weeks", Design: "4.1",
			Mistake: "a query reads the pages of the version before as if their weeks began on Monday",
			Edits: []Edit{{"shared/view/page.go", `	return time.UnixMilli(int64(w)*p.windowMs + p.windowOrigin).UTC()`,
				`	origin := p.windowOrigin
	if p.windowMs == week.Milliseconds() {
		origin = (4 * day).Milliseconds()
	}
	return time.UnixMilli(int64(w)*p.windowMs + origin).UTC()`}},
		},
		{
			Name: "skipped-weeks-from-thursday", Design: "4.1",
			Mistake: "the windows of what a view could not use do not begin where the view's windows do",
			Edits:   []Edit{{"shared/view/skipped.go", `		windowOrigin: p.windowOrigin,`, ``}},
		},
		{
			Name: "old-keys-by-new-rules", Design: "4.1",
			Mistake: "the version before gives a number one key whatever its spelling",
			Edits:   []Edit{{engineFile, `		WrittenKeys:    true,`, ``}},
			Killer:  Killer{"shared/view", "^TestEngineGolden$", "the users of histories are strings"},
		},
		{
			Name: "kept-generations-not-checked", Design: "4.1",
			Mistake: "a release announces views while a generation is kept that it cannot run",
			Edits: []Edit{{"shared/batch/batch.go", `	if err := t.compile(ctx); err != nil {
		return err
	}
	t.announce(ctx, nil)
`, `	t.announce(ctx, nil)
`}},
			Killer: Killer{"shared/simulation", "^TestDeploymentRefused$",
				"the releases of a history run the definitions of each other"},
		},
		{
			Name: "stored-texts-checked-as-files", Design: "4.1",
			Mistake: "a stored text is refused for what only a file is refused for",
			Edits: []Edit{{definitionFile, `compile(d, rules, expression.Stored, &expression.Columns{})`,
				`compile(d, rules, expression.File, &expression.Columns{})`}},
			Killer: Killer{"shared/view", "^TestStoredTextsGoOn$", "no view of a history is one that a file is refused for"},
		},
	}
}
