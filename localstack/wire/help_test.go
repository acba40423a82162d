package wire_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/anabranch/anabranch/localstack/wire"
)

// service answers in place of AWS and records its requests.
type service struct {
	*httptest.Server
	answer func(body string) (status int, text string)

	mu     sync.Mutex
	bodies []string
	last   *http.Request
}

func newService(t *testing.T, answer func(body string) (int, string)) *service {
	t.Helper()
	s := &service{answer: answer}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	s.bodies, s.last = append(s.bodies, string(body)), r
	s.mu.Unlock()
	status, text := s.answer(string(body))
	w.WriteHeader(status)
	if _, err := io.WriteString(w, text); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// saw returns the bodies of the requests that reached the service.
func (s *service) saw() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies
}

func always(status int, text string) func(string) (int, string) {
	return func(string) (int, string) { return status, text }
}

// scope returns the signature of a request to a service.
func scope(service string) string {
	return "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/" +
		service + "/aws4_request, SignedHeaders=host, Signature=0"
}

// ask returns a request to a service that speaks JSON.
func ask(t *testing.T, url, service, operation, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", scope(service))
	r.Header.Set("X-Amz-Target", "Some_20121202."+operation)
	return r
}

// object returns a request to S3.
func object(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", scope("s3"))
	return r
}

// do sends a request and returns the part of the answer that arrived.
func do(t *testing.T, client interface {
	Do(*http.Request) (*http.Response, error)
}, r *http.Request) (status int, text string, err error) {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// fields decodes a JSON body.
func fields(t *testing.T, text string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return all
}

func newTransport(seed uint64) *wire.Transport { return wire.New(http.DefaultTransport, seed) }
