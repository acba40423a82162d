package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/settings/settingstest"
	"github.com/anabranch/anabranch/shared/compare"
)

func TestMain(m *testing.M) { settingstest.Main(m, main) }

func variables() map[string]string {
	return map[string]string{"CATALOG_TABLE": "catalog", "BASE_TABLE": "base", "SPEED_TABLE": "speed"}
}

func begin(t *testing.T, variables map[string]string) (*function, error) {
	t.Helper()
	return start(t.Context(), settingstest.Lookup(variables), slog.New(slog.DiscardHandler))
}

func TestMissingSettings(t *testing.T) {
	settingstest.Refuses(t, "CATALOG_TABLE", "BASE_TABLE", "SPEED_TABLE")
}

func TestRules(t *testing.T) {
	settingstest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"MAX_ROWS", "0", "MAX_ROWS=0"}, {"SLOT", "0s", "SLOT=0s"}, {"SEAL_DELAY", "-1s", "SEAL_DELAY=-1s"}, {"BATCH_EVERY", "0s", "BATCH_EVERY=0s"},
		{"SHADOW_PERCENT", "-1", "SHADOW_PERCENT=-1"}, {"SHADOW_PERCENT", "101", "SHADOW_PERCENT=101"},
	} {
		_, err := begin(t, settingstest.With(variables(), c.name, c.value))
		settingstest.Refusal(t, err, c.part)
	}
}

// TestRequest: the views are asked for in the catalog's table, strongly consistent.
func TestRequest(t *testing.T) {
	cloud := settingstest.New(t)
	var asked []byte
	cloud.Answers["Query"] = func(request []byte) settingstest.Answer {
		asked = request
		return settingstest.Answer{Body: `{"Items":[],"Count":0}`}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET /v1/views"})
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

// TestShadow: of no query, of each, as the setting says; and what a shadow read came to is one line of metrics, and one of the log when it failed.
func TestShadow(t *testing.T) {
	settingstest.New(t)
	for percent, want := range map[string]bool{"0": false, "100": true} {
		f, err := begin(t, settingstest.With(variables(), "SHADOW_PERCENT", percent))
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if f.handler.Shadow.When() != want {
				t.Fatalf("of %s percent, one is not %v", percent, want)
			}
		}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	var out, logged bytes.Buffer
	f.printer.Out, f.printer.Function, f.log = &out, "anabranch-query", slog.New(slog.NewTextHandler(&logged, nil))
	f.handler.Shadow.Report(compare.ShadowReport{View: "v", Rows: 9, Differing: 3})
	if logged.Len() > 0 {
		t.Errorf("logged %s", &logged)
	}
	f.handler.Shadow.Report(compare.ShadowReport{View: "v", Serving: "g", Candidate: "h", Error: "lost"})
	for _, want := range []string{
		`"FunctionName":"anabranch-query","ShadowQueries":1,"ShadowDifferences":3,"ShadowErrors":0}`,
		`"FunctionName":"anabranch-query","ShadowQueries":1,"ShadowDifferences":0,"ShadowErrors":1}`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("metrics are %s, without %s", &out, want)
		}
	}
	if !strings.Contains(logged.String(), `view=v serving=g candidate=h error=lost`) {
		t.Errorf("logged %s", &logged)
	}
}
