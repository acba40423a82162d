package host_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/shared/eventsource"
)

func TestWhatTheFunctionSees(t *testing.T) {
	h := with(t, host.Settings{Region: "eu-west-1", Account: "123456789012"}, host.Function{Timeout: 30 * time.Second})
	before := time.Now()
	got := ask(t, h, event{})
	after := time.Now()
	if want := "arn:aws:lambda:eu-west-1:123456789012:function:f"; got.ARN != want || h.ARN("f") != want {
		t.Errorf("ARN %s, and %s by the host; want %s", got.ARN, h.ARN("f"), want)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if !uuid.MatchString(got.Request) {
		t.Errorf("request id %q, want a random UUID", got.Request)
	}
	if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(got.Trace) {
		t.Errorf("trace %q", got.Trace)
	}
	first, last := before.Add(30*time.Second).UnixMilli(), after.Add(30*time.Second).UnixMilli()
	if got.Deadline < first || got.Deadline > last {
		t.Errorf("deadline %d, want %d to %d", got.Deadline, first, last)
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(bootstrap)); err != nil || got.Dir != dir {
		t.Errorf("working directory %s, want %s (%v)", got.Dir, dir, err)
	}
	if again := ask(t, h, event{}); again.Request == got.Request || again.Trace == got.Trace {
		t.Error("two calls have the same request id or trace")
	}
}

func TestPayloads(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	for _, payload := range []string{`{"return":"event"}`, `{"return":"event","text":"ü \u0000 \" "}`} {
		if got, err := h.Invoke(t.Context(), "f", []byte(payload)); err != nil || string(got) != payload {
			t.Errorf("payload %s came back as %s (%v)", payload, got, err)
		}
	}
	for _, payload := range []string{`[]`, `null`, `"text"`, `4`} {
		if _, err := h.Invoke(t.Context(), "f", []byte(payload)); err != nil {
			t.Errorf("payload %s: %v", payload, err)
		}
	}
	for _, payload := range []string{``, `{`, `text`, `"` + strings.Repeat("x", 6<<20) + `"`} {
		if _, err := h.Invoke(t.Context(), "f", []byte(payload)); !errors.Is(err, host.ErrPayload) {
			t.Errorf("payload of %d bytes: error %v, want ErrPayload", len(payload), err)
		}
	}
	big := `{"return":"event","text":"` + strings.Repeat("x", 6<<20-28) + `"}`
	if got, err := h.Invoke(t.Context(), "f", []byte(big)); err != nil || string(got) != big {
		t.Errorf("6 MB came back as %d bytes (%v)", len(got), err)
	}
	if _, err := h.Invoke(t.Context(), "g", []byte(`{}`)); !errors.Is(err, host.ErrUnknown) {
		t.Errorf("unknown function: error %v", err)
	}
	if got := ask(t, h, event{}); got.N != 8 {
		t.Errorf("the process had %d calls, want 8: those refused do not reach it", got.N)
	}
}

func TestProcessesAreReused(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	first, second := ask(t, h, event{}), ask(t, h, event{})
	if second.PID != first.PID || second.N != 2 {
		t.Errorf("second call: %+v, want the process %d", second, first.PID)
	}
	stats := h.Stats("f")
	if len(stats.ColdStarts) != 1 || stats.ColdStarts[0] <= 0 {
		t.Errorf("cold starts %v, want one", stats.ColdStarts)
	}
	stats.ColdStarts = nil
	if diff := cmp.Diff(host.Stats{Calls: 2, Processes: 1, Idle: 1}, stats); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOneCallAtATimeAndThrottling(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{Concurrency: 2})
	g := newGate(t)
	one, two := begin(t.Context(), h, g.hold()), begin(t.Context(), h, g.hold())
	first, second := g.next(t), g.next(t)
	if first.pid == second.pid {
		t.Errorf("process %d has two calls at once", first.pid)
	}
	if _, err := h.Invoke(t.Context(), "f", []byte(`{}`)); !errors.Is(err, host.ErrThrottled) ||
		!errors.Is(err, eventsource.ErrThrottled) {
		t.Errorf("third call: %v, want ErrThrottled", err)
	}
	first.answer <- ""
	second.answer <- ""
	for _, results := range []<-chan result{one, two} {
		if r := <-results; r.err != nil {
			t.Error(r.err)
		}
	}
	ask(t, h, event{})
	if stats := h.Stats("f"); stats.Throttled != 1 || stats.Calls != 3 ||
		stats.Processes != 2 || len(stats.ColdStarts) != 2 {
		t.Errorf("stats %+v", stats)
	}
}

func TestIdleProcessesAreReaped(t *testing.T) {
	h := with(t, host.Settings{Idle: time.Hour}, host.Function{})
	first := ask(t, h, event{})
	h.Reap(time.Now().Add(59 * time.Minute))
	if got := h.Stats("f"); got.Idle != 1 {
		t.Errorf("before its time: %+v, want one idle process", got)
	}
	h.Reap(time.Now().Add(61 * time.Minute))
	if got := h.Stats("f"); got.Processes != 0 || got.Idle != 0 {
		t.Errorf("after its time: %+v, want no process", got)
	}
	if second := ask(t, h, event{}); second.PID == first.PID || second.N != 1 {
		t.Errorf("call after that: %+v, want a new process", second)
	}
}

func TestTheReaperRuns(t *testing.T) {
	h := with(t, host.Settings{Idle: time.Millisecond}, host.Function{})
	first := ask(t, h, event{})
	t.Logf("process %d", first.PID)
	untilEnded(t, h)
}

func TestAProcessThatEndsInItsSleepIsReplaced(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	first := ask(t, h, event{})
	process, err := os.FindProcess(first.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	untilEnded(t, h) // the host notices it without a call
	if second := ask(t, h, event{}); second.PID == first.PID || second.N != 1 {
		t.Errorf("second call: %+v, want a new process", second)
	}
}

// untilEnded waits until the function has no process left.
func untilEnded(t *testing.T, h *host.Host) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); h.Stats("f").Processes > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the process has not ended")
		}
	}
}

