package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/simulation"
)

var kit = sync.OnceValues(func() (*simulation.Kit, error) { return simulation.Prepare(simulation.Views) })

// newWorld returns a world in which nothing has happened.
func newWorld(seed uint64) (*simulation.World, error) {
	k, err := kit()
	if err != nil {
		return nil, err
	}
	return k.New(seed)
}

func isUnavailable(err error) bool { return errors.Is(err, ingest.ErrUnavailable) }

// purchases returns events for every case of the views: several users and windows, late times, missing and unusual
// amounts, other types.
func purchases(seed uint64, from, n int) []string {
	random := rand.New(rand.NewPCG(seed, 1))
	amounts := []string{"1", "0.1", "-2.5", "1e3", "12345678901234567890.0016150000000000001",
		"-15e-28", `"text"`, "null", "1e40", "999999999999999999999999999999"}
	var events []string
	for i := range n {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.IntN(300)-150) * time.Second)
		data := fmt.Sprintf(`"user":"u%d","kind":"%s"`, random.IntN(4), []string{"", "", "test"}[random.IntN(3)])
		if random.IntN(8) > 0 {
			data += `,"amount":` + amounts[random.IntN(len(amounts))]
		}
		kind := []string{"purchase", "purchase", "visit"}[random.IntN(3)]
		events = append(events, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"shop","type":"%s","time":"%s","data":{%s}}`,
			from+i, kind, at.Format(time.RFC3339), data))
	}
	return events
}

// checkIfServing checks the answers, unless a view does not serve yet.
func checkIfServing(ctx context.Context, w *simulation.World) error {
	for _, name := range []string{"everything", "by_user"} {
		if _, err := w.Ask(ctx, name, ""); errors.Is(err, serving.ErrNotServing) || errors.Is(err, serving.ErrUnknownView) {
			return nil
		}
	}
	return w.CheckExact(ctx)
}

func steps(all ...func(*simulation.World) error) func(*simulation.World) error {
	return func(w *simulation.World) error {
		for i, step := range all {
			if err := step(w); err != nil {
				return fmt.Errorf("step %d: %w", i, err)
			}
		}
		return nil
	}
}

func send(seed uint64, from, n int) func(*simulation.World) error {
	return func(w *simulation.World) error {
		_, err := w.Send(context.Background(), purchases(seed, from, n)...)
		return err
	}
}

func wait(d time.Duration) func(*simulation.World) error {
	return func(w *simulation.World) error { w.Wait(d); return nil }
}

func tick(w *simulation.World) error {
	_, err := w.Tick(context.Background())
	return err
}

// holdNothing makes batch treat each run as a large one: it reads the objects twice.
func holdNothing(w *simulation.World) error {
	w.Batch.HeldBytes = -1
	return nil
}

func deliver(w *simulation.World) error { return w.DeliverAll(context.Background()) }

// serve lets the views serve before any event is sent.
var serve = steps(wait(time.Minute), tick)

func stories() []story {
	givenUp := steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick, deploy(1), tick, wait(time.Minute), tick,
		send(2, 20, 20), deliver, wait(simulation.RetainFor), tick)
	return []story{
		{
			name:   "ingest",
			before: serve,
			act:    send(1, 0, 20),
			// Batch counts events that were archived but not published; the sweep streams them in a story of its own.
			after: steps(deliver, wait(time.Minute), tick),
			must:  []string{"archive.Put", "stream.Publish"},
		},
		{
			name:   "speed, new items",
			before: steps(serve, send(1, 0, 20)),
			act:    deliver,
			must:   []string{"catalog.Views", "seen.Newest", "seen.Put", "speed.PutLive", "speed.Load", "speed.Put"},
		},
		{
			name:   "speed, in a new version",
			before: steps(serve, send(1, 0, 3), func(w *simulation.World) error { w.Forget(); return nil }),
			act:    deliver,
			must:   []string{"catalog.Definition", "speed.Put"},
		},
		{
			name:   "speed, items that already hold some of the records",
			before: steps(serve, send(1, 0, 20), deliver, send(2, 20, 20)),
			act:    deliver,
			must:   []string{"speed.Put"},
		},
		{
			name:   "speed, copies of old records and of records in the same batch",
			before: steps(serve, send(1, 0, 20), deliver, send(1, 0, 20), send(2, 20, 20), send(2, 20, 20)),
			act:    deliver,
			must:   []string{"seen.After", "seen.Put", "speed.Put"},
		},
		{
			name:   "republish",
			before: steps(serve, lost(send(1, 0, 20)), lost(send(2, 20, 20)), wait(time.Minute), tick, wait(time.Minute), sweep),
			act:    republish,
			after:  steps(deliver, sweep),
			must:   []string{"archive.Get", "stream.Publish"},
		},
		{
			name:   "batch, announcing a view",
			before: steps(unknown, send(1, 0, 20), deliver, wait(time.Minute)),
			act:    tick,
			after:  steps(wait(time.Minute), tick, send(2, 20, 20), deliver),
			must:   []string{"archive.List", "catalog.PutDefinition", "catalog.PutView"},
		},
		{
			name:   "batch, the first run",
			before: steps(send(1, 0, 20), wait(time.Second), send(2, 20, 20), deliver, wait(time.Minute)),
			act:    tick,
			must:   []string{"archive.List", "archive.Put", "catalog.Append", "base.Load", "base.Put", "catalog.PutView"},
		},
		{
			name: "batch, a run over existing items, with duplicates and a conflict",
			before: steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick, send(2, 20, 20), send(1, 0, 20),
				resend(3, 25, 5), deliver, wait(time.Minute)),
			act:  tick,
			must: []string{"archive.List", "archive.Get", "catalog.Append", "base.Load", "base.Put", "catalog.PutView"},
		},
		{
			name: "batch, a large run over existing items, with duplicates and a conflict",
			before: steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick, send(2, 20, 20), send(1, 0, 20),
				resend(3, 25, 5), deliver, wait(time.Minute)),
			act:  steps(holdNothing, tick),
			must: []string{"archive.List", "archive.Get", "catalog.Append", "base.Load", "base.Put", "catalog.PutView"},
		},
		{
			name:   "batch, while more events are streamed",
			before: steps(serve, send(1, 0, 20), deliver, wait(time.Minute), send(2, 20, 20), deliver),
			act:    tick,
			must:   []string{"base.Put"},
		},
		{
			name:   "batch, a changed definition",
			before: steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick, deploy(1), send(2, 20, 20), deliver),
			act:    tick,
			after:  steps(wait(time.Minute), tick, wait(time.Minute), tick, send(3, 40, 20), deliver),
			must:   []string{"catalog.PutDefinition", "catalog.PutView", "base.Put"},
		},
		{
			name: "batch, switching generations",
			before: steps(serve, send(1, 0, 20), deliver, wait(time.Minute), tick, deploy(1), tick, send(2, 20, 20), deliver,
				wait(time.Minute),
				send(3, 40, 20), deliver),
			act:   tick,
			after: steps(send(4, 60, 20), deliver, wait(time.Minute), tick),
			must:  []string{"catalog.PutView", "base.Put"},
		},
		{
			name:   "batch, dating a generation",
			before: givenUp,
			act:    tick,
			after:  steps(wait(2*time.Minute), tick, wait(time.Minute), tick),
			must:   []string{"catalog.PutView"},
		},
		{
			name:   "batch, dropping a generation",
			before: steps(givenUp, tick, wait(2*time.Minute)),
			act:    tick,
			after:  steps(wait(time.Minute), tick),
			must:   []string{"base.Drop", "catalog.PutView"},
		},
		{
			name: "sweep",
			before: steps(serve, send(1, 0, 20), lost(send(2, 20, 20)), lost(send(3, 40, 20)), deliver, wait(time.Minute), tick,
				wait(time.Minute)),
			act:   sweep,
			after: steps(republish, deliver, sweep),
			must: []string{"catalog.Swept", "archive.Get", "seen.Newest", "catalog.Waits", "queue.Waiting", "queue.Enqueue",
				"catalog.PutWaits", "catalog.PutSwept"},
		},
	}
}

// unknown empties the catalog, so the views are unknown.
func unknown(w *simulation.World) error {
	w.Catalog = &memory.Catalog{}
	w.Restart()
	return nil
}

// resend sends events with known identities and a different payload.
func resend(seed uint64, from, n int) func(*simulation.World) error {
	return func(w *simulation.World) error {
		events := purchases(seed, from, n)
		for i, e := range events {
			events[i] = strings.Replace(e, `"data":{`, `"data":{"again":true,`, 1)
		}
		_, err := w.Send(context.Background(), events...)
		return err
	}
}
