package dev_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/localstack/sample"
)

// dial opens a connection to a server.
func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// hear reads one answer.
func hear(t *testing.T, c net.Conn) (status int, body string) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

const (
	head  = "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/cloudevents+json\r\n"
	chunk = head + "Transfer-Encoding: chunked\r\n\r\n"
	event = `{"specversion":"1.0","id":"h1","source":"s","type":"web.request","data":{"k":"half","v":1}}`
)

// TestBodiesThatCannotBeRead checks that a body that is cut short, malformed or too slow is refused, and that nothing
// of it is kept.
func TestBodiesThatCannotBeRead(t *testing.T) {
	s := settings(t, t.TempDir())
	s.Limits = dev.DefaultLimits()
	s.Limits.Read = 300 * time.Millisecond
	server, _ := open(t, s)
	whole := fmt.Sprintf("%x\r\n%s\r\n", len(event), event)
	for _, c := range []struct {
		name, text string
		ends       bool // the client closes its half of the connection
		status     int
	}{
		// the two inputs as they were met
		{"f1-bad-chunk", head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n", false, 400},
		{"f1-truncated-body", head + "Content-Length: 1000\r\nConnection: close\r\n\r\n{\"specversion\":\"1.0\"", true, 400},
		{"cut short, and silence", head + "Content-Length: 1000\r\n\r\n{\"specversion\":\"1.0\"", false, 408},
		{"no byte of the body", head + "Content-Length: 1000\r\n\r\n", false, 408},
		{"no byte of the body, and an end", head + "Content-Length: 1000\r\n\r\n", true, 400},
		{"one byte too few", fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(event)+1, event), true, 400},
		{"no last chunk", chunk + whole, true, 400},
		{"no last chunk, and silence", chunk + whole, false, 408},
		{"half a chunk", chunk + whole[:20], true, 400},
		{"a chunk longer than it says", chunk + "5\r\n" + event + "\r\n0\r\n\r\n", true, 400},
		{"a chunk without a length", chunk + "\r\n" + event, true, 400},
		{"a chunk of a negative length", chunk + "-5\r\n" + event, true, 400},
		{"a chunk of too many digits", chunk + "11111111111111111\r\n" + event, true, 400},
		{"a bad trailer", chunk + whole + "0\r\nno colon\r\n\r\n", true, 400},
		{"a trailer cut short", chunk + whole + "0\r\nA: b", true, 400},
		{"a coding that nobody knows", head + "Transfer-Encoding: rot13\r\n\r\n" + event, true, 501},
		{"a length that is no number", head + "Content-Length: ten\r\n\r\n" + event, true, 400},
		{"two lengths", head + "Content-Length: 10\r\nContent-Length: 11\r\n\r\n" + event, true, 400},
		{"a query with a body cut short", "GET /v1/views HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{", true, 400},
		{"an operation with a body cut short", "POST /v1/admin/views/traffic/rebuild HTTP/1.1\r\nHost: x\r\n" +
			"Content-Type: application/json\r\nContent-Length: 5\r\n\r\n{", true, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := dial(t, server.URL)
			say(t, client, c.text)
			if c.ends {
				if err := client.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			status, body := hear(t, client)
			if status != c.status {
				t.Errorf("%d %s; want %d", status, body, c.status)
			}
		})
	}
	t.Run("a byte now and then", func(t *testing.T) {
		client := dial(t, server.URL)
		say(t, client, head+"Content-Length: 1000\r\n\r\n")
		go func() {
			for range 100 { // longer than the server waits
				if _, err := io.WriteString(client, "{"); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		if status, body := hear(t, client); status != http.StatusRequestTimeout {
			t.Errorf("%d %s", status, body)
		}
	})
	if answer, err := server.Ask(t.Context(), "traffic", nil); err != nil || answer.Requests() != 0 {
		t.Errorf("%d events are counted, %v", answer.Requests(), err)
	}
}

// TestHalfClosed checks clients that close the connection, or their half of it, right after their request. The event
// is kept, and speed counts it at once, without the sweep.
func TestHalfClosed(t *testing.T) {
	s := settings(t, t.TempDir())
	s.SweepAfter = time.Hour
	server, _ := open(t, s)
	whole := func(body string) string { return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body) }
	ways := []func(client *net.TCPConn, body string){
		func(client *net.TCPConn, body string) {
			say(t, client, whole(body))
			if err := client.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if status, _ := hear(t, client); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
		},
		func(client *net.TCPConn, body string) {
			say(t, client, whole(body))
			_ = client.Close()
		},
		func(client *net.TCPConn, body string) { // it reads a part of the answer
			say(t, client, whole(body))
			_, _ = client.Read(make([]byte, 1))
			_ = client.Close()
		},
		func(client *net.TCPConn, body string) { // it resets the connection once the answer has begun
			say(t, client, whole(body))
			_, _ = client.Read(make([]byte, 1))
			_ = client.SetLinger(0)
			_ = client.Close()
		},
		func(client *net.TCPConn, body string) { // in chunks, with nothing after the last one
			say(t, client, fmt.Sprintf("%s%x\r\n%s\r\n0\r\n\r\n", chunk, len(body), body))
			_ = client.Close()
		},
		func(client *net.TCPConn, body string) { // it begins another request, and goes
			say(t, client, whole(body)+"POST /v1/ev")
			_ = client.Close()
		},
		func(client *net.TCPConn, body string) { // an old protocol
			say(t, client, strings.Replace(whole(body), "HTTP/1.1", "HTTP/1.0", 1))
			_ = client.CloseWrite()
		},
	}
	for i := range 21 {
		ways[i%len(ways)](dial(t, server.URL), strings.Replace(event, "h1", fmt.Sprint("h", i), 1))
	}
	wait(t, server, "every event", func(a sample.Answer) bool { return a.Requests() == 21 })
}

// TestSlowClients checks that clients that do not send their request, or do not read their answer, take no slot from
// others, in whatever way they dawdle.
func TestSlowClients(t *testing.T) {
	const large = "GET /v1/views HTTP/1.1\r\nHost: x\r\n\r\n"
	server := serve(t, dev.DefaultLimits(), 2, func(_ context.Context, r request) (response, error) {
		if r.RouteKey == "GET /v1/views" {
			return response{StatusCode: 200, Body: strings.Repeat("x", 16<<20)}, nil
		}
		return response{StatusCode: 200, Body: "ok"}, nil
	})
	for name, text := range map[string]string{
		"nothing":                            "",
		"half a request line":                "POST /v1/ev",
		"half a header":                      head[:len(head)-10],
		"headers without their end":          head,
		"no byte of the body":                head + "Content-Length: 1000\r\n\r\n",
		"one byte of the body":               head + "Content-Length: 1000\r\n\r\n{",
		"all but one byte":                   fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(event)+1, event),
		"a permission to go on, and nothing": head + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
		"a chunk cut short":                  chunk + "100\r\n{",
		"chunks without an end":              chunk + "1\r\n{\r\n",
		"a packed body cut short":            head + "Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n\x1f\x8b",
		"a large answer that nobody reads":   large,
		"many of them":                       strings.Repeat(large, 40),
		"a request after an answer":          "GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + head + "Content-Length: 9\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			for range 16 {
				client := dial(t, server.URL)
				if err := client.SetReadBuffer(4096); err != nil {
					t.Fatal(err)
				}
				say(t, client, text)
			}
			began := time.Now()
			for range 10 {
				if answer, body := ask(t, "GET", server.URL+"/health", "", nil); body != "ok" {
					t.Errorf("%s %s", answer.Status, body)
				}
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("ten requests took %s", took)
			}
		})
	}
}

