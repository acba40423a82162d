package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/anabranch/anabranch/cmd/anabranch/send"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/view/lint"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// ViewsLintCmd is "anabranch views lint".
type ViewsLintCmd struct {
	File   string `arg:"" help:"The views file; - reads standard input."`
	Events string `help:"File of events as for send. A field that none of them has is likely misspelt." placeholder:"FILE"`
}

// Help returns the text below the flags of --help.
func (*ViewsLintCmd) Help() string {
	return `Checks a views file and needs no server. It prints every error and warning as file:line:col: message.

Exit codes: 0 no errors, maybe warnings; 1 the file has errors; 2 wrong flags or an unreadable file.

Examples:

    anabranch views lint views.yaml
    anabranch views lint views.yaml --events sample.ndjson.gz -o json`
}

// Run checks the file and prints the report.
func (c *ViewsLintCmd) Run(w *world, views *ViewsCmd) error {
	text, err := w.readText(c.File, maxViews)
	if err != nil {
		return usage("%w", err)
	}
	var events []byte
	if c.Events != "" {
		if events, err = readEvents(c.Events); err != nil {
			return usage("--events: %w", err)
		}
	}
	report, err := lint.Check(c.File, text, events)
	if err != nil {
		return usage("--events: %w", err)
	}
	if views.Output == "json" {
		err = writeJSON(w.stdout, lintAnswerOf(c.File, report))
	} else {
		err = printLint(w.stdout, c, report)
	}
	if err == nil && len(report.Errors) > 0 {
		return &failure{code: exitRejected}
	}
	return err
}

// printLint prints a line per finding and one with the numbers.
func printLint(w io.Writer, c *ViewsLintCmd, r lint.Report) error {
	for _, p := range r.Errors {
		fmt.Fprintln(w, table.Printable(p.Error()))
	}
	for _, p := range r.Warnings {
		p.Text = "warning: " + p.Text
		fmt.Fprintln(w, table.Printable(p.Error()))
	}
	for _, e := range r.Rejected[:min(len(r.Rejected), shownUnlike)] {
		fmt.Fprintln(w, table.Printable(fmt.Sprintf("%s: warning: event %d is not valid, and was not looked at: %s",
			c.Events, e.Index+1, e.Detail)))
	}
	if more := len(r.Rejected) - shownUnlike; more > 0 {
		fmt.Fprintf(w, "%s: warning: %d more events are not valid\n", c.Events, more)
	}
	text := fmt.Sprintf("%s, %s", plural(len(r.Errors), "error"), plural(len(r.Warnings), "warning"))
	if len(r.Errors) == 0 {
		text = plural(r.Views, "view") + ", " + text
	}
	if c.Events != "" && len(r.Errors) == 0 {
		text += ", fields compared with " + plural(r.Events, "event")
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", table.Printable(c.File), text)
	return err
}

// lintAnswer is the report as JSON.
type lintAnswer struct {
	File     string        `json:"file"`
	Views    int           `json:"views"`  // 0 if there are errors
	Events   int           `json:"events"` // events in which fields were looked for
	Rejected int           `json:"rejected"`
	Findings []lintFinding `json:"findings"`
}

type lintFinding struct {
	Severity string `json:"severity"` // "error" or "warning"
	Line     int    `json:"line"`     // from 1
	Column   int    `json:"column"`   // from 1, in characters
	Message  string `json:"message"`
}

func lintAnswerOf(file string, r lint.Report) lintAnswer {
	answer := lintAnswer{
		File: file, Views: r.Views, Events: r.Events, Rejected: len(r.Rejected), Findings: []lintFinding{},
	}
	add := func(severity string, problems []viewfile.Problem) {
		for _, p := range problems {
			answer.Findings = append(answer.Findings, lintFinding{severity, p.Line, p.Column, p.Text})
		}
	}
	add("error", r.Errors)
	add("warning", r.Warnings)
	return answer
}

// writeJSON writes one JSON object and a line end.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// readText reads a file, or standard input for "-".
func (w *world) readText(name string, most int64) ([]byte, error) {
	if name == "-" {
		return readAtMost(w.stdin, "standard input", most)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	return readAtMost(f, name, most)
}

// maxSample is the maximum of a file of sample events, in bytes without compression.
const maxSample = 256 << 20

// readEvents reads a plain, gzip or zstd file of events.
func readEvents(name string) ([]byte, error) {
	source, err := send.File(name)
	if err != nil {
		return nil, err
	}
	text, err := source.Text()
	if err != nil {
		return nil, err
	}
	events, err := readAtMost(text, name, maxSample)
	return events, errors.Join(err, text.Close())
}

func readAtMost(r io.Reader, name string, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return text, err
}

// plural writes a number with its word: "1 error", "2 errors".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
