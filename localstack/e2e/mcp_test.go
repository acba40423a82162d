//go:build emulator

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/sample"
)

// inspector is the version of the MCP Inspector, the protocol's own client for developers.
const inspector = "2.12.0"

// toolCalls are arguments with which each tool answers over the sample, and what its answer must contain.
var toolCalls = map[string]struct {
	arguments []string
	want      string
}{
	"list_views":      {nil, `"name":"page_views"`},
	"describe_view":   {[]string{"view=page_views"}, `"expr":"count()"`},
	"list_keys":       {[]string{"view=page_views", "prefix=/fav"}, `{"path":"/favicon.ico"}`},
	"query":           {[]string{"view=page_views", `key={"path":"/favicon.ico"}`, "total=true"}, `"total":{`},
	"explain_row":     {[]string{"view=traffic", "window=2015-05-18T10:00:00Z"}, `"why":"`},
	"status":          {nil, `"late":`},
	"lint_definition": {[]string{"definition=views: []"}, `"severity":"error"`},
}

// installInspector installs the inspector with npm into build/mcp-inspector, unless it is there, and returns its
// program.
func installInspector(t *testing.T) string {
	t.Helper()
	root, err := venv.Root()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(root, "build", "mcp-inspector-"+inspector)
	program := filepath.Join(home, "node_modules", ".bin", "mcp-inspector")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "install", "--prefix", home, "--no-audit", "--no-fund",
		"--ignore-scripts", "@modelcontextprotocol/inspector@"+inspector)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install, which needs npm and network access: %v\n%s", err, out)
	}
	return program
}

// inspect runs the inspector's command line against a server, and returns what it prints.
func inspect(t *testing.T, server []string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, installInspector(t), slices.Concat([]string{"--cli"}, server, args)...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir()) // the inspector keeps files there
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("mcp-inspector %s: %v\n%s%s", args, err, out, &stderr)
	}
	return out
}

// inspectTools lists the tools of a server and calls each, with the MCP Inspector. It returns the text of each answer.
func inspectTools(t *testing.T, server ...string) map[string]string {
	t.Helper()
	var list struct{ Tools []struct{ Name string } }
	if err := json.Unmarshal(inspect(t, server, "--method", "tools/list"), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Tools) != len(toolCalls) {
		t.Errorf("%d tools, want %d", len(list.Tools), len(toolCalls))
	}
	answers := map[string]string{}
	for _, tool := range list.Tools {
		args := []string{"--method", "tools/call", "--tool-name", tool.Name}
		for _, a := range toolCalls[tool.Name].arguments {
			args = append(args, "--tool-arg", a)
		}
		var answer struct {
			Content           []struct{ Text string }
			StructuredContent json.RawMessage
			IsError           bool
		}
		if err := json.Unmarshal(inspect(t, server, args...), &answer); err != nil || answer.IsError ||
			len(answer.Content) != 1 || answer.StructuredContent == nil {
			t.Errorf("%s: %+v, %v", tool.Name, answer, err)
			continue
		}
		text := answer.Content[0].Text
		if want := toolCalls[tool.Name].want; want == "" || !strings.Contains(text, want) {
			t.Errorf("%s: %s does not contain %s", tool.Name, text, want)
		}
		answers[tool.Name] = text
	}
	return answers
}

// assistants calls every tool of the deployed API with the MCP Inspector, compares a number with that of the API, and
// checks which keys may call tools.
func assistants(t *testing.T, w *world) {
	header := "authorization: Bearer " + w.Keys.Read
	answers := inspectTools(t, w.URL+"/mcp", "--transport", "http", "--header", header)
	api, err := w.body(t.Context(), "/v1/views/page_views/query?path=/favicon.ico&total=true")
	if err != nil {
		t.Fatal(err)
	}
	if want := totalOf(t, api); want == "" || totalOf(t, []byte(answers["query"])) != want {
		t.Errorf("query: %s does not have the total of the API, %s", answers["query"], want)
	}
	for key, want := range map[string]int{
		"": http.StatusUnauthorized, "0123456789012345678901234567890": http.StatusForbidden,
		w.Keys.Write: http.StatusForbidden, w.Keys.Read: http.StatusOK, w.Keys.Admin: http.StatusOK,
	} {
		body := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"status"}}`)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/mcp", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		if got, err := do(r, key); err != nil || got != want {
			t.Errorf("POST /mcp: %d, %v; want %d", got, err, want)
		}
	}
	if got, err := w.get(t.Context(), w.Keys.Read, "/mcp"); err != nil || got != http.StatusMethodNotAllowed {
		t.Errorf("GET /mcp: %d, %v; want 405", got, err)
	}
}

// totalOf returns the values of an answer's total.
func totalOf(t *testing.T, body []byte) string {
	t.Helper()
	var answer struct {
		Total struct{ Values json.RawMessage }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	return string(answer.Total.Values)
}

// body asks the API with the read key, and returns the body of its answer.
func (w *world) body(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+w.Keys.Read)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	return body, errors.Join(err, response.Body.Close())
}

// TestInspectorOnDev calls every tool of `anabranch dev` with the MCP Inspector, over HTTP and by `anabranch mcp`.
func TestInspectorOnDev(t *testing.T) {
	t.Parallel() // it waits for Node most of the time
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join("..", "..", "build", "anabranch")
	views := filepath.Join("..", "sample", "views.yaml")
	dev := exec.CommandContext(t.Context(), program, "dev", "--views", views, "--dir", t.TempDir(), "--listen", address)
	dev.Cancel = func() error { return dev.Process.Signal(os.Interrupt) }
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	url := "http://" + address
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, append(bytes.Join(lines, []byte("\n")), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "send", file, "--url", url).CombinedOutput(); err != nil {
		t.Fatalf("send: %v\n%s", err, out)
	}
	over := inspectTools(t, url+"/mcp", "--transport", "http")
	by := inspectTools(t, program, "mcp", "--url", url)
	if over["describe_view"] == "" || over["lint_definition"] != by["lint_definition"] {
		t.Errorf("over HTTP %s, by anabranch mcp %s", over["lint_definition"], by["lint_definition"])
	}
}
