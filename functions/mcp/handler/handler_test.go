package handler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/anabranch/anabranch/functions/mcp/handler"
	"github.com/anabranch/anabranch/shared/agents"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/release"

	"log/slog"
)

// calls are arguments with which each tool answers.
var calls = map[string]string{
	"list_views": `{}`, "describe_view": `{"view":"purchases"}`, "list_keys": `{"view":"purchases"}`,
	"query":       `{"view":"purchases","key":{"user":"ann","shop":"a"},"from":"2026-01-01"}`,
	"explain_row": `{"view":"purchases","key":{"user":"ann","shop":"a"},"window":"2026-01-01T00:00:00Z"}`,
	"status":      `{}`, "lint_definition": `{"definition":"views: []"}`,
}

// TestClient checks that a client of the SDK lists every tool and calls it, with the handshake of the protocol.
func TestClient(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","shop":"a","amount":12345678901234567890.25}`)
	client := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: "http://mcp.test/mcp", HTTPClient: &http.Client{Transport: s},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	listed, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	left := calls
	for _, tool := range listed.Tools {
		arguments, ok := left[tool.Name]
		if !ok || tool.OutputSchema == nil || tool.Description == "" || !tool.Annotations.ReadOnlyHint {
			t.Errorf("tool %+v", tool)
			continue
		}
		answer, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool.Name,
			Arguments: json.RawMessage(arguments)})
		if err != nil || answer.IsError || answer.StructuredContent == nil {
			t.Errorf("%s: %+v, %v", tool.Name, answer, err)
		}
		s.must(t, tool.Name, arguments)
	}
	if len(listed.Tools) != len(calls) {
		t.Errorf("%d tools, want %d", len(listed.Tools), len(calls))
	}
	for _, route := range s.asked {
		if r, ok := api.Find(route); !ok || r.Scope != "read" {
			t.Errorf("a tool asked %s", route)
		}
	}
	a := s.must(t, "query", calls["query"])
	want := `[{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T01:00:00Z",` +
		`"values":{"n":1,"amount":12345678901234567890.25,"largest":12345678901234567890.25},"exact":false}]`
	if !strings.Contains(a.text, want) || *a.Exact || a.Zone != "UTC" || *a.Horizon != "2026-01-01T00:00:50Z" {
		t.Errorf("answer %s", a.text)
	}
}

// TestProtocol checks what is no call: GET, wrong types, and messages that are none. None of them is a 5xx.
func TestProtocol(t *testing.T) {
	s := newFixture(t)
	accept := "application/json, text/event-stream"
	for _, c := range []struct {
		route, kind, accept, body string
		status                    int
		part                      string
	}{
		{"GET /mcp", "", "text/event-stream", "", 405, ""},
		{"POST /mcp", "text/plain", accept, "{}", 415, "application/json"},
		{"POST /mcp", "application/json", "text/html", "{}", 400, "Accept"},
		{"POST /mcp", "application/json", accept, "{", 400, ""},
		{"POST /mcp", "application/json", accept, "[]", 400, `"message":"the body is a JSON-RPC batch; send one message`},
		{"POST /mcp", "application/json", accept, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, 202, ""},
		{"POST /mcp", "application/json", accept, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop"}}`,
			200, "drop"},
	} {
		r, err := s.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: c.route, Body: c.body,
			Headers: map[string]string{"content-type": c.kind, "accept": c.accept}})
		if err != nil || r.StatusCode != c.status || !strings.Contains(r.Body, c.part) {
			t.Errorf("%s %s: %d %s, %v; want %d", c.route, c.body, r.StatusCode, r.Body, err, c.status)
		}
	}
	r := events.APIGatewayV2HTTPRequest{RouteKey: "POST /mcp", Body: "{}", IsBase64Encoded: true}
	if got, err := s.Handle(t.Context(), r); err != nil || got.StatusCode != 400 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestBatches checks that a JSON-RPC batch runs none of its calls, whatever version of the protocol the request names.