func TestACallerThatLeaves(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	g := newGate(t)
	ctx, cancel := context.WithCancel(t.Context())
	left := begin(ctx, h, g.hold())
	arrived := g.next(t)
	cancel()
	if r := <-left; !errors.Is(r.err, context.Canceled) {
		t.Fatalf("error %v, want the context's", r.err)
	}
	expired, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := h.Idle(expired); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("idle in the middle of a call: %v", err)
	}
	arrived.answer <- ""
	if err := h.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, h, event{}); got.PID != arrived.pid || got.N != 2 {
		t.Errorf("next call: %+v, want the second of process %d", got, arrived.pid)
	}
}

func TestClose(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	g := newGate(t)
	running := begin(t.Context(), h, g.hold())
	arrived := g.next(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, (<-running).err, host.TypeExited)
	<-arrived.request.Context().Done() // the process has ended
	if _, err := h.Invoke(t.Context(), "f", []byte(`{}`)); !errors.Is(err, host.ErrClosed) {
		t.Errorf("invoke: %v, want ErrClosed", err)
	}
	if err := h.Add(host.Function{Name: "g", Bootstrap: bootstrap}); !errors.Is(err, host.ErrClosed) {
		t.Errorf("add: %v, want ErrClosed", err)
	}
	if err := h.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func TestAddReplaces(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	g := newGate(t)
	running := begin(t.Context(), h, g.hold())
	arrived := g.next(t)
	replacement := host.Function{
		Name: "f", Bootstrap: bootstrap, Timeout: time.Minute, Env: map[string]string{"START": "exit"},
	}
	if err := h.Add(replacement); err != nil {
		t.Fatal(err)
	}
	_, err := h.Invoke(t.Context(), "f", []byte(`{}`))
	want(t, err, host.TypeExited)
	arrived.answer <- ""
	if r := <-running; r.err != nil || parse(t, r.response).PID != arrived.pid {
		t.Errorf("the call begun before: %s, %v; want its answer", r.response, r.err)
	}
}

// TestRuntimeAPI holds a function's process, while another client calls its Runtime API out of turn.
func TestRuntimeAPI(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{Concurrency: 1})
	var env []string
	response, err := h.Invoke(t.Context(), "f", event{"return": "env"}.json())
	decode(t, response, err, &env)
	api := ""
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, "AWS_LAMBDA_RUNTIME_API="); ok {
			api = "http://" + value + "/2018-06-01/runtime/"
		}
	}
	g := newGate(t)
	running := begin(t.Context(), h, g.hold())
	arrived := g.next(t)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "invocation/next", http.StatusForbidden},
		{http.MethodPost, "invocation/other/response", http.StatusBadRequest},
		{http.MethodPost, "invocation/other/error", http.StatusBadRequest},
		{http.MethodGet, "invocation/other/response", http.StatusMethodNotAllowed},
		{http.MethodPost, "exit/error", http.StatusNotFound},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, api+test.path, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Body.Close(); err != nil || got.StatusCode != test.status {
			t.Errorf("%s %s: %s (%v), want %d", test.method, test.path, got.Status, err, test.status)
		}
	}
	arrived.answer <- ""
	if r := <-running; r.err != nil {
		t.Errorf("the call that was held: %v", r.err)
	}
}
