package runs

import (
	"context"
	"math"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
)

// Rule says which copies of an event are duplicates.
type Rule struct {
	Window time.Duration // the longest time between the arrivals of two copies, inclusive
	Below  slot.Slot     // events of this slot and later ones are ignored; slot.Beginning ignores none
}

// below returns the first arrival that the rule ignores.
func (r Rule) below() event.Millis {
	if r.Below == slot.Beginning {
		return math.MaxInt64
	}
	return r.Below.Millis()
}

// MarkDuplicates marks the input's duplicates. An event is a duplicate when an earlier copy arrived within the rule's
// window of it, before or after. An earlier copy is one in a lower run, or one before it in the input's archive order;
// it may be a duplicate itself. The result depends only on the input and on earlier runs, so it is the same before and
// after the run is committed. An event that the rule ignores is no duplicate and no earlier copy of another.
//
// Errors: those of the catalog and the archive; after an error the marks are incomplete.
//
// Source: docs/design.md 3.5.
func (r Reader) MarkDuplicates(ctx context.Context, in *Input, rule Rule) error {
	below := rule.below()
	first, last, ok := in.arrivalsBelow(below)
	if !ok {
		return nil
	}
	// A copy that arrived outside of these bounds is outside of the window of every event.
	first, last = first.Add(-rule.Window), last.Add(rule.Window)
	before := max(in.Manifest.Run, 1) - 1
	earlier, err := r.RunsDownTo(ctx, before, func(run lifecycle.Run) bool { return run.Horizon.Millis() > first })
	if err != nil {
		return err
	}
	copies := indexCopies(in.Seen, below)
	for _, run := range earlier {
		if run.Identities == "" || run.LastArrival < first || run.FirstArrival > last ||
			run.FirstArrival >= below {
			continue
		}
		if err := r.Identities(ctx, run, func(s Seen) { copies.dropOf(in, s, rule.Window) }); err != nil {
			return err
		}
	}
	copies.dropOwn(in, rule.Window)
	return nil
}

// arrivalsBelow returns the first and the last arrival below a bound; ok is false when there is none.
func (in *Input) arrivalsBelow(below event.Millis) (first, last event.Millis, ok bool) {
	for _, s := range in.Seen {
		if s.Arrival >= below {
			continue
		}
		if !ok || s.Arrival < first {
			first = s.Arrival
		}
		last, ok = max(last, s.Arrival), true
	}
	return first, last, ok
}

// copies finds the events of an input by identity. It chains the places of an identity's copies in archive order, which
// is also the order of arrival. Events that the rule ignores are in no chain.
//
// The table is open-addressed: a map of identities took 3 to 11 times as long (BenchmarkDuplicates).
type copies struct {
	seen  []Seen
	below event.Millis // arrivals from here on are ignored
	// table holds the place of each identity's first copy plus one, 0 for none. An identity is at the index that its hash
	// gives, or at the next free one.
	table []int32
	next  []int32 // the next copy of event i, -1 for none
	open  []int32 // by first copy: number of copies in the chain that are not marked as duplicates
}

func indexCopies(seen []Seen, below event.Millis) copies {
	size := 2
	for size < 2*len(seen) {
		size *= 2
	}
	c := copies{
		seen:  seen,
		below: below,
		table: make([]int32, size),
		next:  make([]int32, len(seen)),
		open:  make([]int32, len(seen)),
	}
	for i := len(seen) - 1; i >= 0; i-- {
		c.next[i], c.open[i] = -1, 1
		if seen[i].Arrival >= below {
			continue
		}
		place := c.place(seen[i].Identity)
		if later := c.table[place] - 1; later >= 0 {
			c.next[i], c.open[i] = later, c.open[later]+1
		}
		c.table[place] = int32(i) + 1
	}
	return c
}

// place returns the index of an identity in the table, or the free one where it belongs. Identities are keyed hashes,
// so nobody can choose them to crowd one index.
func (c copies) place(id event.Identity) int {
	mask := len(c.table) - 1
	place := int(id.Lo) & mask
	for c.table[place] != 0 && c.seen[c.table[place]-1].Identity != id {
		place = (place + 1) & mask
	}
	return place
}

// dropOf marks the input's copies of an event of an earlier run. It does not walk a chain again once all its copies are
// marked, however often the identity comes.
func (c copies) dropOf(in *Input, earlier Seen, window time.Duration) {
	if earlier.Arrival >= c.below {
		return
	}
	first := c.table[c.place(earlier.Identity)] - 1
	if first < 0 || c.open[first] == 0 {
		return
	}
	for i := first; i >= 0; i = c.next[i] {
		if !in.Duplicate[i] && in.Seen[i].Arrival.IsWithin(window, earlier.Arrival) {
			in.drop(int(i), earlier.Payload)
			c.open[first]--
		}
	}
}

// dropOwn marks the copies that have an earlier copy in the input. The copy right before is the nearest in arrival.
func (c copies) dropOwn(in *Input, window time.Duration) {
	for i, own := range in.Seen {
		if later := c.next[i]; later >= 0 && !in.Duplicate[later] && in.Seen[later].Arrival <= own.Arrival.Add(window) {
			in.drop(int(later), own.Payload)
		}
	}
}
