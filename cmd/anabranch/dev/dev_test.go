package dev_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// settings returns settings short enough to see batch take over.
func settings(t *testing.T, dir string) dev.Settings {
	t.Helper()
	definitions, err := viewfile.Parse("views.yaml", []byte(sample.Views))
	if err != nil {
		t.Fatal(err)
	}
	s := dev.Settings{
		All: dev.Default(), Definitions: definitions, Dir: dir,
		Log: slog.New(slog.DiscardHandler),
	}
	s.Slot, s.CommitWithin, s.SealDelay = 2*time.Second, 500*time.Millisecond, time.Second
	s.BatchEvery = 200 * time.Millisecond
	s.SweepAfter, s.DropGrace = time.Second, time.Second
	return s
}

// open starts a server on the directory. The function that it returns kills the server as far as that is possible
// within a process: it stops at once and keeps only the directory.
func open(t *testing.T, s dev.Settings) (sample.Server, func()) {
	t.Helper()
	server, err := dev.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, server)
}

// start starts an opened server.
func start(t *testing.T, server *dev.Server) (sample.Server, func()) {
	t.Helper()
	server.Start(t.Context())
	front := httptest.NewServer(server.Handler(t.Context()))
	ended := false
	end := func() {
		if !ended {
			ended = true
			front.Close()
			server.Close()
		}
	}
	t.Cleanup(end)
	return sample.Server{URL: front.URL}, end
}

