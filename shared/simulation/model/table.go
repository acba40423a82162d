package model

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Table runs configurations one after another and prints a line for each.
type Table struct {
	Out io.Writer
	// runs one configuration; Check outside tests
	Check func(ctx context.Context, folder string, c Configuration) (Result, error)
	// print the story of every refutation, not only of unexpected ones
	Tell bool
}

// Run runs the configurations.
//
// Errors: the error of a check, at once; after the last, all verdicts that are not the expected ones. A search that was
// cut off is never expected.
func (t Table) Run(ctx context.Context, configurations []Configuration) error {
	began := time.Now()
	states := 0
	var wrong []string
	fmt.Fprintf(t.Out, "%-58s %11s %6s %7s %6s  %s\n", "configuration", "states", "depth", "time", "MB", "verdict")
	for _, c := range configurations {
		result, err := t.one(ctx, c)
		if err != nil {
			return err
		}
		if result.Verdict != c.Expect {
			wrong = append(wrong, fmt.Sprintf("%q: %s, expected: %s", c.Name, result.Verdict, c.Expect))
		}
		states += result.States
	}
	fmt.Fprintf(
		t.Out,
		"%d configurations, %d states, %s\n",
		len(configurations),
		states,
		time.Since(began).Round(time.Second),
	)
	if len(wrong) > 0 {
		return fmt.Errorf("not as expected:\n  %s", strings.Join(wrong, "\n  "))
	}
	return nil
}

// one runs one configuration and prints its line.
func (t Table) one(ctx context.Context, c Configuration) (result Result, err error) {
	folder, err := os.MkdirTemp("", "anabranch-model-")
	if err != nil {
		return result, err
	}
	defer func() {
		if removeErr := os.RemoveAll(folder); err == nil {
			err = removeErr
		}
	}()
	if result, err = t.Check(ctx, folder, c); err != nil {
		return result, err
	}
	fmt.Fprintf(
		t.Out,
		"%-58s %11d %6d %6.1fs %6.0f  %s\n",
		c.Name,
		result.States,
		result.Depth,
		result.Elapsed.Seconds(),
		result.Megabytes,
		words(c, result),
	)
	if c.Why != "" {
		fmt.Fprintf(t.Out, "    changes no answer: %s\n", c.Why)
	}
	if result.Verdict == Refuted && (t.Tell || c.Expect != Refuted) {
		story, err := Trace(ctx, folder, c)
		if err != nil {
			return result, err
		}
		fmt.Fprintln(t.Out, story)
	}
	return result, nil
}

// words returns the verdict, the broken property of a refutation, and whether the verdict is the expected one.
func words(c Configuration, r Result) string {
	text := string(r.Verdict)
	if r.Property != "" {
		text += " (" + r.Property + ")"
	}
	if r.Verdict != c.Expect {
		return text + ", NOT AS EXPECTED"
	}
	return text + ", as expected"
}
