package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/localstack/host/trigger"
)

// bootstrap is the binary of the host's testdata/bootstrap.
var bootstrap string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lambda-host-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bootstrap = filepath.Join(dir, "bootstrap")
	out, err := exec.Command(
		"go", "build", "-tags", "lambda.norpc", "-o", bootstrap, "../testdata/bootstrap",
	).CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build the bootstrap: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// newHost returns a host with the function "f".
func newHost(t testing.TB, f host.Function) *host.Host {
	t.Helper()
	h, err := host.New(host.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	f.Name, f.Bootstrap, f.Timeout = "f", bootstrap, time.Minute
	if err := h.Add(f); err != nil {
		t.Fatal(err)
	}
	return h
}

// httpEvent returns a request of an HTTP API. The bootstrap reads only the members that it knows.
func httpEvent(do string) string {
	return `{"version":"2.0","requestContext":{"http":{"method":"POST"}},` + do + `}`
}

func TestProxy(t *testing.T) {
	h := newHost(t, host.Function{})
	server := httptest.NewServer(trigger.Proxy(h))
	defer server.Close()
	post := func(function, event string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amzn-Lambda-Function-Name", function)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	const internal = `{"statusCode":500,"headers":{"content-type":"application/json"},"body":"{\"message\":\"Internal ` +
		`Server Error\"}"}`
	for _, test := range []struct {
		name, function, event string
		fault                 host.Fault
		status                int
		body                  string
	}{
		{"an answer", "f", `{"return":"text","text":"[1]"}`, host.Fault{}, 200, "[1]"},
		{"no answer", "f", `{"return":"text"}`, host.Fault{}, 200, ""},
		{
			"an answer to an HTTP API",
			"f",
			httpEvent(`"return":"text","text":"{\"statusCode\":201}"`),
			host.Fault{},
			200,
			`{"statusCode":201}`,
		},
		{"an error", "f", `{"return":"error"}`, host.Fault{}, 500, `{"errorMessage":"as asked","errorType":"customError"}`},
		{"an error of an HTTP API's function", "f", httpEvent(`"return":"error"`), host.Fault{}, 200, internal},
		{
			"an error of an authorizer", "f",
			`{"version":"2.0","type":"REQUEST","requestContext":{"http":{"method":"POST"}},"return":"error"}`,
			host.Fault{}, 500, `{"errorMessage":"as asked","errorType":"customError"}`,
		},
		{"a crash under an HTTP API", "f", httpEvent(`"return":"exit"`), host.Fault{}, 200, internal},
		{
			"a lost answer",
			"f",
			`{}`,
			host.Fault{Stop: host.LoseAnswer},
			503,
			`{"errorMessage":"invoke f: the answer was lost","errorType":"Host.Lost"}`,
		},
		{
			"an unknown function",
			"g",
			`{}`,
			host.Fault{},
			404,
			`{"errorMessage":"invoke g: unknown function","errorType":"ResourceNotFoundException"}`,
		},
		{
			"no JSON", "f", `{`, host.Fault{}, 400,
			`{"errorMessage":"invoke f: invalid payload: 1 bytes that are not JSON",` +
				`"errorType":"InvalidRequestContentException"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.Break(func(host.Call) host.Fault { return test.fault })
			status, body := post(test.function, test.event)
			if status != test.status || body != test.body {
				t.Errorf("%d %s, want %d %s", status, body, test.status, test.body)
			}
		})
	}
	if response, err := http.Get(server.URL); err != nil || response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", response, err)
	} else if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestProxyThrottles(t *testing.T) {
	h := newHost(t, host.Function{Concurrency: 1})
	arrived, release := make(chan struct{}), make(chan struct{})
	gate := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer gate.Close()
	ended := make(chan error, 1)
	invoke := trigger.Function(h, "f")
	go func() {
		_, err := invoke(t.Context(), fmt.Appendf(nil, `{"post":%q}`, gate.URL))
		ended <- err
	}()
	<-arrived
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{}`))
	request.Header.Set("X-Amzn-Lambda-Function-Name", "f")
	trigger.Proxy(h).ServeHTTP(recorder, request)
	if recorder.Code != http.StatusTooManyRequests ||
		!strings.Contains(recorder.Body.String(), "TooManyRequestsException") {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
	if _, err := invoke(t.Context(), []byte(`{}`)); !errors.Is(err, host.ErrThrottled) {
		t.Errorf("invoke: %v", err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// lambdaAPI answers in place of MiniStack.
type lambdaAPI struct {
	configuration string
	updates       []string
	seen          []string
}

func (l *lambdaAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.seen = append(l.seen, r.Method+" "+r.URL.Path+" "+strings.Split(r.Header.Get("Authorization"), ",")[0])
	body, err := io.ReadAll(r.Body)
	if err != nil || l.configuration == "" {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"Type":"ResourceNotFoundException"}`)
		return
	}
	if r.Method == http.MethodPut {
		l.updates = append(l.updates, string(body))
	}
	_, _ = io.WriteString(w, l.configuration)
}

func configFor(url string) aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &url, Credentials: aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "123456789012", SecretAccessKey: "test"}, nil
		})}
}

func TestDeployedAndBind(t *testing.T) {
	api := &lambdaAPI{configuration: `{"FunctionName":"f","Handler":"bootstrap","Timeout":30,"MemorySize":512,
		"Runtime":"provided.al2023",
		"Environment":{"Variables":{"STREAM":"events","MINISTACK_LAMBDA_PROXY_URL":"http://old"}},
		"LoggingConfig":{"LogFormat":"JSON","ApplicationLogLevel":"DEBUG"}}`}
	server := httptest.NewServer(api)
	defer server.Close()
	got, err := trigger.Deployed(t.Context(), configFor(server.URL), "f", "/bin/bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	want := host.Function{
		Name: "f", Bootstrap: "/bin/bootstrap", Handler: "bootstrap", Timeout: 30 * time.Second, Memory: 512,
		LogFormat: "JSON", LogLevel: "DEBUG",
		Env: map[string]string{"STREAM": "events"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := trigger.Bind(t.Context(), configFor(server.URL), "f", "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	var update struct {
		Environment struct{ Variables map[string]string }
	}
	if len(api.updates) != 1 || json.Unmarshal([]byte(api.updates[0]), &update) != nil {
		t.Fatalf("updates %v", api.updates)
	}
	if diff := cmp.Diff(
		map[string]string{"STREAM": "events", "MINISTACK_LAMBDA_PROXY_URL": "http://127.0.0.1:1"},
		update.Environment.Variables,
	); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, method := range []string{"GET", "GET", "PUT"} { // then GET of the aliases: it has none
		begin := method + " /2015-03-31/functions/f/configuration AWS4-HMAC-SHA256 Credential=123456789012/"
		if !strings.HasPrefix(api.seen[i], begin) || !strings.HasSuffix(api.seen[i], "/eu-west-1/lambda/aws4_request") {
			t.Errorf("request %d: %s", i, api.seen[i])
		}
	}

	api.configuration = `{"FunctionName":"f","LoggingConfig":{"LogFormat":"Text","ApplicationLogLevel":"INFO"}}`
	if got, err = trigger.Deployed(t.Context(), configFor(server.URL), "f", "b"); err != nil ||
		got.LogLevel != "" || got.LogFormat != "Text" {
		t.Errorf("a plain function: %+v, %v", got, err)
	}
	if err := trigger.Bind(t.Context(), configFor(server.URL), "f", "http://new"); err != nil ||
		api.updates[1] != `{"Environment":{"Variables":{"MINISTACK_LAMBDA_PROXY_URL":"http://new"}}}` {
		t.Errorf("a function without variables: %v, %v", api.updates, err)
	}

	api.configuration, api.seen = `{"Aliases":[{"Name":"live"}],"Version":"7"}`, nil
	if err := trigger.Bind(t.Context(), configFor(server.URL), "f", "http://new"); err != nil ||
		api.updates[len(api.updates)-1] != `{"FunctionVersion":"7"}` || len(api.seen) != 5 ||
		!strings.HasPrefix(api.seen[3], "POST /2015-03-31/functions/f/versions ") ||
		!strings.HasPrefix(api.seen[4], "PUT /2015-03-31/functions/f/aliases/live ") {
		t.Errorf("a function with an alias: %v, %v, %v", api.updates, api.seen, err)
	}

	api.configuration = ""
	if _, err := trigger.Deployed(t.Context(), configFor(server.URL), "f", "b"); err == nil ||
		!strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("an unknown function: %v", err)
	}
	if err := trigger.Bind(t.Context(), aws.Config{}, "f", "http://127.0.0.1:1"); err == nil ||
		!strings.Contains(err.Error(), "BaseEndpoint") {
		t.Errorf("bind on AWS: %v", err)
	}
}
