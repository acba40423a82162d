package wiretest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/anabranch/anabranch/localstack/wire"
	"github.com/anabranch/anabranch/localstack/wire/wiretest"
)

var (
	errTaken  = errors.New("name is taken")
	errFailed = errors.New("service failed")
)

// registry is a service in which a put of a table takes a name, once.
type registry struct {
	mu    sync.Mutex
	taken map[string]bool
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	name := request.Header.Get("X-Name")
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case strings.HasSuffix(request.Header.Get("X-Amz-Target"), "GetItem"):
		fmt.Fprintf(w, "%t", r.taken[name])
	case r.taken[name]:
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, "taken already")
	default:
		r.taken[name] = true
		fmt.Fprint(w, "taken")
	}
}

// client is an adapter. attempts and result make it right or wrong.
type client struct {
	http     http.RoundTripper
	url      string
	attempts int
	result   func(error) error // maps the error of the last attempt to the error that call returns
}

func (c client) call(ctx context.Context, operation, name string) (answer string, err error) {
	for range c.attempts {
		answer, err = c.once(ctx, operation, name)
		if err == nil || errors.Is(err, errTaken) {
			break
		}
	}
	return answer, c.result(err)
}

func (c client) once(ctx context.Context, operation, name string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/dynamodb/aws4_request")
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	request.Header.Set("X-Name", name)
	response, err := c.http.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return "", err
	case response.StatusCode == http.StatusConflict:
		return "", errTaken
	case response.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%w: %d", errFailed, response.StatusCode)
	}
	return string(answer), nil
}

// sites returns the operation of the adapter: it takes a name.
func sites(c client, transport *wire.Transport) []wiretest.Site {
	names := 0
	honest := client{http: transport, url: c.url, attempts: 1, result: func(err error) error { return err }}
	check := func(name string) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			if got, readErr := honest.call(t.Context(), "GetItem", name); readErr != nil || err == nil && got != "true" {
				t.Errorf("after error %v the name is taken: %s, error %v", err, got, readErr)
			}
		}
	}
	return []wiretest.Site{{Name: "take", Prepare: func(*testing.T) wiretest.Try {
		names++
		name := fmt.Sprint("name-", names)
		return wiretest.Try{
			Do: func(ctx context.Context) error {
				_, err := c.call(ctx, "PutItem", name)
				return err
			},
			Lost:  errTaken,
			Check: check(name),
		}
	}}}
}

// adapters returns one right adapter and several wrong ones. The report about a wrong one must contain its problem.
func adapters() map[string]struct {
	change  func(*client)
	problem string // "" means that the adapter is right
} {
	return map[string]struct {
		change  func(*client)
		problem string
	}{
		"is right": {func(*client) {}, ""},
		"always reports success": {func(c *client) {
			c.result = func(error) error { return nil }
		}, "the name is taken: false"},
		"reports every failure as a taken name": {func(c *client) {
			c.result = func(err error) error {
				if err != nil {
					return errTaken
				}
				return nil
			}
		}, "leaves open whether the call took effect"},
		"does not try again":      {func(c *client) { c.attempts = 1 }, "want none"},
		"makes too many attempts": {func(c *client) { c.attempts = 10 }, "want an error"},
		"hides that a name is taken": {func(c *client) {
			c.result = func(err error) error {
				if errors.Is(err, errTaken) {
					return errFailed
				}
				return err
			}
		}, "want name is taken"},
		"makes no request": {func(c *client) { c.attempts = 0 }, "the operation made no request"},
	}
}

// which is the environment variable that names the adapter for TestAdapter.
const which = "WIRETEST_ADAPTER"

// TestAdapter runs one adapter. TestWrongAdaptersAreFound runs it for each; by default it runs the right one.
func TestAdapter(t *testing.T) {
	name := os.Getenv(which)
	if name == "" {
		name = "is right"
	}
	server := httptest.NewServer(&registry{taken: map[string]bool{}})
	defer server.Close()
	transport := wire.New(http.DefaultTransport, 1)
	c := client{
		http: transport, url: server.URL, attempts: wiretest.Attempts, result: func(err error) error { return err },
	}
	adapters()[name].change(&c)
	wiretest.Run(t, transport, sites(c, transport))
}

func TestWrongAdaptersAreFound(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, adapter := range adapters() {
		command := exec.CommandContext(t.Context(), program, "-test.run=^TestAdapter$", "-test.v")
		command.Env = append(os.Environ(), which+"="+name)
		out, err := command.CombinedOutput()
		if failed := err != nil; failed != (adapter.problem != "") || !strings.Contains(string(out), adapter.problem) {
			t.Errorf("an adapter that %s: %v, want %q in:\n%s", name, err, adapter.problem, out)
		}
		if adapter.problem == "" && !strings.Contains(string(out), "dynamodb PutItem; time-out before the effect 4") {
			t.Errorf("the faults are not counted:\n%s", out)
		}
	}
}
