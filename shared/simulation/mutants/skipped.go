package mutants

const (
	skippedFile   = "shared/view/skipped.go"
	viewFoldFile  = "shared/view/fold.go"
	readSkipsFile = "shared/serving/skipped.go"
	columnsFile   = "shared/view/input.go"
	compileFile   = "shared/view/compile.go"
)

// ofSkipped returns mistakes in counting what a view could not use.
func ofSkipped() []Mutant {
	return []Mutant{
		{
			Name: "skipped-duplicates-count", Design: "3.9",
			Mistake: "a duplicate that batch drops counts once more as skipped",
			Edits: []Edit{{skippedFile, `		if e.isDuplicate(u.row) {
			continue
		}
		if`, `		if`}},
		},
		{
			Name: "skipped-duplicates-touch-nothing", Design: "3.9",
			Mistake: "a duplicate that could not be used leaves the item of what was skipped at its horizon",
			Edits: []Edit{{skippedFile, `	for _, u := range e.unusable {
`, `	for _, u := range e.unusable {
		if e.isDuplicate(u.row) {
			continue
		}
`}},
			Killer: Killer{
				Package: "shared/view", Run: "^TestTouch$",
				Why: "it takes copies in two slots of which speed counts the later one, an event that cannot be used, no other " +
					"such event of the window, and a query in the moment between the items of a run",
			},
		},
		{
			Name: "skipped-not-by-speed", Design: "3.9",
			Mistake: "speed writes no items of what was skipped, so that only batch tells it",
			Edits: []Edit{{foldFile, `		for page := range delta.Pages() {
			key :=`, `		for page := range delta.Pages() {
			if page.Key == view.SkippedKey {
				continue
			}
			key :=`}},
		},
		{
			Name: "skipped-lost-of-later-batches", Design: "3.9",
			Mistake: "a fold loses the skipped events of each batch but the first",
			Edits: []Edit{{viewFoldFile, `		d.skip(e)`, `		if d.skipped == nil {
			d.skip(e)
		}`}},
		},
		{
			Name: "condition-that-fails-is-false", Design: "4",
			Mistake: "a condition that cannot be evaluated is taken as false, without a word",
			Edits: []Edit{{columnsFile, `			case expression.IsFalse:
			default:`, `			default:`},
				{columnsFile, `				place = failedChoice
				c.failed, c.reasons = append(c.failed, row), append(c.reasons, t.Reason())
`, ``}},
			Killer: Killer{
				Package: "shared/view", Run: "^TestConditions$",
				Why: "batch and speed take it alike, so the law holds for the wrong condition",
			},
		},
		{
			Name: "inputs-of-two-conditions-are-shared", Design: "4",
			Mistake: "two aggregates with the same argument and different conditions share the rows of the first condition",
			Edits: []Edit{{compileFile, `return in.text == text && in.choice == at }`,
				`return in.text == text && (in.choice == at || text != "") }`}},
			Killer: Killer{
				Package: "shared/view", Run: "^TestConditions$",
				Why: "batch and speed share alike, so the law holds for the wrong rows",
			},
		},
		{
			Name: "skipped-only-of-batch", Design: "3.9",
			Mistake: "an answer's list of skipped events leaves out what only speed has counted",
			Edits:   []Edit{{readSkipsFile, `			find(one).Speed += one.Events`, `			find(one).Events -= one.Events`}},
		},
		{
			Name: "skipped-of-some-windows", Design: "3.9",
			Mistake: "an answer does not say that it lists the skipped events of some windows only",
			Edits:   []Edit{{readSkipsFile, `		of.cut = true`, `		of.cut = of.cut && err != nil`}},
			Killer: Killer{
				Package: "shared/serving", Run: "^TestSkippedWindowsAreBounded$", Why: "histories have fewer windows",
			},
		},
	}
}
