package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/batch/handler"
	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

const views = "views:\n  - name: visits\n    key: {path: data.path}\n    window: 1h\n    aggregates:\n      visits: " +
	"count()\n"

// variables returns the environment of a function that was unpacked with the given views.
func variables(t *testing.T, views string) map[string]string {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "views.yaml"), []byte(views), 0o644); err != nil {
		t.Fatal(err)
	}
	v := launchtest.Layout()
	for name, value := range map[string]string{
		"CATALOG_TABLE": "catalog", "BASE_TABLE": "base", "SEEN_TABLE": "seen",
		"REPUBLISH_QUEUE": "http://queue.test/1/republish", "LAMBDA_TASK_ROOT": root,
	} {
		v[name] = value
	}
	return v
}

func begin(t *testing.T, variables map[string]string) (*launchtest.Started, error) {
	t.Helper()
	return launchtest.Begin(t, function(), variables)
}

func TestMissingSettings(t *testing.T) {
	launchtest.Refuses(t, "ARCHIVE_BUCKET", "STREAM_NAME", "CATALOG_TABLE", "BASE_TABLE", "SEEN_TABLE", "REPUBLISH_QUEUE")
}

func TestRules(t *testing.T) {
	launchtest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"SEAL_DELAY", "40s", "SEAL_DELAY=40s: must be at least COMMIT_WITHIN + CLOCK_MARGIN + 1s, 41s"},
		{"COMMIT_WITHIN", "30s", "SEAL_DELAY=1m0s: must be at least COMMIT_WITHIN + CLOCK_MARGIN + 1s, 1m1s"},
		{"CLOCK_MARGIN", "50s", "SEAL_DELAY=1m0s: must be at least COMMIT_WITHIN + CLOCK_MARGIN + 1s, 1m1s"},
		{"COMMIT_WITHIN", "0s", "COMMIT_WITHIN=0s"},
		{"LOOKBACK", "59s", "LOOKBACK=59s"},
		{"RETAIN_FOR", "-1s", "RETAIN_FOR=-1s"},
		{"RUN_BYTES", "0", "RUN_BYTES=0"},
		{"SWEEP_AFTER", "-1s", "SWEEP_AFTER=-1s"},
		{"MAX_STREAM_AGE", "59m", "MAX_STREAM_AGE=59m0s"},
		{"SWEEP_AFTER", "36h", "MAX_STREAM_AGE=72h0m0s"},
	} {
		_, err := begin(t, launchtest.With(variables(t, views), c.name, c.value))
		launchtest.Refusal(t, err, c.part)
	}
	if _, err := begin(t, launchtest.With(variables(t, views), "SEAL_DELAY", "41s")); err != nil {
		t.Errorf("the minimum is refused: %v", err)
	}
}

// TestViews checks that a function without views, or with wrong ones, does not start, and that the error says where.
func TestViews(t *testing.T) {
	launchtest.New(t)
	_, err := begin(t, variables(t, "views:\n  - name: visits\n    windows: 1h\n"))
	launchtest.Refusal(t, err, "views.yaml:3:5")
	_, err = begin(t, launchtest.With(variables(t, views), "LAMBDA_TASK_ROOT", t.TempDir()))
	launchtest.Refusal(t, err, "read file of the function")
}

// TestTick checks that the first tick over an empty archive registers the view, makes a run, and prints its metrics.
func TestTick(t *testing.T) {
	cloud := launchtest.New(t)
	var put [][]byte
	cloud.Answers["PutItem"] = func(request []byte) launchtest.Answer {
		if !bytes.Contains(request, []byte(`"pk":{"S":"lease"}`)) {
			put = append(put, request)
		}
		return launchtest.Answer{Body: "{}"}
	}
	cloud.Answers["GetItem"] = func(request []byte) launchtest.Answer {
		for _, p := range slices.Backward(put) {
			var stored struct{ Item json.RawMessage }
			if bytes.Contains(request, []byte(`"visits"`)) && bytes.Contains(p, []byte(`"sk":{"S":"visits"}`)) && json.Unmarshal(p, &stored) == nil {
				return launchtest.Answer{Body: `{"Item":` + string(stored.Item) + `}`}
			}
		}
		return launchtest.Answer{Body: "{}"}
	}
	f, err := begin(t, launchtest.With(variables(t, views), "LOG_LEVEL", "ERROR"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[handler.Answer](t, f, events.EventBridgeEvent{})
	if f.Log.Len() > 0 {
		t.Errorf("at the level ERROR, a tick without errors logs %s", &f.Log)
	}
	if err != nil || answer.Run != 1 || answer.Runs != 1 {
		t.Fatalf("answer is %+v, %v", answer, err)
	}
	// The definition, the announced view, the confirmed view, and the run.
	if len(put) != 4 || !bytes.Contains(put[1], []byte("announced")) || !bytes.Contains(put[2], []byte("building")) {
		t.Errorf("put %d items: %q", len(put), put)
	}
	if f.Out.Len() > 0 {
		t.Errorf("a tick without events prints metrics: %s", &f.Out)
	}
	if diff := cmp.Diff([]string{"GetItem", "GetObject", "ListObjectsV2", "PutItem", "PutObject", "Query"},
		cloud.Operations()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}
