package viewfile

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong in a views file.
type Problem struct {
	File         string
	Line, Column int    // from 1; a column is a character, not a byte
	Text         string // what is wrong; what would be right
}

// Error is file:line:col: text.
func (p Problem) Error() string { return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text) }

// Problems is everything that is wrong in a views file, in the order of the file.
type Problems []Problem

// Error has a line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems for errors.As.
func (p Problems) Unwrap() []error {
	all := make([]error, len(p))
	for i, problem := range p {
		all[i] = problem
	}
	return all
}
