package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anabranch/anabranch/functions/query/handler"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

// TestManyKeysWhileOthersWork asks queries of many keys. At a random call of a store within each query, other functions
// work: batch ticks, or is killed in its tick, and speed folds new events. Every answer has each event that was
// delivered before the query once, and none twice.
func TestManyKeysWhileOthersWork(t *testing.T) {
	for seed := range uint64(20) {
		b := newBetween(t, seed)
		b.sendSome(t)
		for range 20 {
			b.Wait(time.Duration(b.random.IntN(12)) * time.Minute)
			view := []string{"rolled", "flat", "kappa"}[b.random.IntN(3)]
			query := []string{"group_by=", "group_by=b", "group_by=a&step=all", "step=1d", "limit=3",
				"b=0&b=1&b=2&group_by=b", "group_by=b&limit=2&step=all"}[b.random.IntN(7)]
			least := b.sent
			b.setHook(b.disturb(t))
			n := b.count(t, view, query)
			b.setHook(nil)
			if n < least || n > b.sent {
				t.Errorf("seed %d, %s?%s: %d events, want %d to %d", seed, view, query, n, least, b.sent)
			}
		}
	}
}

// between is a world with views of many keys.
type between struct {
	*fixture
	random *rand.Rand
}

func newBetween(t *testing.T, seed uint64) *between {
	t.Helper()
	const rest = `
    key: {a: data.a, b: data.b}
    window: 1h
    aggregates: {n: count(), ids: distinct(data.id)}
`
	kit, err := simulation.Prepare("views:\n  - name: rolled\n    rollups: [[b], []]" + rest + "  - name: flat" + rest +
		"  - name: kappa\n    architecture: kappa\n    rollups: [[b]]" + rest)
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	h := &handler.Handler{Serving: w.Serving, MaxAnswer: 6 << 20, Log: slog.New(slog.DiscardHandler)}
	b := &between{&fixture{World: w, Handler: h}, rand.New(rand.NewPCG(seed, 0))}
	b.Wait(time.Minute)
	b.tick(t)
	return b
}

func (b *between) sendSome(t *testing.T) {
	t.Helper()
	for range 1 + b.random.IntN(5) {
		data := fmt.Sprintf(`{"a":"%d","b":"%d","id":%d}`, b.random.IntN(8), b.random.IntN(3), b.sent)
		b.send(t, "2025-10-25T10:10:00Z", data)
	}
	if err := b.DeliverAll(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func (b *between) setHook(hook memory.Hook) {
	b.Catalog.Hook, b.Base.Hook, b.Items.Hook = hook, hook, hook
}

// disturb returns a hook that lets others work at one of the calls of a query, and may fail their calls from one on.
func (b *between) disturb(t *testing.T) memory.Hook {
	what, at, last := b.random.IntN(3), b.random.IntN(40), b.random.IntN(120)
	calls, works := 0, false
	return func(c memory.Call) memory.Fault {
		switch {
		case works:
			if last--; what == 1 && last < 0 {
				return memory.Fault{Err: errors.New("killed")}
			}
			return memory.Fault{}
		case c.Name == "catalog.Definition": // the query holds the lock of the programs, which the others share here
			return memory.Fault{}
		}
		if calls++; calls == at {
			works = true
			if what == 2 {
				b.sendSome(t)
			}
			_, _ = b.Tick(context.Background()) // it may be killed
			works = false
		}
		return memory.Fault{}
	}
}

// count adds up the events of all pages.
func (b *between) count(t *testing.T, view, query string) (n int) {
	t.Helper()
	for cursor := ""; ; {
		r := b.query(t, view, query+cursor)
		var a struct {
			Data []struct{ Values struct{ N, IDs int } }
			Next string
		}
		if err := json.Unmarshal([]byte(r.Body), &a); err != nil || r.StatusCode != 200 {
			t.Fatalf("%s?%s: %s", view, query, responseText(r))
		}
		for _, row := range a.Data {
			if n += row.Values.N; row.Values.N != row.Values.IDs {
				t.Errorf("%s?%s: a row has %d events, of which %d differ", view, query, row.Values.N, row.Values.IDs)
			}
		}
		if a.Next == "" {
			return n
		}
		cursor = "&cursor=" + a.Next
	}
}
