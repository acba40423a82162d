package mutants

const (
	rollupFile     = "shared/view/rollup.go"
	evaluationFile = "shared/view/evaluation.go"
	partFile       = "shared/view/part.go"
)

// ofRollups returns mistakes in roll-ups.
func ofRollups() []Mutant {
	return []Mutant{
		{
			Name: "duplicates-touch-no-rollup", Design: "3.4",
			Mistake: "a duplicate moves the horizon of its key's item, and leaves those of the roll-ups",
			Edits: []Edit{{partFile, `		key := p.cells.key(r.hash,`,
				`		if len(p.program.rollups) > 0 && e.text[r.start] > 0 && e.isDuplicate(r.row) {
			continue
		}
		key := p.cells.key(r.hash,`}},
			Killer: Killer{
				Package: "shared/view", Run: "^TestRollupsChangeNothingElse$",
				Why: "it takes copies in two slots of which speed counts the later one, no other event of the page, and a " +
					"query in the moment between the items of a run",
			},
		},
		{
			Name: "skipped-event-has-a-rolled-row", Design: "3.9",
			Mistake: "an event that the view skips for its key has a row in the roll-up of no fields",
			Edits: []Edit{{evaluationFile, `			e.text = e.text[:start]
			continue
`, `			e.text = e.text[:start]
			if e.program.isInCalendar(window) && len(e.program.rollups) > 0 {
				e.appendRollup(0, nil)
				e.note(start, window, row, len(kept))
				kept = append(kept, row)
			}
			continue
`}},
		},
		{
			Name: "rollup-under-another-number", Design: "4",
			Mistake: "a fold stores a roll-up under the number before its own",
			Edits:   []Edit{{rollupFile, `byte(i+1))`, `byte(i))`}},
		},
	}
}
