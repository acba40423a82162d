//go:build browser

package browser_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// server is a system that a test shows in the browser.
type server struct {
	sample.Server
	t     *testing.T
	views string // path of the views file, which the server reads again
}

// keys are the keys of a server with keys. The front of a server without them asks for none, as `anabranch dev` does.
var keys = access.Keys{
	Write: "write-key-of-these-tests", Read: "read-key-of-these-tests", Admin: "admin-key-of-these-tests",
}

// start starts a system with the views of a text. Its slots are of such a length that a test sees events live first.
func start(t *testing.T, views string, slot time.Duration, withKeys bool) *server {
	t.Helper()
	s := &server{t: t, views: filepath.Join(t.TempDir(), "views.yaml")}
	s.deploy(views)
	settings := dev.Settings{All: dev.Default(), Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	settings.Slot, settings.CommitWithin, settings.SealDelay = slot, 500*time.Millisecond, time.Second
	settings.BatchEvery, settings.DropGrace = 500*time.Millisecond, time.Second
	var err error
	if settings.Definitions, err = s.read(); err != nil {
		t.Fatal(err)
	}
	last := views
	settings.Reload = func() ([]view.Definition, error) {
		text, err := os.ReadFile(s.views)
		if err != nil || string(text) == last {
			return nil, err
		}
		last = string(text)
		return s.read()
	}
	system, err := dev.Open(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	system.Start(t.Context())
	handler := system.Handler(t.Context())
	if withKeys {
		handler = gate{handler}
	}
	front := httptest.NewServer(handler)
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		system.Close()
	})
	s.URL = front.URL
	return s
}

func (s *server) read() ([]view.Definition, error) {
	text, err := os.ReadFile(s.views)
	if err != nil {
		return nil, err
	}
	return viewfile.Parse(s.views, text)
}

// deploy changes the views file.
func (s *server) deploy(views string) {
	s.t.Helper()
	if err := os.WriteFile(s.views, []byte(views), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// gate asks for keys with scopes, as the gateway and the authorizer do on AWS.
type gate struct{ http.Handler }

func (g gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope, known := map[string]access.Scope{
		keys.Write: access.Write, keys.Read: access.Read, keys.Admin: access.Admin,
	}[strings.TrimPrefix(r.Header.Get("authorization"), "Bearer ")]
	m := api.Resolve(r.Method, r.URL.EscapedPath())
	switch {
	case m.Found() && m.Route.IsOpen():
	case r.Header.Get("authorization") == "":
		refuse(w, http.StatusUnauthorized)
		return
	case !known || !m.Found() || !scope.Opens(m.Route.Scope):
		refuse(w, http.StatusForbidden)
		return
	}
	g.Handler.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, http.StatusText(status)) // a browser that went away needs no answer
}

// send sends events until they are acknowledged; each is a line of JSON.
func (s *server) send(lines [][]byte) {
	s.t.Helper()
	for len(lines) > 0 {
		n := min(1000, len(lines))
		s.post(bytes.Join(lines[:n], []byte("\n")))
		lines = lines[n:]
	}
}

func (s *server) post(body []byte) {
	s.t.Helper()
	status := ""
	for range 20 { // a busy machine may miss the deadline of a put
		request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/v1/events", bytes.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		request.Header.Set("content-type", "application/x-ndjson")
		request.Header.Set("authorization", "Bearer "+keys.Write)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			s.t.Fatal(err)
		}
		said, err := io.ReadAll(answer.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		if status = answer.Status + string(said); answer.StatusCode == http.StatusOK {
			return
		}
	}
	s.t.Fatal(status)
}

// event is a line with an event of the type "t".
func event(id string, at time.Time, data any) []byte {
	line, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": "/browser", "type": "t", "time": at.UTC().Format(time.RFC3339Nano),
		"data": data,
	})
	if err != nil {
		panic(err) // the tests' own values marshal
	}
	return line
}

// get asks the API, with the read key, and decodes its answer with all digits of its numbers.
func (s *server) get(path string) map[string]any {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("authorization", "Bearer "+keys.Read)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	decoder := json.NewDecoder(answer.Body)
	decoder.UseNumber()
	var decoded map[string]any
	if err := decoder.Decode(&decoded); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, %v", path, answer.Status, err)
	}
	return decoded
}

// untilSlotBegins waits until a slot begins, so that all events of a test arrive in one, and stay live for a while.
func untilSlotBegins(slot time.Duration) {
	now := time.Now()
	time.Sleep(now.Truncate(slot).Add(slot).Sub(now))
}
