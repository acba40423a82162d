package sweep

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
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
}

type open struct {
	place  int                     // of the object in the manifest
	events int                     // number of distinct events that it has in the lane
	met    map[event.Identity]bool // nil until a record holds some of them
}

// take adds the receipts of a seen item, and says whether any request still lacks receipts.
func (r *receipts) take(item viewstore.SeenItem) bool {
	for _, record := range item.Records {
		r.read = max(r.read, event.ArrivalOf(record.Request))
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
		}
	}
	return len(r.open) > 0
}

// find reads the receipts of a run's objects. Its memory grows with the run, and not with what else the lanes hold.
func (t *tick) find(ctx context.Context, run lifecycle.Run) (*found, error) {
	m, err := t.reader().Manifest(ctx, run)
	if err != nil {
		return nil, err
	}
	all, objects, err := wantedOf(m)
	if err != nil {
		return nil, err
	}
	f := &found{all: objects, objects: map[int]lacking{}, read: map[int]event.Millis{}}
	// An event that arrived at FirstArrival was recorded after this instant, whichever function's clock recorded it.
	from := run.FirstArrival.Add(-t.ClockMargin.Apart())
	for _, lane := range slices.Sorted(maps.Keys(all)) {
		r := all[lane]
		err := t.Seen.Newest(ctx, t.lane(lane), func(item viewstore.SeenItem) bool {
			return item.Recorded >= from && r.take(item)
		})
		if err != nil {
			return nil, fmt.Errorf("read seen items of lane %s: %w", t.lane(lane), err)
		}
		f.read[lane] = r.read
		for _, o := range r.open {
			object, ok := f.objects[o.place]
			if !ok {
				object = objects[o.place]
			}
			object.lanes = append(object.lanes, lane)
			f.objects[o.place] = object
		}
	}
	return f, nil
}

// wantedOf returns the receipts that the objects of a manifest need, by lane, and the objects by place.
func wantedOf(m runs.Manifest) (map[int]*receipts, []lacking, error) {
	all, objects := map[int]*receipts{}, make([]lacking, len(m.Objects))
	for place, object := range m.Objects {
		_, request, err := archive.ParseEventsKey(object.Key)
		if err != nil {
			return nil, nil, err
		}
		objects[place] = lacking{key: object.Key, arrival: event.ArrivalOf(request)}
		for _, l := range object.Lanes {
			if all[l.Lane] == nil {
				all[l.Lane] = &receipts{open: map[ulid.ULID]*open{}}
			}
			all[l.Lane].open[request] = &open{place: place, events: l.Events}
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