func lines(t *testing.T) [][]byte {
	t.Helper()
	all, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// post sends one request until it is acknowledged. On a busy machine a put may miss its deadline of half a second; a
// client then sends again.
func post(t *testing.T, server sample.Server, events [][]byte) {
	t.Helper()
	body := bytes.Join(events, []byte("\n"))
	status := ""
	for range 20 {
		response, err := http.Post(server.URL+"/v1/events", "application/x-ndjson", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if status = response.Status; response.StatusCode == http.StatusOK {
			return
		}
		if response.StatusCode != http.StatusServiceUnavailable {
			break
		}
	}
	t.Fatal(status)
}

func postAll(t *testing.T, server sample.Server, events [][]byte, size int) {
	t.Helper()
	for len(events) > 0 {
		n := min(size, len(events))
		post(t, server, events[:n])
		events = events[n:]
	}
}

func complete(a sample.Answer) bool { return a.Requests() == sample.Events }

func wait(t *testing.T, server sample.Server, what string, holds func(sample.Answer) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if err := server.Wait(ctx, what, holds); err != nil {
		t.Fatal(err)
	}
}

func verify(t *testing.T, server sample.Server) {
	t.Helper()
	verified, err := server.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verified {
		t.Logf("%s: %d keys, %d rows, %d values", v.What, v.Keys, v.Rows, v.Values)
	}
}

// TestSample sends the sample twice, the second time in another order and in other requests. The answers of batch are
// those of one copy, and still are after a restart on the directory.
func TestSample(t *testing.T) {
	dir := t.TempDir()
	server, end := open(t, settings(t, dir))
	events := lines(t)
	postAll(t, server, events, 500)
	wait(t, server, "every event", complete)
	random := rand.New(rand.NewPCG(1, 1))
	random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	postAll(t, server, events, 333)
	wait(t, server, "batch", func(a sample.Answer) bool { return a.Exact() && complete(a) })
	verify(t, server)
	end()

	again, _ := open(t, settings(t, dir))
	wait(t, again, "batch after a restart", func(a sample.Answer) bool { return a.Exact() && complete(a) })
	verify(t, again)
}

// TestRestartWithinASlot checks that after a restart the answers have, at once, events that no run has read.
func TestRestartWithinASlot(t *testing.T) {
	s := settings(t, t.TempDir())
	s.Slot, s.SealDelay = time.Hour, time.Minute // batch seals no slot during the test, unless the hour ends
	server, end := open(t, s)
	postAll(t, server, lines(t), 1000)
	end()
	again, _ := open(t, s)
	answer, err := again.Ask(t.Context(), "traffic", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !complete(answer) {
		t.Errorf("%d requests counted after a restart, want %d", answer.Requests(), sample.Events)
	}
}

// TestKappa checks that a Kappa view counts every event once, also if some are sent twice and the server restarts on
// the directory. The restart replays the events before it, and still recognises their copies.
func TestKappa(t *testing.T) {
	s := settings(t, t.TempDir())
	for i := range s.Definitions {
		s.Definitions[i].Architecture = view.Kappa
	}
	events := lines(t)
	server, end := open(t, s)
	postAll(t, server, events[:6000], 500)
	postAll(t, server, events[:2000], 333)
	wait(t, server, "every event", func(a sample.Answer) bool { return a.Requests() == 6000 })
	end()

	again, _ := open(t, s)
	postAll(t, again, events[5000:], 500)
	wait(t, again, "every event after a restart", complete)
	if _, err := again.VerifyLines(t.Context(), events, false); err != nil {
		t.Error(err)
	}
}

// TestReload checks that views that change while the server runs replace the old ones. An invalid file changes nothing,
// and the log has a line for each of its problems.
func TestReload(t *testing.T) {
	s, log := settings(t, t.TempDir()), &logged{}
	s.Log = slog.New(slog.NewTextHandler(log, nil))
	kappa := strings.Replace(sample.Views, "  - name: traffic\n", "  - name: traffic\n    architecture: kappa\n", 1)
	texts := make(chan string, 2)
	s.Reload = func() ([]view.Definition, error) {
		select {
		case text := <-texts:
			return viewfile.Parse("views.yaml", []byte(text))
		default:
			return nil, nil
		}
	}
	server, _ := open(t, s)
	postAll(t, server, lines(t), 1000)
	texts <- "views:\n- {name: V, window: x, key: {}, aggregates: {n: count()}}\n"
	wait(t, server, "every event", complete)
	const stays = `msg="invalid views file: the old views stay" error="views.yaml:2:`
	for deadline := time.Now().Add(10 * time.Second); log.count(stays) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d problems are told, want 2", log.count(stays))
		}
	}
	if log.count(`\n`) > 0 {
		t.Error("the log has several problems on one line")
	}
	texts <- kappa
	wait(t, server, "the Kappa view", func(a sample.Answer) bool { return complete(a) && a.Horizon == nil })
}

func TestSettingsErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*dev.Settings)
		want   string
	}{
		{"sealed before all is committed", func(s *dev.Settings) { s.SealDelay = 400 * time.Millisecond },
			"SealDelay=400ms: must be at least CommitWithin"},
		{"a slot that does not divide the day", func(s *dev.Settings) { s.Slot = 7 * time.Second },
			"Slot: invalid slot length 7s"},
		{"a slot of half seconds", func(s *dev.Settings) { s.Slot = 1500 * time.Millisecond },
			"Slot: invalid slot length 1.5s"},
		{"no time to commit", func(s *dev.Settings) { s.CommitWithin = 0 }, "CommitWithin=0s"},
		{"batch never", func(s *dev.Settings) { s.BatchEvery = 0 }, "BatchEvery=0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settings(t, t.TempDir())
			c.change(&s)
			if _, err := dev.Open(t.Context(), s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestAnotherSlotLength checks that a used directory keeps its first slot length.
func TestAnotherSlotLength(t *testing.T) {
	s := settings(t, t.TempDir())
	_, end := open(t, s)
	end()
	s.Slot = 4 * time.Second
	if _, err := dev.Open(t.Context(), s); err == nil || !strings.Contains(err.Error(), "slot length 2s, not 4s") {
		t.Errorf("error %v, want one that names both slot lengths", err)
	}
}

// TestEveryRouteIsServed checks that a function that knows the route answers it.
func TestEveryRouteIsServed(t *testing.T) {
	server, _ := open(t, settings(t, t.TempDir()))
	examples := strings.NewReplacer("{view}", "traffic", "{operation}", "nothing", "{file}", "main.js")
	for _, r := range api.Routes() {
		path := examples.Replace(r.Key.Pattern())
		request, err := http.NewRequestWithContext(t.Context(), r.Key.Method(), server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if _ = response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode >= 500 || strings.Contains(string(body), `"no_such_route"`) {
			t.Errorf("%s: %s %s", r.Key, response.Status, body)
		}
	}
}
