package handler_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/functions/admin/handler"
	"github.com/anabranch/anabranch/shared/api/openapi/contract"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

const (
	first  = "01JD8Z6B1QZ0W6V3T5YJ9K4M2A"
	second = "01JD8Z6B1QZ0W6V3T5YJ9K4M2B"
)

// differ records the requested diffs.
type differ struct {
	asked string
	rows  int // rows of each diff, unless the limit is lower
	err   error
}

func (d *differ) Diff(
	_ context.Context, name view.Name, candidate lifecycle.GenerationID, limit int, cursor string,
) (compare.Diff, error) {
	d.asked = string(name) + " " + string(candidate) + " " + strings.Repeat("|", limit) + " " + cursor
	side := compare.DiffSide{Generation: first, Definition: "one", Architecture: "lambda", State: "serving"}
	none := []string{}
	page := compare.Diff{View: name, Comparable: true, Serving: side, Candidate: side, Aggregates: none,
		OnlyServing: none, OnlyCandidate: none, Rows: []compare.DiffRow{}}
	if rows := min(d.rows, cmp.Or(limit, d.rows)); rows > 0 {
		page.Rows = slices.Repeat([]compare.DiffRow{{Start: "2026-01-01T00:00:00Z"}}, rows)
	}
	return page, d.err
}

// fixture is the handler over a catalog in memory. Its view has one generation that serves and one that is being built.
type fixture struct {
	*handler.Handler
	catalog memory.Catalog
	differ  differ
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	d := &fixture{}
	ctx := context.Background()
	for n := range uint64(3) {
		if err := d.catalog.Append(ctx, lifecycle.Run{N: n + 1, Horizon: 1000 * 300_000}); err != nil {
			t.Fatal(err)
		}
	}
	v := lifecycle.View{Name: "v", Serving: first, Generations: []lifecycle.Generation{
		{ID: first, Definition: "one", State: lifecycle.Serving, Run: 3, Horizon: 1000 * 300_000},
		{ID: second, Definition: "two", State: lifecycle.Building, Run: 3, Horizon: 1000 * 300_000, LiveFrom: 900 * 300_000},
	}}
	if err := d.catalog.PutView(ctx, v); err != nil {
		t.Fatal(err)
	}
	d.Handler = &handler.Handler{
		Log: slog.New(slog.DiscardHandler), Differ: &d.differ,
		Operations: &operations.Operations{
			Catalog: &d.catalog, Sweeps: &d.catalog, Tries: 3, Now: func() time.Time { return time.Unix(400_000, 0) },
		},
	}
	return d
}

// call makes a request to a route. For example, diff, "v", "" and "limit=3" make "GET /v1/admin/views/v/diff?limit=3".
func (d *fixture) call(t *testing.T, route, view, operation, query, body string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	r := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: route, RawQueryString: query, Body: body,
		PathParameters: map[string]string{"view": view, "operation": operation},
		Headers:        map[string]string{"content-type": "application/json"},
	}
	response, err := d.Handle(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	contract.Check(t, r, response)
	return response
}

const (
	list    = "GET /v1/admin/views"
	one     = "GET /v1/admin/views/{view}"
	diff    = "GET /v1/admin/views/{view}/diff"
	operate = "POST /v1/admin/views/{view}/{operation}"
)

// TestRoutes checks that each route returns the result or the error of the layers.
func TestRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		route, view, operation, query, body string
		status                              int
		parts                               []string
	}{
		"all views": {
			list, "", "", "", "", 200,
			[]string{`"head":{"run":3,`, `"views":[{"view":"v"`, `"generation":"` + second + `"`, `"ready":true`},
		},
		"one view": {
			one, "v", "", "", "", 200, []string{`{"view":"v"`, `"serving":"` + first + `"`, `"architecture":"lambda"`},
		},
		"no such view": {one, "w", "", "", "", 404, []string{`"code":"unknown_view"`}},
		"another route": {
			"GET /v1/admin", "", "", "", "", 404, []string{`"code":"no_such_route"`, "/v1/admin/views/{view}/{operation}"},
		},

		"switch": {operate, "v", "switch", "", "", 200, []string{`"serving":"` + second + `"`}},
		"switch, by its id": {
			operate, "v", "switch", "", `{"generation":"` + second + `"}`, 200, []string{`"serving":"` + second + `"`},
		},
		"switch to what serves": {
			operate, "v", "switch", "", `{"generation":"` + first + `"}`, 409, []string{`"code":"refused"`, "already serves"},
		},
		"roll back to nothing": {
			operate, "v", "rollback", "", "", 409, []string{`"code":"refused"`, "there is no retained generation"},
		},
		"drop what serves": {
			operate, "v", "drop", "", `{"generation":"` + first + `"}`, 409, []string{`"code":"refused"`, "serves"},
		},
		"abandon": {operate, "v", "abandon", "", "{}", 200, []string{`"held":"two"`, `"state":"dropping"`}},
		"rebuild": {operate, "v", "rebuild", "", " ", 200, []string{`"rebuild":true`}},
		"audit": {
			operate, "v", "audit", "", "", 200, []string{`"audit":{"requested":"1970-01-05T15:06:40Z"`},
		},
		"rebuild a generation": {
			operate, "v", "rebuild", "", `{"generation":"` + first + `"}`, 400,
			[]string{`"code":"bad_parameter"`, `"parameter":"generation"`},
		},
		"no such operation": {
			operate, "v", "destroy", "", "", 404,
			[]string{`"code":"unknown_operation"`, "rebuild, audit, switch, rollback, drop, abandon"},
		},
		"no such generation": {
			operate, "v", "switch", "", `{"generation":"x"}`, 404, []string{`"code":"unknown_generation"`},
		},
		"operate on no view": {operate, "w", "switch", "", "", 404, []string{`"code":"unknown_view"`}},
		"a malformed body":   {operate, "v", "switch", "", "{", 400, []string{`"code":"malformed_request"`, "generation"}},
		"null":               {operate, "v", "switch", "", "null", 400, []string{`"code":"malformed_request"`}},
		"an unknown member": {
			operate, "v", "switch", "", `{"force":true}`, 400, []string{`"code":"bad_parameter"`, `"parameter":"force"`},
		},
		"a generation that is a number": {
			operate, "v", "switch", "", `{"generation":3}`, 400, []string{`"parameter":"generation"`},
		},
		"a body too large": {
			operate, "v", "switch", "", strings.Repeat(" ", 5000), 413, []string{`"code":"request_too_large"`},
		},

		"a limit of 0": {diff, "v", "", "limit=0", "", 400, []string{`"parameter":"limit"`}},
		"an unknown parameter": {
			diff, "v", "", "rows=3", "", 400, []string{`"parameter":"rows"`, "generation, limit, cursor"},
		},
		"a parameter twice":    {diff, "v", "", "limit=3&limit=4", "", 400, []string{"write it once"}},
		"a query that is none": {diff, "v", "", "limit=%zz", "", 400, []string{"invalid escape", "%zz", "as %25"}},
		"compared":             {diff, "v", "", "", "", 200, []string{`"view":"v"`, `"comparable":true`}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t).call(t, c.route, c.view, c.operation, c.query, c.body)
			if r.StatusCode != c.status {
				t.Errorf("status %d, want %d: %s", r.StatusCode, c.status, r.Body)
			}
			for _, part := range c.parts {
				if !strings.Contains(r.Body, part) {
					t.Errorf("no %s in %s", part, r.Body)
				}
			}
		})
	}
}

