package api_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
)

// TestTable checks that each key occurs once and can be parsed, that some scope opens it, and that its function exists.
func TestTable(t *testing.T) {
	met := map[api.Key]bool{}
	for _, r := range api.Routes() {
		if met[r.Key] {
			t.Errorf("%s stands twice", r.Key)
		}
		met[r.Key] = true
		if string(r.Key) != r.Key.Method()+" "+r.Key.Pattern() || !slices.Contains([]string{"GET", "POST"}, r.Key.Method()) {
			t.Errorf("%s is method %q and pattern %q", r.Key, r.Key.Method(), r.Key.Pattern())
		}
		if !slices.Contains([]access.Scope{access.Write, access.Read, access.Admin, access.Anyone}, r.Scope) {
			t.Errorf("%s needs scope %q, which no key has", r.Key, r.Scope)
		}
		if _, err := os.Stat(filepath.Join("../../functions", string(r.Function), "handler")); err != nil {
			t.Errorf("%s: %v", r.Key, err)
		}
		if found, ok := api.Find(r.Key); !ok || found != r {
			t.Errorf("found %+v, %t; want %+v", found, ok, r)
		}
	}
	if found, ok := api.Find("GET /v1/view"); ok {
		t.Errorf("found %+v", found)
	}
}

// TestDocumented checks that the table of docs/http.md has each route, with the scope of the key that it needs.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range api.Routes() {
		scope := "| " + string(r.Scope) + " |"
		if r.IsOpen() {
			scope = "| none |"
		}
		if !slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "| `") && strings.Contains(line, "`"+string(r.Key)+"`") && strings.Contains(line, scope)
		}) {
			t.Errorf("docs/http.md has no row with `%s` %s", r.Key, scope)
		}
	}
}

func TestParameters(t *testing.T) {
	for key, want := range map[api.Key][]string{
		api.SendEvents: nil, api.GetView: {"view"}, api.QueryView: {"view"}, api.OperateView: {"view", "operation"},
	} {
		if diff := cmp.Diff(want, key.Parameters()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

func TestNoRoute(t *testing.T) {
	want := "no such route; the routes are POST /v1/events, GET /v1/views, GET /v1/views/{view}, GET " +
		"/v1/views/{view}/query, GET /v1/views/{view}/keys, GET /health, GET /openapi.json, " +
		"GET /, GET /page/{file}"
	if got := api.NoRoute(api.Of(api.Ingest, api.Query)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
