package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/host"
)

// bootstrap is the binary of testdata/bootstrap.
var bootstrap string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lambda-host-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bootstrap = filepath.Join(dir, "bootstrap")
	out, err := exec.Command(
		"go", "build", "-tags", "lambda.norpc", "-o", bootstrap, "./testdata/bootstrap",
	).CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build the bootstrap: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// reply is what the bootstrap reports about itself.
type reply struct {
	PID      int    `json:"pid"`
	N        int    `json:"n"`
	Request  string `json:"request"`
	ARN      string `json:"arn"`
	Deadline int64  `json:"deadline"`
	Trace    string `json:"trace"`
	Dir      string `json:"dir"`
}

// with returns a host with one function, "f".
func with(t testing.TB, s host.Settings, f host.Function) *host.Host {
	t.Helper()
	h, err := host.New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	f.Name, f.Bootstrap = "f", bootstrap
	if f.Timeout == 0 {
		f.Timeout = time.Minute // a busy machine must not time a call out
	}
	if err := h.Add(f); err != nil {
		t.Fatal(err)
	}
	return h
}

// event tells the bootstrap what to do; see testdata/bootstrap.
type event map[string]any

func (e event) json() []byte {
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // none of the tests' events
	}
	return text
}

// ask invokes the function, which must succeed.
func ask(t testing.TB, h *host.Host, e event) reply {
	t.Helper()
	response, err := h.Invoke(t.Context(), "f", e.json())
	if err != nil {
		t.Fatalf("invoke: %v", err)
	}
	return parse(t, response)
}

func parse(t testing.TB, response []byte) (r reply) {
	t.Helper()
	if err := json.Unmarshal(response, &r); err != nil || r.PID == 0 {
		t.Fatalf("response %q: %v", response, err)
	}
	return r
}

// want checks the error of Invoke.
func want(t testing.TB, err error, kind string) *host.FunctionError {
	t.Helper()
	var failed *host.FunctionError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want a function error of type %s", err, kind)
	}
	if failed.Type != kind {
		t.Fatalf("error %s: %s, want type %s", failed.Type, failed.Message, kind)
	}
	return failed
}

// result is the result of a call in the background.
type result struct {
	response []byte
	err      error
}

func begin(ctx context.Context, h *host.Host, e event) <-chan result {
	results := make(chan result, 1)
	go func() {
		response, err := h.Invoke(ctx, "f", e.json())
		results <- result{response, err}
	}()
	return results
}

// gate is a server that functions call; a test holds them there.
type gate struct {
	url     string
	arrived chan arrival
}

type arrival struct {
	pid     int
	request *http.Request
	answer  chan<- string // lets the function continue
}

func newGate(t testing.TB) gate {
	t.Helper()
	arrived := make(chan arrival, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pid, err := strconv.Atoi(r.Header.Get("Pid"))
		if err != nil {
			t.Errorf("a caller without a process id: %v", err)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // the caller has been killed
		}
		answer := make(chan string, 1)
		arrived <- arrival{pid, r, answer}
		select {
		case text := <-answer:
			_, _ = io.WriteString(w, text) // the caller may have been killed
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	return gate{server.URL, arrived}
}

// hold returns an event with which the function calls the gate and then answers.
func (g gate) hold() event { return event{"post": g.url} }

// next waits until a function arrives at the gate.
func (g gate) next(t testing.TB) arrival {
	t.Helper()
	select {
	case a := <-g.arrived:
		return a
	case <-time.After(time.Minute):
		t.Fatal("no function has arrived")
		return arrival{}
	}
}
