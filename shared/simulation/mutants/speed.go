package mutants

const (
	speedFile  = "shared/speed/speed.go"
	foldFile   = "shared/speed/fold.go"
	itemsFile  = "shared/speed/items.go"
	upsertFile = "shared/viewstore/upsert.go"
	liveFile   = "shared/speed/live.go"
	memoryFile = "shared/speed/memory.go"
	seenFile   = "shared/speed/seen.go"

	replayFile = "shared/speed/replay.go"
	replayRead = "shared/speed/replay_read.go"
	replayEdge = "shared/speed/replay_edge.go"

	mappingFile = "shared/eventsource/settings.go"
	storesFile  = "shared/memory/viewstore.go"
)

// ofSpeed are mistakes of speed: applied positions, what is reported, what is set aside; and of the mapping before it.
func ofSpeed() []Mutant {
	return []Mutant{
		{
			Name: "no-applied-position", Design: "3.3",
			Mistake: "records are folded whatever the item's applied position",
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
			Mistake: "a batch that ends above the item's applied position is folded whole, not its records above the applied position",
			Edits:   []Edit{{foldFile, `first > int(it.group.rows[0]) {`, `first > f.records.ends[len(f.records.ends)-1] {`}},
		},
		{
			Name: "applied-off-by-one", Design: "3.3",
			Mistake: "the record at the applied position is folded again",
			Edits:   []Edit{{foldFile, `		if s.Compare(f) <= 0 {`, `		if s.Compare(f) < 0 {`}},
		},
		{
			Name: "applied-not-per-lane", Design: "3.3",
			Mistake: "the lanes of a shard share items and their applied position, which lasts until they are read side by side or a reshard parts them",
			Edits:   []Edit{{foldFile, `Page: page.Page, Lane: f.lane}`, `Page: page.Page, Lane: event.Lane{Layout: f.lane.Layout, Count: f.lane.Count}}`}},
		},
		{
			Name: "slot-from-the-clock-in-speed", Design: "2",
			Mistake: "an event's slot in speed is that in which speed handles it",
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
			Mistake: "after a failed write only the applied position is loaded again, and the states of before are written under it",
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
			Mistake: "the store of speed items writes whatever the applied position there is",
			Edits:   []Edit{{storesFile, `Applied; stored != loaded {`, `Applied; stored != loaded && stored == "none" {`}},
		},
		{
			Name: "failed-write-taken-for-done", Design: "3.3",
			Mistake: "a write of a speed item that fails otherwise than by a conflict is taken for done",
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
			Mistake: "of a failed item's records the last is reported, not the first",
			Edits:   []Edit{{foldFile, `recordOf(int(items[i].group.rows[0])))`, `recordOf(int(items[i].group.rows[len(items[i].group.rows)-1])))`}},
			Killer: Killer{
				Package: "shared/speed", Run: "^TestLowest$",
				Why: "it takes an item that fails at every try, with records below the last: one history in some hundreds has one",
			},
		},
		{
			Name: "reported-from-the-last-lane", Design: "3.3",
			Mistake: "with failures in several lanes the last lane's is reported, not the lowest",
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
			Mistake: "a record that cannot be decoded fails its lane instead of being set aside",
			Edits: []Edit{{speedFile, `			if err := s.setAside(ctx, r, err); err != nil {
				return kept, err
			}
			report.SetAside++
`, `			return kept, err
`}},
		},
		{
			Name: "undecodable-record-dropped", Design: "3.3",
			Mistake: "a record that cannot be decoded is not kept",
			Edits: []Edit{{speedFile, `	_, err = s.Archive.Put(ctx, archive.SetAsideKey(r.PartitionKey, r.Sequence), text)
`, `	_, err = len(text), ctx.Err()
`}},
			Killer: Killer{
				Package: "shared/speed", Run: "^TestSetAside$",
				Why: "what is set aside is in no answer",
			},
		},
		{
			Name: "expiry-trusted", Design: "3.3",
			Mistake: "speed items expire when batch has usually covered their slot, and queries leave out what has expired",
			Edits: []Edit{
				{foldFile, `Add(s.Retain).Unix()`, `Add(30 * time.Second).Unix()`},
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
				{rowsFile, `		if item.Page < at.firstPage ||`, `		if item.Expires < r.now.Unix() || item.Page < at.firstPage ||`},
				{servingFile, `	result, err := reader.Read(`, `	reader.now = s.Now()
	result, err := reader.Read(`},
			},
		},
		{
			Name: "mapping-gives-up", Design: "3.3",
			Mistake: "the event source mapping gives a batch up after two tries",
			Edits:   []Edit{{mappingFile, `		MaximumRetryAttempts:  NoLimit,`, `		MaximumRetryAttempts:  1,`}},
		},
	}
}

