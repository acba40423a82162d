package handler_test

import (
	"bytes"
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

	"github.com/anabranch/anabranch/functions/audit/handler"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/viewstore"
	"github.com/anabranch/anabranch/shared/watch"
)

// tick is an event of the scheduler.
func tick(t *testing.T) events.EventBridgeEvent {
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

const views = `views:
  - name: by_user
    key: {user: data.user}
    window: 1h
    aggregates:
      visits: count()
`

// newWorld returns a world in which batch has counted visits of three users.
func newWorld(t *testing.T) (*simulation.World, *handler.Handler, *bytes.Buffer) {
	t.Helper()
	kit, err := simulation.Prepare(views)
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		visit := fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"shop","type":"visit","time":"2026-01-01T00:00:00Z","data":{"user":"u%d"}}`,
			i, i%3,
		)
		if _, err := w.Send(t.Context(), visit); err != nil {
			t.Fatal(err)
		}
	}
	w.Wait(time.Minute)
	if _, err := w.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	layout, _, err := archive.ReadLayout(t.Context(), w.Archive, 1)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := event.NewCodec(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	var (
		out = &bytes.Buffer{}
		log = slog.New(slog.NewTextHandler(out, nil))
	)
	return w, &handler.Handler{Log: log, Audit: &audit.Audit{
		Archive: w.Archive, Catalog: w.Catalog, Audits: w.Catalog, Programs: &programs.Cache{}, Base: w.Base, Codec: codec,
		Layout:   layout,
		Lookback: time.Hour, Every: 24 * time.Hour, Tries: 5, Workers: 2, Parallel: runner.Sequential,
		Now: func() time.Time { return w.Clock }, Log: log,
	}}, out
}

// TestTick checks that the first tick audits, that the next has nothing to do, and that a tick one day later finds an
// altered item. The log names the view, but no key.
func TestTick(t *testing.T) {
	w, h, log := newWorld(t)
	var printed [][]metrics.Value
	h.Print = func(values ...metrics.Value) { printed = append(printed, values) }
	next := func(want handler.Answer, e events.EventBridgeEvent) {
		t.Helper()
		got, err := h.Handle(t.Context(), e)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v, answer (-want +got):\n%s", err, diff)
		}
	}
	next(handler.Answer{Views: 1, Windows: 3}, tick(t))
	next(handler.Answer{}, tick(t))
	if strings.Contains(log.String(), "WARN") {
		t.Errorf("log of a clean system is %s", log)
	}
	w.Wait(24 * time.Hour)
	items := itemsOf(t, w)
	items[0].States = nil
	if err := w.Base.Put(t.Context(), items[0], items[0].Horizon); err != nil {
		t.Fatal(err)
	}
	next(handler.Answer{Views: 1, Windows: 3, Drift: 1}, events.EventBridgeEvent{}) // whatever is in it
	audited := []metrics.Value{{Name: metrics.AuditedWindows, Value: 3}}
	if diff := cmp.Diff([][]metrics.Value{audited, audited}, printed); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	for _, want := range []string{"msg=tick", "level=WARN", `msg="audit done"`, "view=by_user", "drift=1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log)
		}
	}
	if strings.Contains(log.String(), "u0") {
		t.Errorf("the log has a key: %s", log)
	}
}

// TestWatch checks that each tick prints by how much the steps are overdue, before it audits anything, and that it
// prints nothing when it could not see everything.
func TestWatch(t *testing.T) {
	w, h, log := newWorld(t)
	var printed [][]metrics.Value
	h.Print = func(values ...metrics.Value) { printed = append(printed, values) }
	host := setting.Host{Now: func() time.Time { return w.Clock }}
	h.Watch = watch.New(w.Archive, w.Catalog, simulation.Settings(), host)
	print := func(batch, drift int64, more ...metrics.Value) []metrics.Value {
		return append([]metrics.Value{{Name: metrics.BatchOverdue, Value: batch}, {Name: metrics.Drift, Value: drift},
			{Name: metrics.LostObjects}}, more...)
	}
	next := func(what string, failed error, want ...[]metrics.Value) {
		t.Helper()
		printed = nil
		if _, err := h.Handle(t.Context(), tick(t)); !errors.Is(err, failed) {
			t.Errorf("%s: error %v", what, err)
		}
		if diff := cmp.Diff(want, printed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	audited := []metrics.Value{{Name: metrics.AuditedWindows, Value: 3}}
	next("in time", nil, print(0, 0), audited)
	next("again", nil, print(0, 0))
	// The horizon of the world is ten seconds old after the first minute, and late after 146 s. The run was never swept.
	w.Wait(10 * time.Minute)
	stream := metrics.Value{Name: metrics.StreamOverdue, Value: 600 + 10 - 146 - 40}
	next("late", nil, print(600+10-146, 0, stream))
	w.Wait(time.Hour)
	stream.Value += 3600
	late := metrics.Value{Name: metrics.BatchOverdue, Value: 3600 + 600 + 10 - 146}
	next("an hour after the audit", nil, []metrics.Value{late, stream})
	broken := errors.New("broken")
	w.Catalog.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "catalog.Swept" {
			return memory.Fault{Err: broken}
		}
		return memory.Fault{}
	}
	next("the watch fails", broken)
	if want := "metric=StreamOverdue seconds=424"; !strings.Contains(log.String(), want) {
		t.Errorf("the log has no %s: %s", want, log)
	}
}

func itemsOf(t *testing.T, w *simulation.World) []viewstore.BaseItem {
	t.Helper()
	v, err := w.Catalog.View(t.Context(), "by_user")
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := w.Base.Scan(t.Context(), v.Serving, "")
	if err != nil || len(items) == 0 {
		t.Fatalf("%d items, error %v", len(items), err)
	}
	return items
}

// TestFails checks that a failed audit is an error of the invocation, and that the catalog records it.
func TestFails(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, name := range []string{"archive.Get", "archive.List", "catalog.Runs", "base.Scan"} {
		t.Run(name, func(t *testing.T) {
			w, h, _ := newWorld(t)
			hook := func(call memory.Call) memory.Fault {
				if call.Name == name {
					return memory.Fault{Err: lost}
				}
				return memory.Fault{}
			}
			w.Archive.Hook, w.Catalog.Hook, w.Base.Hook = hook, hook, hook
			if answer, err := h.Handle(t.Context(), tick(t)); !errors.Is(err, lost) || answer.Views != 1 {
				t.Errorf("answer %+v, error %v; want that of the store", answer, err)
			}
			w.Archive.Hook, w.Catalog.Hook, w.Base.Hook = nil, nil, nil
			if one, err := w.Catalog.Audit(t.Context(), "by_user"); err != nil ||
				!strings.Contains(one.Error, "lost on the way") {
				t.Errorf("audit is %+v, error %v", one, err)
			}
		})
	}
}
