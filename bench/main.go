// Command bench compares how batch folds an archive with DuckDB, over the same files. It checks that the engines agree
// on the answer before it reports any time.
//
// Each measurement is a process of its own, and the jobs take turns, so that a change of the machine's speed meets all
// of them alike. Times are ratios of what ran one after the other.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.StringVar(&o.root, "root", "..", "directory of the repository")
	flag.IntVar(&o.events, "events", 1_000_000, "number of events")
	flag.IntVar(&o.rounds, "rounds", 5, "measurements of each job")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the events")
	flag.BoolVar(&o.write, "write", false, "write docs/benchmarks.md, and add to bench/history.txt")
	brief := flag.Bool("short", false, "only compare a rebuild with decoding alone, and fail when it takes too long")
	job := flag.String("job", "", "measure only this job, in this process: "+jobNames())
	perObject := flag.Int("per-object", largeObjects, "with -job: number of events in an object")
	profile := flag.String("profile", "", "with -job: file for a profile of the processor")
	flag.Parse()
	err := func() error {
		switch {
		case *brief:
			return short(ctx, o)
		case *job == "":
			return compare(ctx, o)
		}
		return one(ctx, o, *job, Shape{Events: o.events, PerObject: *perObject, Seed: o.seed}, *profile)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	root           string
	events, rounds int
	seed           uint64
	write          bool
}

func (o options) archives() string { return filepath.Join(o.root, "build", "bench") }

// one measures a job of this process, and prints it as JSON.
func one(ctx context.Context, o options, name string, shape Shape, profile string) error {
	folder, err := archiveOf(ctx, o.archives(), shape)
	if err != nil {
		return err
	}
	m, err := measure(ctx, name, folder, profile)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

func measure(ctx context.Context, name, folder, profile string) (Measured, error) {
	prepare := map[string]func(context.Context, string) (prepared, error){
		runJob: prepareRun, rebuildJob: prepareRebuild, advanceJob: prepareAdvance,
	}[name]
	switch {
	case name == decodeJob:
		return decodeOnly(folder)
	case prepare == nil:
		return Measured{}, fmt.Errorf("unknown job %q: must be one of %s", name, jobNames())
	}
	p, err := prepare(ctx, folder)
	if err != nil {
		return Measured{}, err
	}
	return p.measureTick(ctx, profile)
}

func cores() int { return runtime.GOMAXPROCS(0) }
