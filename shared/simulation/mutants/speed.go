package mutants

const (
	speedFile  = "shared/speed/speed.go"
	foldFile   = "shared/speed/fold.go"
	itemsFile  = "shared/speed/items.go"
	upsertFile = "shared/viewstore/upsert.go"
	liveFile   = "shared/speed/live.go"
	memoryFile = "shared/speed/memory.go"
	seenFile   = "shared/speed/seen.go"
	blockFile  = "shared/speed/block.go"

	replayFile = "shared/speed/replay.go"
	replayRead = "shared/speed/replay_read.go"
	replayEdge = "shared/speed/replay_edge.go"

	mappingFile = "shared/eventsource/settings.go"
	storesFile  = "shared/memory/viewstore.go"
)

// ofSpeed returns mistakes of speed (applied positions, reports, records set aside) and of the mapping before it.
func ofSpeed() []Mutant {
	return []Mutant{
		{
			Name: "no-applied-position", Design: "3.3",
			Mistake: "speed folds records whatever the item's applied position",
			Edits: []Edit{
				{foldFile, `	if loaded.Applied.Compare(last) >= 0 {
		return loaded, nil
	}
	rest := remainder{page: it.page}
	if first := f.records.after(loaded.Applied); first > int(it.group.rows[0]) {
		rest = f.remainderFrom(it, first)
	}
`, `	rest := remainder{page: it.page}
`},
				{upsertFile, `		if item.version() == loaded.version() {`,
					`		if none := *new(V); item.version() == none {`},
			},
		},
		{
			Name: "applied-per-batch", Design: "3.3",
			Mistake: "speed folds a whole batch that ends above the item's applied position, not only the records above it",
			Edits:   []Edit{{foldFile, `first > int(it.group.rows[0]) {`, `first > f.records.ends[len(f.records.ends)-1] {`}},
		},
		{
			Name: "applied-off-by-one", Design: "3.3",
			Mistake: "speed folds the record at the applied position again",
			Edits:   []Edit{{foldFile, `		if s.Compare(f) <= 0 {`, `		if s.Compare(f) < 0 {`}},
		},
		{
			Name: "applied-not-per-lane", Design: "3.3",
			Mistake: "the lanes of a shard share items and applied positions: that fails once they are read in parallel or a " +
				"reshard separates them",
			Edits: []Edit{{foldFile, `Page: page.Page, Lane: f.lane}`, `Page: page.Page, Lane: event.Lane{Layout: f.lane.Layout, Count: f.lane.Count}}`}},
		},
		{
			Name: "slot-from-the-clock-in-speed", Design: "2",
			Mistake: "speed puts an event into the slot in which it handles it",
			Edits: []Edit{
				{speedFile, `rowsBySlot(batch, s.Layout.Slot, duplicate)`, `rowsBySlot(batch, s.Layout.Slot, duplicate, s.Now())`},
				{foldFile, `func rowsBySlot(b *event.Batch, length slot.Length, duplicate []bool) []group {`,
					`func rowsBySlot(b *event.Batch, length slot.Length, duplicate []bool, now time.Time) []group {`},
				{foldFile, `	for row, stamp := range b.Stamps {`, `	for row := range b.Stamps {`},
				{foldFile, `length.Of(stamp)`, `length.At(now)`},
				{foldFile, `	"sync"
`, `	"sync"
	"time"
`},
			},
		},
		{
			Name: "conflict-overwrites", Design: "3.3",
			Mistake: "after a failed write, speed reloads only the applied position and writes the old states under it",
			Edits: []Edit{
				{itemsFile, `	wrote, err := viewstore.Upsert(`, `	first, make := loaded, next
	next = func(stored viewstore.SpeedItem) (viewstore.SpeedItem, error) {
		first.Applied = stored.Applied
		return make(first)
	}
	wrote, err := viewstore.Upsert(`},
			},
		},
		{
			Name: "speed-write-unconditional", Design: "3.3",
			Mistake: "the store writes a speed item whatever applied position it stores",
			Edits:   []Edit{{storesFile, `Applied; stored != loaded {`, `Applied; stored != loaded && stored == "none" {`}},
		},
		{
			Name: "failed-write-taken-for-done", Design: "3.3",
			Mistake: "speed takes a failed write of an item for done unless it was a conflict",
			Edits: []Edit{
				{itemsFile, `c.Speed.Put(ctx, it, loaded); err != nil {`,
					`c.Speed.Put(ctx, it, loaded); errors.Is(err, viewstore.ErrConflict) {`},
				{itemsFile, `	"context"
`, `	"context"
	"errors"
`},
			},
		},
		{
			Name: "reported-from-the-last-failure", Design: "3.3",
			Mistake: "speed reports the last of a failed item's records, not the first",
			Edits:   []Edit{{foldFile, `recordOf(int(items[i].group.rows[0])))`, `recordOf(int(items[i].group.rows[len(items[i].group.rows)-1])))`}},
			Killer: Killer{
				Package: "shared/speed", Run: "^TestLowest$",
				Why: "it takes an item that fails at every try and has records below the last: one history in some hundreds",
			},
		},
		{
			Name: "reported-from-the-last-lane", Design: "3.3",
			Mistake: "with failures in several lanes, speed reports that of the last lane, not the lowest",
			Edits:   []Edit{{speedFile, `			applied = min(applied, l.places[lowest])`, `			applied = l.places[lowest]`}},
		},
		{
			Name: "invocation-error-swallowed", Design: "3.3",
			Mistake: "an invocation that cannot read the catalog reports its records as applied",
			Edits: []Edit{{speedFile, `	if err != nil {
		return 0, Report{}, err
	}
	report = Report{`, `	if err != nil {
		return len(records), Report{}, nil
	}
	report = Report{`}},
		},
		{
			Name: "undecodable-record-blocks", Design: "3.3",
			Mistake: "a record that speed cannot decode fails its lane instead of being set aside",
			Edits: []Edit{{speedFile, `			if err := s.setAside(ctx, r, err); err != nil {
				return kept, err
			}
			report.SetAside++
`, `			return kept, err
`}},
		},
		{
			Name: "undecodable-record-dropped", Design: "3.3",
			Mistake: "speed does not keep a record that it cannot decode",
			Edits: []Edit{{speedFile, `	_, err = s.Archive.Put(ctx, archive.SetAsideKey(r.PartitionKey, r.Sequence), text)
`, `	_, err = len(text), ctx.Err()
`}},
			Killer: Killer{
				Package: "shared/speed", Run: "^TestSetAside$",
				Why: "records that were set aside are in no answer",
			},
		},
		{
			Name: "expiry-trusted", Design: "3.3",
			Mistake: "speed items expire at the time when batch has usually covered their slot, and queries ignore expired " +
				"items",
			Edits: []Edit{
				{foldFile, `Add(s.Retain)`, `Add(30 * time.Second)`},
				{foldFile, `	"sync"
`, `	"sync"
	"time"
`},
				{rowsFile, `	"fmt"
`, `	"fmt"
	"time"
`},
				{rowsFile, `	Generation lifecycle.Generation // as`, `	now        time.Time
	Generation lifecycle.Generation // as`},
				{rowsFile, `		if item.Page < r.at.firstPage ||`, `		if item.Expires.IsBefore(r.now) || item.Page < r.at.firstPage ||`},
				{servingFile, `	result, skipped, err := from(ctx, reader, selection)`, `	reader.now = s.Now()
	result, skipped, err := from(ctx, reader, selection)`},
			},
		},
		{
			Name: "mapping-gives-up", Design: "3.3",
			Mistake: "the event source mapping gives up a batch after two tries",
			Edits:   []Edit{{mappingFile, `		MaximumRetryAttempts:  NoLimit,`, `		MaximumRetryAttempts:  1,`}},
		},
	}
}

