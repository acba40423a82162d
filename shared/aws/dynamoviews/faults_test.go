//go:build emulator

package dynamoviews_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
	"github.com/anabranch/anabranch/localstack/wire/wiretest"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// faults is the views' tables behind a wire that injects faults.
type faults struct {
	cfg    aws.Config
	opened int
}

func (f *faults) client() *dynamodb.Client  { return dynamodb.NewFromConfig(f.cfg) }
func (f *faults) base() *dynamoviews.Base   { return dynamoviews.NewBase(f.client(), "base") }
func (f *faults) speed() *dynamoviews.Speed { return dynamoviews.NewSpeed(f.client(), "speed") }
func (f *faults) seen() *dynamoviews.Seen   { return dynamoviews.NewSeen(f.client(), "seen") }

// own returns a name that no other try uses.
func (f *faults) own() string {
	f.opened++
	return fmt.Sprintf("%06d", f.opened)
}

func TestFaults(t *testing.T) {
	f := &faults{cfg: awstest.Config(emulator.Start(t).Endpoint)}
	transport := wire.New(http.DefaultTransport, 1)
	f.cfg.HTTPClient = transport
	awstest.Table(t, f.cfg, "base", awstest.BaseTable)
	awstest.Table(t, f.cfg, "speed", awstest.SpeedTable)
	awstest.Table(t, f.cfg, "seen", awstest.SeenTable)
	conflict := viewstore.ErrConflict
	wiretest.Run(t, transport, slices.Concat(
		[]wiretest.Site{
			{Name: "base: put", Prepare: func(t *testing.T) wiretest.Try { return f.putBase(t, 0, 0, nil) }},
			{Name: "base: put over the loaded item", Prepare: func(t *testing.T) wiretest.Try {
				return f.putBase(t, 1000, 1000, nil)
			}},
			{Name: "base: put over another item", Prepare: func(t *testing.T) wiretest.Try {
				return f.putBase(t, 2000, 1000, conflict)
			}},
			{Name: "base: drop", Prepare: f.dropBase},
			{Name: "speed: put", Prepare: func(t *testing.T) wiretest.Try { return f.putSpeed(t, "", "", nil) }},
			{Name: "speed: put over the loaded item", Prepare: func(t *testing.T) wiretest.Try {
				return f.putSpeed(t, "10", "10", nil)
			}},
			{Name: "speed: put over another item", Prepare: func(t *testing.T) wiretest.Try {
				return f.putSpeed(t, "20", "10", conflict)
			}},
			{Name: "seen: put", Prepare: f.putSeen},
			{Name: "seen: put applied", Prepare: f.putApplied},
		},
		f.readBase(t), f.readSpeed(t), f.readSeen(t), f.readApplied(t),
	))
}

