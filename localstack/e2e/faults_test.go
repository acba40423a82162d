//go:build emulator

package e2e_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/localstack/stack"
	"github.com/anabranch/anabranch/localstack/wire"
)

// ingestKilled kills ingest after it archived a request and before it published it. No client sends the request again:
// the sweep finds it, and the republish function publishes it.
func ingestKilled(t *testing.T, w *world) {
	before := len(w.archived(t))
	streamed := len(w.published(t))
	if err := w.wire.Break(
		wire.Plan{Rates: map[wire.Kind]float64{wire.TimeoutBefore: 1}, Services: []string{"kinesis"}, Hold: time.Minute},
	); err != nil {
		t.Fatal(err)
	}
	answered := make(chan int, 1)
	go func() {
		status, err := w.post(context.WithoutCancel(t.Context()), w.Keys.Write, []byte(
			`{"specversion":"1.0","id":"killed-1","source":"/e2e","type":"web.request","time":"2015-05-20T15:30:00Z",`+
				`"data":{"method":"GET","path":"/killed","status":200,"bytes":5}}`))
		if err != nil {
			status = -1
		}
		answered <- status
	}()
	for ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second); ; {
		defer cancel()
		if w.wire.Fired()[wire.TimeoutBefore] > 0 {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("ingest has not come to its stream")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n, err := w.Host.Kill(stack.Ingest); n != 1 || err != nil {
		t.Fatalf("killed %d, %v", n, err)
	}
	if status := <-answered; status != 500 {
		t.Errorf("the client was answered %d, want 500", status)
	}
	w.wire.Heal()
	if after := len(w.archived(t)); after != before+1 {
		t.Fatalf("the archive has %d lines more, want 1", after-before)
	}
	if after := len(w.published(t)); after != streamed {
		t.Fatalf("the stream has %d lines more, want none", after-streamed)
	}
	// Batch counts the event once its slot is sealed, whatever happens to the stream.
	w.takeOver(t, sample.Events+1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(w.published(t)) == streamed { // each tick of batch sweeps
		if err := w.batchByHand(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
	w.drain(t)
	a, err := w.reader().Ask(t.Context(), "page_views", map[string][]string{"path": {"/killed"}})
	if err != nil || len(a.Data) != 1 || a.Data[0].Values["views"].String() != "1" {
		t.Errorf("the event is counted %+v, %v; want once", a, err)
	}
	if stats := w.Host.Stats(stack.Republish); stats.Calls == 0 {
		t.Error("republish was not called")
	}
}

// faults sends more events while functions are killed, frozen, run twice and restarted, and while services sometimes
// return errors. When the faults have stopped and the frozen functions have resumed, every answer must be right.
func faults(t *testing.T, w *world) {
	lines := another(t, "-f")
	w.wire.Reset()
	random := rand.New(rand.NewPCG(7, 7))
	w.Host.Break(func(c host.Call) (f host.Fault) {
		if c.Function == stack.Authorizer || c.Function == stack.Query {
			return f
		}
		after := time.Duration(random.IntN(80)) * time.Millisecond
		of := 12
		if c.Function == stack.Ingest {
			of = 24 // the client tries each request only eight times
		}
		draw := random.IntN(of)
		if c.Function == stack.Batch {
			draw = c.N % 8 // batch is called so seldom that its faults come in turn
		}
		switch draw {
		case 0:
			f = host.Fault{Stop: host.KillRunning, After: after}
		case 1:
			f = host.Fault{Stop: host.FreezeRunning, After: after}
		case 2:
			f = host.Fault{Twice: true}
		case 3:
			f = host.Fault{Stop: host.KillAnswered}
		case 4:
			f = host.Fault{Stop: host.LoseAnswer}
		case 5:
			f = host.Fault{ColdStart: true}
		case 6:
			f = host.Fault{Twice: true, Stop: host.FreezeRunning, After: after}
		}
		return f
	})
	if err := w.wire.Break(wire.Evenly(0.01, wire.Kinds()...)); err != nil {
		t.Fatal(err)
	}

	sending, sent := context.WithCancel(t.Context())
	var ticking sync.WaitGroup
	ticks, failed := 0, 0
	ticking.Go(func() {
		for sending.Err() == nil {
			ticks++
			if _, err := w.invoke(t.Context(), "BatchFunction"); err != nil {
				failed++
			}
			time.Sleep(500 * time.Millisecond)
		}
	})
	for i := 0; i < len(lines); i += 2000 {
		w.sendUpTo(t, 10, lines[i:min(i+2000, len(lines))], "--batch", "50")
	}
	w.sendUpTo(t, 10, lines[:3000], "--batch", "100") // duplicates
	w.drain(t)
	sent()
	ticking.Wait()

	w.Host.Break(nil)
	w.wire.Heal()
	fired := w.wire.Fired()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var killed, frozen, doubled, lost int
	for _, function := range []string{stack.Ingest, stack.Speed, stack.Batch, stack.Republish} {
		answered, err := w.Host.Thaw(ctx, function)
		if err != nil {
			t.Fatal(err)
		}
		s := w.Host.Stats(function)
		t.Logf("%-20s %4d calls: %d failed, %d killed, %d frozen (%d answered when they woke up), %d run twice, %d "+
			"answers lost",
			function, s.Calls, s.Failed, s.Killed, s.Stopped, answered, s.Doubled, s.Lost)
		killed, frozen, doubled, lost = killed+s.Killed, frozen+s.Stopped, doubled+s.Doubled, lost+s.Lost
		if function == stack.Batch && s.Killed+s.Stopped+s.Doubled+s.Lost == 0 {
			t.Error("nothing happened to batch")
		}
	}
	if killed == 0 || frozen == 0 || doubled == 0 || lost == 0 {
		t.Errorf(
			"%d functions killed, %d frozen, %d run twice, %d answers lost: want some of each", killed, frozen, doubled, lost,
		)
	}
	t.Logf("batch was called %d times by hand, %d failed; faults on the wire: %v", ticks, failed, fired)
	for _, kind := range wire.Kinds() {
		if fired[kind] == 0 {
			t.Logf("no %s fired", kind)
		}
	}
	w.drain(t)
	if got, want := len(distinct(t, w.archived(t))), 2*sample.Events+2+2*more; got != want {
		t.Fatalf(
			"the archive holds %d distinct events, want %d: acknowledged events are lost, or other events were made", got, want,
		)
	}
	w.takeOver(t, 2*sample.Events+1+2*more)
	w.sweptThrough(t)
	w.verify(t, true)
}
