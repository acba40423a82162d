package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/audit/handler"
	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

func variables() map[string]string {
	v := launchtest.Layout()
	v["CATALOG_TABLE"], v["BASE_TABLE"] = "catalog", "base"
	return v
}

func begin(t *testing.T, variables map[string]string) (*launchtest.Started, error) {
	t.Helper()
	return launchtest.Begin(t, function(), variables)
}

func TestMissingSettings(t *testing.T) {
	launchtest.Refuses(t, "ARCHIVE_BUCKET", "STREAM_NAME", "CATALOG_TABLE", "BASE_TABLE")
}

func TestRules(t *testing.T) {
	launchtest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"AUDIT_EVERY", "15m", "AUDIT_EVERY=15m0s: must be above 15m0s"},
	} {
		_, err := begin(t, launchtest.With(variables(), c.name, c.value))
		launchtest.Refusal(t, err, c.part)
	}
	if _, err := begin(t, launchtest.With(variables(), "AUDIT_EVERY", "16m")); err != nil {
		t.Errorf("the minimum between audits is refused: %v", err)
	}
}

// TestTick requests an audit of a view that does not serve yet. The function claims the audit and ends it with a note,
// which counts as an audit without drift.
func TestTick(t *testing.T) {
	cloud := launchtest.New(t)
	var put []string
	cloud.Answers["PutItem"] = func(request []byte) launchtest.Answer {
		if strings.Contains(string(request), `"pk":{"S":"lease"}`) {
			return launchtest.Answer{Body: "{}"}
		}
		put = append(put, string(request))
		return launchtest.Answer{Body: "{}"}
	}
	const stored = `"rev":{"N":"1"},"doc":{"S":"{\"version\":8}"}`
	cloud.Answers["Query"] = func(request []byte) launchtest.Answer {
		if !bytes.Contains(request, []byte(`"view"`)) {
			return launchtest.Answer{Body: `{"Items":[]}`} // there is no run
		}
		return launchtest.Answer{Body: `{"Items":[{"pk":{"S":"view"},"sk":{"S":"visits"},` + stored + `}]}`}
	}
	cloud.Answers["GetItem"] = func(request []byte) launchtest.Answer {
		switch {
		case bytes.Contains(request, []byte(`"swept"`)), bytes.Contains(request, []byte(`"lease"`)):
			return launchtest.Answer{Body: "{}"} // nothing was swept, and nobody works
		case bytes.Contains(request, []byte(`"view"`)):
			return launchtest.Answer{Body: `{"Item":{"pk":{"S":"view"},"sk":{"S":"visits"},` + stored + `}}`}
		}
		if len(put) == 0 {
			const asked = `"rev":{"N":"1"},"doc":{"S":"{\"version\":4,\"requested\":5}"}`
			return launchtest.Answer{Body: `{"Item":{"pk":{"S":"audit"},"sk":{"S":"visits"},` + asked + `}}`}
		}
		_, item, _ := strings.Cut(put[len(put)-1], `"Item":`)
		return launchtest.Answer{Body: `{"Item":` + item[:strings.Index(item, "}}")+2] + `}`}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[handler.Answer](t, f, events.EventBridgeEvent{})
	if diff := cmp.Diff(handler.Answer{Views: 1}, answer); diff != "" || err != nil {
		t.Fatalf("error %v, answer (-want +got):\n%s", err, diff)
	}
	if len(put) != 2 || !strings.Contains(put[0], "begun") || !strings.Contains(put[1], "nothing serves the view yet") {
		t.Errorf("put %q", put)
	}
	for _, want := range []string{`"BatchOverdue":0,"Drift":0,"LostObjects":0}`, `"AuditedWindows":0}`} {
		if !strings.Contains(f.Out.String(), `"FunctionName":"anabranch-test",`+want) {
			t.Errorf("metrics are %s, want %s", &f.Out, want)
		}
	}
}
