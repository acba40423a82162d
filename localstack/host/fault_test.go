package host_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/host"
)

// nth injects one fault into the n-th call.
func nth(n int, fault host.Fault) func(host.Call) host.Fault {
	return func(c host.Call) host.Fault {
		if c.N == n {
			return fault
		}
		return host.Fault{}
	}
}

func TestFaultsSeeCalls(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	var calls []host.Call
	h.Break(func(c host.Call) host.Fault {
		calls = append(calls, c)
		return host.Fault{}
	})
	first, second := ask(t, h, event{"text": "a"}), ask(t, h, event{"text": "b"})
	h.Break(nil)
	ask(t, h, event{})
	if len(calls) != 2 || calls[0].N != 1 || calls[1].N != 2 ||
		calls[0].Function != "f" || calls[0].RequestID != first.Request ||
		calls[1].RequestID != second.Request || string(calls[1].Payload) != `{"text":"b"}` {
		t.Errorf("calls %+v", calls)
	}
}

// TestKillRunning kills the process of the second call while it waits at the gate.
func TestKillRunning(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	g := newGate(t)
	first := ask(t, h, event{})
	h.Break(nth(2, host.Fault{Stop: host.KillRunning, After: time.Millisecond}))
	_, err := h.Invoke(t.Context(), "f", g.hold().json())
	if failed := want(t, err, host.TypeExited); !bytes.Contains(failed.Payload, []byte("signal: killed")) {
		t.Errorf("payload %s", failed.Payload)
	}
	if third := ask(t, h, event{}); third.PID == first.PID {
		t.Error("the third call came to the process that was killed")
	}
	if got := h.Stats("f"); got.Killed != 1 || got.Failed != 1 {
		t.Errorf("stats %+v", got)
	}
}

// TestKillAnswered checks that the work of the function is done, although its caller does not learn it.
func TestKillAnswered(t *testing.T) {
	var seen lines
	h := with(t, host.Settings{Log: seen.log}, host.Function{})
	first := ask(t, h, event{})
	h.Break(nth(2, host.Fault{Stop: host.KillAnswered}))
	_, err := h.Invoke(t.Context(), "f", event{"print": "done\n"}.json())
	want(t, err, host.TypeExited)
	if got := seen.texts(); len(got) != 1 || got[0] != "done" {
		t.Errorf("output %q, want what the function wrote", got)
	}
	if third := ask(t, h, event{}); third.PID == first.PID {
		t.Error("the third call came to the process that was killed")
	}
	if got := h.Stats("f"); got.Killed != 1 {
		t.Errorf("stats %+v", got)
	}
}

func TestLoseAnswer(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	first := ask(t, h, event{})
	h.Break(nth(2, host.Fault{Stop: host.LoseAnswer}))
	_, err := h.Invoke(t.Context(), "f", event{}.json())
	if !errors.Is(err, host.ErrLost) {
		t.Errorf("error %v, want ErrLost", err)
	}
	if third := ask(t, h, event{}); third.PID != first.PID || third.N != 3 {
		t.Errorf("third call %+v, want the third of process %d", third, first.PID)
	}
	if got := h.Stats("f"); got.Lost != 1 || got.Failed != 0 {
		t.Errorf("stats %+v", got)
	}
}

func TestColdStart(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	first := ask(t, h, event{})
	h.Break(nth(2, host.Fault{ColdStart: true}))
	second, third := ask(t, h, event{}), ask(t, h, event{})
	if second.PID == first.PID || third.PID != second.PID || third.N != 2 {
		t.Errorf("calls %+v, %+v, %+v; want a new process from the second on", first, second, third)
	}
	if got := h.Stats("f"); len(got.ColdStarts) != 2 || got.Processes != 1 {
		t.Errorf("stats %+v", got)
	}
}