// ofReplay are mistakes of Kappa's two halves. What refutes them plays both, in every order, around the slot that stands between them.
func ofReplay() []Mutant {
	by := func(test string) Killer {
		return Killer{
			Package: "shared/speed", Run: "^" + test + "$",
			Why: "it takes a Kappa view, and what happens around the slot from which it is live; the tests of replay make it happen",
		}
	}
	return []Mutant{
		{
			Name: "kappa-live-from-the-horizon", Design: "3.7",
			Mistake: "speed no longer folds for a Kappa view the slots that replay's horizon has passed",
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
			Mistake: "replay counts an event of which the live half has counted a copy",
			Edits:   []Edit{{replayEdge, `		in.duplicate[row] = m.counted(`, `		_ = m.counted(`}},
			Killer:  by("TestReplayEdge"),
		},
		{
			Name: "replay-takes-dropped-for-counted", Design: "3.7",
			Mistake: "replay drops an event of which the live half has met a copy, also one that it has not counted",
			Edits:   []Edit{{memoryFile, `e.arrival-arrival <= window && !m.holds(identity, e.position, e.arrival, window) {`, `e.arrival-arrival <= window {`}},
			Killer:  by("TestReplayEdge"),
		},
		{
			Name: "replay-does-not-wait", Design: "3.7",
			Mistake: "replay asks what the live half has counted before all that it depends on was streamed",
			Edits:   []Edit{{replayRead, `return c.last >= t.edge(live) && run.N > t.swept`, `return c.last < 0`}},
			Killer:  by("TestReplayWaits"),
		},
		{
			Name: "replay-decides-by-the-other-half", Design: "3.7",
			Mistake: "replay takes an event for a duplicate of one that is the live half's to count",
			Edits:   []Edit{{replayRead, `Below: live}`, `Below: live * 0}`}},
			Killer:  by("TestReplayLate"),
		},
		{
			Name: "replay-position-without-the-run", Design: "3.7",
			Mistake: "an object's place is that in its run's manifest alone, so that an item takes nothing of the runs that come after",
			Edits:   []Edit{{replayRead, `placeOf(c.manifest.Run, c.places[i])`, `placeOf(c.manifest.Run*0, c.places[i])`}},
			Killer:  by("TestReplay"),
		},
		{
			Name: "replay-goes-back", Design: "3.7",
			Mistake: "a replay that was frozen takes back how far another has come",
			Edits:   []Edit{{movesFile, `|| g.Run >= run.N {`, `|| g.HasBase() && g.Run >= run.N {`}},
			Killer:  by("TestReplayFrozen"),
		},
		{
			Name: "replay-guesses", Design: "3.7",
			Mistake: "replay takes seen items that have expired for such as never were",
			Edits:   []Edit{{replayEdge, `!t.Now().Before(kept) {`, `kept.IsZero() {`}},
			Killer:  by("TestReplayTooLate"),
		},
	}
}