// ofReplay returns mistakes of Kappa's two halves. The tests that refute them play both halves, in every order, around
// the slot between them.
func ofReplay() []Mutant {
	by := func(test string) Killer {
		return Killer{
			Package: "shared/speed", Run: "^" + test + "$",
			Why: "it takes a Kappa view and steps around the slot from which it is live; the tests of replay arrange them",
		}
	}
	return []Mutant{
		{
			Name: "kappa-live-from-the-horizon", Design: "3.7",
			Mistake: "speed no longer folds a Kappa view's slots below replay's horizon",
			Edits: []Edit{{kindFile, `	if g.HasBase() {
		return max(g.LiveFrom, g.Horizon)
	}
	return g.LiveFrom
`, `	return max(g.LiveFrom, g.Horizon)
`}},
			Killer: by("TestKappaLive"),
		},
		{
			Name: "replay-ignores-the-live-half", Design: "3.7",
			Mistake: "replay counts an event although the live half has counted a copy",
			Edits:   []Edit{{replayEdge, `		in.duplicate[row] = m.counted(`, `		_ = m.counted(`}},
			Killer:  by("TestReplayEdge"),
		},
		{
			Name: "replay-takes-dropped-for-counted", Design: "3.7",
			Mistake: "replay drops an event if the live half has seen a copy, even one that it has not counted",
			Edits:   []Edit{{memoryFile, ` && !m.holds(id, e.position, e.arrival)`, ``}},
			Killer:  by("TestReplayEdge"),
		},
		{
			Name: "replay-does-not-wait", Design: "3.7",
			Mistake: "replay asks what the live half has counted before the stream has all the events that it depends on",
			Edits:   []Edit{{replayRead, `return c.last >= t.edge(live) && run.N > t.swept`, `return c.last < 0`}},
			Killer:  by("TestReplayWaits"),
		},
		{
			Name: "replay-decides-by-the-other-half", Design: "3.7",
			Mistake: "replay takes an event for a duplicate of one that the live half must count",
			Edits:   []Edit{{replayRead, `Below: live}`, `Below: live * 0}`}},
			Killer:  by("TestReplayLate"),
		},
		{
			Name: "replay-position-without-the-run", Design: "3.7",
			Mistake: "an object's position is its place in the run's manifest alone, so an item takes nothing from later runs",
			Edits:   []Edit{{replayRead, `placeOf(c.manifest.Run, c.places[i])`, `placeOf(c.manifest.Run*0, c.places[i])`}},
			Killer:  by("TestReplay"),
		},
		{
			Name: "replay-goes-back", Design: "3.7",
			Mistake: "a frozen replay overwrites the progress of another",
			Edits:   []Edit{{movesFile, `|| g.Run >= run.N {`, `|| g.HasBase() && g.Run >= run.N {`}},
			Killer:  by("TestReplayFrozen"),
		},
		{
			Name: "replay-guesses", Design: "3.7",
			Mistake: "replay takes expired seen items for items that never existed",
			Edits:   []Edit{{replayEdge, `!t.Now().Before(kept) {`, `kept.IsZero() {`}},
			Killer:  by("TestReplayTooLate"),
		},
	}
}

