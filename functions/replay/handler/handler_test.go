package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/functions/replay/handler"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/view"
)

// live is the slot from which the view is live, two hours after the events arrived.
const (
	live    = slot.Slot(1795428000000)
	arrived = event.Millis(live) - 2*3_600_000
)

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

// stores holds the stores of a handler.
type stores struct {
	archive memory.Archive
	catalog memory.Catalog
	items   memory.Speed
}

// newHandler returns a handler whose Kappa view lacks two runs: one of five purchases, and an empty one that ends where
// the view became live.
func newHandler(t testing.TB) (*stores, *handler.Handler, *bytes.Buffer) {
	t.Helper()
	ctx := context.Background()
	codec, err := event.NewCodec(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	length, err := slot.NewLength(5 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s := &stores{}
	var request ulid.ULID
	if err := request.SetTime(uint64(arrived)); err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for i := range 5 {
		text := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"shop","type":"purchase","data":{"user":"u%d"}}`, i, i%3)
		lines = event.AppendLine(lines, []byte(text), event.Stamp{Request: request, Index: i})
	}
	key := archive.EventsKey(length.At(arrived.Time()), request)
	manifest := runs.Manifest{
		Run: 1, To: live - 1, Objects: []runs.ManifestObject{{Object: archive.Object{Key: key, Size: 1}}},
	}
	for name, body := range map[archive.Key][]byte{
		key:                    codec.Compress(nil, lines),
		"runs/1/manifest.json": runs.EncodeManifest(manifest),
	} {
		if _, err := s.archive.Put(ctx, name, body); err != nil {
			t.Fatal(err)
		}
	}
	for _, run := range []lifecycle.Run{
		{
			N:            1,
			Horizon:      live - 1,
			Manifest:     "runs/1/manifest.json",
			Objects:      1,
			Events:       5,
			FirstArrival: arrived,
			LastArrival:  arrived,
		}, {N: 2, Horizon: live},
	} {
		if err := s.catalog.Append(ctx, run); err != nil {
			t.Fatal(err)
		}
	}
	d := view.Definition{
		Name:         "by_user",
		Key:          []view.KeyField{{Field: "user", Expr: "data.user"}},
		Window:       time.Hour,
		Architecture: view.Kappa,
		Aggregates:   []view.Aggregate{{Name: "n", Expr: "count()"}},
	}
	if err := s.catalog.PutDefinition(ctx, d.Hash(), d.Text()); err != nil {
		t.Fatal(err)
	}
	v := lifecycle.View{Name: d.Name, Generations: []lifecycle.Generation{
		{ID: "g", Definition: d.Hash(), Architecture: view.Kappa, State: lifecycle.Building, LiveFrom: live},
	}}
	if err := s.catalog.PutView(ctx, v); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	return s, &handler.Handler{Log: logger, Replay: &speed.Replay{
		Archive: &s.archive, Catalog: &s.catalog, Sweeps: &s.catalog, Programs: &programs.Cache{}, Items: &s.items,
		Seen: &memory.Seen{}, Codec: codec,
		Layout:     archive.Layout{Number: 1, Slot: length, Lanes: 4, SpeedWindow: time.Hour},
		Bytes:      1,
		RetainSeen: 24 * time.Hour,
		Tries:      3,
		Parallel:   runner.Sequential, Now: live.Start, Log: logger,
	}}, log
}

// TestTick checks that the first tick replays both runs, so that the view serves, and that the next has nothing to do.
func TestTick(t *testing.T) {
	s, h, _ := newHandler(t)
	var printed [][]metrics.Value
	h.Print = func(values ...metrics.Value) { printed = append(printed, values) }
	for _, want := range []handler.Answer{
		{Head: 2, Generations: 1, Runs: 2, Events: 5, Items: 3}, {Head: 2, Generations: 1},
	} {
		answer, err := h.Handle(context.Background(), tick(t))
		if diff := cmp.Diff(want, answer); diff != "" || err != nil {
			t.Errorf("error %v, answer (-want +got): %s", err, diff)
		}
	}
	if v, err := s.catalog.View(context.Background(), "by_user"); err != nil || v.Serving != "g" {
		t.Errorf("%q serves, %v", v.Serving, err)
	}
	count := func(events int64) []metrics.Value {
		return []metrics.Value{{Name: metrics.ReplayRunsLeft}, {Name: metrics.ReplayEvents, Value: events},
			{Name: metrics.Skipped}}
	}
	if diff := cmp.Diff([][]metrics.Value{count(5), count(0)}, printed); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// TestAnswer checks the names in the JSON of the answer, which must not change.
func TestAnswer(t *testing.T) {
	text, err := json.Marshal(handler.Answer{Head: 1, Generations: 2, Left: 3, Waits: 4, Runs: 5, Events: 6, Items: 7})
	if want := `{"head":1,"generations":2,"left":3,"waits":4,"runs":5,"events":6,"items":7,"skipped":false}`; err != nil ||
		string(text) != want {
		t.Errorf("answer is %s, %v", text, err)
	}
}

// TestWaits checks that the answer and the log report a run that waits for the sweep.
func TestWaits(t *testing.T) {
	_, h, log := newHandler(t)
	h.Replay.Layout.SpeedWindow = 3 * time.Hour // the events arrived within it
	answer, err := h.Handle(context.Background(), tick(t))
	if diff := cmp.Diff(handler.Answer{Head: 2, Generations: 1, Left: 2, Waits: 1}, answer); diff != "" || err != nil {
		t.Errorf("error %v, answer (-want +got): %s", err, diff)
	}
	if !strings.Contains(log.String(), "waits=true") {
		t.Errorf("the log is %s", log)
	}
}

// TestLog checks that the log has a line for each generation that advanced and each tick, without keys or data.
func TestLog(t *testing.T) {
	_, h, log := newHandler(t)
	if _, err := h.Handle(context.Background(), tick(t)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"msg=replayed", "msg=tick", "generation=g", "events=5", "duplicates=0", "head=2"} {
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
	for _, name := range []string{"archive.Get", "catalog.Head", "catalog.PutView", "speed.Put"} {
		t.Run(name, func(t *testing.T) {
			s, h, _ := newHandler(t)
			printed := 0
			h.Print = func(...metrics.Value) { printed++ }
			hook := func(call memory.Call) memory.Fault {
				if call.Name == name {
					return memory.Fault{Err: lost}
				}
				return memory.Fault{}
			}
			s.archive.Hook, s.catalog.Hook, s.items.Hook = hook, hook, hook
			if _, err := h.Handle(context.Background(), tick(t)); !errors.Is(err, lost) {
				t.Errorf("error is %v, want that of the store", err)
			}
			s.archive.Hook, s.catalog.Hook, s.items.Hook = nil, nil, nil
			if answer, err := h.Handle(context.Background(), events.EventBridgeEvent{}); err != nil || answer.Left != 0 ||
				printed == 0 {
				t.Errorf("answer is %+v, %v, printed %d times", answer, err, printed)
			}
		})
	}
}
