package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

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

// TestRequest checks that the function reads the views from the catalog's table with a strongly consistent read.
func TestRequest(t *testing.T) {
	cloud := launchtest.New(t)
	var asked []byte
	empty := func(request []byte) launchtest.Answer {
		asked = request
		return launchtest.Answer{Body: `{"Items":[],"Count":0}`}
	}
	cloud.Answers["Query"] = empty
	cloud.Answers["GetItem"] = func([]byte) launchtest.Answer { return launchtest.Answer{Body: `{}`} }
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[events.APIGatewayV2HTTPResponse](t, f,
		events.APIGatewayV2HTTPRequest{RouteKey: "GET /v1/admin/views"})
	if err != nil || answer.StatusCode != 200 || !bytes.Contains([]byte(answer.Body), []byte(`"views":[]`)) {
		t.Errorf("answer is %+v, %v", answer, err)
	}
	if !bytes.Contains(asked, []byte(`"TableName":"catalog"`)) || !bytes.Contains(asked, []byte(`"ConsistentRead":true`)) {
		t.Errorf("asked for %s", asked)
	}
}

// stored is a view with a serving and a retained generation.
const stored = `{"pk":{"S":"view"},"sk":{"S":"page_views"},"rev":{"N":"8"},"doc":{"S":"{\"version\":8,\"serving\":\"A1\",\"generations\":[` +
	`{\"id\":\"A1\",\"definition\":\"a\",\"state\":\"serving\",\"live_from\":0,\"run\":0,\"horizon\":0},` +
	`{\"id\":\"B1\",\"definition\":\"b\",\"state\":\"retained\",\"live_from\":0,\"run\":0,\"horizon\":0,\"since\":7}]}"}}`

// TestOperation checks that an operation is one conditional write of the view.
func TestOperation(t *testing.T) {
	cloud := launchtest.New(t)
	cloud.Answers["Query"] = func([]byte) launchtest.Answer { return launchtest.Answer{Body: `{"Items":[],"Count":0}`} }
	cloud.Answers["GetItem"] = func(request []byte) launchtest.Answer {
		if bytes.Contains(request, []byte(`{"S":"view"}`)) {
			return launchtest.Answer{Body: `{"Item":` + stored + `}`}
		}
		return launchtest.Answer{Body: `{}`}
	}
	var put []byte
	cloud.Answers["PutItem"] = func(request []byte) launchtest.Answer {
		put = request
		return launchtest.Answer{Body: `{}`}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[events.APIGatewayV2HTTPResponse](t, f, events.APIGatewayV2HTTPRequest{
		RouteKey:       "POST /v1/admin/views/{view}/{operation}",
		PathParameters: map[string]string{"view": "page_views", "operation": "drop"},
		Headers:        map[string]string{"content-type": "application/json"},
	})
	if err != nil || answer.StatusCode != 200 || !strings.Contains(answer.Body, `"generation":"B1","definition":"b","architecture":"lambda","state":"dropping"`) {
		t.Errorf("answer is %+v, %v", answer, err)
	}
	for _, part := range []string{`"TableName":"catalog"`, `"rev":{"N":"9"}`, `"#expected = :expected"`, `":expected":{"N":"8"}`} {
		if !bytes.Contains(put, []byte(part)) {
			t.Errorf("the write is %s, without %s", put, part)
		}
	}
}