// TestDiffIsAskedFor checks that the parameters of a request reach the diff.
func TestDiffIsAskedFor(t *testing.T) {
	d := newFixture(t)
	if r := d.call(t, diff, "v", "", "generation="+second+"&limit=3&cursor=abc", ""); r.StatusCode != 200 {
		t.Fatal(r.Body)
	}
	if want := "v " + second + " ||| abc"; d.differ.asked != want {
		t.Errorf("asked for %q, want %q", d.differ.asked, want)
	}
	for err, want := range map[error]string{
		compare.ErrUnknownGeneration:                       "unknown_generation",
		&lifecycle.Refusal{View: "v", Reason: "not today"}: "refused",
		&serving.ParameterError{Parameter: "cursor"}:       "bad_parameter",
		errors.New("the secret table is gone"):             "internal",
	} {
		d.differ.err = err
		if r := d.call(t, diff, "v", "", "", ""); !strings.Contains(r.Body, `"code":"`+want+`"`) ||
			strings.Contains(r.Body, "secret") {
			t.Errorf("%v: %s", err, r.Body)
		}
	}
}

// TestStoreFails checks that a response hides the details of a failed store, and says what may have been done.
func TestStoreFails(t *testing.T) {
	d := newFixture(t)
	d.catalog.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errors.New("the secret table is gone")} }
	for route, want := range map[string]string{list: "could not be answered", one: "could not be answered",
		operate: "may or may not have been stored"} {
		r := d.call(t, route, "v", "switch", "", "")
		if r.StatusCode != 500 || !strings.Contains(r.Body, want) || strings.Contains(r.Body, "secret") {
			t.Errorf("%s: %d %s", route, r.StatusCode, r.Body)
		}
	}
}

// TestBase64 checks that the handler accepts a body that the gateway has encoded in base64.
func TestBase64(t *testing.T) {
	d := newFixture(t)
	response, err := d.Handle(context.Background(), events.APIGatewayV2HTTPRequest{
		RouteKey: operate, PathParameters: map[string]string{"view": "v", "operation": "switch"}, IsBase64Encoded: true,
		Headers: map[string]string{"content-type": "application/json"},
		Body:    base64.StdEncoding.EncodeToString([]byte(`{"generation":"` + second + `"}`)),
	})
	if err != nil || response.StatusCode != 200 {
		t.Errorf("%+v, %v", response, err)
	}
}

// TestOperationsAreJSON checks that an operation requires the content type of JSON, with or without a body. So a page
// of another origin cannot send one without a preflight request.
func TestOperationsAreJSON(t *testing.T) {
	for contentType, ok := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "Application/JSON": true,
		"": false, "text/plain": false, "text/plain; application/json": false, "application/x-www-form-urlencoded": false,
		"multipart/form-data; boundary=application/json": false, "application/jsonp": false, "json": false,
		"text/json": false, "application/json, text/plain": false,
	} {
		for _, body := range []string{"", "{}"} {
			d := newFixture(t)
			r := events.APIGatewayV2HTTPRequest{
				RouteKey: operate, PathParameters: map[string]string{"view": "v", "operation": "switch"}, Body: body,
				Headers: map[string]string{"content-type": contentType},
			}
			answer, err := d.Handle(context.Background(), r)
			contract.Check(t, r, answer)
			if err != nil || ok != (answer.StatusCode == 200) ||
				!ok && (answer.StatusCode != 415 || !strings.Contains(answer.Body, "application/json")) {
				t.Errorf("content type %q, body %q: %d %s, %v", contentType, body, answer.StatusCode, answer.Body, err)
			}
			status := d.call(t, one, "v", "", "", "").Body
			if serves := map[bool]string{true: second, false: first}[ok]; !strings.Contains(status, `"serving":"`+serves+`"`) {
				t.Errorf("content type %q, body %q: not %s serves: %s", contentType, body, serves, status)
			}
		}
	}
}
