package mutants_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/simulation/mutants"
)

const root = "../../.."

// TestMutantsApply checks that the text of every mutant is still in today's source, and that the changed source is
// valid Go.
func TestMutantsApply(t *testing.T) {
	for _, m := range mutants.All() {
		t.Run(m.Name, func(t *testing.T) {
			files, err := m.Apply(root)
			if err != nil {
				t.Fatal(err)
			}
			if len(files) == 0 {
				t.Error("it changes no file")
			}
			for name, text := range files {
				before, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
				if err != nil {
					t.Fatal(err)
				}
				if string(before) == text {
					t.Errorf("%s is as it was", name)
				}
				if strings.HasSuffix(name, "_test.go") {
					t.Errorf("%s is a test: a mutant is a mistake in what is shipped", name)
				}
				if _, err := parser.ParseFile(token.NewFileSet(), name, text,
					parser.AllErrors|parser.SkipObjectResolution); err != nil {
					t.Errorf("it does not parse: %v", err)
				}
			}
		})
	}
}

// TestNumberOfMutants checks that docs/correctness.md says how many mutants there are.
func TestNumberOfMutants(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "correctness.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("| mutants | %d deliberate mistakes", len(mutants.All()))
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/correctness.md does not say %q", want)
	}
}

// TestMutantsAreTold checks that each mutant has a sentence and names the section that it breaks. If a test refutes it,
// the test exists and has a reason.
func TestMutantsAreTold(t *testing.T) {
	names := map[string]bool{}
	known := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	section := regexp.MustCompile(`^[234](\.[0-9]+)?$`)
	count, ofEquivalent := 0, 0
	for _, m := range mutants.All() {
		if names[m.Name] || !known.MatchString(m.Name) {
			t.Errorf("mutant %q: the name is taken, or not in lower-case-words", m.Name)
		}
		names[m.Name] = true
		if m.Mistake == "" || !section.MatchString(m.Design) || strings.HasSuffix(m.Mistake, ".") {
			t.Errorf("mutant %s: mistake %q, section %q", m.Name, m.Mistake, m.Design)
		}
		if m.Equivalent != "" {
			ofEquivalent++
		} else {
			count++
		}
		checkKiller(t, m)
	}
	const issue = 30
	if count < issue {
		t.Errorf("%d mutants, want at least %d besides the %d that break no promise", count, issue, ofEquivalent)
	}
}

func checkKiller(t *testing.T, m mutants.Mutant) {
	k := m.Killer
	if k.Package == "" && k.Run == "" && k.Why == "" {
		return
	}
	if k.Why == "" || m.Equivalent != "" {
		t.Errorf("mutant %s: a killer is for what no history can refute, and says why", m.Name)
	}
	function := regexp.MustCompile(`^\^(Test\w+)\$`).FindStringSubmatch(k.Run)
	if function == nil {
		t.Errorf("mutant %s: killer %q does not begin with one test, ^TestX$", m.Name, k.Run)
		return
	}
	tests, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(k.Package), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tests {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+function[1]+"(t *testing.T) {") {
			return
		}
	}
	t.Errorf("mutant %s: %s has no %s", m.Name, k.Package, function[1])
}

// TestApplyRefuses checks that a mutant whose text is missing, or occurs twice, is refused.
func TestApplyRefuses(t *testing.T) {
	const file = "shared/simulation/mutants/mutants.go"
	for name, find := range map[string]string{"nowhere": "nothing " + "of the kind", "twice": "Find"} {
		m := mutants.Mutant{Name: "x", Edits: []mutants.Edit{{File: file, Find: find, Replace: ""}}}
		if _, err := m.Apply(root); err == nil || !strings.Contains(err.Error(), "mutant x") {
			t.Errorf("text that stands %s: error %v, want one with the mutant's name", name, err)
		}
	}
	m := mutants.Mutant{Name: "x", Edits: []mutants.Edit{{File: "no/such.go", Find: "x"}}}
	if _, err := m.Apply(root); err == nil {
		t.Error("a file that there is not: no error")
	}
}
