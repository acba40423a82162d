//go:build emulator

package trigger_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/localstack/host/trigger"
	"github.com/anabranch/anabranch/shared/aws/awstest"
)

//go:embed testdata/template.json
var template string

// world is an emulator with the template deployed. The function is bound to a host, and its events are recorded.
type world struct {
	cfg     aws.Config
	outputs map[string]string
	host    *host.Host
	url     string // of the HTTP API

	mu     sync.Mutex
	answer func(event []byte) string // what the function returns
	events chan []byte               // of the Scheduler
}

func deploy(t *testing.T) *world {
	t.Helper()
	e := emulator.Start(t)
	w := &world{cfg: awstest.Config(e.Endpoint), outputs: map[string]string{}, events: make(chan []byte, 100)}
	client := cloudformation.NewFromConfig(w.cfg)
	name := aws.String("stack")
	if _, err := client.CreateStack(
		t.Context(), &cloudformation.CreateStackInput{StackName: name, TemplateBody: &template},
	); err != nil {
		t.Fatal(err)
	}
	waiter := cloudformation.NewStackCreateCompleteWaiter(
		client, func(o *cloudformation.StackCreateCompleteWaiterOptions) { o.MinDelay = 50 * time.Millisecond },
	)
	out, err := waiter.WaitForOutput(t.Context(), &cloudformation.DescribeStacksInput{StackName: name}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Stacks[0].Outputs {
		w.outputs[*o.OutputKey] = *o.OutputValue
	}
	w.url = e.Endpoint + "/_aws/execute-api/" + w.outputs["Api"] + "/$default"
	t.Logf("outputs %v", w.outputs)

	f, err := trigger.Deployed(t.Context(), w.cfg, "f", bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	want := host.Function{
		Name: "f", Bootstrap: bootstrap, Handler: "index.handler", Timeout: 20 * time.Second, Memory: 256, LogFormat: "Text",
		Env: map[string]string{"RETURN": "posted"},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("deployed (-want +got):\n%s", diff)
	}
	f.Env["POST"] = handle(t, func(_ context.Context, event []byte) ([]byte, error) { return w.take(event), nil })
	w.host = newHost(t, host.Function{})
	if err := w.host.Add(f); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(trigger.Proxy(w.host))
	t.Cleanup(server.Close)
	if err := trigger.Bind(t.Context(), w.cfg, "f", server.URL); err != nil {
		t.Fatal(err)
	}
	return w
}

// take plays the function.
func (w *world) take(event []byte) []byte {
	if strings.Contains(string(event), "aws.scheduler") {
		w.events <- event
		return []byte(`{}`)
	}
	w.mu.Lock()
	answer := w.answer
	w.mu.Unlock()
	if answer == nil {
		return []byte(`{}`)
	}
	return []byte(answer(event))
}

func (w *world) answers(f func(event []byte) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

func (w *world) call(t testing.TB, method, path, key, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	if key != "" {
		request.Header.Set("Authorization", key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestMiniStackProxy(t *testing.T) {
	w := deploy(t)
	t.Run("HTTP API", func(t *testing.T) { httpAPI(t, w) })
	t.Run("authorizer", func(t *testing.T) { authorizer(t, w) })
	t.Run("failures", func(t *testing.T) { failures(t, w) })
	t.Run("SQS mapping", func(t *testing.T) { mapping(t, w) })
	t.Run("Scheduler", func(t *testing.T) { scheduler(t, w) })
	t.Run("speed", func(t *testing.T) { speed(t, w) })
}

func httpAPI(t *testing.T, w *world) {
	w.answers(func(event []byte) string {
		var request events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(event, &request); err != nil {
			t.Error(err)
		}
		return fmt.Sprintf(`{"statusCode":201,"headers":{"x-a":"b"},"body":"%s %s %s %s %v"}`,
			request.RouteKey, request.PathParameters["name"], request.RawQueryString, request.Body, request.IsBase64Encoded)
	})
	status, body := w.call(t, http.MethodPost, "/open/me?a=b", "", "\x00body")
	if want := "POST /open/{name} me a=b AGJvZHk= true"; status != http.StatusCreated || body != want {
		t.Errorf("%d %q, want 201 %q", status, body, want)
	}
}

func authorizer(t *testing.T, w *world) {
	w.answers(func(event []byte) string {
		var request struct {
			Type           string
			IdentitySource []string
			RequestContext struct {
				Authorizer struct{ Lambda map[string]string }
			}
		}
		if err := json.Unmarshal(event, &request); err != nil {
			t.Error(err)
		}
		if request.Type == "REQUEST" {
			return fmt.Sprintf(`{"isAuthorized":%v,"context":{"who":"me"}}`, request.IdentitySource[0] == "right")
		}
		return fmt.Sprintf(`{"statusCode":200,"body":"for %s"}`, request.RequestContext.Authorizer.Lambda["who"])
	})
	for _, test := range []struct {
		key    string
		status int
		text   string
	}{
		{"right", http.StatusOK, "for me"},
		{"wrong", http.StatusForbidden, "Forbidden"},
		{"", http.StatusUnauthorized, "Unauthorized"},
	} {
		if status, body := w.call(t, http.MethodGet, "/closed", test.key, ""); status != test.status ||
			!strings.Contains(body, test.text) {
			t.Errorf("key %q: %d %s, want %d %s", test.key, status, body, test.status, test.text)
		}
	}
}

// failures checks that a client of the HTTP API sees failures as AWS shows them.
func failures(t *testing.T, w *world) {
	w.answers(nil)
	const want = `{"message":"Internal Server Error"}`
	for _, fault := range []host.Fault{{Stop: host.KillRunning}, {Stop: host.KillAnswered}, {Stop: host.LoseAnswer}} {
		w.host.Break(func(host.Call) host.Fault { return fault })
		if status, body := w.call(t, http.MethodPost, "/open/x", "", "{}"); status != http.StatusInternalServerError ||
			body != want {
			t.Errorf("%+v: %d %s, want 500 %s", fault, status, body, want)
		}
	}
	w.host.Break(nil)
	if status, _ := w.call(t, http.MethodPost, "/open/x", "", "{}"); status != http.StatusOK {
		t.Errorf("after the failures: %d", status)
	}
}

// mapping checks that MiniStack's own mapping of the queue passes on partial responses and errors of the host.
func mapping(t *testing.T, w *world) {
	client := sqs.NewFromConfig(w.cfg)
	queue := w.queueURL()
	var mu sync.Mutex
	times := map[string]int{}
	done := make(chan string, 100)
	w.answers(func(event []byte) string {
		mu.Lock()
		defer mu.Unlock()
		var e events.SQSEvent
		if err := json.Unmarshal(event, &e); err != nil || len(e.Records) == 0 {
			t.Errorf("event %s: %v", event, err)
			return ""
		}
		var failed []string
		for _, m := range e.Records {
			if times[m.Body]++; times[m.Body] == 1 && m.Body != "good" {
				failed = append(failed, fmt.Sprintf(`{"itemIdentifier":"%s"}`, m.MessageId))
				continue
			}
			done <- m.Body
		}
		return `{"batchItemFailures":[` + strings.Join(failed, ",") + `]}`
	})
	for _, body := range []string{"good", "bad"} {
		if _, err := client.SendMessage(
			t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body},
		); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		t.Logf("done: %s", receive(t, done))
	}
	mu.Lock()
	defer mu.Unlock()
	if times["good"] != 1 || times["bad"] != 2 {
		t.Errorf("deliveries %v, want good once and bad twice", times)
	}
}

// queueURL returns the queue's address. The output has it with a host name that may not resolve.
func (w *world) queueURL() string {
	return *w.cfg.BaseEndpoint + w.outputs["Queue"][strings.Index(w.outputs["Queue"], "/000000000000/"):]
}

func receive[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	return got
}

func scheduler(t *testing.T, w *world) {
	var e events.EventBridgeEvent
	event := receive(t, w.events)
	if err := json.Unmarshal(event, &e); err != nil || e.Source != "aws.scheduler" {
		t.Errorf("event %s: %v", event, err)
	}
	t.Logf("Scheduler sent %s", event)
}

// speed logs the number of calls per second. It checks only that all calls succeed.
func speed(t *testing.T, w *world) {
	w.answers(func([]byte) string { return `{"statusCode":200,"body":"ok"}` })
	for _, clients := range []int{1, 4} {
		const calls = 200
		began := time.Now()
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for range calls / clients {
					if status, body := w.call(t, http.MethodPost, "/open/x", "", "{}"); status != http.StatusOK {
						t.Errorf("%d %s", status, body)
					}
				}
			})
		}
		all.Wait()
		t.Logf("%d clients: %.0f calls/s", clients, calls/time.Since(began).Seconds())
	}
	t.Logf("%+v", w.host.Stats("f"))
}
