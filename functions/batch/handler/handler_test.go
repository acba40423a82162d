package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/batch/handler"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

var update = flag.Bool("update", false, "write the golden files anew")

// tick is an event of the scheduler.
func tick(t testing.TB) events.EventBridgeEvent {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "scheduler.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e events.EventBridgeEvent
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// prepared compiles the views once, because all worlds share them.
var prepared = sync.OnceValues(func() (*simulation.Kit, error) { return simulation.Prepare(simulation.Views) })

// newWorld returns a world that received five purchases of three users one minute ago, one of them twice.
func newWorld(t testing.TB) (*simulation.World, *handler.Handler, *bytes.Buffer) {
	t.Helper()
	kit, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	var purchases []string
	for i := range 5 {
		purchases = append(purchases, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"shop","type":"purchase",`+
			`"time":"2026-01-01T00:00:00Z",`+
			`"data":{"user":"u%d","kind":"","amount":%d}}`, i, i%3, i))
	}
	for _, sent := range [][]string{purchases, purchases[:1]} {
		if _, err := w.Send(context.Background(), sent...); err != nil {
			t.Fatal(err)
		}
	}
	w.Wait(time.Minute)
	log := &bytes.Buffer{}
	return w, &handler.Handler{Batch: w.Batch, Sweep: w.Sweep, Log: slog.New(slog.NewTextHandler(log, nil))}, log
}

func golden(t *testing.T, name string, answer handler.Answer) {
	t.Helper()
	path := filepath.Join("testdata", name)
	got, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-golden +got): %s", path, diff)
	}
}

// TestTick checks that the first tick makes a run of all events, and that the next has nothing to do. Later ticks
// sweep. Speed has received nothing yet, so the sweep queues the objects for republish. Once speed has the events, the
// sweep completes.
func TestTick(t *testing.T) {
	ctx := context.Background()
	w, h, _ := newWorld(t)
	next := func(name string, e events.EventBridgeEvent) {
		t.Helper()
		answer, err := h.Handle(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, answer)
	}
	next("first.json", tick(t))
	next("nothing.json", tick(t))
	w.Wait(time.Minute)
	next("queued.json", events.EventBridgeEvent{}) // whatever is in it
	if err := w.DeliverAll(ctx); err != nil {
		t.Fatal(err)
	}
	w.Wait(time.Minute)
	next("swept.json", tick(t))
	if err := w.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestLog checks that the log has a line for each run and each tick, without keys or data.
func TestLog(t *testing.T) {
	_, h, log := newWorld(t)
	if _, err := h.Handle(context.Background(), tick(t)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"msg=run", "msg=tick", "events=6", "duplicates=1", "conflicts=0", "head=1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log)
		}
	}
	if strings.Contains(log.String(), "u0") {
		t.Errorf("the log has a key: %s", log)
	}
}

// TestFails checks that a failed tick is an error of the invocation, and that the next tick does its work.
func TestFails(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, name := range []string{"archive.Get", "archive.List", "catalog.Append", "base.Load"} {
		t.Run(name, func(t *testing.T) {
			w, h, _ := newWorld(t)
			hook := func(call memory.Call) memory.Fault {
				if call.Name == name {
					return memory.Fault{Err: lost}
				}
				return memory.Fault{}
			}
			w.Archive.Hook, w.Catalog.Hook, w.Base.Hook = hook, hook, hook
			if _, err := h.Handle(context.Background(), tick(t)); !errors.Is(err, lost) {
				t.Errorf("error is %v, want that of the store", err)
			}
			w.Archive.Hook, w.Catalog.Hook, w.Base.Hook = nil, nil, nil
			if _, err := h.Handle(context.Background(), tick(t)); err != nil {
				t.Error(err)
			}
			if err := w.Check(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("the sweep alone", func(t *testing.T) {
		w, h, _ := newWorld(t)
		w.Seen.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: lost} }
		if answer, err := h.Handle(context.Background(), tick(t)); err != nil || answer.Run != 1 {
			t.Fatal(answer, err)
		}
		w.Wait(time.Minute)
		answer, err := h.Handle(context.Background(), tick(t))
		if !errors.Is(err, lost) || answer.Run != 2 || answer.Swept != 0 {
			t.Errorf("answer is %+v, %v; want run 2, and an error", answer, err)
		}
	})
	t.Run("the clock is off", func(t *testing.T) {
		w, h, _ := newWorld(t)
		w.Archive.Now = func() time.Time { return w.Clock.Add(time.Hour) }
		if answer, err := h.Handle(context.Background(), tick(t)); err == nil || answer.Runs != 0 {
			t.Errorf("answer is %+v, %v", answer, err)
		}
	})
}
