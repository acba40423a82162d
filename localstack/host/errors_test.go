package host_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/host"
)

func decode(t testing.TB, response []byte, err error, into any) {
	t.Helper()
	if err == nil {
		err = json.Unmarshal(response, into)
	}
	if err != nil {
		t.Fatalf("response %.200q: %v", response, err)
	}
}

func TestFunctionErrors(t *testing.T) {
	h := with(t, host.Settings{}, host.Function{})
	for _, test := range []struct {
		name    string
		event   event
		kind    string
		message string
		dies    bool // the process ends, and the next call gets a new one
	}{
		{"error", event{"return": "error"}, "customError", "as asked", false},
		{"panic", event{"return": "panic"}, "string", "as asked", true},
		{"exit 0", event{"return": "exit"}, host.TypeExited, "Runtime exited without providing a reason", true},
		{"exit 3", event{"return": "exit", "code": 3}, host.TypeExited, "Runtime exited with error: exit status 3", true},
		{"a stream that breaks off", event{"return": "stream"}, "customError", "broke off", false},
		{"a response above 6 MB", event{"return": "large", "size": 6 << 20}, "", "", false},
		{
			"a response above the limit",
			event{"return": "large", "size": 6<<20 + 100},
			host.TypeTooLarge,
			"exceeded maximum allowed payload size",
			true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := ask(t, h, event{})
			response, err := h.Invoke(t.Context(), "f", test.event.json())
			if test.kind == "" {
				if err != nil || len(response) != 6<<20+2 {
					t.Fatalf("response of %d bytes, error %v", len(response), err)
				}
			} else {
				failed := want(t, err, test.kind)
				if !strings.Contains(failed.Message, test.message) {
					t.Errorf("message %q, want %q", failed.Message, test.message)
				}
				var payload struct{ ErrorType, ErrorMessage string }
				decode(t, failed.Payload, nil, &payload)
				if payload.ErrorType != failed.Type || payload.ErrorMessage != failed.Message {
					t.Errorf("payload %s, want %s: %s", failed.Payload, failed.Type, failed.Message)
				}
			}
			if after := ask(t, h, event{}); (after.PID != before.PID) != test.dies {
				t.Errorf("process %d before, %d after; want another one: %v", before.PID, after.PID, test.dies)
			}
		})
	}
	if got := h.Stats("f"); got.Failed != 6 || got.Processes != 1 {
		t.Errorf("stats %+v, want 6 failed and 1 process", got)
	}
}

func TestTimeout(t *testing.T) {
	g := newGate(t)
	h := with(t, host.Settings{}, host.Function{Timeout: 50 * time.Millisecond, Env: map[string]string{"POST": g.url}})
	_, err := h.Invoke(t.Context(), "f", []byte(`{}`))
	// The function may notice the end of its context first, and report it.
	var failed *host.FunctionError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want a function error", err)
	}
	if failed.Type == host.TypeTimedOut && !strings.Contains(failed.Message, "Task timed out after 0.05 seconds") {
		t.Errorf("message %q", failed.Message)
	}
}

// TestTimeoutKills checks a function that ignores its deadline.
func TestTimeoutKills(t *testing.T) {
	g := newGate(t)
	h := with(t, host.Settings{}, host.Function{Timeout: 50 * time.Millisecond})
	_, err := h.Invoke(t.Context(), "f", event{"hang": true, "post": g.url}.json())
	want(t, err, host.TypeTimedOut)
	<-g.next(t).request.Context().Done() // the process has ended
	if got := h.Stats("f"); got.Failed != 1 || got.Processes != 0 || got.Idle != 0 {
		t.Errorf("stats %+v", got)
	}
}

