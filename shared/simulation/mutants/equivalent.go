package mutants

// equivalent returns mistakes, or apparent mistakes, that break no promise.
func equivalent() []Mutant {
	return []Mutant{
		{
			Name: "sweeps-what-arrived-before-the-layout", Design: "3.10",
			Mistake: "a manifest has lanes for events that arrived before the layout began",
			Edits:   []Edit{{inputFile, `if s.Arrival < r.Layout.Begins.Millis() {`, `if s.Arrival < 0 {`}},
			Equivalent: "the sweep drops objects that arrived before the layout began, and republish refuses them: the lanes " +
				"only cost reads of receipts",
		},
		{
			Name: "put-begun-late", Design: "3.1",
			Mistake: "ingest checks the deadline only after the put, not before it",
			Edits:   []Edit{{ingestFile, `		if now := in.Now(); !now.Before(deadline) {`, `		if now := in.Now(); now.IsZero() {`}},
			Equivalent: "ingest still checks the time of the answer, so it acknowledges nothing late. An object that lands " +
				"late is a " +
				"late object, like any put in flight. The check before the put only keeps that flight shorter than the lookback",
		},
		{
			Name: "folds-covered-slots", Design: "3.3",
			Mistake:    "speed folds slots that batch has covered",
			Edits:      []Edit{{liveFile, `from: g.SpeedFrom(),`, `from: g.LiveFrom,`}},
			Equivalent: "no query reads items below the horizon: they only cost writes",
		},
		{
			Name: "folds-below-live", Design: "3.7",
			Mistake: "speed folds a definition also for slots below its announced one",
			Edits: []Edit{{liveFile, `from: g.SpeedFrom(), bySlot: g.PerSlot()}
`, `from: g.SpeedFrom(), bySlot: g.PerSlot()}
			if g.HasBase() {
				t.from = g.Horizon
			}
`}},
			Equivalent: "no query reads items below that slot: they only cost writes",
		},
		{
			Name: "horizon-of-the-item-alone", Design: "3.6",
			Mistake:    "a query compares speed items with the base item's horizon alone, not with the generation's",
			Edits:      []Edit{{rowsFile, `item.Slot < max(g.SpeedFrom(), r.horizons[item.Page]) {`, `item.Slot < r.horizons[item.Page] {`}},
			Equivalent: "the query reads only slots from SpeedFrom on, so there are no others",
		},
	}
}