// ofDuplicates are mistakes in finding duplicates, in speed and in batch.
func ofDuplicates() []Mutant {
	return []Mutant{
		{
			Name: "no-duplicates-in-speed", Design: "3.5",
			Mistake: "speed has no memory of what it has seen",
			Edits:   []Edit{{seenFile, `			duplicate[row] = m.holds(`, `			duplicate[row] = row < 0 && m.holds(`}},
		},
		{
			Name: "done-before-seen", Design: "3.5",
			Mistake: "records are reported done although their seen item could not be written",
			Edits: []Edit{{seenFile, `		if err := s.Seen.Put(ctx, item); err != nil {
			return err
		}
`, `		_ = s.Seen.Put(ctx, item)
`}},
		},
		{
			Name: "seen-items-cached", Design: "3.5",
			Mistake: "an environment that knows a lane does not read what others have seen there since",
			Edits: []Edit{{seenFile, `		items, err := s.Seen.After(ctx, lane, m.last)
		m.add(items)
		return err
`, `		return nil
`}},
		},
		{
			Name: "seen-from-own-arrivals-on", Design: "3.5",
			Mistake: "seen items are read back to the window before now, however old the batch's stamps are",
			Edits:   []Edit{{seenFile, `		back = min(back, stamp.Arrival())`, `		back = min(back, max(back, stamp.Arrival()))`}},
		},
		{
			Name: "seen-without-the-margin", Design: "3.5",
			Mistake: "seen items are read back to the window before the stamp, as though all clocks were one",
			Edits:   []Edit{{seenFile, `(s.Layout.SpeedWindow + s.ClockMargin.Apart())`, `s.Layout.SpeedWindow`}},
		},
		{
			Name: "memory-reaches-everywhere", Design: "3.5",
			Mistake: "what an environment remembers is taken for all there is, however far back a stamp lies",
			Edits:   []Edit{{memoryFile, `m.known && m.since <= since && len(`, `m.known && len(`}},
			Killer: Killer{"shared/simulation", "^TestMemoryReachesBack$",
				"it takes a record that the sweep brings late, to an environment younger than its copy: one history in some hundred has that"},
		},
		{
			Name: "duplicates-by-record", Design: "3.5",
			Mistake: "duplicates are judged by record, not by position: two copies in one record both count",
			Edits:   []Edit{{memoryFile, `	return c < 0 || c == 0 && p.line < q.line`, `	return c < 0`}},
		},
		{
			Name: "duplicates-by-presence", Design: "3.5",
			Mistake: "any other copy makes a duplicate, also one at a later position",
			Edits:   []Edit{{memoryFile, `e.before(at) && `, `e.position != at && `}},
		},
		{
			Name: "redelivered-is-duplicate", Design: "3.5",
			Mistake: "an event is a duplicate when it has been seen, also at its own position",
			Edits: []Edit{
				{seenFile, `	own := s.identify(batch, kept)
	if err := s.record(ctx, m, lane, own); err != nil {
		m.forget() // what the store holds of these records is not known
		return nil, fmt.Errorf("put seen item of lane %s: %w", lane, err)
	}
`, `	own := s.identify(batch, kept)
`},
				{seenFile, `			row++
		}
	}
	return duplicate, nil
`, `			row++
		}
	}
	if err := s.record(ctx, m, lane, own); err != nil {
		m.forget() // what the store holds of these records is not known
		return nil, fmt.Errorf("put seen item of lane %s: %w", lane, err)
	}
	return duplicate, nil
`},
				{memoryFile, `e.before(at) && `, `(e.before(at) || e.position == at) && `},
			},
		},
		{
			Name: "speed-window-ignored", Design: "3.5",
			Mistake: "speed drops copies however far apart they are",
			Edits:   []Edit{{memoryFile, `e.before(at) && -window <= apart && apart <= window {`, `e.before(at) && apart == apart+0*window {`}},
		},
		{
			Name: "no-duplicates-in-batch", Design: "3.5",
			Mistake: "a run does not look at the identities of earlier ones",
			Edits:   []Edit{{duplicatesFile, `	for _, run := range earlier {`, `	for _, run := range earlier[:0] {`}},
		},
		{
			Name: "duplicates-within-a-run", Design: "3.5",
			Mistake: "a run does not compare its own events with each other",
			Edits: []Edit{{duplicatesFile, `	copies.dropOwn(in, window)
`, ``}},
		},
		{
			Name: "batch-window-ignored", Design: "3.5",
			Mistake: "batch drops copies however far apart they are",
			Edits:   []Edit{{duplicatesFile, `-window <= apart && apart <= window {`, `apart == apart+0*window {`}},
		},
		{
			Name: "dropped-copies-forgotten", Design: "3.5",
			Mistake: "a run keeps the identities of the events that it counts, and forgets the dropped copies",
			Edits: []Edit{
				{planFile, `archive.EncodeIdentities(in.Seen)`, `archive.EncodeIdentities(counted)`},
				{planFile, `	if run.Events > 0 {
`, `	var counted []archive.Seen
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
			Mistake: "batch tells events apart by identity and payload: a copy with another payload counts as another event",
			Edits: []Edit{
				{duplicatesFile, `	copies := indexCopies(in.Seen, below)
`, `	plain := slices.Clone(in.Seen)
	defer func() { in.Seen = plain }()
	for i := range in.Seen {
		in.Seen[i].Identity.Hi ^= in.Seen[i].Payload
	}
	copies := indexCopies(in.Seen, below)
`},
				{duplicatesFile, `func(s archive.Seen) { copies.dropOf(`, `func(s archive.Seen) { s.Identity.Hi ^= s.Payload; copies.dropOf(`},
				{duplicatesFile, `	"math"
`, `	"math"
	"slices"
`},
			},
		},
		{
			Name: "run-consults-itself", Design: "3.4",
			Mistake: "a run that is read again asks its own identities, and finds every event met before",
			Edits:   []Edit{{duplicatesFile, `max(in.Manifest.Run, 1) - 1`, `in.Manifest.Run`}},
		},
		{
			Name: "build-counts-copies", Design: "3.5",
			Mistake: "a generation that is built counts every copy",
			Edits: []Edit{{applyFile, `		known.MarkDuplicates(in)
`, `		runs.Known{}.MarkDuplicates(in)
`}, {applyFile, `	known, reader := runs.Known{}, t.reader()
`, `	reader := t.reader()
`}},
		},
	}
}
