//go:build emulator

package e2e_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/host/emf"
	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/localstack/stack"
	"github.com/anabranch/anabranch/shared/metrics"
)

// TestStory follows one deployment from its first event on. Each part needs the parts before it, so the first failure
// ends the test. On LocalStack it leaves out the parts that take minutes and call the same services.
func TestStory(t *testing.T) {
	t.Parallel() // with TestReshard: each has a stack of its own
	w := start(t, stack.Settings{Elsewhere: onLocalStack(t)})
	for _, part := range []struct {
		name  string
		do    func(*testing.T, *world)
		brief bool // it is told on LocalStack, too
	}{
		{"first tick", firstTick, true},
		{"doctor of the stack", examineStack, false},
		{"access", access, true},
		{"live", live, true},
		{"page", showPage, true},
		{"assistants", assistants, false},
		{"PromQL", promQL, true},
		{"by hand", byHand, true},
		{"sent again", sentAgain, true},
		{"ingest killed", ingestKilled, true},
		{"definition changed", changed, false},
		{"Kappa", kappa, false},
		{"audited", audited, true},
		{"doctor", examined, false},
		{"every value", everyValue, true},
		{"schedule", schedule, true},
		{"faults", faults, false},
		{"Lambda again", lambdaAgain, false},
		{"smoke", smoke, true},
	} {
		if emulator.LocalStackIsChosen() && !part.brief {
			continue
		}
		if !t.Run(part.name, func(t *testing.T) { part.do(t, w) }) {
			t.Fatalf("the story ends in its part %q; logs are in %s", part.name, w.LogDir)
		}
	}
	for _, function := range []string{
		stack.Ingest, stack.Speed, stack.Batch, stack.Query, stack.Prometheus, stack.Republish,
		stack.Replay, stack.Audit, stack.Admin, stack.Authorizer, stack.MCP,
	} {
		if function == stack.MCP && emulator.LocalStackIsChosen() {
			continue // its part is not told there
		}
		stats := w.Host.Stats(function)
		if len(stats.ColdStarts) == 0 {
			t.Errorf("%s was never run", function)
			continue
		}
		t.Logf(
			"%-22s %5d calls, %d starts, the first in %.0f ms", function, stats.Calls, len(stats.ColdStarts),
			stats.ColdStarts[0].Seconds()*1000,
		)
	}
	if err := w.Host.Metrics().Invalid(); err != nil {
		t.Errorf("metrics: %v", err)
	}
}