// ofDuplicates returns mistakes in finding duplicates, in speed and in batch.
func ofDuplicates() []Mutant {
	return []Mutant{
		{
			Name: "no-duplicates-in-speed", Design: "3.5",
			Mistake: "speed does not remember the records that it has seen",
			Edits: []Edit{{seenFile, `			duplicate[row] = passedOver || !r.fresh[i] &&`,
				`			duplicate[row] = passedOver || row < 0 && !r.fresh[i] &&`}},
		},
		{
			Name: "done-before-seen", Design: "3.5",
			Mistake: "speed reports records done although the write of their seen item failed",
			Edits: []Edit{{seenFile, `		if err := s.Seen.Put(ctx, item); err != nil {
			return err
		}
`, `		_ = s.Seen.Put(ctx, item)
`}},
		},
		{
			Name: "seen-items-cached", Design: "3.5",
			Mistake: "an environment that knows a lane does not read what others have since seen there",
			Edits: []Edit{{seenFile, `		items, err := s.Seen.After(ctx, lane, m.last)
		if err != nil {
			return nil, err
		}
		m.add(items...)
`, ``}},
		},
		{
			Name: "seen-from-own-arrivals-on", Design: "3.5",
			Mistake: "speed reads seen items for the window before the batch's newest stamp, however old the others are",
			Edits:   []Edit{{seenFile, `= min(oldest, stamp.Arrival()), max`, `= max(oldest, stamp.Arrival()), max`}},
		},
		{
			Name: "seen-without-the-margin", Design: "3.5",
			Mistake: "speed reads seen items for the window before the stamp, as if all clocks were equal",
			Edits:   []Edit{{seenFile, `item.Recorded < m.since.Add(-s.ClockMargin.Apart())`, `item.Recorded < m.since`}},
		},
		{
			Name: "memory-without-what-others-stored", Design: "3.5",
			Mistake: "a record that another environment stored between two reads is missing in the lane's memory",
			Edits: []Edit{{seenFile, `				m.addRecord(r, nil) // another environment has stored it since the memory was read
`, ``}},
			Killer: Killer{"shared/speed", "^TestNoReceiptIsLostBetweenReads$",
				"it takes a frozen function, an old stamp and two copies near it: 1 history in some thousands"},
		},
		{
			Name: "memory-reaches-everywhere", Design: "3.5",
			Mistake: "speed takes the memory of an environment for complete, however old a stamp is",
			Edits:   []Edit{{memoryFile, `return m.known && m.since <= since }`, `return m.known }`}},
			Killer: Killer{"shared/simulation", "^TestMemoryReachesBack$",
				"it takes a record that the sweep brings late, to an environment younger than its copy: " +
					"about 1 history in 100"},
		},
		{
			Name: "duplicates-by-record", Design: "3.5",
			Mistake: "speed finds duplicates by record, not by position: two copies in one record both count",
			Edits: []Edit{{memoryFile, `bool { return p.compare(q) < 0 }`,
				`bool { return bytes.Compare(p.sequence, q.sequence) < 0 }`}},
		},
		{
			Name: "duplicates-by-presence", Design: "3.5",
			Mistake: "any other copy makes an event a duplicate, even a copy at a later position",
			Edits:   []Edit{{memoryFile, `e.before(at) && `, `e.compare(at) != 0 && `}},
		},
		{
			Name: "redelivered-is-duplicate", Design: "3.5",
			Mistake: "an event is a duplicate if it was seen, even at its own position",
			Edits: []Edit{
				{seenFile, `	if err := s.record(ctx, m, old, lane, begun); err != nil {
		m.forget() // the store may or may not hold these records
		return nil, 0, fmt.Errorf("put seen item of lane %s: %w", lane, err)
	}
`, ``},
				{seenFile, `	return duplicate, passed, nil
`, `	if err := s.record(ctx, m, old, lane, begun); err != nil {
		m.forget() // the store may or may not hold these records
		return nil, 0, fmt.Errorf("put seen item of lane %s: %w", lane, err)
	}
	return duplicate, passed, nil
`},
				{memoryFile, `e.before(at) && `, `e.compare(at) <= 0 && `},
			},
		},
		{
			Name: "speed-window-ignored", Design: "3.5",
			Mistake: "speed drops a copy however far apart the two are",
			Edits: []Edit{{memoryFile, `arrival.Add(-m.window), arrival.Add(m.window), func(e entry) bool {
		return e.before(at) && arrival.IsWithin(m.window, e.arrival)
`, `0, arrival.Add(m.window), func(e entry) bool {
		return e.before(at)
`}},
		},
		{
			Name: "half-of-an-identity", Design: "3.5",
			Mistake: "speed compares only 64 bits of an identity: an event may be dropped for another one",
			Edits: []Edit{{blockFile, `b.identity(held&maxPlaces-1) == id {`,
				`b.identity(held&maxPlaces-1).Lo == id.Lo {`}},
			Killer: Killer{"shared/speed", "^TestMemory$", "no history has two identities with the same 64 bits"},
		},
		{
			Name: "fresh-in-its-own-block", Design: "3.5",
			Mistake: "speed takes an event for new unless a copy arrived in the same sixth of a window",
			Edits: []Edit{{memoryFile, `				b.clearKnown(r.Identities, fresh)`,
				`				b.clearKnown(r.Identities[:0], fresh)`}},
			Killer: Killer{"shared/speed", "^TestFresh$", "histories are shorter than a part of the window"},
		},
		{
			Name: "memory-dropped-too-soon", Design: "3.5",
			Mistake: "speed drops records from its memory that are within the window of events to come",
			Edits:   []Edit{{memoryFile, `	first := m.periodOf(keep)`, `	first := m.periodOf(keep) + 2`}},
			Killer: Killer{"shared/speed", "^TestMemoryKeepsTheWindow$",
				"it takes two copies that are nearly a window apart, with a batch between them: about 1 history in 100"},
		},
		{
			Name: "old-stamps-not-looked-up", Design: "3.5",
			Mistake: "speed does not read the seen items around stamps that its memory does not reach",
			Edits: []Edit{{seenFile, `	return s.readAround(ctx, m, lane, batch)`,
				`	_, err := s.readAround(ctx, m, lane, batch)
	return nil, err`}},
			Killer: Killer{"shared/simulation", "^TestMemoryReachesBack$",
				"it takes a record that comes more than two windows late, to a lane with newer records"},
		},
		{
			Name: "old-records-stored-again", Design: "3.5",
			Mistake: "speed stores records again that its memory does not reach: the item replaces one with more records",
			Edits:   []Edit{{seenFile, `m.knows(r.SeenRecord) || old != nil && old.knows(r.SeenRecord) {`, `m.knows(r.SeenRecord) {`}},
			Killer: Killer{"shared/speed", "^TestRedeliveredOldStamps$",
				"it takes a batch that is delivered again, with records more than two windows late around a newer one"},
		},
		{
			Name: "no-duplicates-in-batch", Design: "3.5",
			Mistake: "a run does not read the identities of earlier runs",
			Edits:   []Edit{{duplicatesFile, `	for _, run := range earlier {`, `	for _, run := range earlier[:0] {`}},
		},
		{
			Name: "duplicates-within-a-run", Design: "3.5",
			Mistake: "a run does not compare its own events with each other",
			Edits: []Edit{{duplicatesFile, `	copies.each(r.Parallel, func(p *copiesPart) { p.dropOwn(in, rule.Window) })
`, ``}},
		},
		{
			Name: "batch-window-ignored", Design: "3.5",
			Mistake: "batch drops a copy however far apart the two are",
			Edits:   []Edit{{duplicatesFile, `in.Seen[i].Arrival.IsWithin(window, earlier.Arrival) {`, `window >= 0 {`}},
		},
		{
			Name: "dropped-copies-forgotten", Design: "3.5",
			Mistake: "a run stores the identities of the events that it counts, but not those of the dropped copies",
			Edits: []Edit{
				{planFile, `runs.EncodeIdentities(in.Seen)`, `runs.EncodeIdentities(counted)`},
				{planFile, `	if run.Events > 0 {
`, `	var counted []runs.Seen
	for i, s := range in.Seen {
		if !in.Duplicate[i] {
			counted = append(counted, s)
		}
	}
	if run.Events > 0 {
`},
			},
		},
		{
			Name: "identity-has-the-payload", Design: "3.5",
			Mistake: "batch compares identity and payload: a copy with another payload counts as another event",
			Edits: []Edit{
				{duplicatesFile, `	copies := indexCopies(in.Seen, below, r.Parallel)
`, `	plain := slices.Clone(in.Seen)
	defer func() { in.Seen = plain }()
	for i := range in.Seen {
		in.Seen[i].Identity.Hi ^= in.Seen[i].Payload
	}
	copies := indexCopies(in.Seen, below, r.Parallel)
`},
				{duplicatesFile, `	for s := range earlier.all() {
`, `	for s := range earlier.all() {
		s.Identity.Hi ^= s.Payload
`},
			},
		},
		{
			Name: "run-consults-itself", Design: "3.4",
			Mistake: "a repeated read of a run finds its own identities and takes every event for a duplicate",
			Edits:   []Edit{{duplicatesFile, `max(in.Manifest.Run, 1) - 1`, `in.Manifest.Run`}},
		},
		{
			Name: "build-counts-copies", Design: "3.5",
			Mistake: "a build counts every copy",
			Edits:   []Edit{{builderFile, `b.known.MarkDuplicates(`, `new(Known).MarkDuplicates(`}},
		},
	}
}
