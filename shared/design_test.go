package shared_test

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	heading = regexp.MustCompile(`^##+ ([0-9](?:\.[0-9])?)`)
	// "design.md 2 and 3.3 to 3.5", "docs/design.md, section 4", "design 3.5".
	cited = regexp.MustCompile(
		`design(?:\.md)?,? (?:sections? )?([0-9](?:\.[0-9])?(?:(?:, | and | to )[0-9](?:\.[0-9])?)*)`,
	)
	number = regexp.MustCompile(`[0-9](?:\.[0-9])?`)
)

// designSections are the sections of docs/design.md in lower case, by number. "3" holds all of "3.1" and so on.
func designSections(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	sections, at := map[string]string{}, ""
	for line := range strings.Lines(strings.ToLower(string(text))) {
		if found := heading.FindStringSubmatch(line); found != nil {
			at = found[1]
		}
		whole, _, part := strings.Cut(at, ".")
		if sections[at] += line; part {
			sections[whole] += line
		}
	}
	return sections
}

// subject is what a file of Go is about: the first word of its name without the product that it is for. A doc.go is
// about its package, or the one above: "view" for shared/view/viewfile/doc.go.
func subject(file string) string {
	word, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".go"), "_")
	if word == "doc" {
		word = strings.Split(file, "/")[2]
	}
	return strings.TrimSuffix(strings.TrimPrefix(word, "dynamo"), "s")
}

// TestSourcesInTheDesign checks that every section of docs/design.md that code cites exists, and that a section cited
// as a source mentions the subject of the file.
func TestSourcesInTheDesign(t *testing.T) {
	sections, citations := designSections(t), 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		file = filepath.ToSlash(file)
		if err != nil || d.IsDir() && (d.Name() == "build" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return cmp.Or(err, error(fs.SkipDir))
		}
		if filepath.Ext(file) != ".go" || d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			for _, citation := range cited.FindAllStringSubmatch(line, -1) {
				citations++
				about := false
				for _, n := range number.FindAllString(citation[1], -1) {
					section, ok := sections[n]
					if !ok {
						t.Errorf("%s cites section %s of docs/design.md, which has none: %s", file, n, strings.TrimSpace(line))
					}
					about = about || strings.Contains(section, subject(file))
				}
				if strings.Contains(line, "// Source:") && !about {
					t.Errorf(
						"%s cites section %s of docs/design.md, which does not speak of %q: %s", file, citation[1], subject(file),
						strings.TrimSpace(line),
					)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if citations < 20 {
		t.Errorf("only %d citations found", citations)
	}
}
