package shared_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var named = regexp.MustCompile("`([a-z0-9/]+) (Test[A-Za-z0-9]+)`")

// TestCorrectnessNamesTests: every row of docs/correctness.md that promises something names a test, and every test that it names exists.
func TestCorrectnessNamesTests(t *testing.T) {
	text, err := os.ReadFile("../docs/correctness.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || strings.Contains(line, "| shown by |") || strings.Contains(line, "| run it |") {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 {
			t.Errorf("no test is named by %s", line)
		}
		for _, test := range tests {
			if !hasTest(t, filepath.Join("..", test[1]), test[2]) {
				t.Errorf("%s has no %s, which is named by %s", test[1], test[2], line)
			}
		}
	}
	if rows < 30 {
		t.Errorf("only %d rows", rows)
	}
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
