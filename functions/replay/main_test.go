package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/replay/handler"
	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

func variables() map[string]string {
	v := launchtest.Layout()
	v["CATALOG_TABLE"], v["SPEED_TABLE"], v["SEEN_TABLE"] = "catalog", "speed", "seen"
	return v
}

func begin(t *testing.T, variables map[string]string) (*launchtest.Started, error) {
	t.Helper()
	return launchtest.Begin(t, function(), variables)
}

func TestMissingSettings(t *testing.T) {
	launchtest.Refuses(t, "ARCHIVE_BUCKET", "STREAM_NAME", "CATALOG_TABLE", "SPEED_TABLE", "SEEN_TABLE")
}

func TestRules(t *testing.T) {
	launchtest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"REPLAY_BYTES", "0", "REPLAY_BYTES=0: must be at least 1"},
		{"STREAM_RETENTION", "0s", "STREAM_RETENTION=0s: must be above 16m0s"},
		{"REQUIRE_APPROVAL", "yes", "REQUIRE_APPROVAL"},
		{"LANES", "0", "LANES=0"},
	} {
		_, err := begin(t, launchtest.With(variables(), c.name, c.value))
		launchtest.Refusal(t, err, c.part)
	}
	for name, value := range map[string]string{"REPLAY_BYTES": "1", "STREAM_RETENTION": "24h", "MAX_STREAM_AGE": "95h",
		"REQUIRE_APPROVAL": "true"} {
		if _, err := begin(t, launchtest.With(variables(), name, value)); err != nil {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

// TestTick checks that a generation that is live from the first event on follows the head and serves, and that the
// metrics count it.
func TestTick(t *testing.T) {
	cloud := launchtest.New(t)
	const stored = `{"pk":{"S":"view"},"sk":{"S":"visits"},"rev":{"N":"1"},"doc":{"S":"{\"version\":8,\"generations\":[{\"id\":\"g\",` +
		`\"definition\":\"h\",\"architecture\":\"kappa\",\"state\":\"building\"}]}"}}`
	item := stored
	cloud.Answers["Query"] = func(request []byte) launchtest.Answer {
		if bytes.Contains(request, []byte(`"view"`)) {
			return launchtest.Answer{Body: `{"Items":[` + item + `]}`}
		}
		return launchtest.Answer{Body: `{"Items":[{"pk":{"S":"run"},"sk":{"S":"00000000000000000001"},"doc":{"S":"{\"version\":4,\"horizon\":5}"}}]}`}
	}
	cloud.Answers["GetItem"] = func(request []byte) launchtest.Answer {
		if bytes.Contains(request, []byte(`"visits"`)) {
			return launchtest.Answer{Body: `{"Item":` + item + `}`}
		}
		return launchtest.Answer{Body: "{}"}
	}
	var put []string
	cloud.Answers["PutItem"] = func(request []byte) launchtest.Answer {
		if bytes.Contains(request, []byte(`"pk":{"S":"lease"}`)) {
			return launchtest.Answer{Body: "{}"}
		}
		put = append(put, string(request))
		_, item, _ = strings.Cut(string(request), `"Item":`)
		item = item[:strings.Index(item, "}}")+2]
		return launchtest.Answer{Body: "{}"}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[handler.Answer](t, f, events.EventBridgeEvent{})
	if diff := cmp.Diff(handler.Answer{Head: 1, Generations: 1, Runs: 1}, answer); diff != "" || err != nil {
		t.Fatalf("error %v, answer (-want +got):\n%s", err, diff)
	}
	if len(put) != 2 || !strings.Contains(put[0], `\"run\":1`) || !strings.Contains(put[1], `\"serving\":\"g\"`) {
		t.Errorf("put %q, want the horizon, then the serving generation", put)
	}
	const want = `"FunctionName":"anabranch-test","ReplayRunsLeft":0,"ReplayEvents":0,"Skipped":0}`
	if !strings.Contains(f.Out.String(), want) {
		t.Errorf("metrics are %s", &f.Out)
	}
	if diff := cmp.Diff([]string{"GetItem", "GetObject", "PutItem", "PutObject", "Query"},
		cloud.Operations()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}
