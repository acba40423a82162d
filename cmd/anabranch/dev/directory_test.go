package dev_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/localstack/sample"
)

// TestDirectoryRefused checks that a directory in which acknowledged events would not be read again is refused at
// start, by name.
func TestDirectoryRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"events is a link": {func(dir string) error {
			away := dir + "-away"
			return errors.Join(os.Rename(filepath.Join(dir, "events"), away), os.Symlink(away, filepath.Join(dir, "events")))
		}, "events is a symbolic link"},
		"no layout": {func(dir string) error {
			return os.Remove(filepath.Join(dir, "events", "_layouts", "1.json"))
		}, "no events/_layouts/1.json"},
		"a foreign file": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "events", "mine.ndjson"), []byte("{}"), 0o600)
		}, "mine.ndjson"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings(t, filepath.Join(t.TempDir(), "data"))
			server, end := open(t, s)
			post(t, server, lines(t)[:3])
			end()
			if err := c.change(s.Dir); err != nil {
				t.Fatal(err)
			}
			if _, err := dev.Open(t.Context(), s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestForeignDirectory checks that dev does not begin an archive among the files of somebody else.
func TestForeignDirectory(t *testing.T) {
	s := settings(t, t.TempDir())
	if err := os.WriteFile(filepath.Join(s.Dir, "views.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want := "directory " + s.Dir + ": it holds views.yaml but no events/_layouts/1.json, so it is not an archive: " +
		"choose a new or empty directory"
	if _, err := dev.Open(t.Context(), s); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if entries, err := os.ReadDir(s.Dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v", entries, err)
	}
}

// TestFullDisk checks that a directory that takes no put, from the start or later, still answers queries. Events are
// refused, to be sent again.
func TestFullDisk(t *testing.T) {
	s := settings(t, t.TempDir())
	server, end := open(t, s)
	post(t, server, lines(t)[:3])
	fill := func() {
		drafts := filepath.Join(s.Dir, ".put")
		if err := errors.Join(os.RemoveAll(drafts), os.WriteFile(drafts, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(server sample.Server) {
		t.Helper()
		wait(t, server, "the events", func(a sample.Answer) bool { return a.Requests() == 3 })
		header := http.Header{"Content-Type": {"application/x-ndjson"}}
		answer, body := ask(t, "POST", server.URL+"/v1/events", string(lines(t)[5]), header)
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s", answer.Status, body)
		}
		if answer, body := ask(t, "GET", server.URL+"/v1/admin/views", "", nil); answer.StatusCode != http.StatusOK {
			t.Errorf("%s %s", answer.Status, body)
		}
	}
	fill()
	refused(server)
	end()
	again, _ := open(t, s)
	refused(again)
	if err := os.Remove(filepath.Join(s.Dir, ".put")); err != nil {
		t.Fatal(err)
	}
	post(t, again, lines(t)[5:6])
	wait(t, again, "the event that came later", func(a sample.Answer) bool { return a.Requests() == 4 })
}
