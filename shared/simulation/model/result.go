package model

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Verdict is the outcome of a search.
type Verdict string

// The verdicts.
const (
	Holds   Verdict = "holds"   // the search visited every state, and none is wrong
	Refuted Verdict = "refuted" // an order of steps leads to a wrong state
	CutOff  Verdict = "cut off" // the search did not visit every state: nothing is known
)

// Result is one search.
type Result struct {
	Verdict   Verdict
	Property  string // the broken property of a refutation: visible, once, exact, complete, waits, rest or unreached
	States    int    // number of stored states
	Depth     int    // length of the longest order of steps
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

// Parse reads the output of Spin's verifier.
//
// A refutation counts even if the search was cut off, since its trail is a proof. A configuration holds only if the
// search reports that it was full and reached neither the bound of depth nor that of memory.
//
// Errors: any other output, for example of a model that leaves the bounds of an array.
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
	case isCutOff(output):
		r.Verdict = CutOff
	default:
		r.Verdict = Holds
	}
	return r, nil
}

// isCutOff reports whether a search without an error may have left out states.
func isCutOff(output string) bool {
	if !strings.Contains(output, "Full statespace search for:") {
		return true
	}
	for _, sign := range []string{"Search not completed", "max search depth too small", "out of memory", "MEMLIM",
		"Bit statespace", "Hash-Compact"} {
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

// number and float parse what a regular expression matched; 0 if it matched nothing.
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
