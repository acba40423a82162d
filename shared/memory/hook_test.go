package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// stores holds one store of each kind, under one hook.
type stores struct {
	archive memory.Archive
	catalog memory.Catalog
	base    memory.Base
	speed   memory.Speed
	seen    memory.Seen
	queue   memory.Queue
	stream  *memory.Stream
}

func newStores(hook memory.Hook) *stores {
	s := &stores{stream: memory.NewStream(1)}
	s.archive.Now = now
	s.setHook(hook)
	return s
}

func (s *stores) setHook(hook memory.Hook) {
	s.archive.Hook, s.catalog.Hook, s.base.Hook, s.speed.Hook, s.seen.Hook = hook, hook, hook, hook, hook
	s.queue.Hook, s.stream.Hook = hook, hook
}

var (
	lane0 = event.Lane{Layout: 1, Count: 4}
	base  = viewstore.BaseItem{BaseKey: viewstore.BaseKey{Generation: "g", Key: "k", Page: 1}, Horizon: 1000,
		States: []byte("states")}
	speed = viewstore.SpeedItem{
		SpeedKey: viewstore.SpeedKey{Set: "d", Key: "k", Slot: 1000, Page: 1, Lane: lane0}, Applied: "1",
		States: []byte("states"),
	}
	seen = viewstore.SeenItem{Lane: lane0,
		Records:  []viewstore.SeenRecord{{Sequence: "1", Identities: []event.Identity{{Lo: 1}}}},
		Recorded: 1000, Expires: 2}
)

// write is a call that changes something, and a check of the change.
type write struct {
	call    memory.Call
	do      func(ctx context.Context, s *stores) error
	applied func(ctx context.Context, s *stores) bool
}

func writes() []write {
	return []write{
		{
			memory.Call{Name: "archive.Put", Key: "key"},
			func(ctx context.Context, s *stores) error {
				date, err := s.archive.Put(ctx, "key", []byte("body"))
				return errors.Join(err, noDate(err, date))
			},
			func(ctx context.Context, s *stores) bool { _, _, err := s.archive.Get(ctx, "key"); return err == nil },
		},
		{
			memory.Call{Name: "catalog.Append", Key: "1"},
			func(ctx context.Context, s *stores) error { return s.catalog.Append(ctx, lifecycle.Run{N: 1}) },
			func(ctx context.Context, s *stores) bool { head, _ := s.catalog.Head(ctx); return head.N == 1 },
		},
		{
			memory.Call{Name: "catalog.PutView", Key: "page_views"},
			func(ctx context.Context, s *stores) error {
				return s.catalog.PutView(ctx, lifecycle.View{Name: "page_views"})
			},
			func(ctx context.Context, s *stores) bool {
				_, err := s.catalog.View(ctx, "page_views")
				return err == nil
			},
		},
		{
			memory.Call{Name: "catalog.PutDefinition", Key: "d"},
			func(ctx context.Context, s *stores) error { return s.catalog.PutDefinition(ctx, "d", []byte("text")) },
			func(ctx context.Context, s *stores) bool { _, err := s.catalog.Definition(ctx, "d"); return err == nil },
		},
		{
			memory.Call{Name: "catalog.PutSwept", Key: "1"},
			func(ctx context.Context, s *stores) error { return s.catalog.PutSwept(ctx, 1, 0) },
			func(ctx context.Context, s *stores) bool { run, _ := s.catalog.Swept(ctx); return run == 1 },
		},
		{
			memory.Call{Name: "seen.Put", Key: "1.4.0"},
			func(ctx context.Context, s *stores) error { return s.seen.Put(ctx, seen) },
			func(ctx context.Context, s *stores) bool {
				items, _ := s.seen.After(ctx, lane0, "")
				return len(items) == 1
			},
		},
		{
			memory.Call{Name: "base.Put", Key: "k"},
			func(ctx context.Context, s *stores) error { return s.base.Put(ctx, base, 0) },
			func(ctx context.Context, s *stores) bool {
				items, _ := s.base.Load(ctx, []viewstore.BaseKey{base.BaseKey})
				return len(items) == 1
			},
		},
		{
			memory.Call{Name: "speed.Put", Key: "k"},
			func(ctx context.Context, s *stores) error { return s.speed.Put(ctx, speed, "") },
			func(ctx context.Context, s *stores) bool {
				items, _ := s.speed.Load(ctx, []viewstore.SpeedKey{speed.SpeedKey})
				return len(items) == 1
			},
		},
		{
			memory.Call{Name: "stream.Publish"},
			func(ctx context.Context, s *stores) error {
				_, err := s.stream.Publish(ctx, []stream.Entry{{Lane: lane0, Data: []byte("data")}})
				return err
			},
			func(_ context.Context, s *stores) bool {
				records, _, _ := s.stream.Read(s.stream.Shards()[0].ID, "", 10)
				return len(records) == 1
			},
		},
		{
			memory.Call{Name: "queue.Enqueue", Key: "object"},
			func(ctx context.Context, s *stores) error {
				return s.queue.Enqueue(ctx, stream.Republish{Object: "object"})
			},
			func(_ context.Context, s *stores) bool { return len(s.queue.Take(10)) == 1 },
		},
	}
}

