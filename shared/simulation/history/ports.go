package history

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// port is how an environment reaches the contracts: the stores in memory, with the scheduler and its faults at every
// call.
type port struct {
	*environment
}

// call makes one call of the running invocation. First others run for as long as the call takes; then the call is
// applied, or meets a fault. do applies the call, at most once. A fault can prevent that, or delay it until after call
// has returned.
func (p port) call(k kind, name, key string, do func() error) error {
	h, inv := p.h, p.current
	inv.pause(h.latency())
	if h.isDown(k.service) && !(p.role == speedRole && h.isSpared()) {
		h.count(k.service)
		h.note(inv, name, key, "down")
		return errDown
	}
	if h.tamper != nil {
		do = h.tampered(name, key, do)
	}
	do = p.byFormat(k, name, key, do)
	f := h.draw(k)
	switch {
	case k.builds && h.chance(BuildKilled):
		h.counts[BuildKilled]-- // it is counted below
		f = BuildKilled
	case p.role == speedRole && h.isSpared():
		f = -1
	case inv.refused > 0 && k.service == DynamoDown && !h.calm:
		inv.refused--
		f = Throttled
	case k.service == DynamoDown && k.write && !h.calm && h.rates[Throttled] > 0 && h.random.IntN(40) == 0:
		f, inv.refused = Throttled, 1+h.random.IntN(8)
	}
	if f < 0 {
		err := do()
		h.noteResult(inv, name, key, err)
		return err
	}
	h.count(f)
	h.note(inv, name, key, faultNames[f])
	switch f {
	case FailedBefore:
		return errInjected
	case Throttled:
		return errThrottled
	case AnswerLost:
		h.noteResult(inv, name, key, do())
		return errLost
	case PartlyTaken:
		inv.partly = true
	case LateNever, LateLanded:
		return p.late(f == LateLanded, name, key, do)
	case Slow:
		if k.commit && (h.edgy || h.random.IntN(2) == 0) {
			// It lands right before ingest gives up, or somewhat later.
			beside := pick(h, -h.between(0, 250*time.Millisecond), -h.between(0, 250*time.Millisecond), h.between(0, 2*h.margin))
			inv.pause(max(0, inv.commitBy.Sub(p.now())+beside))
			break
		}
		inv.pause(h.between(500*time.Millisecond, pick(h, 4*time.Second, 12*time.Second)))
	case SlowAnswer:
		err := do()
		h.noteResult(inv, name, key, err)
		inv.pause(h.between(500*time.Millisecond, 4*time.Second))
		return err
	case KilledAfter:
		h.noteResult(inv, name, key, do())
		panic(died{})
	case KilledBefore, BuildKilled:
		panic(died{})
	case Frozen:
		freeze := h.between(5*time.Second, h.longFreeze)
		inv.thaws = h.clock.Add(freeze)
		inv.pause(freeze)
	}
	// A frozen or slow call goes out now, however late it is. An SDK would notice that its context has ended. Not to
	// notice it is the worst case.
	err := do()
	h.noteResult(inv, name, key, err)
	return err
}

// late outlasts the deadline of the call. The call may still be applied long after its caller got an error.
func (p port) late(lands bool, name, key string, do func() error) error {
	h, inv := p.h, p.current
	wait := h.between(time.Second, 3*time.Second)
	if inv.commitBy != (time.Time{}) && name == "archive.Put" {
		wait = max(0, inv.commitBy.Sub(p.now())) // ingest gives up its put at its own deadline
	}
	if lands {
		lag := wait + h.between(-wait, h.longFreeze)
		h.after(lag, func() { h.noteResult(inv, name+", in flight", key, do()) })
	}
	inv.pause(wait)
	return errLate
}

