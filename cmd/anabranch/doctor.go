package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// DoctorCmd is "anabranch doctor".
type DoctorCmd struct {
	Stack  string `help:"Name of the stack on AWS, to check it, too. Needs the program aws." placeholder:"NAME"`
	Output string `help:"Format: table or json." enum:"table,json" default:"table" short:"o"`
	Server
}

// Help returns the text below the flags of --help.
func (*DoctorCmd) Help() string {
	return `Checks a server, on AWS or of "anabranch dev", and says for each fault what to do. It reads the health, the
status and the views of the server, and needs the admin key if the server has keys. It changes nothing.

With --stack it also reads what AWS says of the stack: its settings, alarms, functions and layout. It runs the program
aws (AWS CLI, version 2) for that, which takes region and credentials from the environment.

Results: ok; warning: nothing is wrong yet, or somebody meant it; failed; unknown: the check lacks what it reads.

Exit codes: 0 no check failed; 1 a check failed; 2 wrong flags; 3 the server or AWS did not answer.

Examples:

    anabranch doctor
    anabranch doctor --url https://abc123.execute-api.us-east-1.amazonaws.com --stack anabranch -o json`
}

// Run makes the checks and prints their results.
func (c *DoctorCmd) Run(ctx context.Context, w *world) error {
	facts := doctor.Collect(ctx, w.client(c.Server, queryRetry, 1))
	if c.Stack != "" {
		var err error
		if facts.Stack, err = doctor.CollectStack(ctx, w.aws, c.Stack, w.now()); err != nil {
			return &failure{exitUnreachable, err}
		}
	}
	findings := doctor.Examine(facts)
	var err error
	if c.Output == "json" {
		err = writeJSON(w.stdout, map[string]any{"url": c.URL, "stack": c.Stack, "checks": findings})
	} else {
		err = printFindings(w.stdout, findings)
	}
	switch {
	case err != nil:
		return err
	case facts.Server.Unreachable != "":
		return &failure{code: exitUnreachable}
	}
	for _, f := range findings {
		if f.Result == doctor.Failed {
			return &failure{code: exitRejected}
		}
	}
	return nil
}

// printFindings prints a line per check, and below each fault what to do.
func printFindings(w io.Writer, findings []doctor.Finding) error {
	t := table.New(table.Column{Name: "check"}, table.Column{Name: "result"}, table.Column{Name: "found"})
	counts := map[doctor.Result]int{}
	for _, f := range findings {
		counts[f.Result]++
		found := f.Found
		if f.Result == doctor.Unknown {
			found = []string{f.Remedy}
		}
		if len(found) == 0 {
			found = []string{""}
		}
		t.Row(f.Check, string(f.Result), found[0])
		for _, more := range found[1:] {
			t.Row("", "", more)
		}
		if f.Remedy != "" && f.Result != doctor.Unknown {
			t.Row("", "", "-> "+f.Remedy)
		}
	}
	if err := t.Print(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d ok, %d warnings, %d failed, %d unknown\n", counts[doctor.OK], counts[doctor.Warning],
		counts[doctor.Failed], counts[doctor.Unknown])
	return err
}

// runAWS runs the program aws. It is world.aws outside tests.
func runAWS(ctx context.Context, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "aws", args...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("the program aws is missing: install the AWS CLI, version 2, or leave out --stack")
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
