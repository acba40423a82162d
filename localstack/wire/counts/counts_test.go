//go:build emulator

package counts_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
)

var update = flag.Bool("update", false, "write the counts to "+golden)

const (
	golden = "testdata/counts.txt"
	events = 1000
	// Events before the measured ones, in a slot of their own. They make every environment warm and every view serve.
	warming = 100
)

// TestCounts counts the requests and bytes of 1,000 real events, with 1, 100 and 1,000 events per request, with and
// without duplicate detection.
func TestCounts(t *testing.T) {
	e := emulator.Start(t)
	var b strings.Builder
	for _, size := range []int{1, 100, 1000} {
		need(t, e.Reset(t.Context()))
		with := play(t, newWorld(t, e.Endpoint, variant{}), size)
		need(t, e.Reset(t.Context()))
		without := play(t, newWorld(t, e.Endpoint, variant{noSeen: true}), size)
		print(&b, with, without)
	}
	got := b.String()
	t.Logf("counted:\n%s", got)
	if *update {
		need(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	if diff := cmp.Diff(string(file(t, golden)), got); diff != "" {
		t.Errorf("the wire does not carry what %s says (-want +got):\n%s", golden, diff)
	}
}

// story is what was sent over the wire, by layer.
type story struct {
	size        int // events per request
	requests    int
	invocations int // invocations of speed
	layers      []layer
}

type layer struct {
	name   string
	counts wire.Counts
}

// of returns the counts of a layer.
func (s story) of(name string) wire.Counts {
	for _, l := range s.layers {
		if l.name == name {
			return l.counts
		}
	}
	return nil
}

// perEvents reports whether a layer makes its calls for events, not for queries or because time passes.
func (l layer) perEvents() bool { return l.name != "query" && l.name != "idle" }

// sum returns the counts of all layers that make calls for events.
func (s story) sum() (sum wire.Count) {
	for _, l := range s.layers {
		if l.perEvents() {
			sum = sum.Plus(l.counts.Sum(nil))
		}
	}
	return sum
}

// play sends the sample's events through all layers, and queries the views.
func play(t *testing.T, w *world, size int) story {
	t.Helper()
	s := w.pass(t, sample(t, events+warming), size)
	if _, without := w.sweep.Seen.(nothingSeen); !without {
		w.wire.Reset()
		w.ask(t)
		s.layers = append(s.layers, layer{"query", w.wire.Counts()})
	}
	return s
}

// pass sends events through all layers, after those that make every environment warm.
func (w *world) pass(t *testing.T, lines [][]byte, size int) story {
	t.Helper()
	w.warm(t, lines[events:])
	s := story{size: size, requests: (events + size - 1) / size}
	step := func(name string, do func()) {
		w.wire.Reset()
		do()
		s.layers = append(s.layers, layer{name, w.wire.Counts()})
	}
	step("ingest", func() { w.send(t, lines[:events], size) })
	w.now = w.now.Add(time.Second)
	step("speed", func() { s.invocations = w.deliver(t, events) })
	if _, without := w.sweep.Seen.(nothingSeen); without {
		return s // the rest would be the same, and the sweep would find no receipts
	}
	w.now = begin.Add(2*slotLength + sealDelay)
	step("batch", func() { w.tick(t, events) })
	w.now = w.now.Add(time.Minute)
	step("idle", func() { w.idle(t) })
	w.now = begin.Add(2*slotLength + sweepAfter)
	step("sweep", func() { w.sweepAll(t) })
	if n := s.sum().Unsized; n > 0 {
		t.Fatalf("%d writes are of a size that nobody knows", n)
	}
	return s
}

// warm lets the first slot pass with a few events, and begins the second one.
func (w *world) warm(t *testing.T, lines [][]byte) {
	t.Helper()
	need(t, w.batch.Register(t.Context(), 0))
	w.send(t, lines, len(lines))
	w.deliver(t, len(lines))
	w.now = begin.Add(slotLength + sealDelay)
	w.tick(t, int64(len(lines)))
}

// tick runs batch once. Its run must hold the given number of events.
func (w *world) tick(t *testing.T, events int64) {
	t.Helper()
	report, err := w.batch.Tick(t.Context())
	need(t, err)
	if report.Head.Events != events || report.Head.Duplicates != 0 || len(report.Runs) != 1 {
		t.Fatalf("batch made %+v, want one run of %d events", report.Runs, events)
	}
}

// sweepAll runs the sweep once.
func (w *world) sweepAll(t *testing.T) {
	t.Helper()
	report, err := w.sweep.Tick(t.Context())
	need(t, err)
	if report.Lost+report.Behind > 0 || report.Swept != 2 {
		t.Fatalf("the sweep reports %+v, want everything received through run 2", report)
	}
}

// idle runs batch and the sweep once while there is nothing to do. Most ticks are like this, since the schedule is
// shorter than a slot.
func (w *world) idle(t *testing.T) {
	t.Helper()
	report, err := w.batch.Tick(t.Context())
	need(t, err)
	swept, err := w.sweep.Tick(t.Context())
	need(t, err)
	if len(report.Runs) != 0 || report.Items != 0 || swept.Swept != 0 {
		t.Fatalf("an idle tick did %+v and %+v", report, swept)
	}
}

// ask queries all windows of one key of each view. The answer must contain what was sent.
func (w *world) ask(t *testing.T) {
	t.Helper()
	for name, parameters := range map[view.Name]map[string][]string{
		"page_views":       {"path": {"/favicon.ico"}},
		"traffic":          {"total": {"true"}},
		"errors_by_status": {"status": {"404"}, "method": {"GET"}},
	} {
		answer, err := simulation.Query(t.Context(), w.serving, name, parameters)
		need(t, err)
		if len(answer.Data) == 0 {
			t.Fatalf("%s has no rows", name)
		}
		if name == "traffic" {
			text, err := json.Marshal(answer.Total)
			need(t, err)
			if want := fmt.Sprintf(`"requests":%d,`, events+warming); !strings.Contains(string(text), want) {
				t.Fatalf("traffic is %s, want %s", text, want)
			}
		}
	}
}

// print prints the table of one size.
func print(b *strings.Builder, with, without story) {
	fmt.Fprintf(
		b, "%d events at %d a request: %d requests, %d invocations of speed, 1 slot\n\n", events, with.size, with.requests,
		with.invocations,
	)
	out := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(
		out, "layer\toperation\tof\trequests\tsent\treceived\twrite units\tread units\trecords\tpayload units\tingested\t",
	)
	for _, l := range with.layers {
		for _, call := range l.counts.Calls() {
			row(out, l.name, call, l.counts[call])
		}
	}
	row(out, "for events", wire.Call{}, with.sum())
	for _, call := range without.of("speed").Calls() {
		row(out, "(speed)", call, without.of("speed")[call])
	}
	if err := out.Flush(); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	b.WriteString(
		"\nidle is a tick of batch and sweep that find nothing; query asks each of three views; (speed) is speed without " +
			"duplicate detection.\n",
	)
	detection(b, with.of("speed"), without.of("speed"))
	costs(b, with)
	b.WriteByte('\n')
}

func row(out *tabwriter.Writer, layer string, call wire.Call, c wire.Count) {
	operation := strings.TrimSpace(call.Service + " " + call.Operation)
	fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%v\t%d\t%d\t%d\t\n", layer, operation, call.Resource,
		c.Requests, c.Sent, c.Received, c.WriteUnits, c.ReadUnits, c.Records, c.PayloadUnits, c.Ingested)
}

// detection prints the cost of duplicate detection.
func detection(b *strings.Builder, with, without wire.Counts) {
	writes := func(c wire.Counts) wire.Count {
		return c.Sum(func(call wire.Call) bool { return call.Service == "dynamodb" && call.Operation == "PutItem" })
	}
	w, o := writes(with), writes(without)
	fmt.Fprintf(b, "DynamoDB writes of speed with duplicate detection: %d, %d bytes, %d write units; without: %d, %d "+
		"bytes, %d write units.\n",
		w.Requests, w.Sent, w.WriteUnits, o.Requests, o.Sent, o.WriteUnits)
}
