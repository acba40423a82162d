package mutants

// equivalent are mistakes, or what look like them, that break no promise.
func equivalent() []Mutant {
	return []Mutant{
		{
			Name: "put-begun-late", Design: "3.1",
			Mistake: "the deadline is not looked at before the put, only after it",
			Edits:   []Edit{{ingestFile, `		if now := in.Now(); !now.Before(deadline) {`, `		if now := in.Now(); now.IsZero() {`}},
			Equivalent: "the answer's time is looked at all the same, so nothing late is acknowledged; what lands late is a late object like any put that was on " +
				"the wire. The look before the put only keeps the wire shorter than the look-back",
		},
		{
			Name: "seen-after-items", Design: "3.3",
			Mistake: "the seen item is written after the speed items, before the records are reported done",
			Edits: []Edit{
				{seenFile, `	if err := s.record(ctx, m, lane, own); err != nil {
		m.forget() // what the store holds of these records is not known
		return nil, fmt.Errorf("put seen item of lane %s: %w", lane, err)
	}
`, `	for _, r := range own {
		m.addRecord(r)
	}
`},
				{speedFile, `	return lowest, errors.Join(all...)
`, `	m := s.lanes.of(lane)
	m.mu.Lock()
	defer m.mu.Unlock()
	own := s.identify(batch, kept)
	m.forget()
	m.begin(0)
	if err := s.record(ctx, m, lane, own); err != nil {
		m.forget()
		return 0, err
	}
	m.forget()
	return lowest, errors.Join(all...)
`},
			},
			Equivalent: "what counts is that it is durable before the records are reported done: until then they come again, at the same positions, and no later " +
				"record of the lane comes",
		},
		{
			Name: "folds-covered-slots", Design: "3.3",
			Mistake:    "speed folds slots that batch has covered",
			Edits:      []Edit{{kindFile, `		return max(g.LiveFrom, g.Horizon)`, `		return g.LiveFrom`}},
			Equivalent: "no query reads items below the horizon: it only costs writes",
		},
		{
			Name: "folds-below-live", Design: "3.7",
			Mistake: "speed folds a definition for slots below the one that it was announced for",
			Edits:   []Edit{{kindFile, `		return max(g.LiveFrom, g.Horizon)`, `		return g.Horizon`}},
			Equivalent: "what it folds there is right, only not all there is: a view does not serve before its horizon has reached that slot, and what answers before " +
				"then says what is missing",
		},
		{
			Name: "horizon-of-the-item-alone", Design: "3.6",
			Mistake:    "a query holds speed items against the base item's horizon, not against the generation's",
			Edits:      []Edit{{rowsFile, `item.Slot < max(g.Horizon, m.horizons[item.Page]) {`, `item.Slot < m.horizons[item.Page] {`}},
			Equivalent: "the store is asked for slots from the generation's horizon on, so there are no others",
		},
	}
}
