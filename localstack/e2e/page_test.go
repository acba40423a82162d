//go:build emulator

package e2e_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/page"
)

var relative = regexp.MustCompile(`(?:href|src)="(page/[^"]+)"`)

// showPage loads the page and all files that it names through the deployed API, without a key, as a browser does, and
// asks a question of the page with the key that may read.
func showPage(t *testing.T, w *world) {
	html := fetch(t, w, "", "/", page.Policy)
	files := relative.FindAllStringSubmatch(html, -1)
	if len(files) < 10 {
		t.Errorf("the page names %d files: %.500s", len(files), html)
	}
	for _, file := range files {
		want, ok := page.Find(strings.TrimPrefix(file[1], "page/"))
		if got := fetch(t, w, "", "/"+file[1], page.Policy); !ok || got != string(want.Body) {
			t.Errorf("%s has %d bytes, want %d", file[1], len(got), len(want.Body))
		}
	}
	const question = "/v1/views/page_views/query?values=views&parts=true&group_by="
	if got := fetch(t, w, w.Keys.Read, question, ""); !strings.Contains(got, `"parts":{`) {
		t.Errorf("the answer to the page is %.500s", got)
	}
	for path, want := range map[string]int{"/page/none.js": http.StatusNotFound, question: http.StatusUnauthorized} {
		if got, err := w.get(t.Context(), "", path); err != nil || got != want {
			t.Errorf("no key: GET %s: %d, %v; want %d", path, got, err, want)
		}
	}
}

// fetch returns a body, and checks the policy of its answer.
func fetch(t *testing.T, w *world, key, path, policy string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Security-Policy") != policy {
		t.Errorf("GET %s: %s, policy %q, %v", path, answer.Status, answer.Header.Get("Content-Security-Policy"), err)
	}
	return string(body)
}
