package handler_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/page"
)

// TestPage checks that every file of the page is answered with the policy, also while no store works, that a browser
// that has the file gets 304, and that nothing but these files is answered.
func TestPage(t *testing.T) {
	s := newFixture(t)
	s.Catalog.Hook = fails
	ask := func(route api.Key, name string, headers map[string]string) events.APIGatewayV2HTTPResponse {
		return s.call(t, "view.json", func(r *events.APIGatewayV2HTTPRequest) {
			r.RouteKey, r.RawQueryString, r.PathParameters = string(route), "", map[string]string{"file": name}
			r.Headers = headers
		})
	}
	if got := ask(api.Page, "", nil); got.StatusCode != 200 || !strings.Contains(got.Body, `src="page/main.js"`) {
		t.Errorf("page: %d, %.200s", got.StatusCode, got.Body)
	}
	for _, name := range page.Names() {
		file, _ := page.Find(name)
		got := ask(api.PageFile, name, nil)
		if got.StatusCode != 200 || got.Body != string(file.Body) || got.Headers["content-type"] != file.ContentType {
			t.Errorf("%s: %d, type %q, %d bytes", name, got.StatusCode, got.Headers["content-type"], len(got.Body))
		}
		if got.Headers["content-security-policy"] != page.Policy || got.Headers["x-content-type-options"] != "nosniff" {
			t.Errorf("%s: headers %v", name, got.Headers)
		}
		again := ask(api.PageFile, name, map[string]string{"if-none-match": got.Headers["etag"]})
		if again.StatusCode != 304 || again.Body != "" {
			t.Errorf("%s again: %d, %d bytes", name, again.StatusCode, len(again.Body))
		}
	}
	for _, name := range []string{"", "none.js", "../page.go", "files"} {
		got := ask(api.PageFile, name, nil)
		if got.StatusCode != 404 || !strings.Contains(got.Body, `"no_such_route"`) {
			t.Errorf("%q: %s", name, responseText(got))
		}
	}
}
