package mutants

const (
	batchFile      = "shared/batch/batch.go"
	planFile       = "shared/batch/plan.go"
	listFile       = "shared/batch/list.go"
	lookBackFile   = "shared/runs/lookback.go"
	batchViewsFile = "shared/batch/views.go"
	readFile       = "shared/batch/read.go"
	readerFile     = "shared/runs/reader.go"
	duplicatesFile = "shared/runs/duplicates.go"
	applyFile      = "shared/batch/apply.go"
	buildFile      = "shared/batch/build.go"
	builderFile    = "shared/runs/build.go"
	operateFile    = "shared/lifecycle/operate.go"
	receiptsFile   = "shared/sweep/receipts.go"
	sweepFile      = "shared/sweep/sweep.go"
	sweepViewsFile = "shared/sweep/views.go"
	catalogFile    = "shared/memory/catalog.go"
)

// ofBatch returns mistakes of batch and of the sweep.
func ofBatch() []Mutant {
	return []Mutant{
		{
			Name: "seal-delay-zero", Design: "3.2",
			Mistake: "batch claims a slot as soon as it ends",
			Edits:   []Edit{{batchFile, `Sealed(now, b.SealDelay), now, nil`, `Sealed(now, 0), now, nil`}},
		},
		{
			Name: "seal-delay-without-the-margin", Design: "3.2",
			Mistake: "the seal delay covers the time to commit, but not the clocks' margin",
			Edits:   []Edit{{batchFile, `Sealed(now, b.SealDelay), now, nil`, `Sealed(now, b.SealDelay-time.Duration(b.ClockMargin)), now, nil`}},
		},
		{
			Name: "batch-trusts-its-clock-alone", Design: "3.2",
			Mistake: "batch seals slots by its own clock even if the store's clock is behind",
			Edits: []Edit{{batchFile, `	if !date.IsZero() && date.Before(now) {
		now = date
	}
`, ``}},
		},
		{
			Name: "late-clock-not-refused", Design: "3.2",
			Mistake: "batch works although its clock differs by more than the margin",
			Edits:   []Edit{{batchFile, `b.ClockMargin.Check(now, date)`, `(b.ClockMargin + clock.Margin(time.Hour)).Check(now, date)`}},
			Killer: Killer{
				Package: "shared/simulation/history", Run: "^TestDrills$/^clocks_off_by_more_than_the_margin",
				Why: "the clocks of a history differ by at most the margin; those of the drill differ by more",
			},
		},
		{
			Name: "clock-read-after-listing", Design: "3.2",
			Mistake: "batch reads the clock for the run's horizon after it has listed the slots",
			Edits: []Edit{{planFile, `	m.To = sealed
	return m, nil
`, `	m.To, _, err = t.sealed(ctx)
	return m, err
`}},
		},
		{
			Name: "horizon-inclusive-in-batch", Design: "3.2",
			Mistake: "batch takes the current slot for sealed",
			Edits:   []Edit{{batchFile, `	return b.Layout.Slot.Sealed(now, b.SealDelay), now, nil`, `	return b.Layout.Slot.Next(b.Layout.Slot.Sealed(now, b.SealDelay)), now, nil`}},
		},
		{
			Name: "horizon-read-inclusively", Design: "3.4",
			Mistake: "a run also reads the slot at its horizon",
			Edits:   []Edit{{planFile, `each(ctx, from, sealed) {`, `each(ctx, from, t.Layout.Slot.Next(sealed)) {`}},
		},
		{
			Name: "large-run-marks-the-first-piece-only", Design: "3.4",
			Mistake: "each piece of a large run takes the duplicates of the first piece",
			Edits: []Edit{{readFile, `		part.Duplicate, duplicate = duplicate[:len(part.Seen)], duplicate[len(part.Seen):]
`, `		part.Duplicate = duplicate[:len(part.Seen)]
`}},
			Killer: Killer{"shared/simulation", "^TestLargeRun$", "the runs of histories fit into one piece"},
		},
		{
			Name: "run-at-an-unchanged-horizon", Design: "3.4",
			Mistake: "a run may have the same horizon as the run before",
			Edits:   []Edit{{planFile, `	for head.Horizon < sealed {`, `	for head.Horizon <= sealed {`}},
		},
		{
			Name: "lookback-missing", Design: "3.2",
			Mistake: "batch does not list claimed slots again, so it never finds late objects",
			Edits:   []Edit{{planFile, `archive.SlotKey(again.From(head.Horizon, sealed))`, `archive.SlotKey(head.Horizon)`}},
		},
		{
			Name: "old-slots-never-again", Design: "3.2",
			Mistake: "batch lists only the last part of the look-back again, so it never finds what lands later",
			Edits:   []Edit{{lookBackFile, `	return l.Furthest(horizon)`, `	return l.before(horizon, l.For/recentPart)`}},
			Killer: Killer{"shared/simulation", "^TestLateObjects$",
				"it takes an object that lands after a third of the look-back, and no rebuild"},
		},
		{
			Name: "look-back-without-its-step", Design: "3.2",
			Mistake: "batch lists all of the look-back seldom, and forgets that slots grow older meanwhile",
			Edits:   []Edit{{lookBackFile, `l.before(horizon, l.For+l.step()) }`, `l.before(horizon, l.For) }`}},
			Killer: Killer{"shared/simulation", "^TestLateObjects$",
				"it takes an object that lands at the end of the look-back, right after a run that lists all of it"},
		},
		{
			Name: "ranges-overlap", Design: "3.2",
			Mistake: "batch lists the first range of a round from the last object on, and takes that object twice",
			Edits: []Edit{{listFile, `	from = last.Key.After()
		rest`, `	from = last.Key
		rest`}},
		},
		{
			Name: "held-objects-read-again", Design: "3.2",
			Mistake: "batch does not check whether an earlier run holds an object that it lists again",
			Edits:   []Edit{{planFile, `		if late && known.has(object) {`, `		if late && known.has(listedObject{}) {`}},
		},
		{
			Name: "orphans-held", Design: "3.4",
			Mistake: "batch takes the objects of a lost attempt for held",
			Edits: []Edit{{planFile, `	if err := t.appendRun(ctx, run); err != nil {
		return run, err
	}
	t.horizons.add(run)
	return run, t.held.add(run.N, in.Manifest)
`, `	if err := t.held.add(run.N, in.Manifest); err != nil {
		return run, err
	}
	if err := t.appendRun(ctx, run); err != nil {
		return run, err
	}
	return run, nil
`}},
		},
		{
			Name: "orphan-manifest-read", Design: "3.4",
			Mistake: "the manifest of a run is the first that any attempt has written under its number",
			Edits: []Edit{{readerFile, `	text, _, err := r.Archive.Get(ctx, archive.Key(run.Manifest))
`, `	prefix := run.Manifest[:len("runs/000000000000/")]
	written, _, err := r.Archive.List(ctx, archive.Key(prefix), archive.Key(prefix+"~"), 10)
	if err != nil {
		return Manifest{}, err
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
			Mistake: "a repeated read of a run lists its slots again",
			Edits: []Edit{
				{readFile, `	"github.com/anabranch/anabranch/shared/lifecycle"
`, `	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/lifecycle"
`},
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
		m.Objects = append(m.Objects, runs.ManifestObject{Object: object})
	}
`},
			},
		},
		{
			Name: "append-unconditional", Design: "3.4",
			Mistake: "batch appends a run whatever the head, over one that is already real",
			Edits: []Edit{{catalogFile, `		c.runs = append(c.runs, run)
`, `		c.runs = append(c.runs[:run.N-1], run)
`}, {catalogFile, `run.N != head+1 {`, `run.N > head+1 {`}},
		},
		{
			Name: "loser-goes-on", Design: "3.4",
			Mistake: "the loser of the race for a run continues with what it has read itself",
			Edits:   []Edit{{planFile, `	case stored[0] == run: //`, `	case stored[0].N == run.N: //`}},
		},
		{
			Name: "winner-stops", Design: "3.4",
			Mistake: "batch does not finish what a crash left: generations apply only the newest run",
			Edits:   []Edit{{batchFile, `readRun(ctx, level[0].generation.Run+1)`, `readRun(ctx, max(level[0].generation.Run+1, head.N))`}},
		},
		{
			Name: "item-horizon-ignored", Design: "3.4",
			Mistake: "batch adds a run to a base item that already has it",
			Edits: []Edit{
				{applyFile, `		if loaded.Horizon >= run.Horizon {`, `		if loaded.Horizon > run.Horizon {`},
				{upsertFile, `		if item.version() == loaded.version() {`,
					`		if none := *new(V); item.version() == none {`},
			},
		},
		{
			Name: "base-write-unconditional", Design: "3.4",
			Mistake: "the store writes a base item whatever horizon it stores",
			Edits:   []Edit{{storesFile, `Horizon; stored != loaded {`, `Horizon; stored != loaded && stored < 0 {`}},
		},
		{
			Name: "base-conflict-taken-for-done", Design: "3.4",
			Mistake: "batch takes a base item for written although the write failed",
			Edits: []Edit{{upsertFile, `		if err = s.Put(ctx, item, loaded.version()); err == nil {`, `		_, base := any(s).(Base)
		if err = s.Put(ctx, item, loaded.version()); err == nil || base {`}},
		},
		{
			Name: "items-not-all-written", Design: "3.4",
			Mistake: "batch swallows the error of writing a generation's items and moves the horizon",
			Edits: []Edit{{applyFile, `	if err != nil {
		return fmt.Errorf("view %s, run %d: %w", g.view, run.N, err)
	}
`, `	_ = err
`}},
		},
		{
			Name: "horizon-before-items", Design: "3.4",
			Mistake: "a generation's horizon moves before batch writes its items",
			Edits: []Edit{{applyFile, `	if err := t.write(ctx, g, run, delta, replace); err != nil {
		return err
	}
	return t.commit(ctx, g, run, delta.Counts().Skipped)
`, `	if err := t.commit(ctx, g, run, delta.Counts().Skipped); err != nil {
		return err
	}
	return t.write(ctx, g, run, delta, replace)
`}},
		},
		{
			Name: "horizon-goes-back", Design: "3.4",
			Mistake: "a tick that thaws late overwrites the horizon of a later run with its own",
			Edits:   []Edit{{movesFile, `|| g.Run >= run.N {`, `|| g.Run == run.N || !g.HasBase() && g.Run > run.N {`}},
		},
		{
			Name: "crashed-build-added-to", Design: "3.4",
			Mistake: "a build adds to the items of a crashed build instead of replacing them",
			Edits:   []Edit{{buildFile, `total, built)`, `total, advanced)`}},
		},
		{
			Name: "no-sweep", Design: "3.1",
			Mistake: "the sweep does not look for objects without receipts",
			Edits:   []Edit{{receiptsFile, `		if len(o.met) >= o.events {`, `		if len(o.met) >= 0 {`}, {receiptsFile, `		for _, o := range r.open {`, `		for _, o := range map[ulid.ULID]*open(nil) {`}},
		},
		{
			Name: "sweep-moves-on-at-once", Design: "3.1",
			Mistake: "a run counts as swept once its missing objects are queued",
			Edits:   []Edit{{sweepFile, `		case done:`, `		case done || !gap:`}},
		},
		{
			Name: "sweep-before-applied", Design: "3.1",
			Mistake: "the sweep queues objects of runs that no generation has applied yet",
			Edits:   []Edit{{lifecycleFile, `	return ok && g.IsKept() && g.HasBase() && g.Run < run`, `	return ok && g.IsKept() && g.HasBase() && g.Run < min(run, 1)`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestSweepWaitsForBatch$",
				Why: "the missing event returns when batch applies the run, within its bound; until then speed may be silent " +
					"about it",
			},
		},
		{
			Name: "sweep-before-built", Design: "3.1",
			Mistake: "the sweep does not tell a generation that answers first from which run on it may",
			Edits:   []Edit{{lifecycleFile, `			g.AnswersFrom = run`, `			g.AnswersFrom = 0`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestFirstBuildBehindTheSweep$",
				Why: "it takes a late object two runs ahead, and a batch function frozen for longer than the sweep waits: 1 " +
					"history in 5,000",
			},
		},
		{
			Name: "sweep-tells-only-while-none-serves", Design: "3.1",
			Mistake: "a generation without a run that the sweep has queued may replace a Kappa generation",
			Edits: []Edit{{sweepViewsFile, `		v, err := generations.AnswerFrom(`, `		if v.Serving != "" {
			continue
		}
		v, err := generations.AnswerFrom(`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestRollbackBehindTheSweep$",
				Why: "it takes a switch that is frozen for longer than the sweep waits, and a batch that dies meanwhile",
			},
		},
		{
			Name: "sweep-notes-before-it-decides", Design: "3.1",
			Mistake: "the sweep notes from which run on generations answer, although another view holds it back",
			Edits: []Edit{{sweepViewsFile, `	for _, v := range t.views {
		if t.waitsFor(`, `	for _, v := range t.views[:0] {
		if t.waitsFor(`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestSweepNotesNothingInVain$",
				Why: "a note too many only delays answers, within their bound",
			},
		},
		{
			Name: "sweep-does-not-look-again", Design: "3.1",
			Mistake: "the sweep queues although a view has changed before the note so that it answers without the run",
			Edits:   []Edit{{sweepViewsFile, `if t.views[i] = v; t.waitsFor(ctx, v, run) {`, `if t.views[i] = v; false {`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestSweepLooksAgainAfterItsNote$",
				Why: "it takes a build from an old head that ends between two calls of the sweep",
			},
		},
		{
			Name: "sweep-reads-views-before-the-head", Design: "3.1",
			Mistake: "the sweep takes views that appear after it has read them, and before it reads the head, for absent",
			Edits: []Edit{{sweepFile, `	head, err := t.Catalog.Head(ctx)
`, `	if err := t.readViews(ctx); err != nil {
		return err
	}
	head, err := t.Catalog.Head(ctx)
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestSweepReadsTheViewsAfterTheHead$",
				Why: "it takes a view that is announced, built and behind a run between two calls of the sweep",
			},
		},
		{
			Name: "batch-tells-no-other", Design: "3.4",
			Mistake: "items of a generation that answers show a run, and another generation may serve without it",
			Edits:   []Edit{{applyFile, `	if !g.answers {`, `	if !g.answers || g.view != "" {`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestSwitchWhileTheServingGenerationMoves$",
				Why: "it takes a frozen switch, lost events, and a batch that dies between an item and the horizon",
			},
		},
		{
			Name: "replay-tells-no-other", Design: "3.4",
			Mistake: "replay shows a run in a generation that answers, and another generation may serve without it",
			Edits:   []Edit{{replayFile, `v.Name != g.report.View || answering.ID != g.ID {`, `v.Name != "" || answering.ID != g.ID {`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestRollbackBehindReplay$",
				Why: "it takes a late object from before the generation was live, a frozen switch, and a replay that dies",
			},
		},
		{
			Name: "sweep-waits-for-what-cannot-be-built", Design: "3.1",
			Mistake: "the sweep waits for generations that do not answer yet",
			Edits: []Edit{{lifecycleFile, `	g, ok := v.Answering()
	return ok`, `	g, ok := v.Answering()
	if _, waits := v.FirstInState(Building); waits && !ok {
		return true
	}
	return ok`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestNeverBuiltHoldsNoSweep$",
				Why: "no history has a build that fails for ever",
			},
		},
		{
			Name: "builds-up-to-an-old-head", Design: "3.4",
			Mistake: "a build ends at the head that the tick read at its start",
			Edits:   []Edit{{buildFile, `	if head, err = t.Catalog.Head(ctx); err != nil {`, `	if head = t.report.Head; err != nil {`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildReachesTheHead$",
				Why: "the same reason, for a view that appears after the sweep has looked",
			},
		},
		{
			Name: "builds-before-it-moves", Design: "3.4",
			Mistake: "a tick switches views and drops retained generations only after its builds",
			Edits: []Edit{{batchFile, `	if err := t.moveAll(ctx, head); err != nil {
		t.fail(err)
	}
`, ``}, {buildFile, `	if someBuilt {`, `	if true {`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildAlwaysKilled$",
				Why: "no history kills a build for ever: the tick that ends it also moves the other views",
			},
		},
		{
			Name: "failed-build-holds-others", Design: "3.4",
			Mistake: "the first generation that cannot be built stops the builds after it",
			Edits: []Edit{{buildFile, `			all = append(all, fmt.Errorf("build view %s: %w", g.view, err))
`, `			return fmt.Errorf("build view %s: %w", g.view, err)
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildAlwaysFails$",
				Why: "no history has a build that fails for ever",
			},
		},
		{
			Name: "unread-definition-holds-all", Design: "3.4",
			Mistake: "a tick does nothing for any view when one definition cannot be read",
			Edits: []Edit{{batchViewsFile, `	for _, one := range t.unusable {`, `	for _, one := range t.unusable {
		return one`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestOneDefinitionHoldsNoOther$",
				Why: "in histories every call fails, of any view, and only for a while",
			},
		},
		{
			Name: "any-error-refuses-a-deployment", Design: "4.1",
			Mistake: "a store's time-out is reported as a deployment that is refused",
			Edits: []Edit{{batchViewsFile, `		if errors.Is(one, view.ErrVersion) {`,
				`		if one != nil || errors.Is(one, view.ErrVersion) {`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestOneDefinitionHoldsNoOther$",
				Why: "no oracle of histories reads the errors of a tick",
			},
		},
		{
			Name: "older-search-begins-a-rebuild", Design: "3.7",
			Mistake: "a rebuild begins by a search of the archive that is older than its request",
			Edits: []Edit{{"shared/lifecycle/moves.go", `v.Rebuild != 0 && v.Rebuild == searched`,
				`v.Rebuild != 0 && searched != 0`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestRebuildIsNotBegunByAnOlderSearch$",
				Why: "it takes an object older than the look-back, and two requests around a search",
			},
		},
		{
			Name: "deletes-before-it-builds", Design: "3.4",
			Mistake: "the deletion of a generation takes the time that a build needs, tick after tick",
			Edits:   []Edit{{batchViewsFile, `DeleteParts: 4,`, `DeleteParts: 2,`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildWaitsForNoDeletion$",
				Why: "no generation of a history takes more than a tick to delete",
			},
		},
		{
			Name: "sweep-keeps-no-time-for-its-notes", Design: "3.1",
			Mistake: "a sweep whose queue hangs does not note what it has queued before",
			Edits:   []Edit{{sweepFile, `budget.Reserve(ctx, reserved)`, `budget.Reserve(ctx, -reserved)`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestSweepNotesWhatItQueuedThoughTheQueueHangs$",
				Why: "calls of histories fail, and do not hang",
			},
		},
		{
			Name: "builds-without-time", Design: "3.4",
			Mistake: "a tick begins a build however little time it has left",
			Edits: []Edit{{buildFile, `		if t.isShortOfTime(ctx) {
`, `		if false {
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestBuildWaitsForTime$",
				Why: "a killed build begins again and loses only time",
			},
		},
	}
}
