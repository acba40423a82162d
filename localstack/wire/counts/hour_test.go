//go:build emulator

package counts_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
)

const hourGolden = "testdata/hour.txt"

// TestIdleHour counts the requests of an hour in which no event arrives and nobody asks, of all functions that a
// schedule invokes each minute. The three views are Lambda views. It does not count what Lambda itself asks: Lambda
// polls the stream, and the republish queue.
func TestIdleHour(t *testing.T) {
	e := emulator.Start(t)
	need(t, e.Reset(t.Context()))
	w := newWorld(t, e.Endpoint, variant{})
	w.warm(t, sample(t, warming))
	w.now = begin.Add(time.Hour)
	w.minute(t, func(string, func()) {}) // covers the slots of the warming, sweeps them, and audits
	names := []string{"batch", "sweep", "replay", "audit"}
	hour := map[string]wire.Counts{}
	for _, name := range names {
		hour[name] = wire.Counts{}
	}
	for range 60 {
		w.minute(t, func(name string, tick func()) {
			w.wire.Reset()
			tick()
			for call, n := range w.wire.Counts() {
				hour[name][call] = hour[name][call].Plus(n)
			}
		})
	}
	got := printHour(names, hour)
	t.Logf("counted:\n%s", got)
	if *update {
		need(t, os.WriteFile(hourGolden, []byte(got), 0o644))
	}
	if diff := cmp.Diff(string(file(t, hourGolden)), got); diff != "" {
		t.Errorf("the wire does not carry what %s says (-want +got):\n%s", hourGolden, diff)
	}
}

// minute lets a minute pass, and invokes each function that a schedule invokes. step gets each tick with its name, and
// may count it.
func (w *world) minute(t *testing.T, step func(name string, tick func())) {
	t.Helper()
	w.now = w.now.Add(time.Minute)
	for _, f := range []struct {
		name string
		tick func() error
	}{
		{"batch", func() error { _, err := w.batch.Tick(t.Context()); return err }},
		{"sweep", func() error { _, err := w.sweep.Tick(t.Context()); return err }},
		{"replay", func() error { _, err := w.replay.Tick(t.Context()); return err }},
		{"audit", func() error {
			_, err := w.watch.Look(t.Context())
			need(t, err)
			_, err = w.audit.Tick(t.Context())
			return err
		}},
	} {
		ran := false
		do := func() { need(t, f.tick()); ran = true }
		if step(f.name, do); !ran {
			do()
		}
	}
}

// printHour prints a row for each function and each kind of request, and a sum for each function and of all.
func printHour(names []string, hour map[string]wire.Counts) string {
	var b strings.Builder
	b.WriteString("an hour without events and queries: 60 ticks of each function, 12 slots, 3 Lambda views\n\n")
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "function\toperation\tof\trequests\tsent\treceived\twrite units\tread units\t")
	var all wire.Count
	for _, name := range names {
		for _, call := range hour[name].Calls() {
			hourRow(out, name, call.Service+" "+call.Operation, call.Resource, hour[name][call])
		}
		sum := hour[name].Sum(nil)
		hourRow(out, name, "all", "", sum)
		all = all.Plus(sum)
	}
	hourRow(out, "all", "", "", all)
	if err := out.Flush(); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	return b.String()
}

func hourRow(out *tabwriter.Writer, name, operation, of string, n wire.Count) {
	fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%v\t\n", name, operation, of, n.Requests, n.Sent, n.Received,
		n.WriteUnits, n.ReadUnits)
}
