package emulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// localStack answers as LocalStack does when it is asked how it is.
func localStack(t *testing.T) *url.URL {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_localstack/health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"services":{"s3":"running","sqs":"available","dynamodb":"disabled"},"version":"2026.3.0"}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestChooseOneThatRuns(t *testing.T) {
	at := localStack(t)
	for _, name := range []string{"localhost", "127.0.0.1"} {
		t.Setenv(Variable, "http://"+name+":"+at.Port())
		e, err := Choose(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := "http://127.0.0.1:" + at.Port(); e.Endpoint != want {
			t.Errorf("%s: endpoint %s, want %s: clients of S3 put the bucket before a host's name", name, e.Endpoint, want)
		}
		services, err := e.Services(t.Context())
		if slices.Sort(services); err != nil || !slices.Equal(services, []string{"s3", "sqs"}) {
			t.Errorf("%s: services %v, %v; want s3 and sqs", name, services, err)
		}
		if err := e.Stop(); err != nil {
			t.Errorf("%s: stop: %v", name, err)
		}
	}
	if response, err := http.Get(at.String() + "/_localstack/health"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("after Stop: %v, %v; want that it goes on", response, err)
	}
}

func TestChooseWhatIsNone(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	for _, test := range []struct{ chosen, want string }{
		{"yes", `must be "pip", or a URL such as http://localhost:4566`},
		{"localhost:4566", "must be"},
		{"https://localhost:4566", "must be"},
		{"http://", "must be"},
		{"http://localhost:4566/health", "must be"},
		{"http://no-such-host.invalid:4566", "no-such-host.invalid"},
		{other.URL, "does not answer as LocalStack"},
		{"http://127.0.0.1:1", "does not answer as LocalStack"},
	} {
		t.Setenv(Variable, test.chosen)
		e, err := Choose(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s=%s: %v, %v; want an error with %q", Variable, test.chosen, e, err, test.want)
		}
	}
}
