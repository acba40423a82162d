package sweep

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// found says which receipts a run's objects lack.
type found struct {
	all     []lacking            // every object of the manifest, whether it lacks receipts or not
	objects map[int]lacking      // the objects that lack receipts, by place in the manifest
	read    map[int]event.Millis // per lane: the last arrival among the requests that it holds receipts of
}

// lacking is an object with the lanes that lack some or all of its receipts.
type lacking struct {
	key     archive.Key
	arrival event.Millis // of its request
	lanes   []int        // the lanes that lack receipts
	// begun are the lanes that have all receipts, where speed has not applied some of the events yet, as far as the sweep
	// can see. Nothing is queued for them: speed drops what it has begun already.
	begun []int
}

// dropOld removes the objects that arrived before an instant, and returns them.
func (f *found) dropOld(before event.Millis) (old []lacking) {
	for place, o := range f.objects {
		if o.arrival < before {
			old = append(old, o)
			delete(f.objects, place)
		}
	}
	return old
}

// receipts tracks the receipts that a run's objects need in one lane. A lane may hold the lines of one request in
// several records; some of the records may be lost, others may be there twice. So receipts counts distinct identities,
// and remembers them until it has found all.
type receipts struct {
	open map[ulid.ULID]*open // the requests that still lack receipts
	read event.Millis        // the last arrival among all requests found

	// Where a view has nothing but what speed brings:
	proven  bool         // the lane's events must be applied, not only begun
	from    event.Millis // those that arrived at this instant or later; speed notes nothing of others
	applied []viewstore.Applied
	met     []*open // those requests whose receipts are all there
	begun   map[event.Identity]bool
}

type open struct {
	place  int                     // of the object in the manifest
	events int                     // number of distinct events that it has in the lane
	met    map[event.Identity]bool // nil until a record holds some of them
	proven bool                    // the events must be applied, not only begun
}

// take adds the receipts of a seen item, and says whether any older item can matter.
func (r *receipts) take(item viewstore.SeenItem) bool {
	for _, record := range item.Records {
		r.read = max(r.read, event.ArrivalOf(record.Request))
		covers := func(a viewstore.Applied) bool { return a.Covers(record.Sequence) }
		if r.proven && event.ArrivalOf(record.Request) >= r.from && !slices.ContainsFunc(r.applied, covers) {
			for _, identity := range record.Identities {
				r.begun[identity] = true
			}
		}
		o := r.open[record.Request]
		if o == nil {
			continue
		}
		if o.met == nil {
			o.met = map[event.Identity]bool{}
		}
		for _, identity := range record.Identities {
			o.met[identity] = true
		}
		if len(o.met) >= o.events {
			delete(r.open, record.Request)
			if o.proven {
				r.met = append(r.met, o)
			}
		}
	}
	return r.proven || len(r.open) > 0
}

// isBegun reports whether speed has begun, and perhaps not applied, an event of a request: its record, or that of any
// copy. A copy that comes after it in the lane is a duplicate, so the event does not count by that one either.
func (r *receipts) isBegun(o *open) bool {
	for identity := range o.met {
		if r.begun[identity] {
			return true
		}
	}
	return false
}

// readLane reads the receipts of a lane, back to what was recorded at an instant.
func (t *tick) readLane(ctx context.Context, lane event.Lane, from event.Millis, r *receipts) error {
	if r.proven {
		r.begun = map[event.Identity]bool{}
		err := t.Seen.NewestApplied(ctx, lane, func(applied viewstore.Applied) bool {
			r.applied = append(r.applied, applied)
			return applied.Recorded >= from
		})
		if err != nil {
			return fmt.Errorf("read what speed has applied of lane %s: %w", lane, err)
		}
	}
	err := t.Seen.Newest(ctx, lane, func(item viewstore.SeenItem) bool { return item.Recorded >= from && r.take(item) })
	if err != nil {
		return fmt.Errorf("read seen items of lane %s: %w", lane, err)
	}
	return nil
}

// provenFrom returns the first slot of which the sweep asks for more than receipts: the first from which a generation
// gets its events from the stream alone. Batch brings all other generations what the stream drops.
func (t *tick) provenFrom(ctx context.Context) (slot.Slot, error) {
	from := slot.Slot(math.MaxInt64)
	if err := t.readViews(ctx); err != nil {
		return from, err
	}
	for _, v := range t.views {
		for _, g := range v.Generations {
			if !g.HasBase() && g.IsKept() && g.Lacks == 0 {
				from = min(from, g.LiveFrom)
			}
		}
	}
	return from, nil
}

// find reads the receipts of a run's objects. Its memory grows with the run, and not with what else the lanes hold.
func (t *tick) find(ctx context.Context, run lifecycle.Run) (*found, error) {
	m, err := t.reader().Manifest(ctx, run)
	if err != nil {
		return nil, err
	}
	proven, err := t.provenFrom(ctx)
	if err != nil {
		return nil, err
	}
	all, objects, err := wantedOf(m, proven)
	if err != nil {
		return nil, err
	}
	f := &found{all: objects, objects: map[int]lacking{}, read: map[int]event.Millis{}}
	// An event that arrived at FirstArrival was recorded after this instant, whichever function's clock recorded it.
	from := run.FirstArrival.Add(-t.ClockMargin.Apart())
	for _, lane := range slices.Sorted(maps.Keys(all)) {
		r := all[lane]
		if err := t.readLane(ctx, t.lane(lane), from, r); err != nil {
			return nil, err
		}
		f.read[lane] = r.read
		for _, o := range r.open {
			f.change(o.place, func(object *lacking) { object.lanes = append(object.lanes, lane) })
		}
		for _, o := range r.met {
			if r.isBegun(o) {
				f.change(o.place, func(object *lacking) { object.begun = append(object.begun, lane) })
			}
		}
	}
	return f, nil
}

// change changes what an object lacks.
func (f *found) change(place int, do func(*lacking)) {
	object, ok := f.objects[place]
	if !ok {
		object = f.all[place]
	}
	do(&object)
	f.objects[place] = object
}

// wantedOf returns the receipts that the objects of a manifest need, by lane, and the objects by place.
// The events of slots from proven on must be applied.
func wantedOf(m runs.Manifest, proven slot.Slot) (map[int]*receipts, []lacking, error) {
	all, objects := map[int]*receipts{}, make([]lacking, len(m.Objects))
	for place, object := range m.Objects {
		at, request, err := archive.ParseEventsKey(object.Key)
		if err != nil {
			return nil, nil, err
		}
		objects[place] = lacking{key: object.Key, arrival: event.ArrivalOf(request)}
		for _, l := range object.Lanes {
			if all[l.Lane] == nil {
				all[l.Lane] = &receipts{open: map[ulid.ULID]*open{}, from: proven.Millis()}
			}
			all[l.Lane].proven = all[l.Lane].proven || at >= proven
			all[l.Lane].open[request] = &open{place: place, events: l.Events, proven: at >= proven}
		}
	}
	return all, objects, nil
}

func (s *Sweep) lane(n int) event.Lane {
	return event.Lane{Layout: s.Layout.Number, Count: s.Layout.Lanes, N: n}
}

func (s *Sweep) names(lanes []int) []string {
	names := make([]string, len(lanes))
	for i, n := range lanes {
		names[i] = s.lane(n).String()
	}
	return names
}