func need(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// putBase puts an item at horizon 3000 over the stored horizon, 0 for none.
func (f *faults) putBase(t *testing.T, stored, loaded slot.Slot, want error) wiretest.Try {
	b := f.base()
	key := viewstore.BaseKey{Generation: "g", Key: view.Key(f.own()), Page: 1}
	var before []viewstore.BaseItem
	if stored != 0 {
		before = []viewstore.BaseItem{{BaseKey: key, Horizon: stored, States: []byte("before")}}
		need(t, b.Put(t.Context(), before[0], 0))
	}
	ours := viewstore.BaseItem{BaseKey: key, Horizon: 3000, States: []byte("ours")}
	return wiretest.Try{
		Do:   func(ctx context.Context) error { return b.Put(ctx, ours, loaded) },
		Want: want, Lost: viewstore.ErrConflict,
		Check: func(t *testing.T, err error) {
			got, readErr := b.Load(t.Context(), []viewstore.BaseKey{key})
			need(t, readErr)
			wantPut(t, err, want, before, ours, got, func() error { return b.Put(t.Context(), ours, loaded) })
		},
	}
}

// dropBase drops a generation whose items take two requests to delete. Another generation's ID begins with the same ID.
func (f *faults) dropBase(t *testing.T) wiretest.Try {
	b := f.base()
	gone := lifecycle.GenerationID("gone " + f.own())
	kept := viewstore.BaseItem{BaseKey: viewstore.BaseKey{Generation: gone + "0", Key: "k", Page: 1}, Horizon: 1000,
		States: []byte("kept")}
	need(t, b.Put(t.Context(), kept, 0))
	keys := []viewstore.BaseKey{kept.BaseKey}
	for page := range view.Page(26) {
		key := viewstore.BaseKey{Generation: gone, Key: "k", Page: page}
		need(t, b.Put(t.Context(), viewstore.BaseItem{BaseKey: key, Horizon: 1000, States: []byte("gone")}, 0))
		keys = append(keys, key)
	}
	drop := func(ctx context.Context) error {
		for after := ""; ; {
			next, err := b.Drop(ctx, gone, after)
			if err != nil || next == "" {
				return err
			}
			after = next
		}
	}
	return wiretest.Try{
		Do: drop,
		Check: func(t *testing.T, err error) {
			if err != nil {
				need(t, drop(t.Context()))
			}
			got, readErr := b.Load(t.Context(), keys)
			need(t, readErr)
			if diff := gocmp.Diff([]viewstore.BaseItem{kept}, got); diff != "" {
				t.Errorf("after error %v (-want +got):\n%s", err, diff)
			}
		},
	}
}

func (f *faults) putSpeed(t *testing.T, stored, loaded event.Sequence, want error) wiretest.Try {
	s := f.speed()
	key := viewstore.SpeedKey{Set: "d", Key: view.Key(f.own()), Slot: 300_000, Page: 1,
		Lane: event.Lane{Layout: 1, Count: 4, N: 2}}
	var before []viewstore.SpeedItem
	if stored != "" {
		before = []viewstore.SpeedItem{{SpeedKey: key, Applied: stored, States: []byte("before")}}
		need(t, s.Put(t.Context(), before[0], ""))
	}
	ours := viewstore.SpeedItem{SpeedKey: key, Applied: "30", States: []byte("ours")}
	return wiretest.Try{
		Do:   func(ctx context.Context) error { return s.Put(ctx, ours, loaded) },
		Want: want, Lost: viewstore.ErrConflict,
		Check: func(t *testing.T, err error) {
			got, readErr := s.Load(t.Context(), []viewstore.SpeedKey{key})
			need(t, readErr)
			wantPut(t, err, want, before, ours, got, func() error { return s.Put(t.Context(), ours, loaded) })
		},
	}
}

// wantPut checks a put. On nil, our item is stored. On an error, it is stored or not, as a whole; if not, putting it
// again stores it. Over another item than the loaded one, it is never stored.
func wantPut[I any](t *testing.T, err, want error, before []I, ours I, got []I, again func() error) {
	t.Helper()
	applied, asBefore := gocmp.Equal([]I{ours}, got), gocmp.Equal(before, got, cmpopts.EquateEmpty())
	switch {
	case want != nil && !asBefore, want == nil && err == nil && !applied, !applied && !asBefore:
		t.Errorf("after error %v the item is %+v", err, got)
	case want == nil && asBefore:
		need(t, again())
	}
}

func seenItem(lane event.Lane, n int) viewstore.SeenItem {
	return viewstore.SeenItem{Lane: lane, Recorded: event.Millis(n), Records: []viewstore.SeenRecord{{
		Sequence: event.Sequence(strconv.Itoa(1000 + n)), Identities: []event.Identity{{Lo: uint64(n)}},
	}}}
}

// putSeen puts a seen item. A seen item must be durable before speed reports any of its records as applied, so a wrong
// success here would count an event twice.
func (f *faults) putSeen(*testing.T) wiretest.Try {
	s := f.seen()
	f.opened++
	lane := event.Lane{Layout: f.opened, Count: 4, N: 1}
	item := seenItem(lane, 1)
	return wiretest.Try{
		Do: func(ctx context.Context) error { return s.Put(ctx, item) },
		Check: func(t *testing.T, err error) {
			if err != nil {
				need(t, s.Put(t.Context(), item)) // a retry is safe
			}
			got, readErr := s.After(t.Context(), lane, "")
			need(t, readErr)
			if diff := gocmp.Diff([]viewstore.SeenItem{item}, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		},
	}
}

// putApplied puts what speed has applied. A wrong success here would leave a generation without events that nobody
// brings.
func (f *faults) putApplied(*testing.T) wiretest.Try {
	s := f.seen()
	f.opened++
	ours := viewstore.Applied{Lane: event.Lane{Layout: f.opened, Count: 4, N: 1}, First: "1", Last: "2", Recorded: 1}
	return wiretest.Try{
		Do: func(ctx context.Context) error { return s.PutApplied(ctx, ours) },
		Check: func(t *testing.T, err error) {
			if err != nil {
				need(t, s.PutApplied(t.Context(), ours)) // a retry is safe
			}
			got, readErr := newestApplied(t.Context(), s, ours.Lane)
			need(t, readErr)
			if diff := gocmp.Diff([]viewstore.Applied{ours}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		},
	}
}

// newestApplied returns what speed has applied of a lane, in order.
func newestApplied(ctx context.Context, s *dynamoviews.Seen, lane event.Lane) (all []viewstore.Applied, err error) {
	err = s.NewestApplied(ctx, lane, func(a viewstore.Applied) bool {
		all = append(all, a)
		return true
	})
	slices.Reverse(all)
	return all, err
}

// readApplied reads 60 items, which takes two requests.
func (f *faults) readApplied(t *testing.T) []wiretest.Site {
	lane := event.Lane{Layout: 1, Count: 16, N: 5}
	var all []viewstore.Applied
	for n := range 60 {
		at := event.Sequence(strconv.Itoa(1000 + n))
		all = append(all, viewstore.Applied{Lane: lane, First: at, Last: at, Recorded: event.Millis(n)})
		need(t, f.seen().PutApplied(t.Context(), all[n]))
	}
	return []wiretest.Site{
		reading("seen: newest applied in two requests", all, nil, func() func(context.Context) ([]viewstore.Applied, error) {
			s := f.seen()
			return func(ctx context.Context) ([]viewstore.Applied, error) { return newestApplied(ctx, s, lane) }
		}),
	}
}

// reading returns a site that reads. It must return all items or an error; a missing item would count zero times.
func reading[I any](name string, want []I, order func(a, b I) int,
	open func() func(context.Context) ([]I, error)) wiretest.Site {
	return wiretest.Site{Name: name, Prepare: func(*testing.T) wiretest.Try {
		var got []I
		read := open()
		return wiretest.Try{
			Do: func(ctx context.Context) (err error) {
				got, err = read(ctx)
				return err
			},
			Check: func(t *testing.T, err error) {
				if order != nil {
					slices.SortFunc(got, order)
				}
				if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); err == nil && diff != "" {
					t.Errorf("(-want +got):\n%.2000s", diff)
				}
			},
		}
	}}
}

// readBase reads 120 pages, which takes two requests of Load.
func (f *faults) readBase(t *testing.T) []wiretest.Site {
	var items []viewstore.BaseItem
	keys := []viewstore.BaseKey{{Generation: "r", Key: "none"}}
	for page := range view.Page(119) {
		item := viewstore.BaseItem{BaseKey: viewstore.BaseKey{Generation: "r", Key: "k", Page: page}, Horizon: 1000,
			States: []byte{byte(page)}}
		need(t, f.base().Put(t.Context(), item, 0))
		items, keys = append(items, item), append(keys, item.BaseKey)
	}
	byPage := func(a, b viewstore.BaseItem) int { return cmp.Compare(a.Page, b.Page) }
	return []wiretest.Site{
		reading("base: load in two requests", items, byPage, func() func(context.Context) ([]viewstore.BaseItem, error) {
			b := f.base()
			return func(ctx context.Context) ([]viewstore.BaseItem, error) { return b.Load(ctx, keys) }
		}),
		reading("base: pages", items[10:20], nil, func() func(context.Context) ([]viewstore.BaseItem, error) {
			b := f.base()
			return func(ctx context.Context) ([]viewstore.BaseItem, error) {
				items, _, err := b.Pages(ctx, "r", "k", 10, 19, "")
				return items, err
			}
		}),
	}
}

func (f *faults) readSpeed(t *testing.T) []wiretest.Site {
	var items []viewstore.SpeedItem
	var keys []viewstore.SpeedKey
	for n := range slot.Slot(10) {
		item := viewstore.SpeedItem{
			SpeedKey: viewstore.SpeedKey{Set: "r", Key: "k", Slot: n * 300_000, Lane: event.Lane{Layout: 1, Count: 4}},
			Applied:  "1", States: []byte{byte(n)},
		}
		need(t, f.speed().Put(t.Context(), item, ""))
		items, keys = append(items, item), append(keys, item.SpeedKey)
	}
	bySlot := func(a, b viewstore.SpeedItem) int { return cmp.Compare(a.Slot, b.Slot) }
	return []wiretest.Site{
		reading("speed: load", items, bySlot, func() func(context.Context) ([]viewstore.SpeedItem, error) {
			s := f.speed()
			return func(ctx context.Context) ([]viewstore.SpeedItem, error) { return s.Load(ctx, keys) }
		}),
		reading("speed: slots", items[4:], nil, func() func(context.Context) ([]viewstore.SpeedItem, error) {
			s := f.speed()
			return func(ctx context.Context) ([]viewstore.SpeedItem, error) {
				items, _, err := s.Slots(ctx, "r", "k", 4*300_000, "")
				return items, err
			}
		}),
	}
}

// readSeen reads 60 items, which takes two requests of Since.
func (f *faults) readSeen(t *testing.T) []wiretest.Site {
	lane := event.Lane{Layout: 1, Count: 16, N: 3}
	var items []viewstore.SeenItem
	for n := range 60 {
		item := seenItem(lane, n)
		need(t, f.seen().Put(t.Context(), item))
		items = append(items, item)
	}
	return []wiretest.Site{
		reading("seen: after", items[21:], nil, func() func(context.Context) ([]viewstore.SeenItem, error) {
			s := f.seen()
			return func(ctx context.Context) ([]viewstore.SeenItem, error) { return s.After(ctx, lane, items[20].Last()) }
		}),
		reading("seen: newest in two requests", items, nil, func() func(context.Context) ([]viewstore.SeenItem, error) {
			s := f.seen()
			return func(ctx context.Context) ([]viewstore.SeenItem, error) { return newest(ctx, s, lane, 0) }
		}),
	}
}
