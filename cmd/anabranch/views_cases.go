package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/cases"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// ViewsTestCmd is "anabranch views test".
type ViewsTestCmd struct {
	File  string `arg:"" help:"The views file."`
	Tests string `help:"File of the tests. Default: views.test.yaml beside views.yaml." placeholder:"FILE"`
}

// Help returns the text below the flags of --help.
func (*ViewsTestCmd) Help() string {
	return `Folds the events of each test with the code that a server runs, and compares rows and skipped events. It needs
no server. docs/views.md says how tests are written.

Exit codes: 0 all tests pass; 1 a test fails; 2 wrong flags, or a file that is unreadable or has errors.

Examples:

    anabranch views test views.yaml
    anabranch views test views.yaml --tests more.yaml -o json`
}

// Run runs the tests and prints their results.
func (c *ViewsTestCmd) Run(w *world, views *ViewsCmd) error {
	definitions, err := w.readDefinitions(c.File)
	if err != nil {
		return err
	}
	if c.Tests == "" {
		extension := filepath.Ext(c.File)
		c.Tests = strings.TrimSuffix(c.File, extension) + ".test" + extension
	}
	text, err := w.readText(c.Tests, maxViews)
	if err != nil {
		return usage("the tests of %s: %w; write them there, or name their file with --tests", c.File, err)
	}
	parsed, err := viewfile.ParseCases(c.Tests, text, definitions)
	if err != nil {
		return &failure{exitUsage, err}
	}
	results, err := cases.Run(definitions, parsed)
	if err != nil {
		return usage("%w", err)
	}
	failed := 0
	for _, r := range results {
		if len(r.Failures) > 0 {
			failed++
		}
	}
	if views.Output == "json" {
		err = writeJSON(w.stdout, testAnswerOf(c.Tests, results))
	} else {
		err = printTests(w.stdout, c.Tests, results, failed)
	}
	if err == nil && failed > 0 {
		return &failure{code: exitRejected}
	}
	return err
}

// readDefinitions reads the definitions of a views file.
func (w *world) readDefinitions(file string) ([]view.Definition, error) {
	text, err := w.readText(file, maxViews)
	if err != nil {
		return nil, usage("%w", err)
	}
	definitions, err := viewfile.Parse(file, text)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return definitions, nil
}

func printTests(w io.Writer, file string, results []cases.Result, failed int) error {
	var all []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintln(w, table.Printable(fmt.Sprintf(format, args...)))
		all = append(all, err)
	}
	for _, r := range results {
		if len(r.Failures) == 0 {
			line("ok    %s", r.Name)
			continue
		}
		line("FAIL  %s", r.Name)
		for _, p := range r.Failures {
			line("      %s", p.Error())
		}
	}
	line("%s: %s, %d failed", file, plural(len(results), "test"), failed)
	return errors.Join(all...)
}

// testAnswer is the results as JSON.
type testAnswer struct {
	File  string       `json:"file"`
	Tests []testResult `json:"tests"`
}

type testResult struct {
	Name     string        `json:"name"`
	Passed   bool          `json:"passed"`
	Failures []testFailure `json:"failures"`
}

type testFailure struct {
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Message string `json:"message"`
}

func testAnswerOf(file string, results []cases.Result) testAnswer {
	answer := testAnswer{file, []testResult{}}
	for _, r := range results {
		one := testResult{r.Name, len(r.Failures) == 0, []testFailure{}}
		for _, p := range r.Failures {
			one.Failures = append(one.Failures, testFailure{p.Line, p.Column, p.Text})
		}
		answer.Tests = append(answer.Tests, one)
	}
	return answer
}
