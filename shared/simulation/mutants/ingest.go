package mutants

const (
	ingestFile    = "shared/ingest/ingest.go"
	publisherFile = "shared/ingest/publisher.go"
	republishFile = "shared/ingest/republish.go"
	directoryFile = "shared/dirarchive/dirarchive.go"
	dirListFile   = "shared/dirarchive/list.go"
)

// ofIngest returns mistakes of ingest and republish.
func ofIngest() []Mutant {
	return []Mutant{
		{
			Name: "stream-before-archive", Design: "3.1",
			Mistake: "ingest publishes the records before the archive has the events",
			Edits: []Edit{{ingestFile, `
		if err := in.commit(ctx, key, arrival, lines.packed); err != nil {
			return err
		}
		if in.Layout.Streams(slot) { // else batch and replay count the events
`, `
		in.publish(ctx, key, in.publisher().records(lines))
		if err := in.commit(ctx, key, arrival, lines.packed); err != nil {
			return err
		}
		if false {
`}},
		},
		{
			Name: "failed-put-is-published", Design: "3.1",
			Mistake: "ingest publishes the records although it does not know the archive's answer",
			Edits: []Edit{{ingestFile, `
		if err := in.commit(ctx, key, arrival, lines.packed); err != nil {
			return err
		}
`, `
		if err := in.commit(ctx, key, arrival, lines.packed); err != nil {
			in.publish(ctx, key, in.publisher().records(lines))
			return err
		}
`}},
		},
		{
			Name: "late-put-acknowledged", Design: "3.1",
			Mistake: "ingest acknowledges a put that succeeds after its deadline",
			Edits: []Edit{{ingestFile, `	if !now.Before(deadline) {
		return fmt.Errorf("%w: the archive answered`, `	if now.IsZero() {
		return fmt.Errorf("%w: the archive answered`}},
		},
		{
			Name: "unknown-put-acknowledged", Design: "3.1",
			Mistake: "ingest takes every failed put for an object that already exists",
			Edits:   []Edit{{ingestFile, `err == nil || errors.Is(err, archive.ErrExists) {`, `err == nil || err != nil {`}},
		},
		{
			Name: "slot-from-the-clock-in-ingest", Design: "2",
			Mistake: "the object's slot follows the clock at the put, not its stamps",
			Edits: []Edit{{ingestFile, `		var date time.Time
`, `		var date time.Time
		if _, request, err := archive.ParseEventsKey(key); err == nil {
			key = archive.EventsKey(in.Layout.Slot.At(in.Now()), request)
		}
`}},
			Killer: Killer{"shared/ingest", "^TestSlotOfTheStamp$",
				"a slot must end between the stamp and the put: about 1 history in 50"},
		},
		{
			Name: "lane-of-the-request", Design: "2",
			Mistake: "a line's lane follows its request, not its identity, so copies go through several lanes",
			Edits: []Edit{{ingestFile, `		out.lanes = append(out.lanes, in.Layout.Lane(identity))
`, `		identity.Hi = request.Time()
		out.lanes = append(out.lanes, in.Layout.Lane(identity))
`}},
		},
		{
			Name: "first-line-only", Design: "3.1",
			Mistake: "ingest publishes only the first of a lane's lines in a request",
			Edits:   []Edit{{publisherFile, `			packs[n-1].lines = append(packs[n-1].lines, line...)`, `			_ = append(packs[n-1].lines, line...)`}},
		},
		{
			Name: "republish-changes-the-stamps", Design: "3.1",
			Mistake: "republish gives the lines new stamps",
			Edits: []Edit{{republishFile, `	out := lines{data: batch.Data}
`, `	again := batch.Stamps[0].Request
	if err := again.SetTime(again.Time() + 60_000); err != nil {
		return lines{}, err
	}
	out := lines{data: bytes.ReplaceAll(batch.Data, []byte(batch.Stamps[0].Request.String()), []byte(again.String()))}
`}, {republishFile, `import (
`, `import (
	"bytes"
`}},
		},
		{
			Name: "republish-of-the-first-lane", Design: "3.1",
			Mistake: "republish publishes only the first of the requested lanes",
			Edits: []Edit{{republishFile, `	for _, name := range names {
`, `	for _, name := range names[:min(1, len(names))] {
`}},
			Killer: Killer{
				Package: "shared/ingest", Run: "^TestRepublish$",
				Why: "the sweep finds the other lanes and requests them one by one: they are late, as if ingest had died",
			},
		},
		{
			Name: "ingest-trusts-its-clock", Design: "3.1",
			Mistake: "ingest does not compare its clock with the store's",
			Edits:   []Edit{{ingestFile, `	if err := in.ClockMargin.Check(now, date); err != nil {`, `	if err := in.ClockMargin.Check(now, time.Time{}); err != nil {`}},
			Killer: Killer{
				Package: "shared/simulation/history", Run: "^TestDrills$/^clocks_off_by_more_than_the_margin",
				Why: "the clocks of a history differ by at most the margin; those of the drill differ by more",
			},
		},
		{
			Name: "existing-put-fails", Design: "3.1",
			Mistake: "ingest takes an object that its own earlier try has put for a failure",
			Edits:   []Edit{{ingestFile, `err == nil || errors.Is(err, archive.ErrExists) {`, `err == nil {`}},
			Killer: Killer{
				Package: "shared/ingest", Run: "^TestCommitAgain$",
				Why: "the client sends again and its copies count once: only the acknowledgement of a durable request is lost",
			},
		},
		{
			Name: "all-records-sent-again", Design: "3.1",
			Mistake: "if the stream takes some of the records, ingest sends all again",
			Edits: []Edit{{publisherFile, `		entries, err = kept, errNotTaken`, `		if err = errNotTaken; len(kept) == 0 {
			entries = kept
		}`}},
			Killer: Killer{
				Package: "shared/ingest", Run: "^TestPublishAgain$",
				Why: "speed drops the copies: they only cost",
			},
		},
		{
			Name: "refused-records-forgotten", Design: "3.1",
			Mistake: "ingest neither sends again nor queues the records that the stream refuses",
			Edits:   []Edit{{publisherFile, `		entries, err = kept, errNotTaken`, `		entries, err = kept[:0], errNotTaken`}},
			Killer: Killer{
				Package: "shared/ingest", Run: "^TestPublishAgain$",
				Why: "batch shows the events within its bound, and the sweep finds the records: they are late, as if ingest had " +
					"died",
			},
		},
		{
			Name: "publish-depends-on-the-client", Design: "3.1",
			Mistake: "a client that goes away once its events are archived keeps them out of the stream and the queue",
			Edits:   []Edit{{ingestFile, `	ctx, cancel := withoutClient(ctx)`, `	ctx, cancel := context.WithCancel(ctx)`}},
			Killer: Killer{
				Package: "shared/ingest", Run: "^TestClientGoneAfterTheCommit$",
				Why: "the sweep finds the records: they are late, as if ingest had died",
			},
		},
		{
			Name: "links-left-out", Design: "3.1",
			Mistake: "the archive in a directory follows symbolic links when it writes, and leaves them out when it lists",
			Edits: []Edit{
				{dirListFile, `		return irregular(path, e.Type())`, `		return nil`},
				{directoryFile, `	if err := a.checkFolders(folder); err != nil {
		return err
	}
`, ``},
			},
			Killer: Killer{
				Package: "shared/dirarchive", Run: "^TestWhatIsWrittenIsListed$",
				Why: "histories keep the archive in memory, which has no links",
			},
		},
	}
}