// TestAnswersHaveATime checks that the server closes the connection of a client that does not read its answer.
func TestAnswersHaveATime(t *testing.T) {
	limits := dev.DefaultLimits()
	limits.Write = 100 * time.Millisecond
	large := response{StatusCode: 200, Body: strings.Repeat("x", 16<<20)}
	server := httptest.NewUnstartedServer(dev.NewFront(t.Context(), limits, 2,
		func(context.Context, request) (response, error) { return large, nil }))
	closed := make(chan bool, 1)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- true
		}
	}
	server.Start()
	defer server.Close()
	client := dial(t, server.URL)
	if err := client.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	say(t, client, "GET /v1/views HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the server still waits for the client")
	}
}

// TestStoppingEndsSlowClients checks that a server that stops does not wait for slow clients, but tells them to try
// again.
func TestStoppingEndsSlowClients(t *testing.T) {
	server, err := dev.Open(t.Context(), settings(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	address := "http://" + listener.Addr().String()
	var slow []*net.TCPConn
	for range 70 {
		client := dial(t, address)
		say(t, client, head+"Content-Length: 1000\r\n\r\n{")
		slow = append(slow, client)
	}
	if answer, body := ask(t, "GET", address+"/health", "", nil); answer.StatusCode != 200 || body != `{"status":"ok"}` {
		t.Errorf("health: %s %s", answer.Status, body)
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("the server still waits for its clients")
	}
	told := 0
	for _, client := range slow {
		text, err := io.ReadAll(client)
		if err != nil {
			t.Fatal(err)
		}
		// A connection whose headers the server had not read yet is closed: nothing was begun.
		if strings.HasPrefix(string(text), "HTTP/1.1 503 ") && strings.Contains(string(text), "stopping") {
			told++
		} else if len(text) > 0 {
			t.Errorf("a client that dawdles got %q", text)
		}
	}
	if told == 0 {
		t.Error("no client was told that the server stops")
	}
}
