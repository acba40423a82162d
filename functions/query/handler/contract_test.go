package handler_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/api/openapi"
	"github.com/anabranch/anabranch/shared/api/openapi/contract"
	"github.com/anabranch/anabranch/shared/memory"
)

// TestMain also checks that the tests meet every status that the OpenAPI document has for the function's routes.
func TestMain(m *testing.M) { contract.Main(m, api.Query) }

// TestOpenRoutes checks the routes that need no key and depend on no store.
func TestOpenRoutes(t *testing.T) {
	s := newFixture(t)
	s.Catalog.Hook = fails
	health := s.ask(t, api.Health, "", nil)
	if health.StatusCode != 200 || health.Body != `{"status":"ok"}` {
		t.Errorf("health: %s", responseText(health))
	}
	document := s.ask(t, api.OpenAPI, "", nil)
	if document.StatusCode != 200 || document.Body != string(openapi.JSON()) {
		t.Errorf("document: %d, %d bytes", document.StatusCode, len(document.Body))
	}
	again := s.ask(t, api.OpenAPI, "", map[string]string{"if-none-match": document.Headers["etag"]})
	if again.StatusCode != 304 || again.Body != "" {
		t.Errorf("document again: %d, %d bytes", again.StatusCode, len(again.Body))
	}
}

// TestViewsFail checks what the descriptions of views answer when a store fails, and when they are too large.
func TestViewsFail(t *testing.T) {
	for _, route := range []api.Key{api.ListViews, api.GetView} {
		s := newFixture(t)
		s.MaxAnswer = 10_500
		if r := s.ask(t, route, "purchases", nil); r.StatusCode != 422 || !strings.Contains(r.Body, `"too_large"`) {
			t.Errorf("%s, too large: %s", route, responseText(r))
		}
		s = newFixture(t)
		s.Catalog.Hook = fails
		if r := s.ask(t, route, "purchases", nil); r.StatusCode != 500 || strings.Contains(r.Body, "secret") {
			t.Errorf("%s, a store fails: %s", route, responseText(r))
		}
	}
}

func fails(memory.Call) memory.Fault { return memory.Fault{Err: errors.New("secret table is gone")} }

// ask asks a route for a view.
func (s *fixture) ask(
	t *testing.T, route api.Key, view string, headers map[string]string,
) events.APIGatewayV2HTTPResponse {
	t.Helper()
	return s.call(t, "view.json", func(r *events.APIGatewayV2HTTPRequest) {
		r.RouteKey, r.RawQueryString, r.PathParameters = string(route), "", map[string]string{"view": view}
		if headers != nil {
			r.Headers = headers
		}
	})
}
