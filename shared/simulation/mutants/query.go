package mutants

const (
	servingFile  = "shared/serving/serving.go"
	rowsFile     = "shared/serving/reader.go"
	answerFile   = "shared/serving/rows.go"
	mergingFile  = "shared/serving/merging.go"
	readKeysFile = "shared/serving/readkeys.go"
	roomFile     = "shared/serving/room.go"
	orderingFile = "shared/serving/ordering.go"

	calendarFile = "shared/calendar/cut.go"
)

// merged is the test that finds mistakes in rows that are merged of windows. Histories ask for no steps.
var merged = Killer{
	Package: "shared/serving", Run: "^TestMergedRowIsExact$",
	Why: "histories rarely ask for a total while a run is applied",
}

// grouped are the tests that find mistakes in rows of many keys.
var grouped = Killer{
	Package: "shared/serving", Run: "^TestGroupsAreExact$|^TestGroupsBetweenListingAndReading$|^TestGroups$",
	Why: "histories rarely ask for many keys at the moment that matters",
}

// ofQuery returns mistakes of queries.
func ofQuery() []Mutant {
	return []Mutant{
		{
			Name: "pointer-a-second-old", Design: "3.6",
			Mistake: "a query uses a pointer that its environment has read up to a second before",
			Edits: []Edit{
				{servingFile, `	pointer, err := s.LoadView(ctx, name)
	if err != nil {
		return Result{}, err
	}
	generation`, `	pointer, err := s.recentView(ctx, name)
	if err != nil {
		return Result{}, err
	}
	generation`},
				{servingFile, `	LateAfter time.Duration //`, `	recent    map[view.Name]recent
	LateAfter time.Duration //`},
				{servingFile, `// readBoth reads`, `type recent struct {
	lifecycle.View
	at time.Time
}

func (s *Serving) recentView(ctx context.Context, name view.Name) (lifecycle.View, error) {
	now := s.Now()
	if known, ok := s.recent[name]; ok && now.Sub(known.at) <= time.Second {
		return known.View, nil
	}
	v, err := s.LoadView(ctx, name)
	if err == nil {
		if s.recent == nil {
			s.recent = map[view.Name]recent{}
		}
		s.recent[name] = recent{v, now}
	}
	return v, err
}

// readBoth reads`},
			},
		},
		{
			Name: "horizon-inclusive-in-query", Design: "3.6",
			Mistake: "a query takes the slot at the horizon for covered",
			Edits:   []Edit{{rowsFile, `item.Slot < max(g.SpeedFrom(), r.horizons[item.Page]) {`, `item.Slot <= max(g.SpeedFrom(), r.horizons[item.Page]) {`}},
		},
		{
			Name: "horizon-of-the-generation-alone", Design: "3.6",
			Mistake: "a query adds speed items below a base item's own horizon during a run",
			Edits:   []Edit{{rowsFile, `item.Slot < max(g.SpeedFrom(), r.horizons[item.Page]) {`, `item.Slot < g.Horizon {`}},
		},
		{
			Name: "all-speed-items", Design: "3.6",
			Mistake: "a query adds speed items of covered slots",
			Edits: []Edit{
				{rowsFile, `item.Slot < max(g.SpeedFrom(), r.horizons[item.Page]) {`, `item.Slot < 0 {`},
				{rowsFile, `key.Key, g.SpeedFrom(), r.after)`, `key.Key, 0, r.after)`},
			},
		},
		{
			Name: "items-below-live", Design: "3.6",
			Mistake: "a query reads speed items between the horizon and the slot from which speed folds the view",
			Edits: []Edit{
				{rowsFile, `key.Key, g.SpeedFrom(), r.after)`, `key.Key, g.Horizon, r.after)`},
				{rowsFile, `item.Slot < max(g.SpeedFrom(), r.h`, `item.Slot < max(g.Horizon, r.h`},
			},
			Killer: Killer{
				Package: "shared/serving", Run: "^TestNewView$",
				Why: "each event still counts once at most, and a history lets an answer of a new view leave events out",
			},
		},
		{
			Name: "catalog-read-after-items", Design: "3.6",
			Mistake: "a query reads the pointer's horizon after the base items",
			Edits: []Edit{
				{rowsFile, `	Generation lifecycle.Generation // as`, `	catalog    catalog.Catalog
	Generation lifecycle.Generation // as`},
				{rowsFile, `		Base: s.Base, Speed:`, `		catalog: s.Catalog, Base: s.Base, Speed:`},
				{rowsFile, `	all, after, err := r.Speed.Slots(`, `	pointer, err := r.catalog.View(ctx, r.Program.Definition.Name)
	if err != nil {
		return p, err
	}
	if now, ok := pointer.Generation(g.ID); ok {
		g = now
	}
	all, after, err := r.Speed.Slots(`},
				{readKeysFile, `	to := m.groupOf(r.key.Values)
`, `	if later, err := m.catalog.View(ctx, m.Program.Definition.Name); err == nil {
		if now, ok := later.Generation(m.Generation.ID); ok {
			m.Generation = now
		}
	}
	to := m.groupOf(r.key.Values)
`},
			},
		},
		{
			Name: "exact-with-speed", Design: "3.6",
			Mistake: "a row is marked exact although a speed item contributed to it",
			Edits:   []Edit{{answerFile, `!of.hasSpeed && !cut`, `(!of.hasSpeed || m.rowsAreWindows()) && !cut`}},
		},
		{
			Name: "exact-before-the-end", Design: "3.6",
			Mistake: "a row is marked exact before its window has ended",
			Edits: []Edit{{answerFile, `!cut && m.hasEnded(of.end, horizon)`,
				`!cut && (m.rowsAreWindows() || m.hasEnded(of.end, horizon))`}},
		},
		{
			Name: "exact-by-the-start", Design: "3.6",
			Mistake: "a row is marked exact if its window has begun by the horizon",
			Edits:   []Edit{{answerFile, `m.hasEnded(of.end, horizon)`, `m.hasEnded(of.start, horizon)`}},
		},
		{
			Name: "total-of-rows-ahead", Design: "3.6",
			Mistake: "a merged row is marked exact although a part of it is ahead of the answer's horizon",
			Edits: []Edit{
				{answerFile, `		if !m.rowsAreWindows() {`, `		if !m.isOfOneKey {`},
				{answerFile, `whole.ahead == 0 && m.isExact(`, `m.isExact(`},
			},
			Killer: merged,
		},
		{
			Name: "step-of-parts-ahead", Design: "3.6",
			Mistake: "a row of a step is marked exact as of the horizon of its last part, as the row of a window is",
			Edits:   []Edit{{answerFile, `return m.isOfOneKey && !m.at.step.Step.Exists()`, `return m.isOfOneKey`}},
		},
		{
			Name: "merged-with-speed", Design: "3.6",
			Mistake: "a merged row is marked exact although a speed item contributed to it",
			Edits: []Edit{
				{answerFile, `!of.hasSpeed && !cut`, `(!of.hasSpeed || m.isOfOneKey && !m.rowsAreWindows()) && !cut`},
				{answerFile, `whole.hasSpeed || m.rows[number].hasSpeed`, `false`},
			},
			Killer: merged,
		},
		{
			Name: "parts-of-a-key-left-out", Design: "3.6",
			Mistake: "a query reads only the base items of a key that one answer of the store has",
			Edits:   []Edit{{rowsFile, `r.hasBase = r.after == ""`, `r.hasBase, r.after = true, ""`}},
		},
		{
			Name: "speed-part-before-base-part", Design: "3.6",
			Mistake: "a query reads speed items of a key whose base items it has not all read",
			Edits: []Edit{{rowsFile, `	case !r.hasBase:
		return r.nextOfBase(ctx)
	}
	return r.nextOfSpeed(ctx)
`, `	case !r.hasBase && (r.horizons == nil || r.early != nil):
		return r.nextOfBase(ctx)
	case !r.hasBase:
		cursor := r.after
		r.after = ""
		var all part
		for done := false; !done; done = r.after == "" {
			next, err := r.nextOfSpeed(ctx)
			if err != nil {
				return p, err
			}
			all.speed = append(all.speed, next.speed...)
		}
		r.after, r.isWhole, r.early = cursor, false, &all
		return r.nextOfBase(ctx)
	case r.early != nil:
		r.isWhole = true
		return *r.early, nil
	}
	return r.nextOfSpeed(ctx)
`}, {rowsFile, `	ahead    []part  `, `	early    *part
	ahead    []part  `}},
		},
		{
			Name: "items-in-memory-without-bound", Design: "3.6",
			Mistake: "a query reads all items of a key into memory before it merges them",
			Edits:   []Edit{{roomFile, `r.part > r.free`, `r.part > r.free+1<<60`}},
			Killer: Killer{
				Package: "shared/serving", Run: "^TestItemsInMemoryAreBounded$", Why: "answers are the same while memory lasts",
			},
		},
		{
			Name: "reads-of-one-key-without-bound", Design: "3.6",
			Mistake: "a query of one key reads any number of bytes",
			Edits:   []Edit{{readKeysFile, `m.MaxRead > 0 && `, `m.MaxRead > 0 && !m.isOfOneKey && `}},
			Killer: Killer{
				Package: "shared/serving", Run: "^TestReadsAreBounded$", Why: "answers are the same while memory lasts",
			},
		},
		{
			Name: "group-of-parts-ahead", Design: "3.6",
			Mistake: "a row of many keys is marked exact although a part of it is ahead of the answer's horizon",
			Edits: []Edit{{mergingFile, `max(row.ahead, part.ahead)
`, `row.ahead
		if m.isOfOneKey {
			row.ahead = max(row.ahead, part.ahead)
		}
`}},
		},
		{
			Name: "group-with-speed", Design: "3.6",
			Mistake: "a row of many keys is marked exact although a speed item contributed to it",
			Edits:   []Edit{{readKeysFile, `mergedRow{hasSpeed: true,`, `mergedRow{hasSpeed: m.isOfOneKey,`}},
		},
		{
			Name: "group-before-the-end", Design: "3.6",
			Mistake: "a row of many keys is marked exact before it has ended",
			Edits: []Edit{{answerFile, `!cut && m.hasEnded(of.end, horizon)`,
				`!cut && (!m.isOfOneKey || m.hasEnded(of.end, horizon))`}},
			Killer: grouped,
		},
		{
			Name: "live-keys-left-out", Design: "3.13",
			Mistake: "a query over many keys reads speed items of keys alone that batch has listed",
			Edits: []Edit{{"shared/serving/keys.go", `append(slices.Concat(shards[:]...), l.live...)`,
				`slices.Concat(shards[:]...)`}},
			Killer: grouped,
		},
		{
			Name: "least-groups-first", Design: "3.6",
			Mistake: "groups come in ascending order, where the greatest are asked for",
			Edits:   []Edit{{orderingFile, `	case o.down:`, `	case !o.down:`}},
		},
		{
			Name: "order-by-rounded-numbers", Design: "3.6",
			Mistake: "groups are ordered by numbers rounded to floating point",
			Edits: []Edit{
				{orderingFile, `	return compareNumbers(a, b)
}

func isNumber`, `	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return cmp.Compare(x, y)
}

func isNumber`},
				{orderingFile, `import (
`, `import (
	"cmp"
	"strconv"
`},
			},
			Killer: Killer{Package: "shared/serving", Run: "^TestGroupsInOrder$", Why: "histories order groups by small counts"},
		},
		{
			Name: "merged-before-the-end", Design: "3.6",
			Mistake: "a step is marked exact before it has ended, since all of its windows with events are exact",
			Edits: []Edit{{answerFile, `!cut && m.hasEnded(of.end, horizon)`,
				`!cut && (m.at.step.Step.Exists() || m.hasEnded(of.end, horizon))`}},
			Killer: merged,
		},
		{
			Name: "cut-step-exact", Design: "3.6",
			Mistake: "a step of which the range leaves out windows is marked exact",
			Edits:   []Edit{{answerFile, `	cut := m.at.cuts(of.piece)`, `	cut := false`}},
			Killer:  merged,
		},
		{
			Name: "cut-total-exact", Design: "3.6",
			Mistake: "a total is marked exact although its range cuts a window, which is left out",
			Edits:   []Edit{{answerFile, `m.cutsWindow(m.at.from) || `, ``}},
			Killer:  merged,
		},
		{
			Name: "midnight-of-the-day-before", Design: "3.6",
			Mistake: "a day begins when time.Date says, which is on the day before where midnight does not exist",
			Edits: []Edit{{calendarFile, `	midnight := time.Time(d)
`, `	midnight := time.Time(d)
	if !midnight.IsZero() {
		return time.Date(midnight.Year(), midnight.Month(), midnight.Day(), 0, 0, 0, 0, zone).UTC()
	}
`}},
			Killer: Killer{
				Package: "shared/calendar", Run: "^TestChangesOfTheClock$",
				Why: "histories ask for no days in a zone whose clock changes",
			},
		},
		{
			Name: "row-horizon-not-told", Design: "3.6",
			Mistake: "a row does not report that its base item is ahead of the answer's horizon",
			Edits: []Edit{{answerFile, `		row.Horizon = of.ahead.Start()
`, ``}},
		},
	}
}

