package mutants

const (
	appliedFile   = "shared/speed/applied.go"
	decideFile    = "shared/sweep/decide.go"
	waitsFile     = "shared/sweep/waits.go"
	lifecycleFile = "shared/lifecycle/lifecycle.go"
	retainFile    = "shared/setting/setting.go"
	tickFile      = "functions/batch/handler/handler.go"
)

// ofSweep returns mistakes of the sweep: in what it takes for lost, in how often it asks, and in what is too old for
// the stream.
func ofSweep() []Mutant {
	story := func(run, why string) Killer {
		return Killer{Package: "shared/simulation", Run: "^" + run + "$", Why: why}
	}
	const lag = "requests that are too frequent only lengthen a lag, which the oracles of histories see if it is far " +
		"too long"
	const expiring = "of the histories that mutants meet, few have records that expire"
	const age = "the story says what becomes of it; in histories a rebuild mends it"
	return []Mutant{
		{
			Name: "sweep-after-the-build", Design: "3.1",
			Mistake: "a tick sweeps only after batch has built everything",
			Edits: []Edit{{tickFile, `	swept, sweepErr := h.sweep(ctx)
	report, err := h.Batch.Tick(ctx)
`, `	report, err := h.Batch.Tick(ctx)
	swept, sweepErr := h.sweep(ctx)
`}},
			Killer: Killer{Package: "functions/batch/handler", Run: "^TestSweepGoesOnWhileABuildIsKilled$",
				Why: "histories call batch and the sweep one by one, in any order"},
		},
		{
			Name: "sweep-takes-all-the-time", Design: "3.1",
			Mistake: "a sweep that hangs leaves batch no time",
			Edits:   []Edit{{tickFile, `budget.Share(ctx, sweepShare)`, `budget.Share(ctx, sweepShare/sweepShare)`}},
			Killer: Killer{Package: "functions/batch/handler", Run: "^TestBatchGoesOnWhileTheSweepHangs$",
				Why: "histories call batch and the sweep one by one, each with a time of its own"},
		},
		{
			Name: "sweep-queues-what-waits", Design: "3.1",
			Mistake: "the sweep takes an object without a receipt for lost, however far its lane has been read",
			Edits:   []Edit{{decideFile, `	if f.read[lane] > o.arrival.Add(late) {`, `	if f.read[lane] > o.arrival.Add(late) || late > 0 {`}},
			Killer:  story("TestSweepOfAStreamThatLags", lag),
		},
		{
			Name: "sweep-without-a-margin", Design: "3.1",
			Mistake: "any later request shows that its lane was read past an object, as if all clocks were equal",
			Edits:   []Edit{{decideFile, `	if f.read[lane] > o.arrival.Add(late) {`, `	if f.read[lane] > o.arrival || f.read[lane] > o.arrival.Add(late) {`}},
			Killer:  story("TestSweepOfAnIngestWithASlowClock", lag),
		},
		{
			Name: "own-receipt-tells", Design: "3.1",
			Mistake: "one record of a request shows that its lane was read past the others",
			Edits:   []Edit{{decideFile, `	if f.read[lane] > o.arrival.Add(late) {`, `	if f.read[lane] == o.arrival || f.read[lane] > o.arrival.Add(late) {`}},
			Killer:  story("TestSweepOfHalfARequestThatWaits", lag),
		},
		{
			Name: "sweep-queues-behind-the-queue", Design: "3.1",
			Mistake: "the sweep queues missing objects although the republish queue is not empty",
			Edits:   []Edit{{waitsFile, `		t.room = 1`, `		t.room = maxQueued`}},
			Killer:  story("TestSweepWaitsForTheQueue", lag),
		},
		{
			Name: "sweep-waits-as-long-each-time", Design: "3.1",
			Mistake: "the sweep repeats its requests at a constant pace",
			Edits:   []Edit{{waitsFile, `<< min(wait.Rounds-1, maxDouble)`, `<< min(0, maxDouble)`}},
			Killer:  story("TestSweepOfAStreamThatLags", lag),
		},
		{
			Name: "sweep-forgets-what-it-waits-for", Design: "3.1",
			Mistake: "the sweep does not record what it has queued",
			Edits:   []Edit{{waitsFile, `	if t.waits == nil || !t.waits.changed {`, `	if t.waits != nil || !t.waits.changed {`}},
			Killer:  story("TestSweepOfAStreamThatLags", lag),
		},
		{
			Name: "receipts-prove-delivery", Design: "3.1",
			Mistake: "the sweep takes events for delivered that speed has begun and never applied",
			Edits:   []Edit{{receiptsFile, `if r.isBegun(o) {`, `if r.isBegun(o) && o.events == 0 {`}},
			Killer:  story("TestExpiredHalfApplied", expiring),
		},
		{
			Name: "applied-whatever-failed", Design: "3.3",
			Mistake: "speed stores that it has applied records, although it failed to",
			Edits: []Edit{{"shared/speed/speed.go", `s.putApplied(ctx, lane, live, l.records[:lowest])`,
				`s.putApplied(ctx, lane, live, l.records)`}},
			Killer: story("TestExpiredHalfApplied", expiring),
		},
		{
			Name: "late-records-are-begun", Design: "3.3",
			Mistake: "speed begins records that the stream is about to drop",
			Edits:   []Edit{{appliedFile, `		older[r.Sequence] = true`, `		older[""] = true`}},
			Killer:  story("TestAboutToExpire", expiring),
		},
		{
			Name: "late-records-count-as-applied", Design: "3.3",
			Mistake: "speed stores that it has applied a record that the stream may have dropped since speed began it",
			Edits: []Edit{{appliedFile, `first > 0 && !uncertain[applied[first-1].Sequence]`,
				`first > 0 && (uncertain == nil || first > 0)`}},
			Killer: story("TestAboutToExpire", expiring),
		},
		{
			Name: "seen-after-items", Design: "3.3",
			Mistake: "speed writes the seen item after the speed items, before it reports the records done",
			Edits: []Edit{
				{seenFile, `	if err := s.record(ctx, m, old, lane, begun); err != nil {
		m.forget() // the store may or may not hold these records
		return nil, 0, fmt.Errorf("put seen item of lane %s: %w", lane, err)
	}
`, `	for _, r := range begun {
		m.addRecord(r.SeenRecord, nil)
		if old != nil {
			old.addRecord(r.SeenRecord, nil)
		}
	}
`},
				{speedFile, `	return lowest, errors.Join(all...)
`, `	m := s.lanes.of(lane)
	m.mu.Lock()
	defer m.mu.Unlock()
	own := identify(batch, kept)
	m.forget()
	m.begin(0, s.Layout.SpeedWindow)
	if err := s.record(ctx, m, nil, lane, own); err != nil {
		m.forget()
		return 0, err
	}
	m.forget()
	return lowest, errors.Join(all...)
`},
			},
			Killer: Killer{Package: "shared/simulation", Run: "^TestExpiredHalfApplied$",
				Why: "it takes a record that expires after speed has begun it. Until then it comes again, at the same position, " +
					"and no later record of the lane comes"},
		},
		{
			Name: "one-probe-for-ever", Design: "3.1",
			Mistake: "the sweep requests only the newest object of a quiet lane",
			Edits:   []Edit{{decideFile, `places[t.waits.all[at].Rounds%len(places)]`, `places[0]`}},
			Killer:  story("TestProbesTakeTurns", "no object of a history is one that cannot be read"),
		},
		{
			Name: "probe-tells-nothing", Design: "3.1",
			Mistake: "the receipt of a probe says nothing about the other objects of its run",
			Edits:   []Edit{{decideFile, `	return o.arrival <= f.all[wait.Probe-1].arrival`, `	return o.arrival < 0`}},
			Killer:  story("TestQuietLoss", "the others come one by one, as probes: later"),
		},
		{
			Name: "old-events-republished", Design: "3.1",
			Mistake: "republish puts events into the stream however old they are",
			Edits:   []Edit{{republishFile, `age > r.MaxAge {`, `age > r.MaxAge && age < 0 {`}},
		},
		{
			Name: "old-events-waited-for", Design: "3.1",
			Mistake: "the sweep keeps requesting events that are too old for the stream",
			Edits:   []Edit{{receiptsFile, `		if o.arrival < before {`, `		if o.arrival < before && before < 0 {`}},
			Killer:  story("TestLossThatGrowsOld", age),
		},
		{
			Name: "old-run-not-passed-by", Design: "3.1",
			Mistake: "the sweep stops for good at a run whose events are too old",
			Edits:   []Edit{{sweepFile, `		return true, t.passBy(`, `		return false, t.passBy(`}},
			Killer:  story("TestCopyAfterSeenItemsExpired", age),
		},
		{
			Name: "lack-not-marked", Design: "3.1",
			Mistake: "the sweep passes a run by, but marks no generation that lacks its events",
			Edits:   []Edit{{lifecycleFile, `g.Lacks == 0 && g.LiveFrom.Millis() <= before {`, `g.Lacks == 0 && g.LiveFrom.Millis() < before-before {`}},
			Killer:  story("TestLossThatGrowsOld", age),
		},
		{
			Name: "lack-not-told", Design: "3.8",
			Mistake: "a generation that lacks events answers as if it were complete",
			Edits:   []Edit{{"shared/lifecycle/kind.go", `	if g.Lacks > 0 {`, `	if g.Lacks > 0 && swept == 0 {`}},
			Killer:  story("TestLossThatGrowsOld", age),
		},
		{
			Name: "seen-items-live-for-the-window", Design: "3.5",
			Mistake: "seen items live only for the speed window",
			Edits: []Edit{{retainFile, `	return s.MaxStreamAge + s.QueueRetention + s.StreamRetention + s.SpeedWindow`,
				`	return s.SpeedWindow`}},
		},
		{
			Name: "seen-items-live-for-the-longest", Design: "3.5",
			Mistake: "seen items live for the longest of the delays that a copy may have, not for their sum",
			Edits: []Edit{{retainFile, `	return s.MaxStreamAge + s.QueueRetention + s.StreamRetention + s.SpeedWindow`,
				`	return max(s.MaxStreamAge, s.QueueRetention, s.StreamRetention) + s.SpeedWindow`}},
			Killer: Killer{Package: "shared/setting", Run: "^TestRetainSeen$",
				Why: "no history delays a copy by all of them at once"},
		},
	}
}
