package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",` +
	`"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}` + "\n"

// TestMCPAnswersAPipe checks that requests from a pipe, whose input ends before the first answer, all have answers. A
// request for news has none, and does not hold up the end.
func TestMCPAnswersAPipe(t *testing.T) {
	ended := make(chan struct{})
	address, _ := asked(t, func(w http.ResponseWriter, r *http.Request) {
		<-ended
		problemOf(404, "unknown_view", "unknown view")(w, r)
	})
	const last = 15
	input := initialize + `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" +
		`{"jsonrpc":"2.0","id":"news","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":` +
		`true}}}` + "\n"
	for id := 2; id <= last; id++ {
		input += fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"describe_view",`+
			`"arguments":{"view":"x"}}}`+"\n", id)
	}
	s := newSession()
	s.stdin = io.MultiReader(strings.NewReader(input), ending{ended})
	s.do(t, exitOK, "mcp", "--url", address)
	for id := 1; id <= last; id++ {
		if n := strings.Count(s.out.String(), fmt.Sprintf(`"id":%d,`, id)); n != 1 {
			t.Errorf("request %d has %d answers", id, n)
		}
	}
	if n := strings.Count(s.out.String(), "unknown_view"); n != last-1 {
		t.Errorf("%d answers of tools, want %d: %s", n, last-1, &s.out)
	}
}

// ending is the end of an input, and closes a channel once it is read.
type ending struct{ read chan struct{} }

func (e ending) Read([]byte) (int, error) {
	close(e.read)
	return 0, io.EOF
}

// TestMCPEndsWithoutAReader checks that the command ends when nobody reads its answers.
func TestMCPEndsWithoutAReader(t *testing.T) {
	address, _ := asked(t, problemOf(404, "unknown_view", "unknown view"))
	s := newSession()
	s.stdin = strings.NewReader(initialize + `{"jsonrpc":"2.0","id":2,"method":"ping"}` + "\n")
	s.stdout = failing{io.ErrClosedPipe}
	s.do(t, exitUnreachable, "mcp", "--url", address)
}

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
