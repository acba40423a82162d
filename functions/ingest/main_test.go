package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

func variables() map[string]string {
	return launchtest.With(launchtest.Layout(), "REPUBLISH_QUEUE", "http://queue.test/1/republish")
}

func begin(t *testing.T, variables map[string]string) (*launchtest.Started, error) {
	t.Helper()
	return launchtest.Begin(t, function(), variables)
}

func TestMissingSettings(t *testing.T) {
	launchtest.Refuses(t, "ARCHIVE_BUCKET", "STREAM_NAME", "REPUBLISH_QUEUE")
}

func TestRules(t *testing.T) {
	cloud := launchtest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"COMMIT_WITHIN", "0s", "COMMIT_WITHIN=0s"},
		{"COMMIT_WITHIN", "21s", "COMMIT_WITHIN=21s"},
		{"SLOT", "7m", "SLOT: "},
		{"LANES", "0", "LANES=0"},
	} {
		_, err := begin(t, launchtest.With(variables(), c.name, c.value))
		launchtest.Refusal(t, err, c.part)
	}
	if got := cloud.Operations(); len(got) > 0 {
		t.Errorf("asked for %v before the settings were right", got)
	}
}

// TestStart checks that only the first start writes the archive's layout.
func TestStart(t *testing.T) {
	cloud := launchtest.New(t)
	for range 2 {
		if _, err := begin(t, variables()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"bucket/events/_layouts/1.json"}, cloud.Keys("")); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	_, err := begin(t, launchtest.With(variables(), "SLOT", "1m"))
	launchtest.Refusal(t, err, "has slot length 5m0s, not 1m0s")
}

const visit = `{"specversion":"1.0","id":"1","source":"shop","type":"visit"}` + "\nnot an event\n"

// TestRequest checks that a request goes to the archive and the stream, and that the metrics count it.
func TestRequest(t *testing.T) {
	cloud := launchtest.New(t)
	cloud.Answers["PutRecords"] = func([]byte) launchtest.Answer {
		return launchtest.Answer{Body: `{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"shardId-0"}]}`}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[events.APIGatewayV2HTTPResponse](t, f, events.APIGatewayV2HTTPRequest{
		RouteKey: "POST /v1/events", Headers: map[string]string{"content-type": "application/x-ndjson"}, Body: visit,
	})
	if err != nil || answer.StatusCode != 200 || !strings.HasPrefix(answer.Body, `{"accepted":1,`) {
		t.Fatalf("answer is %+v, %v", answer, err)
	}
	if n := len(cloud.Keys("bucket/events/dt=")); n != 1 {
		t.Errorf("%d objects of events, want 1", n)
	}
	if n := len(cloud.Keys("bucket/rejected/")); n != 1 {
		t.Errorf("%d objects of rejected events, want 1", n)
	}
	if diff := cmp.Diff([]string{"GetObject", "PutObject", "PutRecords"}, cloud.Operations()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(f.Out.String(), `"FunctionName":"anabranch-test","Accepted":1,"Rejected":1}`+"\n") {
		t.Errorf("metrics are %s", &f.Out)
	}
}

// TestStreamIsDown checks that the queue takes the request when the stream does not.
func TestStreamIsDown(t *testing.T) {
	cloud := launchtest.New(t)
	cloud.Answers["PutRecords"] = func([]byte) launchtest.Answer {
		return launchtest.Answer{Status: 400, Body: `{"__type":"ResourceNotFoundException","message":"no stream"}`}
	}
	var queued []byte
	cloud.Answers["SendMessage"] = func(request []byte) launchtest.Answer {
		queued = request
		return launchtest.Answer{Body: `{"MessageId":"1"}`}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[events.APIGatewayV2HTTPResponse](t, f, events.APIGatewayV2HTTPRequest{
		RouteKey: "POST /v1/events", Headers: map[string]string{"content-type": "application/x-ndjson"}, Body: visit,
	})
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("answer is %+v, %v", answer, err)
	}
	if !bytes.Contains(queued, []byte("events/dt=")) {
		t.Errorf("queued %q, want the object", queued)
	}
}
