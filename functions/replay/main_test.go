package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/replay/handler"
	"github.com/anabranch/anabranch/shared/aws/settings/settingstest"
	"github.com/anabranch/anabranch/shared/speed"
)

func TestMain(m *testing.M) { settingstest.Main(m, main) }

func variables() map[string]string {
	v := settingstest.Layout()
	v["CATALOG_TABLE"], v["SPEED_TABLE"], v["SEEN_TABLE"] = "catalog", "speed", "seen"
	return v
}

func begin(t *testing.T, variables map[string]string) (*function, error) {
	t.Helper()
	return start(t.Context(), settingstest.Lookup(variables), slog.New(slog.DiscardHandler))
}

func TestMissingSettings(t *testing.T) {
	settingstest.Refuses(t, "ARCHIVE_BUCKET", "STREAM_NAME", "CATALOG_TABLE", "SPEED_TABLE", "SEEN_TABLE")
}

func TestRules(t *testing.T) {
	settingstest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"REPLAY_BYTES", "0", "REPLAY_BYTES=0: want at least 1"},
		{"STREAM_RETENTION", "0s", "STREAM_RETENTION=0s: want above 0"},
		{"REQUIRE_APPROVAL", "yes", "REQUIRE_APPROVAL"},
		{"LANES", "0", "LANES=0"},
	} {
		_, err := begin(t, settingstest.With(variables(), c.name, c.value))
		settingstest.Refusal(t, err, c.part)
	}
	for name, value := range map[string]string{"REPLAY_BYTES": "1", "STREAM_RETENTION": "24h", "MAX_STREAM_AGE": "100h", "REQUIRE_APPROVAL": "true"} {
		if _, err := begin(t, settingstest.With(variables(), name, value)); err != nil {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

// TestTick: a generation that is live from the first event on follows the head, and serves; and it counts.
func TestTick(t *testing.T) {
	cloud := settingstest.New(t)
	const stored = `{"pk":{"S":"view"},"sk":{"S":"visits"},"rev":{"N":"1"},"doc":{"S":"{\"version\":2,\"generations\":[{\"id\":\"g\",` +
		`\"definition\":\"h\",\"architecture\":\"kappa\",\"state\":\"building\"}]}"}}`
	item := stored
	cloud.Answers["Query"] = func(request []byte) settingstest.Answer {
		if bytes.Contains(request, []byte(`"view"`)) {
			return settingstest.Answer{Body: `{"Items":[` + item + `]}`}
		}
		return settingstest.Answer{Body: `{"Items":[{"pk":{"S":"run"},"sk":{"S":"00000000000000000001"},"doc":{"S":"{\"version\":1,\"horizon\":5}"}}]}`}
	}
	cloud.Answers["GetItem"] = func(request []byte) settingstest.Answer {
		if bytes.Contains(request, []byte(`"visits"`)) {
			return settingstest.Answer{Body: `{"Item":` + item + `}`}
		}
		return settingstest.Answer{Body: "{}"}
	}
	var put []string
	cloud.Answers["PutItem"] = func(request []byte) settingstest.Answer {
		put = append(put, string(request))
		_, item, _ = strings.Cut(string(request), `"Item":`)
		item = item[:strings.Index(item, "}}")+2]
		return settingstest.Answer{Body: "{}"}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	f.printer.Out, f.printer.Function = &out, "anabranch-replay"
	answer, err := f.handle(t.Context(), events.EventBridgeEvent{})
	if diff := cmp.Diff(handler.Answer{Head: 1, Generations: 1, Runs: 1}, answer); diff != "" || err != nil {
		t.Fatalf("error %v, answer (-want +got):\n%s", err, diff)
	}
	if len(put) != 2 || !strings.Contains(put[0], `\"run\":1`) || !strings.Contains(put[1], `\"serving\":\"g\"`) {
		t.Errorf("put %q, want the horizon, and then the pointer", put)
	}
	const want = `"FunctionName":"anabranch-replay","ReplayRunsLeft":0,"ReplayEvents":0,"Skipped":0}`
	if !strings.Contains(out.String(), want) {
		t.Errorf("metrics are %s", &out)
	}
	if diff := cmp.Diff([]string{"GetItem", "GetObject", "PutItem", "PutObject", "Query"}, cloud.Operations()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

// TestObserve: the generation furthest behind is what is left; without a Kappa view nothing is said.
func TestObserve(t *testing.T) {
	var out bytes.Buffer
	f := &function{log: slog.New(slog.DiscardHandler)}
	f.printer.Out, f.printer.Function, f.printer.Now = &out, "f", time.Now
	f.observe(speed.ReplayReport{Head: 9})
	if out.Len() > 0 {
		t.Errorf("metrics are %s", &out)
	}
	f.observe(speed.ReplayReport{Head: 9, Generations: []speed.ReplayedGeneration{{Left: 2, Events: 10}, {Left: 9, Events: 1}, {}}})
	if want := `"ReplayRunsLeft":9,"ReplayEvents":11,"Skipped":0}`; !strings.Contains(out.String(), want) {
		t.Errorf("metrics are %s", &out)
	}
}
