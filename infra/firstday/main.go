// Command firstday measures on a deployed stack what only AWS can answer, and writes the figures as a page:
//
//	go run ./infra/firstday -stack anabranch -budget 2 [-only reshard,stopped] [-events 3000000] [-minutes 40]
//
// It begins with the estimated cost of each experiment, and refuses to run above the budget. It changes back what it
// changes in the stack, also when it fails or is interrupted. make first-day runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/anabranch/anabranch/infra/deployment"
	"github.com/anabranch/anabranch/infra/experiments"
)

func main() {
	sizes := experiments.Full()
	stack := flag.String("stack", "anabranch", "name of the stack")
	only := flag.String("only", "", "names of the experiments to run, separated by commas; all if empty")
	budget := flag.Float64("budget", 2, "maximum estimated cost of the experiments together, in dollars")
	page := flag.String("page", "build/first-day.md", "file for the figures")
	minutes := flag.Int("minutes", int(sizes.Stopped.Minutes()), "minutes for which the mapping of the stream is disabled")
	flag.IntVar(&sizes.Events, "events", sizes.Events, "events before the build")
	flag.Parse()
	sizes.Stopped = time.Duration(*minutes) * time.Minute
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *stack, *only, *page, *budget, sizes); err != nil {
		fmt.Fprintln(os.Stderr, "first-day:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stack, only, page string, budget float64, sizes experiments.Sizes) error {
	chosen, err := experiments.Choose(only)
	if err != nil {
		return err
	}
	if err := experiments.CheckBudget(os.Stdout, chosen, sizes, budget); err != nil {
		return err
	}
	account, err := deployment.Open(ctx)
	if err != nil {
		return err
	}
	url, keys, err := account.ReadKeys(ctx, stack)
	if err != nil {
		return err
	}
	s, err := account.Describe(ctx, stack)
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	lab, err := experiments.NewLab(cfg, url, keys.Admin, s.Outputs, s.Parameters, sizes, os.Stdout)
	if err != nil {
		return err
	}
	results, undone := lab.Run(ctx, chosen)
	return errors.Join(undone, write(lab, results, page), experiments.Failed(results))
}

// write writes the page, also of an interrupted run.
func write(lab *experiments.Lab, results []experiments.Result, page string) error {
	text, err := lab.Page(results)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
		return err
	}
	fmt.Printf("figures    %s\n", page)
	return os.WriteFile(page, []byte(text), 0o644)
}
