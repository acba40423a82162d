package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

func variables() map[string]string {
	v := launchtest.Layout()
	for name, value := range map[string]string{"CATALOG_TABLE": "catalog", "SPEED_TABLE": "speed", "SEEN_TABLE": "seen"} {
		v[name] = value
	}
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
		{"SPEED_RETAIN", "72h", "SPEED_RETAIN=72h0m0s"}, {"STREAM_RETENTION", "0s", "STREAM_RETENTION=0s"},
		{"STREAM_RETENTION", "168h", "STREAM_RETENTION, 168h0m0s"}, {"MAX_STREAM_AGE", "23h", "MAX_STREAM_AGE=23h0m0s"},
		{"MAX_STREAM_AGE", "144h", "SPEED_RETAIN=168h0m0s: must be above MAX_STREAM_AGE + STREAM_RETENTION, 168h0m0s"},
		{"SPEED_WINDOW", "25h", "SPEED_WINDOW=25h0m0s"},
		{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"},
	} {
		_, err := begin(t, launchtest.With(variables(), c.name, c.value))
		launchtest.Refusal(t, err, c.part)
	}
}

// TestInvoke passes the event as bytes. A record that cannot be decoded must be set aside and counted.
func TestInvoke(t *testing.T) {
	cloud := launchtest.New(t)
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	payload := fmt.Sprintf(`{"Records":[{"kinesis":{"partitionKey":"nobody","sequenceNumber":"49","data":"eA==","approximateArrivalTimestamp":%d.5}}]}`,
		time.Now().Add(-time.Minute).Unix())
	answer, err := f.Invoke(t.Context(), []byte(payload))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("answer is %s, %v", answer, err)
	}
	if n := len(cloud.Keys("bucket/setaside/")); n != 1 {
		t.Errorf("%d objects set aside, want 1", n)
	}
	const want = `"FunctionName":"anabranch-test","Events":0,"SetAside":1,"StreamLag":`
	_, lag, ok := strings.Cut(strings.TrimSuffix(f.Out.String(), "}\n"), want)
	if !ok || len(lag) != len("59500") {
		t.Errorf("metrics are %s", &f.Out)
	}
	if diff := cmp.Diff([]string{"GetObject", "PutObject", "Query"}, cloud.Operations()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

// TestUnknownArrival checks that an event without arrival times gives no lag metric.
func TestUnknownArrival(t *testing.T) {
	launchtest.New(t)
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{"Records":[{"kinesis":{"partitionKey":"nobody","sequenceNumber":"49","data":"eA=="}}]}`)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(f.Out.String(), `"SetAside":1`) || strings.Contains(f.Out.String(), "StreamLag") {
		t.Errorf("metrics are %s", &f.Out)
	}
}
