package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/simulation/mutants"
)

// table prints a line per mutant.
type table struct {
	out     io.Writer
	verbose bool

	killed, survived, equivalent int
	wrong                        []string // names of the mutants with a wrong verdict
}

func (t *table) head() {
	fmt.Fprintf(t.out, "%-31s %-10s %5s  %-58s %7s\n", "mutant", "verdict", "seed", "killed by", "seconds")
}

func (t *table) line(m mutants.Mutant, v verdict) {
	says, seed := string(v.end), ""
	switch {
	case v.end == broken:
		t.wrong = append(t.wrong, m.Name)
		says = "BROKEN"
	case v.end == survived && m.Equivalent != "":
		t.equivalent++
		says = "equivalent"
	case v.end == killed && m.Equivalent == "":
		t.killed++
	case v.end == survived:
		t.survived++
		t.wrong = append(t.wrong, m.Name)
		says = "SURVIVED"
	default: // it is listed as equivalent but is not
		t.wrong = append(t.wrong, m.Name)
		says = "KILLED"
	}
	if v.seed > 0 {
		seed = fmt.Sprint(v.seed)
	}
	fmt.Fprintf(t.out, "%-31s %-10s %5s  %-58s %7.1f\n", m.Name, says, seed, v.by, v.took.Seconds())
	more := ""
	switch {
	case v.end == broken || v.end == survived && m.Equivalent == "" || v.end == killed && m.Equivalent != "" || t.verbose:
		more = m.Mistake + "\n" + v.detail
	case m.Equivalent != "":
		more = m.Mistake + ": " + m.Equivalent
	case m.Killer.Why != "":
		more = "by a test, since " + m.Killer.Why
	}
	for _, l := range strings.Split(strings.TrimSpace(more), "\n") {
		if l != "" {
			fmt.Fprintf(t.out, "    %s\n", l)
		}
	}
}

// foot prints the counts. Its error names the mutants with a wrong verdict.
func (t *table) foot(took time.Duration) error {
	fmt.Fprintf(
		t.out,
		"\n%d killed, %d survived, %d equivalent (%.0f s)\n",
		t.killed,
		t.survived,
		t.equivalent,
		took.Seconds(),
	)
	if len(t.wrong) > 0 {
		return fmt.Errorf("wrong verdict for: %s", strings.Join(t.wrong, ", "))
	}
	return nil
}
