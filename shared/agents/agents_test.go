package agents_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/agents"
)

// api answers each path of the HTTP API with a body.
type api map[string]string

// RoundTrip implements http.RoundTripper.
func (a api) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := a[r.URL.Path]
	if !ok {
		return nil, fmt.Errorf("unexpected request for %s", r.URL.Path)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

// query calls the tool query for view v over an API, and returns its answer.
func query(t *testing.T, a api) (answer struct {
	agents.Head
	Key map[string]string
}) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{"view":"v"}}}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	w := httptest.NewRecorder()
	agents.Handler(agents.Settings{API: a}).ServeHTTP(w, r)
	var message struct {
		Result struct {
			StructuredContent json.RawMessage
			IsError           bool
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &message); err != nil || w.Code != http.StatusOK || message.Result.IsError {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	if err := json.Unmarshal(message.Result.StructuredContent, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestKappaIsNeverExact checks that an answer without rows is exact once batch has passed its range, and never where
// the view is a Kappa view, although everything of the range is counted.
func TestKappaIsNeverExact(t *testing.T) {
	for until, want := range map[string]bool{"horizon": true, "complete": false} {
		a := query(t, api{
			"/v1/views/v/query": `{"to":"2026-01-01T00:00:00Z","data":[],"` + until + `":"2026-01-02T00:00:00Z"}`,
		})
		if a.Exact == nil || *a.Exact != want || a.Empty == nil || a.Empty.Kind != agents.NoEvents {
			t.Errorf("with %s: exact %v, empty %+v; want exact %t", until, a.Exact, a.Empty, want)
		}
	}
}

// TestLargeAnswerKeepsItsHead checks that an answer of many small members, which has to lose some, keeps those that say
// how to read it.
func TestLargeAnswerKeepsItsHead(t *testing.T) {
	key := map[string]string{}
	for i := range 900 {
		key[fmt.Sprintf("field%03d", i)] = "x"
	}
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	const complete = "2026-01-02T00:00:00Z"
	a := query(t, api{"/v1/views/v/query": `{"to":"2026-01-01T00:00:00Z","data":[],"complete":"` + complete + `","key":` +
		string(text) + `}`})
	if len(a.Key) == 0 || len(a.Key) == len(key) || !slices.Contains(a.Omitted, "key.field000") {
		t.Fatalf("%d fields of the key; omitted: %v", len(a.Key), a.Omitted)
	}
	removed := len(key) - len(a.Key) + 1 // and the member to
	if want := fmt.Sprintf("%d more", removed-20); a.Omitted[len(a.Omitted)-1] != want {
		t.Errorf("omitted: %v; the last one should be %q", a.Omitted, want)
	}
	if a.Complete == nil || *a.Complete != complete || a.Exact == nil || a.Zone != "UTC" || a.Empty == nil ||
		a.Empty.Kind != agents.NoEvents || !strings.Contains(a.Empty.Detail, complete) {
		t.Errorf("%+v, empty %+v", a.Head, a.Empty)
	}
}