// read is a call that returns something. It returns an error when the call returned an answer beside an error.
type read struct {
	call memory.Call
	do   func(ctx context.Context, s *stores) error
}

func reads() []read {
	return []read{
		{memory.Call{Name: "archive.Get", Key: "key"}, func(ctx context.Context, s *stores) error {
			body, date, err := s.archive.Get(ctx, "key")
			return errors.Join(err, noAnswer(err, len(body)), noDate(err, date))
		}},
		{memory.Call{Name: "archive.List", Key: "a"}, func(ctx context.Context, s *stores) error {
			objects, date, err := s.archive.List(ctx, "a", "z", 10)
			return errors.Join(err, noAnswer(err, len(objects)), noDate(err, date))
		}},
		{memory.Call{Name: "catalog.Head"}, func(ctx context.Context, s *stores) error {
			head, err := s.catalog.Head(ctx)
			return errors.Join(err, noAnswer(err, int(head.N)))
		}},
		{memory.Call{Name: "catalog.Runs"}, func(ctx context.Context, s *stores) error {
			runs, err := s.catalog.Runs(ctx, 1, 10)
			return errors.Join(err, noAnswer(err, len(runs)))
		}},
		{memory.Call{Name: "catalog.Views"}, func(ctx context.Context, s *stores) error {
			views, err := s.catalog.Views(ctx)
			return errors.Join(err, noAnswer(err, len(views)))
		}},
		{memory.Call{Name: "catalog.View", Key: "page_views"}, func(ctx context.Context, s *stores) error {
			v, err := s.catalog.View(ctx, "page_views")
			return errors.Join(err, noAnswer(err, int(v.Revision)))
		}},
		{memory.Call{Name: "catalog.Definition", Key: "d"}, func(ctx context.Context, s *stores) error {
			text, err := s.catalog.Definition(ctx, "d")
			return errors.Join(err, noAnswer(err, len(text)))
		}},
		{memory.Call{Name: "catalog.Swept"}, func(ctx context.Context, s *stores) error {
			run, err := s.catalog.Swept(ctx)
			return errors.Join(err, noAnswer(err, int(run)))
		}},
		{memory.Call{Name: "seen.After", Key: "1.4.0"}, func(ctx context.Context, s *stores) error {
			items, err := s.seen.After(ctx, lane0, "")
			return errors.Join(err, noAnswer(err, len(items)))
		}},
		{memory.Call{Name: "seen.Newest", Key: "1.4.0"}, func(ctx context.Context, s *stores) error {
			items := 0
			err := s.seen.Newest(ctx, lane0, func(viewstore.SeenItem) bool { items++; return true })
			return errors.Join(err, noAnswer(err, items))
		}},
		{memory.Call{Name: "base.Load"}, func(ctx context.Context, s *stores) error {
			items, err := s.base.Load(ctx, []viewstore.BaseKey{base.BaseKey})
			return errors.Join(err, noAnswer(err, len(items)))
		}},
		{memory.Call{Name: "base.Pages", Key: "k"}, func(ctx context.Context, s *stores) error {
			items, _, err := s.base.Pages(ctx, "g", "k", 1, 1, "")
			return errors.Join(err, noAnswer(err, len(items)))
		}},
		{memory.Call{Name: "speed.Load"}, func(ctx context.Context, s *stores) error {
			items, err := s.speed.Load(ctx, []viewstore.SpeedKey{speed.SpeedKey})
			return errors.Join(err, noAnswer(err, len(items)))
		}},
		{memory.Call{Name: "speed.Slots", Key: "k"}, func(ctx context.Context, s *stores) error {
			items, _, err := s.speed.Slots(ctx, "d", "k", 0, "")
			return errors.Join(err, noAnswer(err, len(items)))
		}},
	}
}

