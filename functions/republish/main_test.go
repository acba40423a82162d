package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

func begin(t *testing.T, variables map[string]string) (*launchtest.Started, error) {
	t.Helper()
	return launchtest.Begin(t, function(), variables)
}

func TestMissingSettings(t *testing.T) {
	launchtest.Refuses(t, "ARCHIVE_BUCKET", "STREAM_NAME")
}

func TestRules(t *testing.T) {
	launchtest.New(t)
	_, err := begin(t, launchtest.With(launchtest.Layout(), "LANES", "0"))
	launchtest.Refusal(t, err, "LANES=0")
	_, err = begin(t, launchtest.With(launchtest.Layout(), "LANES", "four"))
	launchtest.Refusal(t, err, `LANES="four": must be a whole number`)
}

// TestMessages checks that the function reads the object of a message. A message whose object does not exist does not
// come again.
func TestMessages(t *testing.T) {
	cloud := launchtest.New(t)
	f, err := begin(t, launchtest.Layout())
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"object":"events/dt=2026-11-22/slot=211500/01JD8Z6B1QZ0W6V3T5YJ9K4M2N.ndjson.zst","lanes":["1.1.0"]}`
	answer, err := launchtest.Invoke[events.SQSEventResponse](t, f,
		events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: body}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]events.SQSBatchItemFailure{}, answer.BatchItemFailures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GetObject", "PutObject"}, cloud.Operations()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}
