// Package mutants holds deliberate mistakes in the protocols, each as a small change of the source. They test the
// proof: an oracle that lets a mistake pass proves nothing about it.
//
// A mutant is data. It is built with `go build -overlay`, so shipped code has no switches. Command run, behind `make
// mutants`, builds and plays all of them. The histories of shared/simulation/history must refute each within Seeds
// seeds. If no history can see the broken promise, a test that the mutant names must refute it. Mistakes that change no
// answer are listed too, with the reason, and must survive.
//
// It knows the source as text, and nothing of its meaning.
package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Seeds is the number of histories that a mutant may survive before it counts as missed.
const Seeds = 300

// Mutant is one mistake.
type Mutant struct {
	Name    string // "applied-per-batch"
	Mistake string // a sentence that says what is wrong
	Design  string // the section of docs/design.md that it breaks, for example "3.3"
	Edits   []Edit
	Killer  Killer // the test that must refute it; the zero value means the histories

	Equivalent string // why it breaks no promise; "" if it breaks one
}

// Edit is a change of one file.
type Edit struct {
	File    string // path below the module's root, for example "shared/speed/fold.go"
	Find    string // text that occurs exactly once in the file
	Replace string
}

// Killer is a test that refutes a mutant which by design no history can refute.
type Killer struct {
	Package string // path below the module's root; "" if the histories refute it
	Run     string // regular expression for go test -run
	Why     string // why no history can refute it
}

// All returns the mutants, in the order of the design's sections. Those that break no promise come last.
func All() []Mutant {
	return slices.Concat(ofIngest(), ofSpeed(), ofDuplicates(), ofReplay(), ofKappa(), ofBatch(), ofSweep(), ofQuery(),
		ofSkipped(), ofKeys(), ofRollups(), ofGenerations(), ofRetiring(), ofLeases(), ofTakeOver(), ofNumbers(),
		ofExpressions(), ofEngines(), ofReleases(), equivalent())
}

// Apply returns the changed files of the mutant: their texts by path below root.
//
// Errors: an edit whose text does not occur exactly once in its file, by the mutant's name.
func (m Mutant) Apply(root string) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range m.Edits {
		text, known := files[e.File]
		if !known {
			read, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File)))
			if err != nil {
				return nil, fmt.Errorf("mutant %s: %w", m.Name, err)
			}
			text = string(read)
		}
		if n := strings.Count(text, e.Find); n != 1 {
			return nil, fmt.Errorf("mutant %s: its text occurs %d times in %s, want once:\n%s", m.Name, n, e.File, e.Find)
		}
		files[e.File] = strings.Replace(text, e.Find, e.Replace, 1)
	}
	return files, nil
}