// firstTick invokes batch, as a new schedule does, so that it registers the views.
func firstTick(t *testing.T, w *world) {
	if err := w.batchByHand(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// access checks that every route needs a key with the right scope.
func access(t *testing.T, w *world) {
	event := []byte(`{"specversion":"1.0","id":"1","source":"/e2e","type":"access"}`)
	for _, test := range []struct {
		name, key string
		want      int // status for a query, and for an event
		post      int
	}{
		{"no key", "", http.StatusUnauthorized, http.StatusUnauthorized},
		{"a wrong key", "0123456789012345678901234567890", http.StatusForbidden, http.StatusForbidden},
		{"the read key", w.Keys.Read, http.StatusOK, http.StatusForbidden},
		{"the write key", w.Keys.Write, http.StatusForbidden, http.StatusOK},
		{"the admin key", w.Keys.Admin, http.StatusOK, http.StatusOK},
	} {
		if got, err := w.get(t.Context(), test.key, "/v1/views"); err != nil || got != test.want {
			t.Errorf("%s: GET /v1/views: %d, %v; want %d", test.name, got, err, test.want)
		}
		if got, err := w.post(t.Context(), test.key, event); err != nil || got != test.post {
			t.Errorf("%s: POST /v1/events: %d, %v; want %d", test.name, got, err, test.post)
		}
	}
	for _, path := range []string{"/v1/views/traffic", "/v1/views/traffic/query"} {
		if got, err := w.get(t.Context(), "", path); err != nil || got != http.StatusUnauthorized {
			t.Errorf("no key: GET %s: %d, %v; want 401", path, got, err)
		}
	}
}

// live sends the sample over the HTTP API, and checks the answers of the speed layer.
func live(t *testing.T, w *world) {
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	w.send(t, lines)
	w.drain(t)
	if got := len(distinct(t, w.published(t))); got != sample.Events+1 { // one more event was sent by access
		t.Errorf("the shards hold %d distinct events, want %d", got, sample.Events+1)
	}
	if got := len(distinct(t, w.archived(t))); got != sample.Events+1 {
		t.Errorf("the archive holds %d distinct events, want %d", got, sample.Events+1)
	}
	if n := w.items(t, "SpeedTable"); n == 0 {
		t.Error("no speed item in DynamoDB")
	}
	if counts := w.Stream.Counts(); counts.Records == 0 || counts.Invocations == 0 {
		t.Errorf("the stream was not read: %+v", counts)
	}
	if called, invoked := w.Host.Stats(stack.Speed).Calls, w.Stream.Counts().Invocations; called != invoked {
		t.Errorf("speed was called %d times, and %d times by our poller: somebody else reads the stream", called, invoked)
	}
	if err := w.reader().Wait(
		t.Context(), "every event in the answers", func(a sample.Answer) bool { return a.Requests() == sample.Events },
	); err != nil {
		t.Fatal(err)
	}
}

// schedule checks that the deployed schedules invoke batch, replay and audit, in addition to manual invocations.
func schedule(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second) // the shortest rate is a minute
	defer cancel()
	for output, function := range map[string]string{
		"BatchFunction":  stack.Batch,
		"ReplayFunction": stack.Replay,
		"AuditFunction":  stack.Audit,
	} {
		calls := func() int {
			if function == stack.Batch {
				return w.before + w.Host.Stats(function).Calls
			}
			return w.Host.Stats(function).Calls
		}
		for calls() <= w.handCalls(output) {
			select {
			case <-ctx.Done():
				t.Fatalf("the schedule has not called %s", function)
			case <-time.After(100 * time.Millisecond):
			}
		}
		t.Logf("%s was called %d times, %d of them by hand", function, calls(), w.handCalls(output))
	}
	watched := emf.Key{
		Namespace: metrics.Namespace, Name: string(metrics.BatchOverdue), Dimensions: "FunctionName=" + stack.Audit,
	}
	for w.Host.Metrics().All()[watched].Count == 0 {
		select {
		case <-ctx.Done():
			t.Fatalf("no tick of %s has said whether batch is overdue", stack.Audit)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// byHand checks that batch may be invoked manually at any time.
func byHand(t *testing.T, w *world) {
	w.takeOver(t, sample.Events)
	if n := w.items(t, "BaseTable"); n == 0 {
		t.Error("no base item in DynamoDB")
	}
}

// sentAgain sends the same events again, which changes nothing: every value equals an independent fold of the archive.
func sentAgain(t *testing.T, w *world) {
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	before := w.Host.Metrics().Sum(metrics.Namespace, string(metrics.Duplicates))
	w.send(t, lines)
	w.drain(t)
	a, err := w.reader().Ask(t.Context(), "traffic", nil)
	if err != nil || a.Requests() != sample.Events {
		t.Errorf("live, %d requests, %v; want %d", a.Requests(), err, sample.Events)
	}
	if got := len(w.archived(t)); got != 2*sample.Events+2 { // access sent its event twice
		t.Errorf("the archive holds %d lines, want %d", got, 2*sample.Events+2)
	}
	time.Sleep(10 * time.Second) // the slot's end and seal delay
	w.takeOver(t, sample.Events)
	if got := w.Host.Metrics().Sum(metrics.Namespace, string(metrics.Duplicates)) - before; got != 2*sample.Events {
		t.Errorf("%.0f duplicates counted, want %d by speed and as many by batch", got, sample.Events)
	}
	w.verify(t, true)
}

// smoke runs the smoke test for deployments against this one.
func smoke(t *testing.T, w *world) {
	if err := w.anabranch(t.Context(), w.Keys.Admin, "smoke"); err != nil {
		t.Errorf("smoke: %v", err)
	}
	if err := w.anabranch(t.Context(), w.Keys.Read, "smoke", "--for", "10s"); err == nil {
		t.Error("smoke passes with a key that opens only the views")
	}
}
