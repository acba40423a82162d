package openapi_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const pages = "../../../docs/errors"

var problemInCode = regexp.MustCompile(`(?:Status: )?http\.Status(\w+),\s+(?:Code: )?"([a-z_]+)"`)

// TestErrorPages checks that each code that a function or the front of `anabranch dev` answers with has a page under
// docs/errors, which says the status, and that each page has a code.
func TestErrorPages(t *testing.T) {
	statuses := map[string][]string{}
	for _, pattern := range []string{"functions/*/handler/*.go", "cmd/anabranch/dev/*.go"} {
		files, err := filepath.Glob("../../../" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, found := range problemInCode.FindAllStringSubmatch(string(code), -1) {
				statuses[found[2]] = append(statuses[found[2]], found[1])
			}
		}
	}
	files, err := filepath.Glob(pages + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(pages + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, file := range files {
		code := strings.TrimSuffix(filepath.Base(file), ".md")
		if code == "README" {
			continue
		}
		have = append(have, code)
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		status := statusIn(string(page))
		if name := strings.ReplaceAll(http.StatusText(status), " ", ""); !slices.Contains(statuses[code], name) {
			t.Errorf("%s says status %d, the code %v", file, status, statuses[code])
		}
		for _, part := range []string{"# " + code + "\n", "\n## What it means\n", "\n## What to do\n"} {
			if !strings.Contains(string(page), part) {
				t.Errorf("%s has no %q", file, part)
			}
		}
		if row := fmt.Sprintf("\n| [%s](%[1]s.md) | %d | ", code, status); !strings.Contains(string(index), row) {
			t.Errorf("README.md has no row %q", row)
		}
	}
	var want []string
	for code := range statuses {
		want = append(want, code)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" || strings.Count(string(index), "\n| [") != len(want) {
		t.Errorf("docs/errors (-codes +pages):\n%s", diff)
	}
}

func statusIn(page string) (status int) {
	_, after, _ := strings.Cut(page, "\nStatus ")
	fmt.Sscanf(after, "%d.", &status)
	return status
}
