package contract

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/api/openapi"
)

// Transport checks every answer to a request for a route of the API, whoever sends it: of `anabranch dev`, or of a
// deployed stack. It passes all other requests on. A server may also answer with problems of its own, such as 405,
// whose status no route documents; only their shape is checked.
type Transport struct {
	Base http.RoundTripper

	mu      sync.Mutex
	except  []string // hosts
	checked int
	faults  []error
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.Base.RoundTrip(r)
	m := api.Resolve(r.Method, withoutStage(r.URL.EscapedPath()))
	if err != nil || !m.Found() || r.Method == http.MethodHead || t.isExcept(r.URL.Host) {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, errors.Join(err, answer.Body.Close())
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	t.check(m.Route.Key, answer, body)
	return answer, nil
}

// withoutStage cuts off what stands before the path of a route where an API has no domain of its own, as on an
// emulator:
// /_aws/execute-api/ID/$default/v1/views.
func withoutStage(path string) string {
	rest, ok := strings.CutPrefix(path, "/_aws/execute-api/")
	if parts := strings.SplitN(rest, "/", 3); ok && len(parts) == 3 {
		return "/" + parts[2]
	}
	return path
}

func (t *Transport) isExcept(host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.except, host)
}

// Except says that the server with this URL only plays the API, so that its answers are not checked. It is for tests
// that MainOverHTTP runs.
func Except(url string) {
	t := http.DefaultTransport.(*Transport)
	t.mu.Lock()
	defer t.mu.Unlock()
	_, host, _ := strings.Cut(url, "://")
	t.except = append(t.except, host)
}

func (t *Transport) check(key api.Key, answer *http.Response, body []byte) {
	if openapi.Elsewhere(key) != "" {
		return
	}
	contentType := answer.Header.Get("content-type")
	var err error
	switch isProblem := strings.HasPrefix(contentType, "application/problem+json"); {
	case answer.Header.Get("content-encoding") != "": // the client unpacks it by itself
		return
	case answer.StatusCode < 400:
		err = Answer(key, answer.StatusCode, contentType, body)
	case isProblem:
		err = matches("/components/schemas/Problem", body)
	default: // of the gateway
		err = matches("/components/schemas/Message", body)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checked++
	if err != nil {
		t.faults = append(t.faults, fmt.Errorf("%s: %w", key, err))
	}
}

// MainOverHTTP runs tests that send requests with the default client of net/http, and fails when an answer that they
// get is not as documented, or when all tests ran and none was compared.
func MainOverHTTP(m *testing.M) {
	transport := &Transport{Base: http.DefaultTransport}
	http.DefaultTransport = transport
	code := m.Run()
	if err := errors.Join(transport.faults...); err != nil {
		fmt.Println("answers differ from docs/openapi.yaml:", err)
		code = max(code, 1)
	}
	if transport.checked == 0 && flag.Lookup("test.run").Value.String() == "" {
		fmt.Println("no answer was compared with docs/openapi.yaml")
		code = max(code, 1)
	}
	if testing.Verbose() {
		fmt.Println("answers compared with docs/openapi.yaml:", transport.checked)
	}
	os.Exit(code)
}
