package main

import (
	"bytes"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/query/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

func variables() map[string]string {
	return map[string]string{"CATALOG_TABLE": "catalog", "BASE_TABLE": "base", "SPEED_TABLE": "speed"}
}

func begin(t *testing.T, variables map[string]string) (*launchtest.Started, error) {
	t.Helper()
	return launchtest.Begin(t, function(), variables)
}

func TestMissingSettings(t *testing.T) {
	launchtest.Refuses(t, "CATALOG_TABLE", "BASE_TABLE", "SPEED_TABLE")
}

func TestRules(t *testing.T) {
	launchtest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"MAX_ROWS", "0", "MAX_ROWS=0"}, {"SLOT", "0s", "SLOT: "}, {"BATCH_EVERY", "0s", "BATCH_EVERY=0s"},
		{"SHADOW_PERCENT", "-1", "SHADOW_PERCENT=-1"}, {"SHADOW_PERCENT", "101", "SHADOW_PERCENT=101"},
	} {
		_, err := begin(t, launchtest.With(variables(), c.name, c.value))
		launchtest.Refusal(t, err, c.part)
	}
}

// TestRequest checks that the function reads the views from the catalog's table with a strongly consistent read.
func TestRequest(t *testing.T) {
	cloud := launchtest.New(t)
	var asked []byte
	cloud.Answers["Query"] = func(request []byte) launchtest.Answer {
		asked = request
		return launchtest.Answer{Body: `{"Items":[],"Count":0}`}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[events.APIGatewayV2HTTPResponse](t, f,
		events.APIGatewayV2HTTPRequest{RouteKey: "GET /v1/views"})
	if err != nil || answer.StatusCode != 200 || answer.Body != `{"views":[]}` {
		t.Errorf("answer is %+v, %v", answer, err)
	}
	if !bytes.Contains(asked, []byte(`"TableName":"catalog"`)) || !bytes.Contains(asked, []byte(`"ConsistentRead":true`)) {
		t.Errorf("asked for %s", asked)
	}
	if diff := cmp.Diff([]string{"Query"}, cloud.Operations()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

// TestShadowPercent checks that SHADOW_PERCENT is the share of queries that also run against the candidate.
func TestShadowPercent(t *testing.T) {
	launchtest.New(t)
	for percent, want := range map[string]bool{"0": false, "100": true} {
		var h *handler.Handler
		f := function()
		f.Start = func(e *launch.Environment) lambda.Handler { h = wire(e); return lambda.NewHandler(h.Handle) }
		if _, err := launchtest.Begin(t, f, launchtest.With(variables(), "SHADOW_PERCENT", percent)); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if h.Shadow.When() != want {
				t.Fatalf("SHADOW_PERCENT=%s: When returned %v", percent, !want)
			}
		}
	}
}
