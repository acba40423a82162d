package main

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/aws/settings/settingstest"
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
	_, err := begin(t, settingstest.With(variables(), "MAX_ROWS", "0"))
	settingstest.Refusal(t, err, "MAX_ROWS=0")
}

// TestRequest: the views are asked for in the catalog's table, strongly consistent.
func TestRequest(t *testing.T) {
	cloud := settingstest.New(t)
	var asked []byte
	empty := func(request []byte) settingstest.Answer {
		asked = request
		return settingstest.Answer{Body: `{"Items":[],"Count":0}`}
	}
	cloud.Answers["Query"] = empty
	cloud.Answers["GetItem"] = func([]byte) settingstest.Answer { return settingstest.Answer{Body: `{}`} }
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET /v1/admin/views"})
	if err != nil || answer.StatusCode != 200 || !bytes.Contains([]byte(answer.Body), []byte(`"views":[]`)) {
		t.Errorf("answer is %+v, %v", answer, err)
	}
	if !bytes.Contains(asked, []byte(`"TableName":"catalog"`)) || !bytes.Contains(asked, []byte(`"ConsistentRead":true`)) {
		t.Errorf("asked for %s", asked)
	}
}
