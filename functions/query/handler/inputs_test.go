package handler_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const inputs = "../../../shared/view/viewfile/testdata/counted"

// inputFixture returns a fixture with the views of the inputs that users met, to which a file of them was sent.
func inputFixture(t *testing.T, name string) *fixture {
	t.Helper()
	definitions, err := os.ReadFile(filepath.Join(inputs, "views.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(inputs, name))
	if err != nil {
		t.Fatal(err)
	}
	s := newFixtureOf(t, string(definitions))
	if _, err := s.Send(context.Background(), strings.Split(strings.TrimSpace(string(text)), "\n")...); err != nil {
		t.Fatal(err)
	}
	if err := s.DeliverAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPathsAsKeys asks for every path of the requests that users met, as JSON and as CSV, while only speed has them and
// once batch has them. Each path finds its own row, and the CSV repeats it letter by letter, but marks a text that a
// spreadsheet program would take for a formula.
func TestPathsAsKeys(t *testing.T) {
	s := inputFixture(t, "requests.ndjson")
	text, err := os.ReadFile(filepath.Join(inputs, "requests.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for line := range bytes.Lines(text) {
		var e struct{ Data struct{ Path string } }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		switch path := e.Data.Path; {
		case strings.HasSuffix(path, "\ufffd"): // half a surrogate pair: ingest rejects the event
		case len(path) > 899: // the view skips the event
			if r := s.query(t, "by_path", url.Values{"path": {path}}.Encode()); r.StatusCode != 400 {
				t.Errorf("a path of %d bytes: status %d", len(path), r.StatusCode)
			}
		default:
			rows[path]++
		}
	}
	if len(rows) != 20 || rows["/esc/x"] != 2 {
		t.Fatalf("the file has the paths %v", rows)
	}
	for _, absent := range []string{"/a  b", "/cafe", "/esc\\u002fx", "/pricing//", "/A b", "/nul", "/tab x"} {
		rows[absent] = 0
	}
	for _, layer := range []string{"speed", "batch"} {
		for path, n := range rows {
			raw := url.Values{"path": {path}}.Encode()
			if a := decoded(t, s.query(t, "by_path", raw)); len(a.Data) != n {
				t.Errorf("by %s, path %.40q: %d rows, want %d", layer, path, len(a.Data), n)
			}
			table, err := csv.NewReader(strings.NewReader(s.query(t, "by_path", raw+"&format=csv").Body)).ReadAll()
			if err != nil || len(table) != n+1 {
				t.Errorf("by %s, path %.40q: CSV is %q, %v", layer, path, table, err)
				continue
			}
			for _, row := range table[1:] {
				if formula := "'" + path; !slices.Contains(row, path) && !(path == "=" && slices.Contains(row, formula)) {
					t.Errorf("by %s, path %.40q: CSV is %.80q", layer, path, table)
				}
			}
		}
		s.Wait(time.Minute)
		s.tick(t)
	}
}

// TestStatusInOtherForms asks the views of a status for events that have none, or have it in another form, once by each
// layer. What does not count is told with its reason.
func TestStatusInOtherForms(t *testing.T) {
	s := inputFixture(t, "trade.ndjson")
	for layer, parts := range []string{"0 + %d, exact false", "%d + 0, exact true"} {
		tell := func(what string, n int, id string) string {
			return fmt.Sprintf("%s %d = "+parts+", since 2026-03-01T10:00:00Z, x %s", what, n, n, id)
		}
		for view, want := range map[string][]string{
			"errors": {
				tell("where missing", 1, "h3"), tell("where wrong type", 1, "h2"), tell("where JSON in a string", 1, "h6"),
				tell("key.host missing", 1, "h4"),
			},
			"ok_requests": {
				tell("where missing", 1, "h3"), tell("where wrong type", 1, "h2"), tell("where JSON in a string", 1, "h6"),
			},
		} {
			rows := map[string]int{"errors": 1}[view]
			response := s.query(t, view, "host=a&from=2026-03-01T00:00:00Z")
			got, warnings := skips(t, response)
			if diff := cmp.Diff(want, got); diff != "" || len(warnings) != 1 {
				t.Errorf("layer %d, %s: skipped (-want +got): %s, warnings %q", layer, view, diff, warnings)
			}
			if a := decoded(t, response); len(a.Data) != rows || rows > 0 && string(a.Data[0].Values["n"]) != "2" {
				t.Errorf("layer %d, %s: rows %+v", layer, view, a.Data)
			}
		}
		s.Wait(70 * 24 * time.Hour) // beyond the windows
		s.tick(t)
	}
}
