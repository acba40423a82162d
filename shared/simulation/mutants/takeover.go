package mutants

const (
	horizonsFile = "shared/batch/horizons.go"
	inputFile    = "shared/runs/input.go"
)

// ofTakeOver returns mistakes with an archive that a new stack takes over, and with a catalog that was set back.
func ofTakeOver() []Mutant {
	takesOver := func(test string) Killer {
		return Killer{
			Package: "shared/simulation", Run: "^" + test + "$",
			Why: "one history in six takes over an archive, and few of them show this; the story always does",
		}
	}
	live := Killer{
		Package: "shared/generations", Run: "^TestLiveInAnArchiveThatWasTakenOver$",
		Why: "one history in six takes over an archive, and few of them show this; the story always does",
	}
	return []Mutant{
		{
			Name: "streams-what-arrived-before-the-layout", Design: "3.10",
			Mistake: "ingest streams an event that it stamps with a slot before the layout",
			Edits:   []Edit{{ingestFile, `if in.Layout.Streams(slot) {`, `if slot > 0 {`}},
			Killer:  takesOver("TestIngestBehindTheLayout"),
		},
		{
			Name: "republishes-what-arrived-before-the-layout", Design: "3.10",
			Mistake: "republish puts an object of the old stack into the new stream",
			Edits:   []Edit{{republishFile, `	if !r.Layout.Streams(slot) {`, `	if slot == 0 {`}},
		},
		{
			Name: "kappa-live-with-the-layout", Design: "3.10",
			Mistake: "a Kappa view counts live a copy of an event that arrived before the layout",
			Edits: []Edit{{deploymentFile, `	if begins != slot.Beginning && !perSlot {`,
				`	if begins != slot.Beginning && perSlot {`}},
			Killer: takesOver("TestTakeOver"),
		},
		{
			Name: "kappa-live-a-slot-too-early", Design: "3.10",
			Mistake: "a Kappa view is live from the slot in which the speed window of the layout's beginning ends",
			Edits: []Edit{{deploymentFile, `length.Next(length.At(begins.Start().Add(s.Layout.SpeedWindow-time.Millisecond)))`,
				`length.At(begins.Start().Add(s.Layout.SpeedWindow-time.Millisecond))`}},
			Killer: live,
		},
		{
			Name: "live-from-zero-in-a-later-layout", Design: "3.10",
			Mistake: "a view is live from the first slot on, with an event that ingest archives and does not stream",
			Edits:   []Edit{{deploymentFile, `	if begins == slot.Beginning {`, `	if begins >= slot.Beginning {`}},
			Killer:  live,
		},
		{
			Name: "adds-to-items-of-another-catalog", Design: "3.10",
			Mistake: "batch adds runs to items that were written under another catalog",
			Edits:   []Edit{{horizonsFile, `	if err == nil && !ends {`, `	if err == nil && !ends && len(t.views) == 0 {`}},
		},
		{
			Name: "remembers-lost-runs", Design: "3.10",
			Mistake: "batch takes the horizons that it remembers for those of the catalog, which was set back",
			Edits: []Edit{{batchFile, `	t.forgetLost(head)
`, ``}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestRestoredCatalog$",
				Why: "few histories set a catalog back; the story always does",
			},
		},
		{
			Name: "passes-items-ahead-of-the-catalog", Design: "3.10",
			Mistake: "batch takes an item that is ahead of the run for one that another batch has written",
			Edits: []Edit{{horizonsFile, `	if wanted > run.Horizon {
`, `	if wanted > run.Horizon {
		return true, nil
	}
	if wanted > run.Horizon {
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestRestoredCatalog$",
				Why: "few histories set a catalog back; the story always does",
			},
		},
	}
}
