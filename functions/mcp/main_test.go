package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

func variables() map[string]string {
	return map[string]string{"CATALOG_TABLE": "catalog", "BASE_TABLE": "base", "SPEED_TABLE": "speed"}
}

func TestMissingSettings(t *testing.T) {
	launchtest.Refuses(t, "CATALOG_TABLE", "BASE_TABLE", "SPEED_TABLE")
}

// TestCall checks that a tool reads the views from the catalog's table.
func TestCall(t *testing.T) {
	cloud := launchtest.New(t)
	cloud.Answers["Query"] = func([]byte) launchtest.Answer { return launchtest.Answer{Body: `{"Items":[],"Count":0}`} }
	f, err := launchtest.Begin(t, function(), variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[events.APIGatewayV2HTTPResponse](t, f, events.APIGatewayV2HTTPRequest{
		RouteKey: "POST /mcp",
		Headers:  map[string]string{"content-type": "application/json", "accept": "application/json, text/event-stream"},
		Body:     `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_views"}}`,
	})
	if err != nil || answer.StatusCode != 200 || !strings.Contains(answer.Body, `"kind":"no_views"`) {
		t.Errorf("answer is %+v, %v", answer, err)
	}
	if diff := cmp.Diff([]string{"Query"}, cloud.Operations()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}
