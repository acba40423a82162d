package page_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/anabranch/anabranch/shared/page"
)

func read(t *testing.T, name string) string {
	t.Helper()
	file, ok := page.Find(name)
	if !ok {
		t.Fatalf("the page has no %s", name)
	}
	return string(file.Body)
}

// TestFiles checks that each file has a type and a tag, that it is small enough to be read, and that it names no other
// server.
func TestFiles(t *testing.T) {
	total := 0
	for _, name := range page.Names() {
		file, _ := page.Find(name)
		if file.Name != name || file.ContentType == "" || len(file.Tag) < 20 {
			t.Errorf("%s: %q, type %q, tag %q", name, file.Name, file.ContentType, file.Tag)
		}
		if n := bytes.Count(file.Body, []byte("\n")); n > 300 {
			t.Errorf("%s has %d lines, want at most 300", name, n)
		}
		for line := range bytes.Lines(file.Body) {
			if n := utf8.RuneCount(bytes.TrimRight(line, "\n")); n > 120 && file.ContentType != "image/svg+xml" {
				t.Errorf("%s: a line has %d columns, want at most 120: %s", name, n, line)
			}
		}
		others := strings.ReplaceAll(string(file.Body), "http://www.w3.org/2000/svg", "")
		if name != "ask.js" && regexp.MustCompile(`https?://`).MatchString(others) {
			t.Errorf("%s names another server", name)
		}
		total += len(file.Body)
	}
	t.Logf("%d files, %d bytes", len(page.Names()), total)
	if total > 150_000 {
		t.Errorf("the page has %d bytes: it must be small enough for a phone", total)
	}
	if _, ok := page.Find("../page.go"); ok {
		t.Error("the page has a file outside its folder")
	}
}

var (
	linked   = regexp.MustCompile(`(?:href|src)="([^"#]+)"`)
	imported = regexp.MustCompile(`(?m)^(?:import|export) .*? from '([^']+)'|^import '([^']+)'`)
)

// TestLinks checks that every file that HTML or a module names is there, below its own folder, that every module is
// loaded at once with the HTML, and that no file is left over.
func TestLinks(t *testing.T) {
	html := read(t, page.Index)
	used := []string{page.Index}
	for _, link := range linked.FindAllStringSubmatch(html, -1) {
		name, ok := strings.CutPrefix(link[1], "page/")
		if !ok {
			t.Errorf("%s is not below page/: the page must also work below the name of a stage", link[1])
		}
		if _, ok := page.Find(name); !ok {
			t.Errorf("%s names %s, which is not there", page.Index, link[1])
		}
		used = append(used, name)
	}
	for _, name := range page.Names() {
		if strings.HasSuffix(name, ".js") {
			for _, from := range imported.FindAllStringSubmatch(read(t, name), -1) {
				if _, ok := page.Find(strings.TrimPrefix(from[1], "./")); !ok {
					t.Errorf("%s imports %s, which is not there", name, from[1])
				}
			}
		}
		if !slices.Contains(used, name) {
			t.Errorf("%s is not named by %s: it would be loaded late, or never", name, page.Index)
		}
	}
}

// TestNothingInline checks that HTML and modules keep the policy: no script, style or handler stands in the HTML, and
// no module makes markup of text.
func TestNothingInline(t *testing.T) {
	html := read(t, page.Index)
	for _, refused := range []string{`<script>`, `<style`, ` style="`, ` on[a-z]+="`, `javascript:`} {
		if regexp.MustCompile(refused).MatchString(html) {
			t.Errorf("%s has %s, which the policy refuses", page.Index, refused)
		}
	}
	for _, name := range page.Names() {
		for _, refused := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
			"new Function", "DOMParser"} {
			if strings.HasSuffix(name, ".js") && strings.Contains(read(t, name), refused) {
				t.Errorf("%s has %s: text that an event brought could become markup", name, refused)
			}
		}
	}
	for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'",
		"connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(page.Policy, directive) {
			t.Errorf("the policy has no %s", directive)
		}
	}
	if strings.Contains(page.Policy, "unsafe") || strings.Contains(page.Policy, "*") {
		t.Errorf("the policy is %s", page.Policy)
	}
}
