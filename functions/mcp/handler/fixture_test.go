package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/anabranch/anabranch/functions/mcp/handler"
	queryhandler "github.com/anabranch/anabranch/functions/query/handler"
	"github.com/anabranch/anabranch/shared/agents"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/simulation"
)

const views = `
views:
  - name: purchases
    description: Purchases per user and hour
    where: type == "purchase"
    key: {user: data.user, shop: data.shop}
    window: 1h
    aggregates: {n: count(), amount: sum(data.amount), largest: max(data.amount)}
  - name: totals
    key: {}
    window: 1h
    aggregates:
      n: count()
      words: top(data.word, 30)
`

// fixture is the handler over a world whose stores are in memory, and whose clock begins at 2026-01-01T00:00:00Z.
type fixture struct {
	*simulation.World
	*handler.Handler
	asked []api.Key     // routes that the tools asked for
	after func(api.Key) // nil, or runs behind each of their requests
	sent  int
}

// newFixture returns a fixture whose views serve. Its clock is at 00:01:00, and its horizon at 00:00:50.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	kit, err := simulation.Prepare(views)
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	s, log := &fixture{World: w}, slog.New(slog.DiscardHandler)
	query := &queryhandler.Handler{Serving: w.Serving, MaxAnswer: 6 << 20, Log: log}
	s.Handler = handler.New(handler.Settings{
		Query: func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			s.asked = append(s.asked, api.Key(r.RouteKey))
			answer, err := query.Handle(ctx, r)
			if s.after != nil {
				s.after(api.Key(r.RouteKey))
			}
			return answer, err
		},
		MaxAnswer: 6 << 20, Now: w.Serving.Now, Log: log,
	})
	s.Wait(time.Minute)
	s.tick(t)
	return s
}

func (s *fixture) tick(t testing.TB) {
	t.Helper()
	if _, err := s.Tick(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// buy sends a purchase and delivers it to speed.
func (s *fixture) buy(t testing.TB, at, data string) {
	t.Helper()
	s.sent++
	event := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"shop","type":"purchase","time":%q,"data":%s}`, s.sent, at,
		data)
	answer, err := s.Send(context.Background(), event)
	if err != nil || answer.Accepted != 1 {
		t.Fatalf("sent: %+v, %v", answer, err)
	}
	if err := s.DeliverAll(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// answer is the answer of a tool.
type answer struct {
	Error     string // text of an error
	Horizon   *string
	Exact     *bool
	Zone      string `json:"time_zone"`
	Empty     *agents.Empty
	Warnings  []string
	Next      string `json:"next_cursor"`
	Omitted   []string
	Rows      []json.RawMessage
	Keys      []json.RawMessage
	Views     json.RawMessage
	Findings  []agents.Finding
	Valid     bool
	text, raw string
}

// post sends a message to the function.
func (s *fixture) post(t testing.TB, message string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	r := events.APIGatewayV2HTTPRequest{RouteKey: string(api.CallTools), Body: message, Headers: map[string]string{
		"content-type": "application/json", "accept": "application/json, text/event-stream",
	}}
	answer, err := s.Handle(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// call calls a tool, and checks what holds for every answer: its size, its schema, and that its text is its structured
// content.
func (s *fixture) call(t testing.TB, tool, arguments string) answer {
	t.Helper()
	r := s.post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+arguments+`}}`)
	var message struct {
		Result struct {
			Content           []struct{ Text string }
			StructuredContent json.RawMessage
			IsError           bool
		}
		Error json.RawMessage
	}
	if err := json.Unmarshal([]byte(r.Body), &message); err != nil || r.StatusCode != 200 || message.Error != nil ||
		len(message.Result.Content) != 1 {
		t.Fatalf("%s %s: %d %s, %v", tool, arguments, r.StatusCode, r.Body, err)
	}
	a := answer{text: message.Result.Content[0].Text, raw: r.Body}
	if len(r.Body) > agents.MaxAnswer {
		t.Errorf("%s %.100s: the answer has %d bytes", tool, arguments, len(r.Body))
	}
	if message.Result.IsError {
		a.Error = a.text
		return a
	}
	if a.text != string(message.Result.StructuredContent) {
		t.Errorf("the text is %s, the structured content %s", a.text, message.Result.StructuredContent)
	}
	if err := json.Unmarshal([]byte(a.text), &a); err != nil {
		t.Fatalf("%s %s: %s: %v", tool, arguments, a.text, err)
	}
	check(t, tool, a.text)
	return a
}

// must is call for a call that must not fail.
func (s *fixture) must(t testing.TB, tool, arguments string) answer {
	t.Helper()
	a := s.call(t, tool, arguments)
	if a.Error != "" {
		t.Fatalf("%s %s: %s", tool, arguments, a.Error)
	}
	return a
}

// check checks an answer against the output schema of its tool.
func check(t testing.TB, tool, text string) {
	t.Helper()
	schema, ok := schemas(t)[tool]
	if !ok {
		t.Fatalf("no tool %s", tool)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %s does not fit its schema: %v", tool, text, err)
	}
}

var compiled map[string]*jsonschema.Schema

// schemas returns the output schema of each tool.
func schemas(t testing.TB) map[string]*jsonschema.Schema {
	t.Helper()
	if compiled != nil {
		return compiled
	}
	s := newFixture(t)
	var list struct{ Result mcp.ListToolsResult }
	if err := json.Unmarshal([]byte(s.post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`).Body), &list); err != nil {
		t.Fatal(err)
	}
	compiled = map[string]*jsonschema.Schema{}
	for _, tool := range list.Result.Tools {
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("tool.json", tool.OutputSchema); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile("tool.json")
		if err != nil {
			t.Fatal(err)
		}
		compiled[tool.Name] = schema
	}
	return compiled
}

// RoundTrip implements http.RoundTripper, for a client of the SDK.
func (s *fixture) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	e := events.APIGatewayV2HTTPRequest{RouteKey: r.Method + " /mcp", Body: string(body), Headers: map[string]string{}}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	answer, err := s.Handle(r.Context(), e)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, value := range answer.Headers {
		header.Set(name, value)
	}
	return &http.Response{StatusCode: answer.StatusCode, Header: header, Request: r,
		Body: io.NopCloser(bytes.NewBufferString(answer.Body))}, nil
}
