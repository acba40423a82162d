package mutants

const (
	batchFile      = "shared/batch/batch.go"
	planFile       = "shared/batch/plan.go"
	readFile       = "shared/batch/read.go"
	readerFile     = "shared/runs/reader.go"
	duplicatesFile = "shared/runs/duplicates.go"
	applyFile      = "shared/batch/apply.go"
	operateFile    = "shared/lifecycle/operate.go"
	receiptsFile   = "shared/sweep/receipts.go"
	sweepFile      = "shared/sweep/sweep.go"
	catalogFile    = "shared/memory/catalog.go"
)

// ofBatch are mistakes of batch and the sweep.
func ofBatch() []Mutant {
	return []Mutant{
		{
			Name: "seal-delay-zero", Design: "3.2",
			Mistake: "a slot is claimed as soon as it has ended",
			Edits:   []Edit{{batchFile, `Sealed(now, b.SealDelay), now, nil`, `Sealed(now, 0), now, nil`}},
		},
		{
			Name: "seal-delay-without-the-margin", Design: "3.2",
			Mistake: "the seal delay covers the time to commit, and not the margin of the clocks",
			Edits:   []Edit{{batchFile, `Sealed(now, b.SealDelay), now, nil`, `Sealed(now, b.SealDelay-time.Duration(b.ClockMargin)), now, nil`}},
		},
		{
			Name: "batch-trusts-its-clock-alone", Design: "3.2",
			Mistake: "slots are sealed by the own clock, also where the store's is behind",
			Edits: []Edit{{batchFile, `	if !date.IsZero() && date.Before(now) {
		now = date
	}
`, ``}},
		},
		{
			Name: "late-clock-not-refused", Design: "3.2",
			Mistake: "batch does not refuse to work with a clock that is off by more than the margin",
			Edits:   []Edit{{batchFile, `b.ClockMargin.Check(now, date)`, `(b.ClockMargin + clock.Margin(time.Hour)).Check(now, date)`}},
			Killer: Killer{
				Package: "shared/simulation/history", Run: "^TestDrills$/^clocks_off_by_more_than_the_margin",
				Why: "the clocks of a history differ by the margin at most; the drill's by more",
			},
		},
		{
			Name: "clock-read-after-listing", Design: "3.2",
			Mistake: "the run's horizon is that of the clock after its slots were listed",
			Edits: []Edit{{planFile, `	m.To = sealed
	return m, nil
`, `	m.To, _, err = t.sealed(ctx)
	return m, err
`}},
		},
		{
			Name: "horizon-inclusive-in-batch", Design: "3.2",
			Mistake: "the slot that is under way is taken for sealed",
			Edits:   []Edit{{batchFile, `	return b.Layout.Slot.Sealed(now, b.SealDelay), now, nil`, `	return b.Layout.Slot.Next(b.Layout.Slot.Sealed(now, b.SealDelay)), now, nil`}},
		},
		{
			Name: "horizon-read-inclusively", Design: "3.4",
			Mistake: "a run reads the slot at its horizon, too",
			Edits:   []Edit{{planFile, `from, archive.SlotKey(sealed)) {`, `from, archive.SlotKey(t.Layout.Slot.Next(sealed))) {`}},
		},
		{
			Name: "run-at-an-unchanged-horizon", Design: "3.4",
			Mistake: "a run may have the horizon of the one before",
			Edits:   []Edit{{planFile, `	for head.Horizon < sealed {`, `	for head.Horizon <= sealed {`}},
		},
		{
			Name: "lookback-missing", Design: "3.2",
			Mistake: "claimed slots are not listed again, and late objects never found",
			Edits:   []Edit{{planFile, `	again := head.Horizon - slot.Slot(t.Lookback.Milliseconds())`, `	again := head.Horizon`}},
		},
		{
			Name: "held-objects-read-again", Design: "3.2",
			Mistake: "objects of the slots that are listed again are not held against the earlier runs",
			Edits:   []Edit{{planFile, `		if late && known.has(object.Key) {`, `		if late && known.has("") {`}},
		},
		{
			Name: "orphans-held", Design: "3.4",
			Mistake: "the objects of an attempt that did not become real are taken for held",
			Edits: []Edit{{planFile, `	if err := t.appendRun(ctx, run); err != nil {
		return run, err
	}
	t.held.add(run.N, in.Manifest)
`, `	t.held.add(run.N, in.Manifest)
	if err := t.appendRun(ctx, run); err != nil {
		return run, err
	}
`}},
		},
		{
			Name: "orphan-manifest-read", Design: "3.4",
			Mistake: "a run's manifest is the first that any attempt has written under its number",
			Edits: []Edit{{readerFile, `	text, _, err := r.Archive.Get(ctx, archive.Key(run.Manifest))
`, `	prefix := run.Manifest[:len("runs/000000000000/")]
	written, _, err := r.Archive.List(ctx, archive.Key(prefix), archive.Key(prefix+"~"), 10)
	if err != nil {
		return archive.Manifest{}, err
	}
	for i := len(written) - 1; i >= 0; i-- {
		if key := string(written[i].Key); key[len(key)-4:] == "json" {
			run.Manifest = key
		}
	}
	text, _, err := r.Archive.Get(ctx, archive.Key(run.Manifest))
`}},
		},
		{
			Name: "manifest-not-frozen", Design: "3.4",
			Mistake: "a run that is read again lists its slots anew",
			Edits: []Edit{
				{readFile, `	m, err := t.reader().Manifest(ctx, run)
	if err != nil {
		return nil, err
	}
`, `	m, err := t.reader().Manifest(ctx, run)
	if err != nil {
		return nil, err
	}
	page, _, err := t.Archive.List(ctx, archive.SlotKey(m.From), archive.SlotKey(m.To), listPage)
	if err != nil {
		return nil, err
	}
	m.Objects = nil
	for _, object := range page {
		m.Objects = append(m.Objects, archive.Input{Object: object})
	}
`},
			},
		},
		{
			Name: "append-unconditional", Design: "3.4",
			Mistake: "a run is made real whatever the head, over one that is real already",
			Edits: []Edit{{catalogFile, `		c.runs = append(c.runs, run)
`, `		c.runs = append(c.runs[:run.N-1], run)
`}, {catalogFile, `run.N != head+1 {`, `run.N > head+1 {`}},
		},
		{
			Name: "loser-goes-on", Design: "3.4",
			Mistake: "who loses the race for a run goes on with what it has read itself",
			Edits:   []Edit{{planFile, `	case stored[0] == run: //`, `	case stored[0].N == run.N: //`}},
		},
		{
			Name: "winner-stops", Design: "3.4",
			Mistake: "what a crash has left is not finished: generations apply the newest run only",
			Edits:   []Edit{{batchFile, `Get(ctx, level[0].generation.Run+1)`, `Get(ctx, max(level[0].generation.Run+1, head.N))`}},
		},
		{
			Name: "item-horizon-ignored", Design: "3.4",
			Mistake: "a run is added to a base item that has it already",
			Edits: []Edit{
				{applyFile, `		if loaded.Horizon >= run.Horizon {`, `		if loaded.Horizon > run.Horizon {`},
				{upsertFile, `		if item.version() == loaded.version() {`,
					`		if none := *new(V); item.version() == none {`},
			},
		},
		{
			Name: "base-write-unconditional", Design: "3.4",
			Mistake: "the store of base items writes whatever horizon is there",
			Edits:   []Edit{{storesFile, `Horizon; stored != loaded {`, `Horizon; stored != loaded && stored < 0 {`}},
		},
		{
			Name: "base-conflict-taken-for-done", Design: "3.4",
			Mistake: "a base item that could not be written is taken for written",
			Edits: []Edit{{upsertFile, `		if err = s.Put(ctx, item, loaded.version()); err == nil {`, `		_, base := any(s).(Base)
		if err = s.Put(ctx, item, loaded.version()); err == nil || base {`}},
		},
		{
			Name: "items-not-all-written", Design: "3.4",
			Mistake: "the error of writing a generation's items is swallowed, and its horizon moves",
			Edits: []Edit{{applyFile, `	if err != nil {
		return fmt.Errorf("view %s, run %d: %w", g.view, run.N, err)
	}
`, `	_ = err
`}},
		},
		{
			Name: "horizon-before-items", Design: "3.4",
			Mistake: "a generation's horizon moves before its items are written",
			Edits: []Edit{{applyFile, `	if err := t.write(ctx, g, run, delta, replace); err != nil {
		return err
	}
	return t.commit(ctx, g, run)
`, `	if err := t.commit(ctx, g, run); err != nil {
		return err
	}
	return t.write(ctx, g, run, delta, replace)
`}},
		},
		{
			Name: "horizon-goes-back", Design: "3.4",
			Mistake: "a tick that thaws late writes its run's horizon over that of a later run",
			Edits:   []Edit{{movesFile, `|| g.Run >= run.N {`, `|| g.Run == run.N || !g.HasBase() && g.Run > run.N {`}},
		},
		{
			Name: "crashed-build-added-to", Design: "3.4",
			Mistake: "a build adds to the items that a crashed one has left, instead of replacing them",
			Edits:   []Edit{{applyFile, `totals[i], built)`, `totals[i], advanced)`}},
		},
		{
			Name: "no-sweep", Design: "3.1",
			Mistake: "nobody looks for objects without receipts",
			Edits:   []Edit{{receiptsFile, `		if len(o.met) >= o.events {`, `		if len(o.met) >= 0 {`}, {receiptsFile, `		for _, o := range r.open {`, `		for _, o := range map[ulid.ULID]*open(nil) {`}},
		},
		{
			Name: "sweep-moves-on-at-once", Design: "3.1",
			Mistake: "a run counts as swept once what it lacks was queued",
			Edits:   []Edit{{sweepFile, `		case done:`, `		case done || !gap:`}},
		},
		{
			Name: "sweep-before-applied", Design: "3.1",
			Mistake: "the sweep has runs streamed that no generation has applied yet",
			Edits:   []Edit{{sweepFile, `				head = min(head, g.Run)`, `				head = max(head, g.Run)`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestSweepWaitsForBatch$",
				Why: "an event that nobody counts comes back with the run, which is applied within batch's bound; until then speed may say nothing of it",
			},
		},
		{
			Name: "sweep-before-built", Design: "3.1",
			Mistake: "the sweep does not wait for what is built first of a view, and will answer",
			Edits:   []Edit{{sweepFile, `			answers := g.Run > 0 || v.Serving == ""`, `			answers := g.Run > 0`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestSweepWaitsForTheFirstBuild$",
				Why: "it takes a late object two runs ahead, and a batch function frozen for longer than the sweep waits: a history in 5,000",
			},
		},
		{
			Name: "builds-up-to-an-old-head", Design: "3.4",
			Mistake: "a generation is built up to the head as it was when the tick began",
			Edits:   []Edit{{applyFile, `	head, err := t.Catalog.Head(ctx)`, `	head, err := t.report.Head, error(nil)`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildReachesTheHead$",
				Why: "the same, with a view that appears after the sweep has looked",
			},
		},
		{
			Name: "builds-before-it-moves", Design: "3.4",
			Mistake: "a tick lets views serve and gives up what was retained only after its builds",
			Edits: []Edit{{batchFile, `	moved := t.moveAll(ctx, head)
	n, err := t.build(ctx)
	if n > 0 {
`, `	var moved error
	_, err = t.build(ctx)
	if err == nil {
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildAlwaysKilled$",
				Why: "in histories no build is killed for ever: the tick that ends it moves the other views, too",
			},
		},
		{
			Name: "failed-build-holds-others", Design: "3.4",
			Mistake: "the first generation that cannot be built keeps those after it from being built",
			Edits: []Edit{{applyFile, `		all = append(all, err)
`, `		if err != nil {
			return n, err
		}
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildAlwaysFails$",
				Why: "in histories no build fails for ever",
			},
		},
		{
			Name: "builds-without-time", Design: "3.4",
			Mistake: "a build is begun however little of the tick's time is left",
			Edits: []Edit{{applyFile, `	if t.isShortOfTime(ctx) {
`, `	if false {
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildWaitsForTime$",
				Why: "a build that is killed is begun again, and loses nothing but time",
			},
		},
	}
}
