package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeAdmin plays the admin interface of one view. It gives its statuses one after another and repeats the last,
// answers operations by its script, and records all requests.
type fakeAdmin struct {
	*httptest.Server

	mu       sync.Mutex
	statuses []string
	answers  []http.HandlerFunc // answers to operations; the last one repeats
	pages    map[string]string  // pages of the comparison, by cursor
	views    http.HandlerFunc   // answers the list of views; nil: there is none
	asked    []string           // method, path and body of each request
}

func newFakeAdmin(t testing.TB, statuses ...string) *fakeAdmin {
	f := &fakeAdmin{statuses: statuses, pages: map[string]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// answering sets the script of answers to operations.
func (f *fakeAdmin) answering(answers ...http.HandlerFunc) *fakeAdmin {
	f.answers = answers
	return f
}

func (f *fakeAdmin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	f.answer(r, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))(w, r)
}

func (f *fakeAdmin) answer(r *http.Request, line string) http.HandlerFunc {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, line)
	switch {
	case r.Method == http.MethodPost:
		return next(&f.answers)
	case strings.HasSuffix(r.URL.Path, "/diff"):
		page, found := f.pages[r.URL.Query().Get("cursor")]
		if !found {
			return problemOf(400, "bad_parameter", "no such cursor")
		}
		return ok(page)
	case r.URL.Path == "/v1/views" && f.views != nil:
		return f.views
	case r.URL.Path == "/v1/views":
		return ok(`{"views":[]}`)
	}
	return ok(next(&f.statuses))
}

// next removes and returns the first of a list, but keeps the last.
func next[T any](list *[]T) T {
	first := (*list)[0]
	if len(*list) > 1 {
		*list = (*list)[1:]
	}
	return first
}

// was checks which requests the server got, in order.
func (f *fakeAdmin) was(t testing.TB, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, f.lines()); diff != "" {
		t.Errorf("asked: %s", diff)
	}
}

// lines returns the requests that the server got so far.
func (f *fakeAdmin) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func problemOf(code int, name, detail string) http.HandlerFunc {
	return fixed(
		code,
		"application/problem+json",
		fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"code":%q,"detail":%q}`,
			http.StatusText(code), code, name, detail),
	)
}

var refusal = problemOf(
	409,
	"refused",
	"view page_views: generation 01KB0000BBBBBBBBBBBBBBBBBB is behind: it is at run 9, the last run is 12",
)

// The generations of the tests. Two of them share a prefix.
const (
	genA = "01KA0000AAAAAAAAAAAAAAAAAA"
	genB = "01KB0000BBBBBBBBBBBBBBBBBB"
	genC = "01KB0000CCCCCCCCCCCCCCCCCC"
)

// gen returns one generation of a status, as JSON.
func gen(id, state string, run int, more string) string {
	return fmt.Sprintf(
		`{"generation":%q,"definition":"4f1c0e9d2b7a66aa01","architecture":"lambda","state":%q,"live_from":null,"run":%d,`+
			`"horizon":"2026-03-01T11:%02d:00Z",`+
			`"runs_left":%d,"ready":false,"waits":"","from":null%s}`,
		id,
		state,
		run,
		45+run,
		12-run,
		more,
	)
}

// stands returns a status of page_views, as JSON; more holds further members such as ,"rebuild":true.
func stands(serving, more string, generations ...string) string {
	return fmt.Sprintf(
		`{"view":"page_views","description":"Requests","serving":%q,"head":{"run":12,"horizon":"2026-03-01T11:57:00Z"},`+
			`"generations":[%s]%s}`,
		serving,
		strings.Join(generations, ","),
		more,
	)
}
