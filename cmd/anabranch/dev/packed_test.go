package dev_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/shared/api/openapi/contract"
	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// TestPacked checks that GET and HEAD give the same headers for a packed answer, and that a client which does not ask
// for packing gets the same text.
func TestPacked(t *testing.T) {
	text := strings.Repeat("many words ", 1_000)
	server := httptest.NewServer(dev.NewFront(t.Context(), dev.DefaultLimits(), 1,
		func(_ context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			return respond.For(r, 6<<20).JSON(200, text)
		}))
	t.Cleanup(server.Close)
	contract.Except(server.URL)
	gzipped := http.Header{"Accept-Encoding": {"gzip"}}
	_, want := ask(t, "GET", server.URL+"/v1/views", "", http.Header{"Accept-Encoding": {"identity"}})
	answer, packed := ask(t, "GET", server.URL+"/v1/views", "", gzipped)
	if answer.Header.Get("Content-Encoding") != "gzip" || int(answer.ContentLength) != len(packed) ||
		answer.Header.Get("Vary") != "accept-encoding" || len(packed) > len(want)/4 {
		t.Errorf("%d bytes of %d, headers %v", len(packed), len(want), answer.Header)
	}
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	head, body := ask(t, "HEAD", server.URL+"/v1/views", "", gzipped)
	if body != "" || head.Header.Get("Content-Encoding") != "gzip" || head.ContentLength != int64(len(packed)) {
		t.Errorf("HEAD: body %q, headers %v", body, head.Header)
	}
	if _, got := ask(t, "GET", server.URL+"/v1/views", "", nil); got != want { // http.Transport unpacks
		t.Errorf("%s, want %s", got, want)
	}
}

// TestAnswersHaveTheMaximumOfLambda checks that a server refuses what Lambda would not return.
func TestAnswersHaveTheMaximumOfLambda(t *testing.T) {
	s := longSettings(t)
	s.MaxAnswer = 12_000
	server, _ := open(t, s)
	for _, path := range []string{"/v1/views", "/v1/admin/views"} {
		answer, body := ask(t, "GET", server.URL+path, "", http.Header{"Accept-Encoding": {"identity"}})
		if answer.StatusCode != 422 || !strings.Contains(body, `"code":"too_large"`) {
			t.Errorf("%s: %s %s", path, answer.Status, body)
		}
	}
}

// longSettings returns the settings of a server whose list of views is long.
func longSettings(t *testing.T) dev.Settings {
	t.Helper()
	var text strings.Builder
	text.WriteString("views:\n")
	for _, name := range []string{"one", "two", "three", "four"} {
		fmt.Fprintf(&text, "- name: %s\n  description: %s\n  key: {}\n  window: 1h\n  aggregates: {n: count()}\n",
			name, strings.Repeat("many words ", 150))
	}
	s := settings(t, t.TempDir())
	var err error
	if s.Definitions, err = viewfile.Parse("views.yaml", []byte(text.String())); err != nil {
		t.Fatal(err)
	}
	return s
}
