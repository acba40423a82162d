package batch

import (
	"context"
	"fmt"
	"iter"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
)

// lister lists the objects of events.
type lister struct {
	archive  archive.Archive
	length   slot.Length
	page     int // objects per request
	parallel runner.Runner
}

// listedObject is an object of events with the slot and the request in its key.
type listedObject struct {
	archive.Object
	slot    slot.Slot
	request ulid.ULID
}

func (o listedObject) arrival() event.Millis { return event.ArrivalOf(o.request) }

// rangesAtOnce bounds the ranges that are listed at the same time, and so the objects that are held.
const rangesAtOnce = 32

// each lists the objects with from <= key, of slots before to, in archive order. It ends with the first error.
//
// It asks for one page. If there is more, it divides the rest by arrival and lists several ranges at once. Each round
// has twice as many ranges as the one before, so a caller that stops early has not caused many requests in vain.
func (l lister) each(ctx context.Context, from archive.Key, to slot.Slot) iter.Seq2[listedObject, error] {
	return func(yield func(listedObject, error) bool) {
		found, full, err := l.listPage(ctx, from, archive.SlotKey(to))
		if !yieldAll(found, err, yield) || !full {
			return
		}
		last := found[len(found)-1]
		from = last.Key.After()
		rest := ranges{next: last.arrival(), end: to.Millis(), span: last.arrival() - found[0].arrival(), found: len(found)}
		for n := 2; from < archive.SlotKey(to); n = min(2*n, rangesAtOnce) {
			bounds := rest.bounds(l.length, from, to, n, l.page)
			parts := make([][]listedObject, len(bounds)-1)
			err := l.parallel(len(parts), func(i int) (err error) {
				parts[i], err = l.listAll(ctx, bounds[i], bounds[i+1])
				return err
			})
			rest.found = 0
			for _, part := range parts {
				rest.found += len(part)
				if !yieldAll(part, err, yield) {
					return
				}
			}
			from = bounds[len(bounds)-1]
		}
	}
}

// yieldAll yields the objects, or the error. It reports whether to go on.
func yieldAll(all []listedObject, err error, yield func(listedObject, error) bool) bool {
	if err != nil {
		yield(listedObject{}, err)
		return false
	}
	for _, o := range all {
		if !yield(o, nil) {
			return false
		}
	}
	return true
}

// ranges divides the time that is left to list. It guesses how many objects arrived from how many it found last.
type ranges struct {
	next, end event.Millis
	span      event.Millis // how much time the last round covered
	found     int          // number of objects that it found
}

const (
	pagesPerRange = 4
	growth        = 16 // how many times longer the ranges of a round may be than those of the round before
)

// bounds returns the keys that bound the next n ranges, or as many as fit. Each range should fill its pages but for a
// tenth of the last one. bounds moves next to the end of the last range.
func (r *ranges) bounds(length slot.Length, from archive.Key, to slot.Slot, n, page int) []archive.Key {
	width := max(r.span, 1) * growth
	if r.found > 0 {
		width = min(width, max(r.span, 1)*event.Millis(10*pagesPerRange-1)*event.Millis(page)/event.Millis(10*r.found))
	}
	began := r.next
	bounds := []archive.Key{from}
	for len(bounds) <= n && r.next < r.end {
		r.next = min(r.next+max(width, 1), r.end)
		// A key may name another slot than its request's arrival says. Then the bound sorts before what was listed. And if
		// to is inside a slot of this length, the bound sorts after its key.
		bounds = append(bounds, min(max(from, archive.ArrivalKey(length, r.next)), archive.SlotKey(to)))
	}
	if r.next >= r.end {
		bounds = append(bounds[:max(1, len(bounds)-1)], archive.SlotKey(to))
	}
	r.span = r.next - began
	return bounds
}

// listAll lists a range, page by page.
func (l lister) listAll(ctx context.Context, from, to archive.Key) (all []listedObject, err error) {
	for {
		some, full, err := l.listPage(ctx, from, to)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if !full {
			return all, nil
		}
		from = some[len(some)-1].Key.After()
	}
}

// listPage lists the first objects of a range. full says that there may be more.
func (l lister) listPage(ctx context.Context, from, to archive.Key) (all []listedObject, full bool, err error) {
	page, _, err := l.archive.List(ctx, from, to, l.page)
	if err != nil {
		return nil, false, fmt.Errorf("list archive from %s: %w", from, err)
	}
	for _, object := range page {
		s, request, err := archive.ParseEventsKey(object.Key)
		if err != nil {
			return nil, false, fmt.Errorf("foreign object in the archive: %w", err)
		}
		all = append(all, listedObject{object, s, request})
	}
	return all, len(page) == l.page, nil
}
