// Command run builds every mutant, lets its killer refute it, and prints a table. It fails if a mutant survives or does
// not compile, or if the unmutated system fails the killers.
//
//	go run ./shared/simulation/mutants/run -run applied
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/simulation/mutants"
)

func main() {
	only := flag.String("run", "", "run only the mutants whose name matches this regular expression")
	seeds := flag.Int("seeds", mutants.Seeds, "number of histories that a mutant may survive before it counts as missed")
	atOnce := flag.Int("parallel", 2, "number of mutants to play at once")
	verbose := flag.Bool("v", false, "print the message of each oracle")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *only, *seeds, *atOnce, *verbose)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, seeds, atOnce int, verbose bool) error {
	some, err := matching(only)
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := workshop{root: root, dir: dir, seeds: seeds}
	begun := time.Now()
	if err := unmutated(ctx, w, some, atOnce); err != nil {
		return err
	}
	fmt.Printf("unmutated: %d histories and the tests named below pass (%.0f s)\n\n", seeds, time.Since(begun).Seconds())
	t := table{out: os.Stdout, verbose: verbose}
	t.head()
	inOrder(some, atOnce, func(m mutants.Mutant) verdict { return w.try(ctx, m) }, t.line)
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.foot(time.Since(begun))
}

func matching(only string) ([]mutants.Mutant, error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	var some []mutants.Mutant
	for _, m := range mutants.All() {
		if pattern.MatchString(m.Name) {
			some = append(some, m)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("no mutant's name matches %q", only)
	}
	return some, nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", fmt.Errorf("find the module: go env GOMOD is %q; run this in a folder of the module", file)
	}
	return filepath.Dir(file), nil
}

// unmutated checks that the killers refute only mutants, not the unmutated system.
func unmutated(ctx context.Context, w workshop, some []mutants.Mutant, atOnce int) error {
	checks := []func() verdict{}
	share := (w.seeds + atOnce - 1) / atOnce
	for first := 1; first <= w.seeds; first += share {
		part := w
		part.first, part.seeds = first, min(share, w.seeds-first+1)
		checks = append(checks, func() verdict { return part.try(ctx, mutants.Mutant{Name: "none"}) })
	}
	known := map[mutants.Killer]bool{}
	for _, m := range some {
		k := m.Killer
		k.Why = ""
		if k.Package != "" && !known[k] {
			known[k] = true
			checks = append(checks, func() verdict { return w.try(ctx, mutants.Mutant{Name: "none", Killer: k}) })
		}
	}
	var all []error
	inOrder(checks, atOnce, func(check func() verdict) verdict { return check() }, func(_ func() verdict, v verdict) {
		if v.end != survived {
			all = append(all, fmt.Errorf("the unmutated system: %s: %s", v.by, v.detail))
		}
	})
	return errors.Join(all...)
}

// inOrder runs do for all things, atOnce at a time, and reports the results in order.
func inOrder[T any](all []T, atOnce int, do func(T) verdict, report func(T, verdict)) {
	done := make([]chan verdict, len(all))
	for i := range all {
		done[i] = make(chan verdict, 1)
	}
	next := make(chan int, len(all))
	for i := range all {
		next <- i
	}
	close(next)
	var group sync.WaitGroup
	for range max(1, atOnce) {
		group.Go(func() {
			for i := range next {
				done[i] <- do(all[i])
			}
		})
	}
	for i, thing := range all {
		report(thing, <-done[i])
	}
	group.Wait()
}
