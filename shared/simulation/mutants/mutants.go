// Package mutants holds deliberate mistakes in the protocols, each as a small change of the source, to see that the proof finds them: an oracle
// that lets one pass proves nothing of what it looks at.
//
// A mutant is data. It is built with `go build -overlay`, so that shipped code has no switches. Command run, behind `make mutants`, builds and
// plays all of them: the histories of shared/simulation/history must refute each within 200 seeds, and a few, whose promise no history can see
// broken, are refuted by a test that the mutant names. Mistakes that change no answer are listed too, with the reason, and must survive.
//
// It knows the source as text, and nothing of what it does.
package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Seeds is how many histories a mutant may survive before it counts as missed.
const Seeds = 300

// Mutant is one mistake.
type Mutant struct {
	Name    string // "applied-per-batch"
	Mistake string // in plain words
	Design  string // the section of docs/design.md that it breaks: "3.3"
	Edits   []Edit
	Killer  Killer // what must refute it, where that is not the histories

	Equivalent string // why it breaks no promise; empty: it breaks one
}

// Edit is a change of one file.
type Edit struct {
	File    string // below the module's root: "shared/speed/fold.go"
	Find    string // stands there exactly once
	Replace string
}

// Killer is a test that refutes a mutant which no history can refute, by design.
type Killer struct {
	Package string // below the module's root: "shared/ingest"; empty: the histories refute it
	Run     string // a regular expression, as for go test
	Why     string // no history can
}

// All are the mutants, in the order of the design's sections; those that break no promise come last.
func All() []Mutant {
	return slices.Concat(ofIngest(), ofSpeed(), ofDuplicates(), ofReplay(), ofKappa(), ofBatch(), ofSweep(), ofQuery(), ofGenerations(), ofRetiring(),
		equivalent())
}

// Apply makes the mutant's files of those below root: their texts by path below root.
//
// Errors: an edit whose text does not stand in its file exactly once, by the mutant's name.
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
			return nil, fmt.Errorf("mutant %s: in %s its text stands %d times, want once:\n%s", m.Name, e.File, n, e.Find)
		}
		files[e.File] = strings.Replace(text, e.Find, e.Replace, 1)
	}
	return files, nil
}
