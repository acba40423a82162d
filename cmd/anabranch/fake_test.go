package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// fakeServer plays ingest: it accepts events, rejects those with a "reject" member, and fails as its script says.
type fakeServer struct {
	*httptest.Server
	t testing.TB

	mu       sync.Mutex
	faults   []http.HandlerFunc // answers of the first requests, one each
	taken    []string           // ids of accepted events, in order of arrival
	requests [][]byte           // as posted, faults included
}

func newFakeServer(t testing.TB, faults ...http.HandlerFunc) *fakeServer {
	s := &fakeServer{t: t, faults: faults}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	packed, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	if fault := s.next(packed); fault != nil {
		fault(w, r)
		return
	}
	if r.URL.Path != "/v1/events" || r.Header.Get("Content-Type") != "application/x-ndjson" ||
		r.Header.Get("Content-Encoding") != "zstd" {
		s.t.Errorf("%s with %v", r.URL, r.Header)
	}
	s.respond(w, packed)
}

func (s *fakeServer) next(packed []byte) http.HandlerFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, packed)
	if len(s.faults) == 0 {
		return nil
	}
	fault := s.faults[0]
	s.faults = s.faults[1:]
	return fault
}

type fakeEvent struct {
	ID     string `json:"id"`
	Reject string `json:"reject"`
}

type fakeRejection struct {
	Index                     int
	ID, Code, Pointer, Detail string
}

func (r fakeRejection) MarshalJSON() ([]byte, error) {
	return json.Marshal(
		map[string]any{"index": r.Index, "id": r.ID, "code": r.Code, "pointer": r.Pointer, "detail": r.Detail},
	)
}

// respond answers as ingest does: 200 if an event was accepted or there were none, else 422.
func (s *fakeServer) respond(w http.ResponseWriter, packed []byte) {
	lines := s.lines(packed)
	rejected := []fakeRejection{}
	var accepted []string
	for i, line := range lines {
		var e fakeEvent
		switch err := json.Unmarshal([]byte(line), &e); {
		case err != nil:
			rejected = append(rejected, fakeRejection{Index: i, Code: "malformed", Detail: "not JSON"})
		case e.Reject != "":
			rejected = append(rejected, fakeRejection{i, e.ID, e.Reject, "/reject", "rejected on request"})
		default:
			accepted = append(accepted, e.ID)
		}
	}
	s.mu.Lock()
	s.taken = append(s.taken, accepted...)
	s.mu.Unlock()
	body := map[string]any{"accepted": len(accepted), "rejected": rejected}
	w.Header().Set("Content-Type", "application/json")
	if len(accepted) == 0 && len(lines) > 0 {
		body["title"], body["status"] = "Nothing acceptable", 422
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.t.Error(err)
	}
}

func (s *fakeServer) lines(packed []byte) []string {
	decoder, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		s.t.Error(err)
		return nil
	}
	defer decoder.Close()
	text, err := io.ReadAll(decoder)
	if err != nil {
		s.t.Error(err)
	}
	if !strings.HasSuffix(string(text), "\n") {
		s.t.Errorf("body ends with %q", text[max(0, len(text)-5):])
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// ids returns the ids of the accepted events, sorted.
func (s *fakeServer) ids() []string { return slices.Sorted(slices.Values(s.arrived())) }

// arrived returns the ids of the accepted events, in order of arrival.
func (s *fakeServer) arrived() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

// request returns the i-th request as posted.
func (s *fakeServer) request(i int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[i]
}

// asked returns the number of requests.
func (s *fakeServer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// The faults of a script follow.

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// swallowed takes the request but loses the answer.
func (s *fakeServer) swallowed(w http.ResponseWriter, r *http.Request) {
	s.respond(httptest.NewRecorder(), s.request(s.asked()-1))
	reset(w, r)
}

func fixed(code int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// session is a world for tests: it gives a command its input and records its output and waits.
type session struct {
	world
	out, err bytes.Buffer
	mu       sync.Mutex
	waits    []time.Duration
}

// newSession returns a session whose clock moves only during waits, which take no time.
func newSession() *session {
	s := &session{}
	clock := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.world = world{stdin: strings.NewReader(""), stdout: &s.out, stderr: &s.err, version: "v0.0.0-test",
		now: func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return clock },
		sleep: func(ctx context.Context, d time.Duration) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			clock = clock.Add(d)
			s.waits = append(s.waits, d)
			return ctx.Err()
		},
		random: func() float64 { return 0 }, deadline: context.WithCancel}
	return s
}

// do runs one command line and checks its exit code.
func (s *session) do(t testing.TB, code int, args ...string) {
	t.Helper()
	if got := s.run(t.Context(), args); got != code {
		t.Errorf("anabranch %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &s.out, &s.err)
	}
}

// says checks that a text contains each piece.
func says(t testing.TB, text fmt.Stringer, pieces ...string) {
	t.Helper()
	for _, piece := range pieces {
		if !strings.Contains(text.String(), piece) {
			t.Errorf("does not say %q:\n%s", piece, text)
		}
	}
}

// sums checks that the summary has each line, whatever its alignment.
func sums(t testing.TB, s *session, lines ...string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(s.out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	for _, line := range lines {
		if !slices.Contains(got, line) {
			t.Errorf("no line %q:\n%s", line, &s.out)
		}
	}
}
