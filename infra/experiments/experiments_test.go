package experiments_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/infra/costs"
	"github.com/anabranch/anabranch/infra/experiments"
)

// sizes are small: the fake's clock does not need real time.
var sizes = experiments.Sizes{
	Rate: 50, Stopped: 2 * time.Second, Reshard: time.Second, Events: 200, PerRequest: 100, Windows: 300, Samples: 3,
	Shows: 4 * time.Minute, Patience: time.Minute,
}

// TestEveryExperiment runs all experiments. Each finds something and changes the stack back.
func TestEveryExperiment(t *testing.T) {
	f := newFake(t)
	f.copies = 3
	l := f.lab(sizes)
	results, err := l.Run(t.Context(), experiments.All())
	if err != nil {
		t.Fatal(err)
	}
	f.asBefore()
	if err := experiments.Failed(results); err != nil {
		t.Error(err)
	}
	page, err := l.Page(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Measured on 2026-03-01 by `make first-day` on AWS in eu-central-1, run 01TEST.",
		"| shards | 4, then 8, then 4 again |",
		"by speed, before batch covered them: each lane stayed in order",
		"| values of BatchOverdue in 4 minutes at level ERROR | 4; 4 in the 15 minutes before |",
		"| largest Max Memory Used of batch | 913 MB of 2048 MB, in 2 reports |",
		"| duration of that invocation | 61.5 s |",
		"| windows in the answer | 300 |",
		"| `ingest_ms` | 80 | ms of ingest per request: an S3 PUT, then Kinesis, 60 to 100 ms | 75.0 ms, of 4 |",
		"| `tick_ms` | 50 | ms of batch per tick that finds nothing | not measured here |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for output, value := range outputs {
		if strings.Contains(page, value) {
			t.Errorf("the page names the stack's %s, %s", output, value)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

// TestCopies checks that lines that are in the stream a second time are counted.
func TestCopies(t *testing.T) {
	f := newFake(t)
	f.copies = 3
	chosen, err := experiments.Choose("stopped")
	if err != nil {
		t.Fatal(err)
	}
	results, err := f.lab(sizes).Run(t.Context(), chosen)
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results[0].Err)
	}
	found := results[0].Findings
	if last := found[len(found)-1]; !strings.HasPrefix(last.Value, "3 of ") {
		t.Errorf("found %+v, want 3 lines a second time", last)
	}
}

// TestNotMeasured checks that the page says what this stack cannot measure, and invents nothing.
func TestNotMeasured(t *testing.T) {
	f := newFake(t)
	f.metrics = false
	l := f.lab(sizes)
	results, err := l.Run(t.Context(), experiments.All())
	if err != nil || experiments.Failed(results) != nil {
		t.Fatal(err, experiments.Failed(results))
	}
	page, err := l.Page(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| values of a metric of audit | not measured here: CloudWatch has no metric |",
		"| largest Max Memory Used of batch | not measured here: the log has no reports |",
		"| average duration of speed | not measured here: CloudWatch has no metric |",
		"| `speed_ms` | 100 | ms of speed per invocation | not measured here |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

// TestEmulator checks that the page of an emulator replaces no figure.
func TestEmulator(t *testing.T) {
	l := newFake(t).lab(sizes)
	l.Region = ""
	results, err := l.Run(t.Context(), experiments.All())
	if err != nil {
		t.Fatal(err)
	}
	page, err := l.Page(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"on an emulator, whose times say nothing of AWS", "60 to 100 ms | not measured here |"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestWrongAnswers checks that each experiment fails if the stack is not right.
func TestWrongAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		only string
		do   func(*fake)
		want string
	}{
		"an event is lost":          {"reshard", func(f *fake) { f.lose = true }, "in vain for answers that count"},
		"no metrics at level ERROR": {"log-level", func(f *fake) { f.silent = true }, "no metric of audit has come"},
		"somebody else reads":       {"stopped", func(f *fake) { f.enabled = false }, "deploy with ReadStream=true"},
		"an event is lost, stopped": {"stopped", func(f *fake) { f.lose = true }, "in vain for answers that count"},
		"an event is lost, build":   {"build", func(f *fake) { f.lose = true }, "in vain for answers that count"},
		"there is no variable":      {"log-level", func(f *fake) { f.variables = nil }, "no variable LOG_LEVEL"},
		"S3 refuses an object":      {"times", func(f *fake) { f.fail["PutObject"] = errors.New("denied") }, "denied"},
		"Kinesis refuses a reshard": {"reshard", func(f *fake) { f.fail["UpdateShardCount"] = errors.New("no") }, "no"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			test.do(f)
			chosen, err := experiments.Choose(test.only)
			if err != nil {
				t.Fatal(err)
			}
			results, _ := f.lab(sizes).Run(t.Context(), chosen) // some faults also hinder the way back
			if err := experiments.Failed(results); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestInterrupted interrupts the experiments at each wait in turn. Whenever it happens, the stack is changed back, and
// no further experiment begins.
func TestInterrupted(t *testing.T) {
	interruptions := 0
	for stop := 1; ; stop++ {
		f := newFake(t)
		l := f.lab(sizes)
		ctx, cancel := context.WithCancel(t.Context())
		waits, wait := 0, l.Wait
		l.Wait = func(c context.Context, d time.Duration) error {
			f.mu.Lock()
			if waits++; waits == stop {
				cancel()
			}
			f.mu.Unlock()
			return wait(c, d)
		}
		results, err := l.Run(ctx, experiments.All())
		interrupted := ctx.Err() != nil
		cancel()
		if err != nil {
			t.Fatalf("interrupted at wait %d: %v", stop, err)
		}
		f.asBefore()
		if !interrupted {
			break
		}
		interruptions++
		if last := results[len(results)-1]; last.Err == nil {
			t.Errorf("interrupted at wait %d, but the last experiment did not fail", stop)
		}
		stop += stop / 8 // the waits of a load are many, and alike
	}
	if interruptions < 20 {
		t.Errorf("%d interruptions, want at least 20", interruptions)
	}
}

// TestNotChangedBack checks that a change that cannot be undone is named, with what an operator must do, and that no
// further experiment begins.
func TestNotChangedBack(t *testing.T) {
	f := newFake(t)
	l := f.lab(sizes)
	chosen, err := experiments.Choose("stopped,times")
	if err != nil {
		t.Fatal(err)
	}
	wait := l.Wait
	l.Wait = func(ctx context.Context, d time.Duration) error { // from the first event on, Lambda refuses everything
		f.mu.Lock()
		f.fail["UpdateEventSourceMapping"] = errors.New("throttled")
		f.mu.Unlock()
		return wait(ctx, d)
	}
	results, err := l.Run(t.Context(), chosen)
	if err == nil || !strings.Contains(err.Error(), "by hand: aws lambda update-event-source-mapping --enabled --uuid m") {
		t.Errorf("error %v does not say what to do", err)
	}
	if len(results) != 1 {
		t.Errorf("%d experiments ran, want 1: the stack is not as it was", len(results))
	}
}

// TestBudget checks that nothing runs above the budget, and that the full experiments are within the default.
func TestBudget(t *testing.T) {
	var out strings.Builder
	if err := experiments.CheckBudget(&out, experiments.All(), experiments.Full(), 2); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	err := experiments.CheckBudget(&out, experiments.All(), experiments.Full(), 1.5)
	if err == nil || !strings.Contains(err.Error(), "above BUDGET=1.5") {
		t.Errorf("error %v, want a refusal", err)
	}
	large := experiments.Full()
	large.Stopped *= 100
	if experiments.CheckBudget(&out, experiments.All(), large, 2) == nil {
		t.Error("100 times the load is within the budget")
	}
	few, never := experiments.Full(), experiments.Full()
	few.Events, never.Stopped = 499, 0
	for want, s := range map[string]experiments.Sizes{"EVENTS=499: must be at least 500": few, "MINUTES=0": never} {
		err := experiments.CheckBudget(&out, experiments.All(), s, 2)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestChoose checks the names of experiments.
func TestChoose(t *testing.T) {
	if _, err := experiments.Choose("reshard,unknown"); err == nil || !strings.Contains(err.Error(), "log-level") {
		t.Errorf("error %v does not list the experiments", err)
	}
	c, err := costs.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, figure := range c.Figures {
		if _, err := experiments.Choose(figure.Measured); err != nil {
			t.Errorf("figure %s: %v", figure.Name, err)
		}
	}
}
