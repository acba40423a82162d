package shared_test

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// oldWord is a word that the project no longer uses.
type oldWord struct {
	not, but string         // the row of the table in CONTRIBUTING.md
	refused  *regexp.Regexp // finds the word where it has the old meaning
	example  string         // text that must be refused
}

// oldWords are the rows of the table in CONTRIBUTING.md, in its order. A word that also has an everyday meaning is
// refused only as an identifier.
var oldWords = []oldWord{
	{"fence", "applied position; type `Position`, field `Applied`",
		regexp.MustCompile(`(?i:\bfence[sd]?\b)|Fence`), "aboveFence"},
	{"overlap, copy, met (of identities)", "duplicate",
		regexp.MustCompile(`\bOverlaps?\b|\boverlaps?\(|\.Met\b|\bMet\b`), "run.Met"},
	{"straggler", "late object", regexp.MustCompile(`(?i)straggler`), "Stragglers"},
	{"linger", "drop grace, `DropGrace`", regexp.MustCompile(`(?i)\blinger`), "Linger: time.Minute"},
	{"keep", "retain, `RetainFor`", regexp.MustCompile(`\bKeep:|\.Keep\b|\bKEEP\b`), "settings.Keep"},
	{"approve", "`RequireApproval`", regexp.MustCompile(`\bApprove:|\.Approve\b|\bAPPROVE\b`), "APPROVE=true"},
	{"relist", "look-back, `Lookback`", regexp.MustCompile(`\brelist|Relist|RELIST`), "RelistFor"},
	{"settle", "seal delay, `SealDelay`", regexp.MustCompile(`\bSettle\b|\bSETTLE\b`), "SETTLE=60s"},
	{"generation, where its id is meant", "`GenerationID`",
		regexp.MustCompile(`\bviewstore\.Generation\b`), "viewstore.Generation(id)"},
	{"judge", "validate, mark duplicates, classify", regexp.MustCompile(`(?i)\bjudg(e|es|ed|ing)\b`), "judged"},
}

// trackedTexts returns every text file that git tracks, by its path in the repository.
func trackedTexts(t *testing.T) map[string]string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for file := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join("..", file))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) < 0 {
			texts[file] = string(text)
		}
	}
	if len(texts) < 200 {
		t.Fatalf("git tracks only %d text files", len(texts))
	}
	return texts
}

// TestOldWords checks that no text uses an old word. The change log and the decision records tell history, and
// CONTRIBUTING.md lists the old words.
func TestOldWords(t *testing.T) {
	for file, text := range trackedTexts(t) {
		if file == "CHANGELOG.md" || file == "shared/words_test.go" || strings.HasPrefix(file, "docs/adr/") {
			continue
		}
		number := 0
		for line := range strings.Lines(text) {
			number++
			for _, w := range oldWords {
				found := w.refused.FindString(line)
				if found != "" && !(file == "CONTRIBUTING.md" && strings.HasPrefix(line, "| "+w.not+" |")) {
					t.Errorf("%s:%d: old word %q: use %s", file, number, found, w.but)
				}
			}
		}
	}
}

// TestOldWordsAreListed checks that CONTRIBUTING.md has exactly the rows of oldWords, and that each example is refused.
func TestOldWordsAreListed(t *testing.T) {
	_, text, _ := strings.Cut(read(t, "CONTRIBUTING.md"), "| not | but |\n|---|---|\n")
	listed, _, _ := strings.Cut(text, "\n\n")
	rows := ""
	for _, w := range oldWords {
		rows += "| " + w.not + " | " + w.but + " |\n"
		if !w.refused.MatchString(w.example) {
			t.Errorf("%q is not refused: want %s to match it", w.example, w.refused)
		}
	}
	if rows = strings.TrimSuffix(rows, "\n"); listed != rows {
		t.Errorf("CONTRIBUTING.md lists\n%s\nwant\n%s", listed, rows)
	}
}

var testComment = regexp.MustCompile(`^// (Test|Benchmark|Fuzz)\w*: `)

// TestCommentsOfTests checks that the comment of a test says in a sentence what the test checks: "// TestX checks
// that", not "// TestX: ".
func TestCommentsOfTests(t *testing.T) {
	for file, text := range trackedTexts(t) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			if strings.HasSuffix(file, "_test.go") && testComment.MatchString(line) {
				t.Errorf("%s:%d: begin the comment with a sentence, %q", file, number, "TestX checks that")
			}
		}
	}
}

const maxColumns = 120 // a tab is one column

// TestLineWidth checks that lines fit into maxColumns, but for the rows of Markdown tables, for lines of Go with a raw
// string, which may be golden data, and for long names in the template.
func TestLineWidth(t *testing.T) {
	for file, text := range trackedTexts(t) {
		for _, n := range wideLines(file, text) {
			t.Errorf("%s:%d: line has more than %d columns: wrap it", file, n, maxColumns)
		}
	}
}

// wideLines returns the numbers of the lines that are too wide.
func wideLines(file, text string) (numbers []int) {
	kind := file
	if !slices.Contains([]string{"Makefile", "template.yaml"}, file) {
		kind = path.Ext(file)
	}
	if !slices.Contains([]string{".go", ".md", "Makefile", "template.yaml"}, kind) {
		return nil
	}
	n, raw := 0, false
	for line := range strings.Lines(text) {
		n++
		quotes := strings.Count(line, "`")
		excepted := kind == ".md" && strings.HasPrefix(line, "|") || kind == ".go" && (raw || quotes > 0)
		if kind == ".go" && !strings.HasPrefix(strings.TrimSpace(line), "//") && quotes%2 == 1 {
			raw = !raw
		}
		last := line[strings.LastIndexByte(line, ' ')+1:]
		excepted = excepted || kind == "template.yaml" && len(last) > 80 // an ARN has no place to break
		if !excepted && utf8.RuneCountInString(strings.TrimRight(line, "\r\n")) > maxColumns {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// TestWideLinesAreFound checks which lines count as too wide.
func TestWideLinesAreFound(t *testing.T) {
	wide := strings.Repeat("x", maxColumns+1)
	for file, text := range map[string]string{
		"a/b.go": "// `golden`\nx := `" + wide + "\n" + wide + "`\n" + wide + "\n", "a/b.md": "| " + wide + "\n\n\n" + wide,
		"Makefile": "\n\n\n" + wide, "template.yaml": wide + "\n\n\nname: " + wide[:100] + " " + wide[:20] + "\n",
		"a.json": wide,
	} {
		want := []int{4}
		if file == "a.json" {
			want = nil
		}
		if got := wideLines(file, text); !slices.Equal(got, want) {
			t.Errorf("%s: lines %v are too wide, want %v", file, got, want)
		}
	}
}
