package batch

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
)

// judge finds the input's duplicates: events of which an earlier copy, in a lower run or before in archive order, arrived within the dedupe
// window of their own arrival. Copies that were dropped count as earlier copies too. before is the last run below the input's own; a run
// never asks about itself.
//
// Source: docs/design.md 3.5.
func (t *tick) judge(ctx context.Context, in *input, before catalog.Run) error {
	if len(in.seen) == 0 {
		return nil
	}
	window := t.Layout.DedupeWindow.Milliseconds()
	first, last := in.arrivals()
	runs, err := t.runsDown(ctx, before.N, func(r catalog.Run) bool { return int64(r.Horizon) > first-window })
	if err != nil {
		return err
	}
	copies := indexCopies(in.seen)
	for _, run := range runs {
		if run.Identities == "" || run.LastArrival < first-window || run.FirstArrival > last+window {
			continue
		}
		if err := t.identities(ctx, run, func(s archive.Seen) { copies.meet(in, s, window) }); err != nil {
			return err
		}
	}
	copies.meetEachOther(in, window)
	return nil
}

func (t *tick) identities(ctx context.Context, run catalog.Run, each func(archive.Seen)) error {
	if run.Identities == "" {
		return nil
	}
	data, _, err := t.Archive.Get(ctx, archive.Key(run.Identities))
	if err == nil {
		err = archive.DecodeIdentities(data, each)
	}
	if err != nil {
		return fmt.Errorf("identities of run %d, %s: %w", run.N, run.Identities, err)
	}
	return nil
}

// drop makes event i a duplicate of an earlier copy with the given payload.
func (in *input) drop(i int, payload uint64) {
	in.duplicate[i] = true
	in.overlap++
	if in.seen[i].Payload != payload {
		in.conflicts++
	}
}

// copies finds the events of an input by identity: chains of places in archive order, which is also the order of arrival.
type copies struct {
	seen  []archive.Seen
	table []int32 // places of first copies plus one, 0 for none; where an identity stands follows from its hash, or is the next free place
	next  []int32 // the next copy of event i, -1 for none
	open  []int32 // by the first copy: how many of the chain are not known to be duplicates
}

func indexCopies(seen []archive.Seen) copies {
	size := 2
	for size < 2*len(seen) {
		size *= 2
	}
	c := copies{seen: seen, table: make([]int32, size), next: make([]int32, len(seen)), open: make([]int32, len(seen))}
	for i := len(seen) - 1; i >= 0; i-- {
		place := c.place(seen[i].Identity)
		c.next[i], c.open[i] = -1, 1
		if later := c.table[place] - 1; later >= 0 {
			c.next[i], c.open[i] = later, c.open[later]+1
		}
		c.table[place] = int32(i) + 1
	}
	return c
}

// place is where an identity stands in the table, or would. Identities are keyed hashes: nobody can choose them to crowd one place.
func (c copies) place(id event.Identity) int {
	mask := len(c.table) - 1
	place := int(id.Lo) & mask
	for c.table[place] != 0 && c.seen[c.table[place]-1].Identity != id {
		place = (place + 1) & mask
	}
	return place
}

// meet drops the input's copies of an event that an earlier run has seen. A chain that is dropped whole is not walked again, however often the
// identity comes.
func (c copies) meet(in *input, earlier archive.Seen, window int64) {
	first := c.table[c.place(earlier.Identity)] - 1
	if first < 0 || c.open[first] == 0 {
		return
	}
	for i := first; i >= 0; i = c.next[i] {
		apart := in.seen[i].Arrival - earlier.Arrival
		if !in.duplicate[i] && -window <= apart && apart <= window {
			in.drop(int(i), earlier.Payload)
			c.open[first]--
		}
	}
}

// meetEachOther drops the copies that have another before them in the input. The one right before is the nearest in arrival.
func (c copies) meetEachOther(in *input, window int64) {
	for i, own := range in.seen {
		if later := c.next[i]; later >= 0 && !in.duplicate[later] && in.seen[later].Arrival-own.Arrival <= window {
			in.drop(int(later), own.Payload)
		}
	}
}