func TestBatches(t *testing.T) {
	s := newFixture(t)
	one := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_views"}}`
	for _, version := range []string{"", "2025-03-26", "2025-06-18"} {
		for _, begin := range []string{"[", " \r\n\t["} {
			headers := map[string]string{"content-type": "application/json", "accept": "application/json, text/event-stream"}
			if version != "" {
				headers["mcp-protocol-version"] = version
			}
			r, err := s.Handle(t.Context(), events.APIGatewayV2HTTPRequest{
				RouteKey: "POST /mcp", Body: begin + one + "," + one + "]", Headers: headers,
			})
			want := `{"error":{"code":-32600,"message":"the body is a JSON-RPC batch; send one message in each request"},` +
				`"id":null,"jsonrpc":"2.0"}`
			if err != nil || r.StatusCode != 400 || strings.TrimSpace(r.Body) != want || len(s.asked) > 0 {
				t.Errorf("version %q: %d %.300s, %v; the tools asked %v", version, r.StatusCode, r.Body, err, s.asked)
			}
		}
	}
}

// TestTooLarge checks that an answer which exceeds Lambda's maximum is a problem, and no failed invocation. The name of
// an unknown tool makes such an answer: each of its quotes is 8 bytes there.
func TestTooLarge(t *testing.T) {
	s := newFixture(t)
	name := strings.Repeat(`\"`, agents.MaxRequest/2-100)
	r := s.post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+name+`"}}`)
	if r.StatusCode != 422 || !strings.Contains(r.Body, `"code":"too_large"`) ||
		!strings.Contains(r.Body, "send a shorter request") {
		t.Errorf("%d %.300s", r.StatusCode, r.Body)
	}
}

// TestVersion checks that the server names a version, which the protocol requires.
func TestVersion(t *testing.T) {
	r := newFixture(t).post(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",`+
		`"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`)
	if want := fmt.Sprintf(`"version":%q`, release.Version()); !strings.Contains(r.Body, want) || release.Version() == "" {
		t.Errorf("%s; want %s", r.Body, want)
	}
}

// TestProblems checks that wrong arguments are refused in the words of the API, as answers of the tool.
func TestProblems(t *testing.T) {
	s := newFixture(t)
	for _, c := range [][3]string{
		{"query", `{}`, "bad_parameter: view is missing"},
		{"query", `[]`, "the arguments are not a JSON object; tool query takes view, key, from"},
		{"query", `{"view":"purchases","lmit":3}`, `unknown parameter "lmit"; did you mean "limit"? tool query takes view,`},
		{"query", `{"view":{}}`, "view is an object; write a text"},
		{"query", `{"view":"purchases","key":"ann"}`, `key is a text; write an object: {"path":"/a"}`},
		{"query", `{"view":"purchases","key":{"user":[{}]}}`, "key.user[0] is an object; write a text"},
		{"query", `{"view":"purchases","key":{"usr":"ann"}}`, `unknown parameter "usr"; did you mean "user"?`},
		{"query", `{"view":"purchases","from":"yesterday"}`, `from="yesterday"`},
		{"query", `{"view":"purchases","limit":0}`, `limit="0"`},
		{"query", `{"view":"purchases","cursor":"x"}`, "invalid cursor"},
		{"query", `{"view":"nothing"}`, `unknown_view: unknown view: "nothing"`},
		{"describe_view", `{"view":".."}`, "unknown_view"},
		{"describe_view", `{"view":"../admin/views"}`, "unknown_view"},
		{"describe_view", `{"view":""}`, `view="" is not the name of a view; list_views lists them`},
		{"query", `{"view":""}`, `view="" is not the name of a view`},
		{"query", `{"view":"purchases","key":{"user":[]}}`, "key.user is an empty array; write at least one value, or omit " +
			"key.user for any value"},
		{"list_keys", `{"view":"purchases","order":"up"}`, `unknown order="up"`},
		{"explain_row", `{"view":"purchases","window":"soon"}`, `window="soon"`},
		{"explain_row", `{"view":"purchases","window":"2025-11-09T14:30:00Z"}`, `window="2025-11-09T14:30:00Z": no window ` +
			`begins at 2025-11-09T14:30:00Z; windows begin at 2025-11-09T14:00:00Z and 2025-11-09T15:00:00Z`},
		{"lint_definition", `{"definition":"` + strings.Repeat("x", 256<<10+1) + `"}`, "the maximum is 262144"},
	} {
		if a := s.call(t, c[0], c[1]); !strings.Contains(a.Error, c[2]) {
			t.Errorf("%s %.80s: %q does not contain %q", c[0], c[1], a.text, c[2])
		}
	}
	query := `{"view":"purchases","cursor":"` + s.must(t, "list_keys", `{"view":"purchases"}`).Next + `"}`
	if a := s.call(t, "query", query); !strings.Contains(a.Error, "cursor") {
		t.Errorf("an empty cursor: %q", a.text)
	}
}