// ofGenerations returns mistakes in announcing views and letting them serve.
func ofGenerations() []Mutant {
	return []Mutant{
		{
			Name: "confirmed-unchecked", Design: "3.7",
			Mistake: "batch confirms an announcement however late it was read",
			Edits:   []Edit{{deploymentFile, `	if inTime {`, `	if inTime || !inTime {`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestAnnouncement$",
				Why: "in a history, batch ticks again and its timely announcement replaces the late one; the test has only one " +
					"tick",
			},
		},
		{
			Name: "live-from-everywhere", Design: "3.7",
			Mistake: "batch announces a view for all slots although events exist",
			Edits: []Edit{{deploymentFile, `		if err != nil || empty {
`, `		if err != nil || empty || !empty {
`}, {deploymentFile, `		return s.isArchiveEmpty(ctx)
	}
	return !s.Now()`, `		return true, nil
	}
	return !s.Now()`}},
		},
		{
			Name: "serves-before-live", Design: "3.7",
			Mistake: "a view serves before its horizon has reached the slot from which speed folds it",
			Edits: []Edit{{operateFile, `	case g.Horizon < g.LiveFrom:
`, `	case false:
`}},
		},
		{
			Name: "announced-not-folded", Design: "3.7",
			Mistake: "speed folds a definition only once it is confirmed, not once it is announced",
			Edits: []Edit{{liveFile, `from: g.SpeedFrom(), bySlot: g.PerSlot()}
`, `from: g.SpeedFrom(), bySlot: g.PerSlot()}
			if g.HasBase() && g.State == lifecycle.Announced {
				t.from = 1 << 62
			}
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestAnnouncement$",
				Why: "it takes a confirmation that lands after its slot has begun; the test stops each call at such a moment",
			},
		},
		{
			Name: "building-not-folded", Design: "3.7",
			Mistake: "speed folds a definition only once it serves",
			Edits: []Edit{{liveFile, `from: g.SpeedFrom(), bySlot: g.PerSlot()}
`, `from: g.SpeedFrom(), bySlot: g.PerSlot()}
			if g.HasBase() && g.State == lifecycle.Building {
				t.from = 1 << 62
			}
`}},
		},
		{
			Name: "retained-not-folded", Design: "3.7",
			Mistake: "speed no longer folds a retained definition",
			Edits: []Edit{{liveFile, `from: g.SpeedFrom(), bySlot: g.PerSlot()}
`, `from: g.SpeedFrom(), bySlot: g.PerSlot()}
			if g.HasBase() && g.State == lifecycle.Retained {
				t.from = 1 << 62
			}
`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestChangeBack$",
				Why: "few histories roll back before batch covers the missing events; the test does, with events right before",
			},
		},
		{
			Name: "dropped-at-once", Design: "3.7",
			Mistake: "a generation is not retained once another serves",
			Edits:   []Edit{{movesFile, `now < g.Since.Add(retainFor) {`, `now < g.Since.Add(0*retainFor) {`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestChangeBack$",
				Why: "a rollback rebuilds it, and no answer is wrong: only the rollback in one write is lost. Queries end long " +
					"before items are deleted",
			},
		},
		{
			Name: "drop-grace-from-before-the-write", Design: "3.7",
			Mistake: "DropGrace counts from a time that was read before the write that gives a generation up",
			Edits: []Edit{{movesFile, `		return v.ended(), isFirst ||`, `		next = v.ended()
		for _, g := range next.Generations {
			if g.Since == event.Never {
				g.Since = now
				next = next.With(g)
			}
		}
		return next, isFirst ||`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestFrozenDrop$",
				Why: "few histories freeze this very write for longer than DropGrace",
			},
		},
		{
			Name: "drop-grace-from-the-start-of-the-tick", Design: "3.7",
			Mistake: "a generation is dated by the start of the tick, which may be before the write that gave it up",
			Edits: []Edit{{moverFile, `v.Dated(g.ID, event.MillisOf(m.Now()))`,
				`v.Dated(g.ID, event.MillisOf(m.Started))`}},
			Killer: Killer{
				Package: "shared/simulation", Run: "^TestDropBesideFrozenTick$",
				Why: "few histories freeze a tick before it reads the views while an operator drops one",
			},
		},
		{
			Name: "undated-is-deleted", Design: "3.7",
			Mistake: "a generation without a time is deleted at once",
			Edits:   []Edit{{moverFile, `case g.Since == event.Never:`, `case g.Since < event.Never:`}},
		},
		{
			Name: "catalog-cached-in-speed", Design: "3.7",
			Mistake: "an environment of speed reads the catalog only once",
			Edits: []Edit{
				{speedFile, `	live, err := s.live(ctx)
	if err != nil {
		return 0, Report{}, err
	}
`, `	if s.known == nil {
		l, err := s.live(ctx)
		if err != nil {
			return 0, Report{}, err
		}
		s.known = &l
	}
	live := *s.known
`},
				{speedFile, `	cache   cache
`, `	known   *live
	cache   cache
`},
			},
		},
	}
}
