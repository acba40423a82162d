package shared_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	named   = regexp.MustCompile("`([a-z0-9/]+) (Test[A-Za-z0-9]+)`")
	linked  = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`) // no URLs
	inTable = regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\|")
)

// TestCorrectnessNamesTests checks that every row of docs/correctness.md that promises something names a test, and
// every test that it names exists.
func TestCorrectnessNamesTests(t *testing.T) {
	checkRowsNameTests(t, "docs/correctness.md", 30)
}

// TestFormatsNameTests checks that every stored format has a test of its bytes.
func TestFormatsNameTests(t *testing.T) {
	checkRowsNameTests(t, "docs/formats.md", 20)
}

// TestCountedNamesTests checks that every rule of docs/counted.md names a test that shows it.
func TestCountedNamesTests(t *testing.T) {
	checkRowsNameTests(t, "docs/counted.md", 14)
}

// checkRowsNameTests looks at the rows of all tables of a page, but for their headings. least is how many there are at
// the least.
func checkRowsNameTests(t *testing.T, page string, least int) {
	t.Helper()
	rows := 0
	for line := range strings.Lines(read(t, page)) {
		if !strings.HasPrefix(line, "| ") || isHeading(line) {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 {
			t.Errorf("%s: no test is named by %s", page, line)
		}
		for _, test := range tests {
			if !hasTest(t, filepath.Join("..", test[1]), test[2]) {
				t.Errorf("%s: %s has no %s, which is named by %s", page, test[1], test[2], line)
			}
		}
	}
	if rows < least {
		t.Errorf("%s has only %d rows", page, rows)
	}
}

func isHeading(line string) bool {
	for _, column := range []string{"| shown by |", "| run it |", "| golden test |"} {
		if strings.Contains(line, column) {
			return true
		}
	}
	return false
}

func hasTest(t *testing.T, dir, name string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

// TestDecisionRecords checks that a decision record has a row in the index, and says what led to the decision and what
// follows from it.
func TestDecisionRecords(t *testing.T) {
	index := read(t, "docs/adr/README.md")
	records, err := filepath.Glob("../docs/adr/[0-9]*.md")
	if err != nil || len(records) < 10 {
		t.Fatalf("%d records, error %v", len(records), err)
	}
	for i, path := range records {
		name := filepath.Base(path)
		number := fmt.Sprintf("%04d", i+1)
		if !strings.HasPrefix(name, number+"-") {
			t.Errorf("docs/adr/%s: want number %s", name, number)
		}
		if n := strings.Count(index, "| ["+number+"]("+name+") | "); n != 1 {
			t.Errorf("docs/adr/README.md has %d rows for %s", n, name)
		}
		text := read(t, "docs/adr/"+name)
		for _, section := range []string{
			"# " + number + ": ", "\nStatus: ",
			"\n## Context\n", "\n## Alternatives\n", "\n## Decision\n", "\n## Consequences\n",
		} {
			if !strings.Contains(text, section) {
				t.Errorf("docs/adr/%s has no %q", name, section)
			}
		}
		if n := strings.Count(text, "\n"); n > 60 {
			t.Errorf("docs/adr/%s has %d lines: a record is at most a page", name, n)
		}
	}
}

// TestPackagesAreListed checks that shared/README.md has one row for each package.
func TestPackagesAreListed(t *testing.T) {
	var want, got []string
	for _, p := range list(t) {
		if name, ok := strings.CutPrefix(p.name(), "shared/"); ok {
			want = append(want, name)
		}
	}
	for _, row := range inTable.FindAllStringSubmatch(read(t, "shared/README.md"), -1) {
		got = append(got, row[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages in shared/README.md (-go list +rows):\n%s", diff)
	}
}

// TestNoConflicts checks that no page has leftover conflict markers of a merge.
func TestNoConflicts(t *testing.T) {
	for _, page := range pages(t) {
		for _, mark := range []string{"<<<<<<< ", ">>>>>>> "} {
			if strings.Contains("\n"+read(t, page), "\n"+mark) {
				t.Errorf("%s has a line that begins with %s: resolve the merge", page, mark)
			}
		}
	}
}

// TestLinks checks that every file to which a page links exists.
func TestLinks(t *testing.T) {
	links := 0
	for _, page := range pages(t) {
		for _, link := range linked.FindAllStringSubmatch(read(t, page), -1) {
			links++
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(page), link[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, link[1])
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links", links)
	}
}

// pages are all Markdown files of the module.
func pages(t *testing.T) (found []string) {
	t.Helper()
	for _, pattern := range []string{
		"*.md", "docs/*.md", "docs/adr/*.md", "functions/*/*.md",
		"infra/*.md", "localstack/*.md", "localstack/*/*.md", "shared/*.md",
	} {
		paths, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			found = append(found, strings.TrimPrefix(path, "../"))
		}
	}
	return found
}

// read is a file of the module, by its path in it.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
}