// ask works as call does, for calls that return a value. With an error it returns no value.
func ask[T any](p port, k kind, name, key string, do func() (T, error)) (value T, err error) {
	err = p.call(k, name, key, func() (err error) {
		value, err = do()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return value, nil
}

// everywhere is the context of all calls of stores in memory. Only the scheduler ends a call early.
var everywhere = context.Background()

var (
	readS3      = kind{service: S3Down}
	writeS3     = kind{service: S3Down, write: true}
	readDynamo  = kind{service: DynamoDown}
	writeDynamo = kind{service: DynamoDown, write: true}
)

type archivePort struct{ port }

func (a archivePort) Put(_ context.Context, key archive.Key, body []byte) (date time.Time, err error) {
	k := writeS3
	k.commit = a.role == ingestRole && strings.HasPrefix(string(key), string(archive.FirstEvent))
	err = a.call(k, "archive.Put", string(key), func() (err error) {
		if date, err = a.h.archive.Put(everywhere, key, body); err == nil {
			a.h.onObject(key, body)
		}
		return err
	})
	if errors.Is(err, errLost) {
		date = time.Time{}
	}
	return date, err
}

func (a archivePort) Get(_ context.Context, key archive.Key) (body []byte, date time.Time, err error) {
	err = a.call(readS3, "archive.Get", string(key), func() (err error) {
		body, date, err = a.h.archive.Get(everywhere, key)
		return err
	})
	return body, date, err
}

func (a archivePort) List(_ context.Context, from, to archive.Key, limit int) (objects []archive.Object, date time.Time,
	err error) {
	err = a.call(readS3, "archive.List", string(from), func() (err error) {
		objects, date, err = a.h.archive.List(everywhere, from, to, limit)
		return err
	})
	return objects, date, err
}

type streamPort struct{ port }

func (s streamPort) Publish(_ context.Context, entries []stream.Entry) (failed []int, err error) {
	inv := s.current
	k := kind{service: StreamDown, write: true, partly: len(entries) > 1}
	err = s.call(k, "stream.Publish", strconv.Itoa(len(entries)), func() error {
		taken := entries
		if inv.partly {
			inv.partly = false
			taken, failed = s.h.takeSome(entries)
		}
		s.h.onPublish(taken)
		if s.role == ingestRole && len(taken) > 0 {
			s.h.keepLetterOf(taken[0])
		}
		_, err := s.h.stream.Publish(everywhere, taken)
		return err
	})
	if err != nil {
		failed = nil
	}
	return failed, err
}

type queuePort struct{ port }

func (q queuePort) Enqueue(_ context.Context, request stream.Republish) error {
	return q.call(kind{service: -1, write: true}, "queue.Enqueue", request.Object, func() error {
		return q.h.queue.Enqueue(everywhere, request)
	})
}

// Waiting counts the requests in the queue, and those that were taken and will be tried again.
func (q queuePort) Waiting(context.Context) (int, error) {
	return ask(q.port, kind{service: -1}, "queue.Waiting", "", func() (int, error) {
		n, err := q.h.queue.Waiting(everywhere)
		return n + q.h.waiting, err
	})
}

type catalogPort struct{ port }

func (c catalogPort) Head(context.Context) (lifecycle.Run, error) {
	return ask(c.port, readDynamo, "catalog.Head", "", func() (lifecycle.Run, error) {
		return c.h.catalog.Head(everywhere)
	})
}

func (c catalogPort) Runs(_ context.Context, from, to uint64) ([]lifecycle.Run, error) {
	k := readDynamo
	k.builds = c.role == batchRole && from == 1 && to > 1 // a build reads all runs at once
	return ask(c.port, k, "catalog.Runs", strconv.FormatUint(from, 10), func() ([]lifecycle.Run, error) {
		return c.h.catalog.Runs(everywhere, from, to)
	})
}

func (c catalogPort) Append(_ context.Context, run lifecycle.Run) error {
	k := writeDynamo
	k.real = true
	return c.call(k, "catalog.Append", strconv.FormatUint(run.N, 10), func() error {
		err := c.h.catalog.Append(everywhere, run)
		if err == nil {
			c.h.onRun(run)
		}
		return err
	})
}

func (c catalogPort) Views(context.Context) ([]lifecycle.View, error) {
	return ask(c.port, readDynamo, "catalog.Views", "", func() ([]lifecycle.View, error) {
		all, err := c.h.catalog.Views(everywhere)
		return c.falsified(all), err
	})
}

func (c catalogPort) View(_ context.Context, name view.Name) (lifecycle.View, error) {
	return ask(c.port, readDynamo, "catalog.View", string(name), func() (lifecycle.View, error) {
		return c.h.catalog.View(everywhere, name)
	})
}

func (c catalogPort) PutView(_ context.Context, v lifecycle.View) error {
	k := writeDynamo
	k.announces = slices.ContainsFunc(v.Generations, func(g lifecycle.Generation) bool {
		return g.State == lifecycle.Announced
	})
	return c.call(k, "catalog.PutView", string(v.Name), func() error {
		err := c.h.catalog.PutView(everywhere, v)
		if err == nil {
			c.h.onView(v.Name)
		}
		return err
	})
}

func (c catalogPort) Definition(_ context.Context, hash view.Hash) ([]byte, error) {
	return ask(c.port, readDynamo, "catalog.Definition", string(hash), func() ([]byte, error) {
		text, err := c.h.catalog.Definition(everywhere, hash)
		return c.byEngine(text), err
	})
}

func (c catalogPort) PutDefinition(_ context.Context, hash view.Hash, text []byte) error {
	return c.call(writeDynamo, "catalog.PutDefinition", string(hash), func() error {
		return c.h.catalog.PutDefinition(everywhere, hash, text)
	})
}

func (c catalogPort) Swept(context.Context) (uint64, error) {
	return ask(c.port, readDynamo, "catalog.Swept", "", func() (uint64, error) {
		if c.lies(AllSwept) {
			return c.h.head(), nil
		}
		return c.h.catalog.Swept(everywhere)
	})
}

func (c catalogPort) PutSwept(_ context.Context, run, loaded uint64) error {
	return c.call(writeDynamo, "catalog.PutSwept", strconv.FormatUint(run, 10), func() error {
		err := c.h.catalog.PutSwept(everywhere, run, loaded)
		if err == nil {
			c.h.onSwept(run)
		}
		return err
	})
}

func (c catalogPort) Waits(context.Context) (catalog.SweepWaits, error) {
	return ask(c.port, readDynamo, "catalog.Waits", "", func() (catalog.SweepWaits, error) {
		return c.h.catalog.Waits(everywhere)
	})
}

func (c catalogPort) PutWaits(_ context.Context, w catalog.SweepWaits) error {
	return c.call(writeDynamo, "catalog.PutWaits", strconv.Itoa(len(w.Waits)), func() error {
		return c.h.catalog.PutWaits(everywhere, w)
	})
}

func (c catalogPort) Audit(_ context.Context, name view.Name) (catalog.Audit, error) {
	return ask(c.port, readDynamo, "catalog.Audit", string(name), func() (catalog.Audit, error) {
		return c.h.catalog.Audit(everywhere, name)
	})
}

func (c catalogPort) PutAudit(_ context.Context, a catalog.Audit) error {
	return c.call(writeDynamo, "catalog.PutAudit", string(a.View), func() error {
		return c.h.catalog.PutAudit(everywhere, a)
	})
}

func (c catalogPort) Lease(_ context.Context, name string) (catalog.Lease, error) {
	return ask(c.port, readDynamo, "catalog.Lease", name, func() (catalog.Lease, error) {
		return c.h.catalog.Lease(everywhere, name)
	})
}

func (c catalogPort) PutLease(_ context.Context, l catalog.Lease) error {
	inv := c.current
	return c.call(writeDynamo, "catalog.PutLease", l.Name, func() error {
		err := c.h.catalog.PutLease(everywhere, l)
		if err == nil {
			c.h.onLease(inv, l)
		}
		return err
	})
}

type basePort struct{ port }

func (b basePort) Load(_ context.Context, keys []viewstore.BaseKey) ([]viewstore.BaseItem, error) {
	return ask(b.port, readDynamo, "base.Load", strconv.Itoa(len(keys)), func() ([]viewstore.BaseItem, error) {
		return b.h.base.Load(everywhere, keys)
	})
}

func (b basePort) Put(_ context.Context, item viewstore.BaseItem, loaded slot.Slot) error {
	return b.call(writeDynamo, "base.Put", keyText(item.Key), func() error {
		err := b.h.base.Put(everywhere, item, loaded)
		if err == nil {
			b.h.onBase(item)
		}
		return err
	})
}

func (b basePort) Pages(_ context.Context, g lifecycle.GenerationID, key view.Key, from,
	to view.Page) ([]viewstore.BaseItem, error) {
	return ask(b.port, readDynamo, "base.Pages", keyText(key), func() ([]viewstore.BaseItem, error) {
		return b.h.base.Pages(everywhere, g, key, from, to)
	})
}

func (b basePort) Drop(_ context.Context, g lifecycle.GenerationID, after string) (string, error) {
	return ask(b.port, writeDynamo, "base.Drop", string(g), func() (string, error) {
		return b.h.base.Drop(everywhere, g, after)
	})
}

func (b basePort) Scan(_ context.Context, g lifecycle.GenerationID, after string) (items []viewstore.BaseItem,
	next string, err error) {
	next, err = ask(b.port, readDynamo, "base.Scan", string(g), func() (next string, err error) {
		items, next, err = b.h.base.Scan(everywhere, g, after)
		return next, err
	})
	return items, next, err
}

type speedPort struct{ port }

func (s speedPort) Load(_ context.Context, keys []viewstore.SpeedKey) ([]viewstore.SpeedItem, error) {
	return ask(s.port, readDynamo, "speed.Load", strconv.Itoa(len(keys)), func() ([]viewstore.SpeedItem, error) {
		items, err := s.h.items.Load(everywhere, keys)
		return s.loaded(items), err
	})
}

func (s speedPort) Put(_ context.Context, item viewstore.SpeedItem, loaded event.Sequence) error {
	return s.call(writeDynamo, "speed.Put", keyText(item.Key), func() error {
		if s.lies(NoObjects) && s.h.random.IntN(20) == 0 {
			return nil
		}
		err := s.h.items.Put(everywhere, item, s.applied(item.SpeedKey, loaded))
		if err == nil {
			s.h.onSpeed(item)
		}
		return err
	})
}

func (s speedPort) Slots(_ context.Context, set lifecycle.Set, key view.Key, from slot.Slot) ([]viewstore.SpeedItem,
	error) {
	return ask(s.port, readDynamo, "speed.Slots", keyText(key), func() ([]viewstore.SpeedItem, error) {
		return s.h.items.Slots(everywhere, set, key, from)
	})
}

func (s speedPort) Pages(_ context.Context, set lifecycle.Set, key view.Key, from, to view.Page) ([]viewstore.SpeedItem,
	error) {
	return ask(s.port, readDynamo, "speed.Pages", keyText(key), func() ([]viewstore.SpeedItem, error) {
		return s.h.items.Pages(everywhere, set, key, from, to)
	})
}

func (s speedPort) Scan(_ context.Context, set lifecycle.Set, after string) (items []viewstore.SpeedItem, next string,
	err error) {
	next, err = ask(s.port, readDynamo, "speed.Scan", string(set), func() (next string, err error) {
		items, next, err = s.h.items.Scan(everywhere, set, after)
		return next, err
	})
	return items, next, err
}

func (s speedPort) Drop(_ context.Context, set lifecycle.Set, after string) (string, error) {
	return ask(s.port, writeDynamo, "speed.Drop", string(set), func() (string, error) {
		return s.h.items.Drop(everywhere, set, after)
	})
}

type seenPort struct{ port }

func (s seenPort) Put(_ context.Context, item viewstore.SeenItem) error {
	return s.call(writeDynamo, "seen.Put", item.Lane.String(), func() error { return s.h.seen.Put(everywhere, item) })
}

func (s seenPort) After(_ context.Context, lane event.Lane, last event.Sequence) ([]viewstore.SeenItem, error) {
	return ask(s.port, readDynamo, "seen.After", lane.String(), func() ([]viewstore.SeenItem, error) {
		return s.h.seen.After(everywhere, lane, last)
	})
}

func (s seenPort) Newest(_ context.Context, lane event.Lane, each func(viewstore.SeenItem) bool) error {
	return s.call(readDynamo, "seen.Newest", lane.String(), func() error {
		if s.lies(NothingSeen) {
			return nil
		}
		return s.h.seen.Newest(everywhere, lane, each)
	})
}