func TestProcessesThatDoNotStart(t *testing.T) {
	for _, test := range []struct{ start, kind, message string }{
		{"exit", host.TypeExited, "exit status 3"},
		{"hang", host.TypeTimedOut, "timed out after 0.20 seconds"},
		{"error", "Setup.Missing", "BUCKET is not set"},
	} {
		t.Run(test.start, func(t *testing.T) {
			init := time.Minute
			if test.start == "hang" {
				init = 200 * time.Millisecond
			}
			h := with(t, host.Settings{Init: init}, host.Function{Env: map[string]string{"START": test.start}})
			_, err := h.Invoke(t.Context(), "f", []byte(`{}`))
			if failed := want(t, err, test.kind); !strings.Contains(failed.Message, test.message) {
				t.Errorf("message %q, want %q", failed.Message, test.message)
			}
			if got := h.Stats("f"); got.Calls != 0 || len(got.ColdStarts) != 0 || got.Failed != 1 {
				t.Errorf("stats %+v, want a failed call that no process took", got)
			}
		})
	}
	t.Run("not a program", func(t *testing.T) {
		h := with(t, host.Settings{}, host.Function{})
		path := filepath.Join(t.TempDir(), "bootstrap")
		if err := os.WriteFile(path, []byte("\x00\x01\x02"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := h.Add(host.Function{Name: "g", Bootstrap: path}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Invoke(t.Context(), "g", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want one that names %s", err, path)
		}
	})
}

func TestValidate(t *testing.T) {
	good := host.Function{Name: "anabranch-ingest", Bootstrap: bootstrap}
	if err := good.Validate(); err != nil {
		t.Fatalf("a good function: %v", err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		problem string
		change  func(*host.Function)
	}{
		{`name ""`, func(f *host.Function) { f.Name = "" }},
		{`name "a/b"`, func(f *host.Function) { f.Name = "a/b" }},
		{"invalid Timeout -1ns", func(f *host.Function) { f.Timeout = -1 }},
		{"invalid Timeout 15m1s", func(f *host.Function) { f.Timeout = 15*time.Minute + time.Second }},
		{"invalid Memory 127 MB", func(f *host.Function) { f.Memory = 127 }},
		{"invalid Concurrency -1", func(f *host.Function) { f.Concurrency = -1 }},
		{`invalid LogFormat "json"`, func(f *host.Function) { f.LogFormat = "json" }},
		{`LogLevel "DEBUG" needs LogFormat JSON`, func(f *host.Function) { f.LogLevel = "DEBUG" }},
		{"AWS_REGION is reserved by Lambda", func(f *host.Function) { f.Env = map[string]string{"AWS_REGION": "x"} }},
		{
			"AWS_LAMBDA_LOG_FORMAT is reserved by Lambda",
			func(f *host.Function) { f.Env = map[string]string{"AWS_LAMBDA_LOG_FORMAT": "x"} },
		},
		{`variable "1X"`, func(f *host.Function) { f.Env = map[string]string{"1X": "x"} }},
		{"zero byte", func(f *host.Function) { f.Env = map[string]string{"XX": "\x00"} }},
		{
			"the variables have 4097 bytes",
			func(f *host.Function) { f.Env = map[string]string{"XX": strings.Repeat("x", 4095)} },
		},
		{"no such file", func(f *host.Function) { f.Bootstrap = filepath.Join(filepath.Dir(plain), "none") }},
		{"is not an executable file", func(f *host.Function) { f.Bootstrap = plain }},
		{"is not an executable file", func(f *host.Function) { f.Bootstrap = filepath.Dir(plain) }},
	} {
		f := good
		test.change(&f)
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), test.problem) {
			t.Errorf("error %v, want %q", err, test.problem)
		}
	}
	h := with(t, host.Settings{}, host.Function{})
	if err := h.Add(host.Function{Name: "g"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("add without a bootstrap: %v", err)
	}
	if _, err := host.New(host.Settings{Idle: -1}); err == nil {
		t.Error("New accepted a negative time")
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "x")
	h := with(t, host.Settings{
		Region: "eu-west-1", Endpoint: "http://127.0.0.1:4566", AccessKey: "123456789012", SecretKey: "s",
	}, host.Function{
		Memory: 512, LogFormat: "JSON", Env: map[string]string{"STREAM": "events", "PATH": "/nowhere"},
	})
	var list []string
	response, err := h.Invoke(t.Context(), "f", event{"return": "env"}.json())
	decode(t, response, err, &list)
	got := map[string]string{}
	for _, variable := range list {
		name, value, _ := strings.Cut(variable, "=")
		got[name] = value
	}
	for _, name := range []string{"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME", "_X_AMZN_TRACE_ID"} {
		if got[name] == "" {
			t.Errorf("%s is not set", name)
		}
		delete(got, name)
	}
	root := filepath.Dir(bootstrap)
	want := map[string]string{
		"PATH":            "/nowhere",
		"LANG":            "en_US.UTF-8",
		"TZ":              ":UTC",
		"LD_LIBRARY_PATH": "/lib64:/usr/lib64:" + root + ":" + root + "/lib:/opt/lib",
		"_HANDLER":        "bootstrap", "LAMBDA_TASK_ROOT": root, "LAMBDA_RUNTIME_DIR": "/var/runtime",
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
		"AWS_LAMBDA_LOG_FORMAT": "JSON",
		"AWS_LAMBDA_LOG_LEVEL":  "INFO", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "local",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "STREAM": "events",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
