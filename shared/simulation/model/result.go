package model

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Verdict is what a search says of a configuration.
type Verdict string

// The verdicts.
const (
	Holds   Verdict = "holds"   // every state was visited, and none is wrong
	Refuted Verdict = "refuted" // an order of steps leads to a wrong state
	CutOff  Verdict = "cut off" // not every state was visited: nothing is known
)

// Result is one search.
type Result struct {
	Verdict   Verdict
	Property  string // of a refutation: what is broken, one of visible, once, exact, complete, waits, rest, unreached
	States    int    // stored
	Depth     int    // of the longest order of steps
	Megabytes float64
	Elapsed   time.Duration
}

var (
	assertion = regexp.MustCompile(`(?m)^pan:\d+: assertion violated \(?(\w+)\)? \(at depth`)
	endState  = regexp.MustCompile(`(?m)^pan:\d+: invalid end state`)
	errorsOf  = regexp.MustCompile(`(?m)^State-vector \d+ byte, depth reached (\d+), errors: (\d+)`)
	statesOf  = regexp.MustCompile(`(?m)^\s*([\d.e+]+) states, stored`)
	memoryOf  = regexp.MustCompile(`(?m)^\s*([\d.]+)\s+total actual memory usage`)
	elapsedOf = regexp.MustCompile(`(?m)^pan: elapsed time ([\d.]+) seconds`)
)

// Parse reads what Spin's verifier prints.
//
// A refutation counts wherever the search stood, since its trail is a proof. That a configuration holds is said only of a search that says
// itself that it was full, and met neither the bound of depth nor that of memory.
//
// Errors: an output that is none of these, as of a model that steps out of an array.
func Parse(output string) (Result, error) {
	var r Result
	head := errorsOf.FindStringSubmatch(output)
	if head == nil {
		return r, fmt.Errorf("the verifier did not finish:\n%s", output)
	}
	r.Depth = number(head[1])
	r.States = int(float(find(statesOf, output)))
	r.Megabytes = float(find(memoryOf, output))
	r.Elapsed = time.Duration(float(find(elapsedOf, output)) * float64(time.Second))
	switch {
	case head[2] != "0":
		r.Verdict = Refuted
		if r.Property = find(assertion, output); r.Property == "" && endState.MatchString(output) {
			r.Property = "rest"
		}
		if r.Property == "" {
			return r, fmt.Errorf("the model itself is wrong:\n%s", output)
		}
	case cut(output):
		r.Verdict = CutOff
	default:
		r.Verdict = Holds
	}
	return r, nil
}

// cut says whether a search without an error may have left out states.
func cut(output string) bool {
	if !strings.Contains(output, "Full statespace search for:") {
		return true
	}
	for _, sign := range []string{"Search not completed", "max search depth too small", "out of memory", "MEMLIM", "Bit statespace", "Hash-Compact"} {
		if strings.Contains(output, sign) {
			return true
		}
	}
	return false
}

func find(in *regexp.Regexp, output string) string {
	if m := in.FindStringSubmatch(output); m != nil {
		return m[1]
	}
	return ""
}

// number and float read what a regular expression has matched as a number, 0 where it has matched nothing.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

func float(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return f
}