func TestDelay(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	h.Break(nth(1, host.Fault{Delay: 20 * time.Millisecond}))
	before := time.Now()
	if ask(t, h, event{}); time.Since(before) < 20*time.Millisecond {
		t.Error("the call was not delayed")
	}
	h.Break(nth(2, host.Fault{Delay: time.Hour}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := h.Invoke(ctx, "f", event{}.json()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the context's", err)
	}
	if got := h.Stats("f"); got.Delayed != 2 || got.Calls != 1 {
		t.Errorf("stats %+v", got)
	}
}

// TestTwice runs two copies of a call at once, with one request id. The caller gets the first answer; the other copy
// continues.
func TestTwice(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{Concurrency: 1})
	g := newGate(t)
	h.Break(nth(1, host.Fault{Twice: true}))
	running := begin(t.Context(), h, g.hold())
	one, two := g.next(t), g.next(t)
	if one.pid == two.pid {
		t.Fatalf("both copies came to process %d", one.pid)
	}
	two.answer <- ""
	r := <-running
	if r.err != nil {
		t.Fatal(r.err)
	}
	if got := parse(t, r.response); got.PID != two.pid {
		t.Errorf("the answer is that of process %d, want %d: it answered first", got.PID, two.pid)
	}
	one.answer <- ""
	if err := h.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.Stats("f"); got.Doubled != 1 || got.Calls != 2 || got.Processes != 2 || got.Throttled != 0 {
		t.Errorf("stats %+v", got)
	}
}

func TestTwiceWithOneKilled(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	h.Break(nth(1, host.Fault{Twice: true, Stop: host.KillAnswered}))
	if _, err := h.Invoke(t.Context(), "f", event{}.json()); err != nil {
		want(t, err, host.TypeExited) // the first copy ended first
	}
	if err := h.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.Stats("f"); got.Killed != 1 || got.Calls != 2 || got.Processes != 1 {
		t.Errorf("stats %+v", got)
	}
}

func TestKill(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	g := newGate(t)
	if n, err := h.Kill("f"); n != 0 || err != nil {
		t.Errorf("kill where nothing runs: %d, %v", n, err)
	}
	ask(t, h, event{})
	if n, err := h.Kill("f"); n != 0 || err != nil {
		t.Errorf("kill where all are idle: %d, %v", n, err)
	}
	one, two := begin(t.Context(), h, g.hold()), begin(t.Context(), h, g.hold())
	g.next(t)
	g.next(t)
	if n, err := h.Kill("f"); n != 2 || err != nil {
		t.Errorf("kill: %d, %v; want 2", n, err)
	}
	want(t, (<-one).err, host.TypeExited)
	want(t, (<-two).err, host.TypeExited)
	ask(t, h, event{})
	if _, err := h.Kill("g"); !errors.Is(err, host.ErrUnknown) {
		t.Errorf("kill an unknown function: %v", err)
	}
}

// TestKillFromLog kills the process when the function writes a certain line in the middle of its call.
func TestKillFromLog(t *testing.T) {
	var h *host.Host
	h = with(t, host.Settings{Log: func(line host.Line) {
		if string(line.Text) == "half" {
			if n, err := h.Kill(line.Function); n != 1 || err != nil {
				t.Errorf("kill: %d, %v; want 1", n, err)
			}
		}
	}}, host.Function{})
	g := newGate(t)
	_, err := h.Invoke(t.Context(), "f", event{"print": "half\n", "post": g.url}.json())
	want(t, err, host.TypeExited)
}

// TestFreezeAndThaw freezes a call at a known point. The caller gives up and tries again. Then the frozen process, a
// zombie, wakes up.
func TestFreezeAndThaw(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{Concurrency: 1})
	g := newGate(t)
	running := begin(t.Context(), h, g.hold())
	zombie := g.next(t)
	if n, err := h.Freeze("f"); n != 1 || err != nil {
		t.Fatalf("freeze: %d, %v; want 1", n, err)
	}
	want(t, (<-running).err, host.TypeTimedOut)
	if n, err := h.Freeze("f"); n != 0 || err != nil {
		t.Errorf("freeze again: %d, %v; want 0", n, err)
	}
	if again := ask(t, h, event{}); again.PID == zombie.pid {
		t.Fatal("the frozen process has answered")
	}
	if got := h.Stats("f"); got.Frozen != 1 || got.Stopped != 1 || got.Processes != 2 {
		t.Errorf("stats %+v", got)
	}
	zombie.answer <- ""
	if answered, err := h.Thaw(t.Context(), "f"); answered != 1 || err != nil {
		t.Errorf("thaw: %d, %v; want 1", answered, err)
	}
	if answered, err := h.Thaw(t.Context(), "f"); answered != 0 || err != nil {
		t.Errorf("thaw again: %d, %v; want 0", answered, err)
	}
	if again := ask(t, h, event{}); again.PID == zombie.pid {
		t.Error("the zombie has got another call")
	}
}

func TestFreezeRunning(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	g := newGate(t)
	h.Break(nth(1, host.Fault{Stop: host.FreezeRunning}))
	_, err := h.Invoke(t.Context(), "f", g.hold().json())
	want(t, err, host.TypeTimedOut)
	go func() {
		a := <-g.arrived
		a.answer <- ""
	}()
	if answered, err := h.Thaw(t.Context(), "f"); answered != 1 || err != nil {
		t.Errorf("thaw: %d, %v; want 1", answered, err)
	}
}

func TestThawGivesUp(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	g := newGate(t)
	running := begin(t.Context(), h, g.hold())
	zombie := g.next(t)
	if _, err := h.Freeze("f"); err != nil {
		t.Fatal(err)
	}
	want(t, (<-running).err, host.TypeTimedOut)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if answered, err := h.Thaw(ctx, "f"); answered != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("thaw: %d, %v; want the context's error", answered, err)
	}
	<-zombie.request.Context().Done() // killed nevertheless
}

func TestCloseWithFrozenProcesses(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	g := newGate(t)
	running := begin(t.Context(), h, g.hold())
	zombie := g.next(t)
	if _, err := h.Freeze("f"); err != nil {
		t.Fatal(err)
	}
	want(t, (<-running).err, host.TypeTimedOut)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	<-zombie.request.Context().Done()
}