// noAnswer returns an error when a call returned both an answer and an error, or neither.
func noAnswer(err error, size int) error {
	if (err == nil) != (size > 0) {
		return fmt.Errorf("answer of size %d beside error %v", size, err)
	}
	return nil
}

func noDate(err error, date time.Time) error {
	answered := err == nil || errors.Is(err, archive.ErrExists)
	if answered == date.IsZero() {
		return fmt.Errorf("date %s beside error %v", date, err)
	}
	return nil
}

var errFault = errors.New("fault")

// onlyFault checks that an error is the fault and nothing else.
func onlyFault(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, errFault) || err.Error() != errFault.Error() {
		t.Errorf("error %v, want only %v", err, errFault)
	}
}

func TestHookSeesEveryCallOnce(t *testing.T) {
	var seen []memory.Call
	s := newStores(func(c memory.Call) memory.Fault { seen = append(seen, c); return memory.Fault{} })
	var want []memory.Call
	for _, w := range writes() {
		want = append(want, w.call)
		if err := w.do(t.Context(), s); err != nil {
			t.Errorf("%+v: %v", w.call, err)
		}
	}
	for _, r := range reads() {
		want = append(want, r.call)
		if err := r.do(t.Context(), s); err != nil {
			t.Errorf("%+v: %v", r.call, err)
		}
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestFaultBeforeAWrite(t *testing.T) {
	for _, w := range writes() {
		t.Run(w.call.Name, func(t *testing.T) {
			s := newStores(func(memory.Call) memory.Fault { return memory.Fault{Err: errFault} })
			onlyFault(t, w.do(t.Context(), s))
			s.setHook(nil)
			if w.applied(t.Context(), s) {
				t.Error("the write took effect")
			}
			if err := w.do(t.Context(), s); err != nil {
				t.Errorf("the same call without a fault: %v", err)
			}
		})
	}
}

func TestFaultAfterAWrite(t *testing.T) {
	for _, w := range writes() {
		t.Run(w.call.Name, func(t *testing.T) {
			s := newStores(func(memory.Call) memory.Fault { return memory.Fault{Err: errFault, Applied: true} })
			onlyFault(t, w.do(t.Context(), s))
			s.setHook(nil)
			if !w.applied(t.Context(), s) {
				t.Error("the write took no effect")
			}
		})
	}
}

// TestFaultOfARead checks that a read with a fault returns no answer, whether the fault comes before or after the read.
func TestFaultOfARead(t *testing.T) {
	for _, applied := range []bool{false, true} {
		s := newStores(nil)
		for _, w := range writes() {
			if err := w.do(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		s.setHook(func(memory.Call) memory.Fault { return memory.Fault{Err: errFault, Applied: applied} })
		for _, r := range reads() {
			t.Run(fmt.Sprintf("%s/applied=%t", r.call.Name, applied), func(t *testing.T) { onlyFault(t, r.do(t.Context(), s)) })
		}
	}
}

// TestHookMayCall checks that no lock is held while the hook runs. So a hook may call the same store, as a test does
// that acts between two calls.
func TestHookMayCall(t *testing.T) {
	var s *stores
	s = newStores(func(memory.Call) memory.Fault {
		s.setHook(nil)
		for _, w := range writes() {
			if err := w.do(t.Context(), s); err != nil {
				t.Errorf("%s from within a hook: %v", w.call.Name, err)
			}
		}
		return memory.Fault{}
	})
	if _, err := s.archive.Put(t.Context(), "other", nil); err != nil {
		t.Error(err)
	}
}

// TestCancelledWritesNothing checks that in memory, a call whose ctx has ended has no effect.
func TestCancelledWritesNothing(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, w := range writes() {
		s := newStores(nil)
		if err := w.do(ended, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v", w.call.Name, err)
		}
		if w.applied(t.Context(), s) {
			t.Errorf("%s with an ended ctx took effect", w.call.Name)
		}
	}
}