// TestLint checks the findings of a definition, and of one with sample events.
func TestLint(t *testing.T) {
	s := newFixture(t)
	a := s.must(t, "lint_definition", `{"definition":"views:\n  - name: v\n    window: 7m\n"}`)
	if a.Valid || len(a.Findings) == 0 || a.Findings[0].Line == 0 || a.Horizon != nil || a.Exact != nil {
		t.Errorf("%s", a.text)
	}
	definition := `views: [{name: v, key: {user: data.usr}, window: 1h, aggregates: {n: count()}}]`
	event := `{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"user":"ann"}}`
	arguments, err := json.Marshal(map[string]string{"definition": definition, "events": event})
	if err != nil {
		t.Fatal(err)
	}
	a = s.must(t, "lint_definition", string(arguments))
	if !a.Valid || len(a.Findings) != 1 || !strings.Contains(a.Findings[0].Message, "data.usr") {
		t.Errorf("%s", a.text)
	}
}

// TestDeadline checks that the deadline of an invocation bounds the calls of the API.
func TestDeadline(t *testing.T) {
	var left []bool
	h := handler.New(handler.Settings{
		Query: func(ctx context.Context, _ events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			_, has := ctx.Deadline()
			left = append(left, has)
			panic("secret")
		},
		MaxAnswer: 6 << 20, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := &fixture{Handler: h}
	r, err := s.Handle(ctx, events.APIGatewayV2HTTPRequest{RouteKey: "POST /mcp",
		Body:    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_views"}}`,
		Headers: map[string]string{"content-type": "application/json", "accept": "application/json, text/event-stream"}})
	if err != nil || !slices.Equal(left, []bool{true}) {
		t.Errorf("%+v, %v; deadlines %v", r, err, left)
	}
	if !strings.Contains(r.Body, "internal: the tool failed") || strings.Contains(r.Body, "secret") {
		t.Errorf("a panic: %s", r.Body)
	}
}

// TestExplain checks the row of a window with its parts and its reason, before and after batch has counted it.
func TestExplain(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","shop":"a","amount":1}`)
	a := s.must(t, "explain_row", calls["explain_row"])
	if !strings.Contains(a.text, `"parts":{"batch":null,"speed":{"n":1,`) ||
		!strings.Contains(a.text, `"why":"Not exact: speed has events that batch has not folded. The horizon is`) {
		t.Errorf("%s", a.text)
	}
	s.Wait(2 * time.Hour)
	s.tick(t)
	a = s.must(t, "explain_row", calls["explain_row"])
	if !*a.Exact || !strings.Contains(a.text, `"why":"Exact: batch has folded every event`) {
		t.Errorf("%s", a.text)
	}
	a = s.must(t, "explain_row", `{"view":"purchases","key":{"user":"ann","shop":"a"},"window":"2025-01-01"}`)
	if a.Empty == nil || a.Empty.Kind != agents.NoEvents {
		t.Errorf("%s", a.text)
	}
}

// TestStatus checks that status and list_views name the views, and that status says when batch is late.
func TestStatus(t *testing.T) {
	s := newFixture(t)
	if a := s.must(t, "status", `{"view":"totals"}`); !strings.Contains(a.text, `"late":false`) ||
		strings.Contains(a.text, "purchases") {
		t.Errorf("%s", a.text)
	}
	s.buy(t, "2026-01-01T00:00:30Z", `{"user":"ann","shop":"a"}`)            // amount and largest lack its amount
	s.buy(t, "2026-01-01T00:00:30Z", `{"shop":"a","amount":1}`)              // in no row
	s.buy(t, "2026-01-01T00:00:30Z", `{"user":"ann","shop":"a","amount":1}`) // all is well
	if a := s.must(t, "status", `{"view":"purchases"}`); !strings.Contains(a.text, `"skipped":1,"skipped_values":2,`) {
		t.Errorf("%s", a.text)
	}
	s.Wait(24 * time.Hour)
	a := s.must(t, "status", `{}`)
	if !strings.Contains(a.text, `"late":true`) || !strings.Contains(a.text, fmt.Sprintf("%q", "purchases")) {
		t.Errorf("%s", a.text)
	}
}
