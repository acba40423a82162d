package main

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// TestMCP checks that the command answers an assistant over standard input and output: it asks the server with the key,
// and a refusal of the server is an answer in the server's words.
func TestMCP(t *testing.T) {
	address, brought := keyed(t, 404, "application/problem+json",
		`{"status":404,"code":"unknown_view","title":"Not Found","detail":"unknown view: \"x\""}`)
	s := newSession()
	in, requests := io.Pipe()
	answers, out := io.Pipe()
	s.stdin, s.stdout = in, out
	ended := make(chan int, 1)
	go func() { ended <- s.run(t.Context(), []string{"mcp", "--url", address, "--key", secret}) }()
	lines := bufio.NewScanner(answers)
	ask := func(request string) string { // an assistant leaves the input open until it has the answer
		if _, err := io.WriteString(requests, request+"\n"); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() {
			t.Fatalf("no answer: %v", lines.Err())
		}
		return lines.Text()
	}
	hello := ask(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",` +
		`"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`)
	if !strings.Contains(hello, `"serverInfo":{"name":"anabranch"`) {
		t.Errorf("hello: %s", hello)
	}
	refused := ask(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"describe_view",` +
		`"arguments":{"view":"x"}}}`)
	if !strings.Contains(refused, `"text":"unknown_view: unknown view: \"x\""`) ||
		!strings.Contains(refused, `"isError":true`) {
		t.Errorf("refused: %s", refused)
	}
	if brought() != "Bearer "+secret || strings.Contains(hello+refused, secret) {
		t.Errorf("brought %q; hello %s", brought(), hello)
	}
	if err := requests.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != exitOK || s.err.String() != "" {
		t.Errorf("exit code %d: %s", code, s.err.String())
	}
}
