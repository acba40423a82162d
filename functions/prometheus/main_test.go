package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

func TestMissingSettings(t *testing.T) {
	launchtest.Refuses(t, "CATALOG_TABLE", "BASE_TABLE", "SPEED_TABLE")
}

// TestRequest checks that the function reads the views from the catalog's table with a strongly consistent read.
func TestRequest(t *testing.T) {
	cloud := launchtest.New(t)
	var asked []byte
	cloud.Answers["Query"] = func(request []byte) launchtest.Answer {
		asked = request
		return launchtest.Answer{Body: `{"Items":[],"Count":0}`}
	}
	f, err := launchtest.Begin(t, function(), map[string]string{
		"CATALOG_TABLE": "catalog", "BASE_TABLE": "base", "SPEED_TABLE": "speed",
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[events.APIGatewayV2HTTPResponse](t, f, events.APIGatewayV2HTTPRequest{
		RouteKey: "GET /prometheus/api/v1/{endpoint}", PathParameters: map[string]string{"endpoint": "query"},
		RawQueryString: "query=page_views_views",
	})
	if err != nil || answer.StatusCode != 200 || !strings.Contains(answer.Body, `"resultType":"vector","result":[]`) {
		t.Errorf("answer is %+v, %v", answer, err)
	}
	if !bytes.Contains(asked, []byte(`"TableName":"catalog"`)) || !bytes.Contains(asked, []byte(`"ConsistentRead":true`)) {
		t.Errorf("asked for %s", asked)
	}
}
