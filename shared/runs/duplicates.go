package runs

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runner"
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
	copies := indexCopies(in.Seen, below, r.Parallel)
	for _, run := range earlier {
		if run.Identities == "" || run.LastArrival < first || run.FirstArrival > last ||
			run.FirstArrival >= below {
			continue
		}
		data, err := r.identities(ctx, run)
		if err != nil {
			return err
		}
		copies.each(r.Parallel, func(p *copiesPart) { p.dropAll(in, data, rule.Window) })
	}
	copies.each(r.Parallel, func(p *copiesPart) { p.dropOwn(in, rule.Window) })
	for i := range copies.parts {
		in.Duplicates += copies.parts[i].duplicates
		in.Conflicts += copies.parts[i].conflicts
	}
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
// It has several parts, so that several processors find duplicates at once. An identity belongs to one of them.
type copies struct {
	parts [copiesParts]copiesPart
}

const copiesParts = 4

// copiesPart holds the identities of one part. Parts share next and open, and use different elements of them.
//
// The table is open-addressed: a map of identities took 3 to 11 times as long (BenchmarkDuplicates).
type copiesPart struct {
	number int
	seen   []Seen
	places []int32 // of the part's events in seen, in archive order
	// table holds the place of each identity's first copy plus one, 0 for none. An identity is at the index that its hash
	// gives, or at the next free one.
	table []int32
	below event.Millis // arrivals from here on are ignored
	next  []int32      // the next copy of event i, -1 for none
	open  []int32      // by first copy: number of copies in the chain that are not marked as duplicates

	duplicates, conflicts int64 // events that the part has marked
}

func indexCopies(seen []Seen, below event.Millis, parallel runner.Runner) *copies {
	c := &copies{}
	next, open := make([]int32, len(seen)), make([]int32, len(seen))
	for i := range c.parts {
		c.parts[i] = copiesPart{number: i, seen: seen, below: below, next: next, open: open}
	}
	for i := range seen {
		p := &c.parts[seen[i].Identity.Hi%copiesParts]
		p.places = append(p.places, int32(i))
	}
	c.each(parallel, (*copiesPart).index)
	return c
}

// each calls do for each part, several at once.
func (c *copies) each(parallel runner.Runner, do func(*copiesPart)) {
	// The work cannot fail.
	_ = parallel(len(c.parts), func(part int) error {
		do(&c.parts[part])
		return nil
	})
}

func (p *copiesPart) index() {
	size := 2
	for size < 2*len(p.places) {
		size *= 2
	}
	p.table = make([]int32, size)
	for _, i := range slices.Backward(p.places) {
		p.next[i], p.open[i] = -1, 1
		if p.seen[i].Arrival >= p.below {
			continue
		}
		at := p.at(p.seen[i].Identity)
		if later := p.table[at] - 1; later >= 0 {
			p.next[i], p.open[i] = later, p.open[later]+1
		}
		p.table[at] = i + 1
	}
}

// at returns the index of an identity in the table, or the free one where it belongs. Identities are keyed hashes, so
// nobody can choose them to crowd one index.
func (p *copiesPart) at(id event.Identity) int {
	mask := len(p.table) - 1
	at := int(id.Lo) & mask
	for p.table[at] != 0 && p.seen[p.table[at]-1].Identity != id {
		at = (at + 1) & mask
	}
	return at
}

// dropAll marks the input's copies of the events of an earlier run that belong to the part.
func (p *copiesPart) dropAll(in *Input, earlier identitiesData, window time.Duration) {
	for s := range earlier.all() {
		if int(s.Identity.Hi%copiesParts) == p.number {
			p.dropOf(in, s, window)
		}
	}
}

// dropOf marks the input's copies of an event of an earlier run. It does not walk a chain again once all its copies are
// marked, however often the identity comes.
func (p *copiesPart) dropOf(in *Input, earlier Seen, window time.Duration) {
	if earlier.Arrival >= p.below {
		return
	}
	first := p.table[p.at(earlier.Identity)] - 1
	if first < 0 || p.open[first] == 0 {
		return
	}
	for i := first; i >= 0; i = p.next[i] {
		if !in.Duplicate[i] && in.Seen[i].Arrival.IsWithin(window, earlier.Arrival) {
			p.drop(in, i, earlier.Payload)
			p.open[first]--
		}
	}
}

// dropOwn marks the copies that have an earlier copy in the input. The copy right before is the nearest in arrival.
func (p *copiesPart) dropOwn(in *Input, window time.Duration) {
	for _, i := range p.places {
		own := &in.Seen[i]
		if later := p.next[i]; later >= 0 && !in.Duplicate[later] && in.Seen[later].Arrival <= own.Arrival.Add(window) {
			p.drop(in, later, own.Payload)
		}
	}
}

// drop marks event i as a duplicate of an earlier copy with the given payload.
func (p *copiesPart) drop(in *Input, i int32, payload uint64) {
	in.Duplicate[i] = true
	p.duplicates++
	if in.Seen[i].Payload != payload {
		p.conflicts++
	}
}
