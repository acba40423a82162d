// Package experiments measures on a deployed stack what only AWS can answer: resharding under load, metrics at a low
// log level, a stream that is not read for a while, the memory of a build, large answers, and real times. The command
// infra/firstday runs it, and so does localstack/e2e, in a short form, on an emulator.
//
// Each experiment is a row of All. It sends events of its own source and key, with event times from 1970 to 1999, so no
// window of real events changes. What it changes in the stack, it changes back, also when it fails or is interrupted.
package experiments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Experiment is one question to a stack.
type Experiment struct {
	Name     string
	Question string
	Uses     func(Sizes) Use // bounds what it uses
	Run      func(context.Context, *Lab) ([]Finding, error)
}

// All returns every experiment, in the order in which they run.
func All() []Experiment {
	return []Experiment{
		{"reshard", "Does the order of each lane survive a reshard under load? Then every event counts once, live, too.",
			usesReshard, reshard},
		{"log-level", "Do metrics still come when functions log errors only?", usesNothing, logLevel},
		{"stopped", "What does a mapping that stood still under load cost: records republished, time to catch up?",
			usesStopped, stopped},
		{"build", "How much memory and time does a build take?", usesBuild, build},
		{"windows", "How large and how fast is an answer with many windows and their parts?", usesWindows, windows},
		{"times", "How long do S3's requests and the functions take?", usesTimes, times},
	}
}

// Choose returns the experiments with the given names, separated by commas; all for "".
//
// Errors: there is no experiment of that name. Do not retry.
func Choose(names string) ([]Experiment, error) {
	if names == "" {
		return All(), nil
	}
	var chosen []Experiment
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(All(), func(e Experiment) bool { return e.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown experiment %q: must be one of %s", name, strings.Join(namesOf(All()), ", "))
		}
		chosen = append(chosen, All()[i])
	}
	return chosen, nil
}

func namesOf(all []Experiment) (names []string) {
	for _, e := range all {
		names = append(names, e.Name)
	}
	return names
}

// Finding is one line of a result.
type Finding struct {
	What   string
	Value  string
	Figure string // name of the figure in infra/costs that it measures; "" for none
}

// Result is what an experiment found.
type Result struct {
	Experiment Experiment
	Findings   []Finding
	Err        error // why the experiment failed; nil if it did not
	Took       time.Duration
}

// Sizes says how large the experiments are.
type Sizes struct {
	Rate       float64       // requests a second under load
	Stopped    time.Duration // for how long the mapping of the stream stands still
	Reshard    time.Duration // maximum duration of the load during a reshard
	Events     int           // events before the build
	PerRequest int           // events a request before the build
	Windows    int           // windows of the large answer
	Samples    int           // requests of each kind whose time is measured
	Shows      time.Duration // how long CloudWatch takes to show a metric
	Patience   time.Duration // how long an experiment waits for answers to count events
}

// Full are the sizes for AWS.
func Full() Sizes {
	return Sizes{Rate: 50, Stopped: 40 * time.Minute, Reshard: 10 * time.Minute, Events: 3_000_000, PerRequest: 500,
		Windows: 10_000, Samples: 200, Shows: 4 * time.Minute, Patience: 45 * time.Minute}
}

// Short are the sizes for an emulator: seconds an experiment.
func Short() Sizes {
	return Sizes{Rate: 20, Stopped: 12 * time.Second, Reshard: time.Minute, Events: 2_000, PerRequest: 100, Windows: 300,
		Samples: 10, Patience: 2 * time.Minute}
}

// undoing bounds how long it may take to change a stack back.
const undoing = 20 * time.Minute

// Run runs experiments one after another. After an experiment has failed, the others still run. When ctx ends, the
// running experiment ends, and no further one begins. Run returns after everything is changed back.
//
// Errors: a change could not be undone: the error names it, and how to undo it by hand.
func (l *Lab) Run(ctx context.Context, chosen []Experiment) (results []Result, err error) {
	for _, e := range chosen {
		r := Result{Experiment: e, Err: errors.New("not run: interrupted")}
		if ctx.Err() == nil {
			r.Findings, r.Took, r.Err, err = l.runOne(ctx, e)
		}
		results = append(results, r)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

func (l *Lab) runOne(ctx context.Context, e Experiment) (found []Finding, took time.Duration, failed, undo error) {
	began := l.Now()
	l.printf("%s: %s\n", e.Name, e.Question)
	defer func() {
		restoring, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
		defer cancel()
		undo = l.restore(restoring)
		took = l.Now().Sub(began)
		if failed != nil {
			l.printf("  failed: %v\n", failed)
		}
	}()
	found, failed = e.Run(ctx, l)
	for _, f := range found {
		l.printf("  %s: %s\n", f.What, f.Value)
	}
	return found, took, failed, undo
}

// printf prints progress. Progress that cannot be printed stops nothing: the page has the results.
func (l *Lab) printf(format string, values ...any) {
	out := l.Out
	if out == nil {
		out = io.Discard
	}
	_, _ = fmt.Fprintf(out, format, values...)
}

// Failed returns an error that names the experiments that failed; nil if none did.
func Failed(results []Result) error {
	var all []error
	for _, r := range results {
		if r.Err != nil {
			all = append(all, fmt.Errorf("experiment %s: %w", r.Experiment.Name, r.Err))
		}
	}
	return errors.Join(all...)
}
