package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/infra/venv"
)

// The jobs.
const (
	runJob     = "run"
	rebuildJob = "rebuild"
	advanceJob = "advance"
	decodeJob  = "decode"
	hllJob     = "duckdb-hll"
	exactJob   = "duckdb-exact"
)

func jobNames() string {
	return strings.Join([]string{runJob, rebuildJob, advanceJob, decodeJob}, ", ")
}

// The archives have objects of two sizes: those of small requests, and those of the largest that ingest takes.
const (
	smallObjects = 100
	largeObjects = 1_000
)

var duckdb = venv.Packages{Name: "venv-bench", Requirements: "bench/requirements.txt", Pythons: venv.Pythons}

// compare measures all jobs over both archives, and prints their ratios.
func compare(ctx context.Context, o options) error {
	bin, err := venv.Open(ctx, o.root, duckdb)
	if err != nil {
		return err
	}
	var tables []table
	for _, perObject := range []int{smallObjects, largeObjects} {
		shape := Shape{Events: o.events, PerObject: perObject, Seed: o.seed}
		folder, err := archiveOf(ctx, o.archives(), shape)
		if err != nil {
			return err
		}
		t := table{shape: shape}
		for round := range o.rounds {
			fmt.Fprintf(os.Stderr, "objects of %d events, round %d of %d\n", perObject, round+1, o.rounds)
			measured, err := takeTurns(ctx, o, shape, folder, filepath.Join(bin, "python"))
			if err != nil {
				return err
			}
			t.rounds = append(t.rounds, measured)
		}
		tables = append(tables, t)
	}
	return report(o, tables)
}

//go:embed query.py
var script string

// takeTurns measures each job once. It fails when the engines do not agree.
func takeTurns(ctx context.Context, o options, shape Shape, folder, python string) (map[string]Measured, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	own := func(job string) *exec.Cmd {
		return exec.CommandContext(ctx, self, "-root", o.root, "-events", strconv.Itoa(shape.Events), "-seed",
			strconv.FormatUint(shape.Seed, 10), "-per-object", strconv.Itoa(shape.PerObject), "-job", job)
	}
	duck := func(distinct string) *exec.Cmd {
		return exec.CommandContext(ctx, python, "-c", script, folder, distinct, strconv.Itoa(cores()))
	}
	commands := map[string]*exec.Cmd{
		runJob: own(runJob), rebuildJob: own(rebuildJob), advanceJob: own(advanceJob), decodeJob: own(decodeJob),
		hllJob: duck("hll"), exactJob: duck("exact"),
	}
	measured := map[string]Measured{}
	for _, job := range []string{runJob, hllJob, rebuildJob, exactJob, advanceJob, decodeJob} {
		if measured[job], err = measureProcess(commands[job]); err != nil {
			return nil, fmt.Errorf("job %s: %w", job, err)
		}
	}
	for _, job := range []string{rebuildJob, advanceJob, hllJob, exactJob} {
		if d := measured[runJob].Answer.differs(measured[job].Answer); d != "" {
			return nil, fmt.Errorf("%s and %s answer differently: %s", runJob, job, d)
		}
	}
	return measured, nil
}

func measureProcess(c *exec.Cmd) (Measured, error) {
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return Measured{}, err
	}
	var m Measured
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("%w in %q", err, out)
	}
	return m, nil
}

// differs says in which number two answers differ; "" if in none. Distinct users may differ by a twentieth, since
// engines estimate them.
func (a Answer) differs(b Answer) string {
	if a.Groups != b.Groups {
		return fmt.Sprintf("%d groups and %d", a.Groups, b.Groups)
	}
	for _, c := range []struct {
		name string
		a, b json.Number
		may  int64 // differ by one part in this number; 0: not at all
	}{
		{"views", a.Views, b.Views, 0}, {"amount", a.Amount, b.Amount, 0}, {"shortest", a.Shortest, b.Shortest, 0},
		{"longest", a.Longest, b.Longest, 0}, {"users", a.Users, b.Users, 20},
	} {
		x, okX := new(big.Rat).SetString(c.a.String())
		y, okY := new(big.Rat).SetString(c.b.String())
		if !okX || !okY {
			return fmt.Sprintf("%s %q and %q", c.name, c.a, c.b)
		}
		limit := new(big.Rat)
		if c.may > 0 {
			limit.Mul(x, big.NewRat(1, c.may))
		}
		if d := new(big.Rat).Sub(x, y); d.Abs(d).Cmp(limit) > 0 {
			return fmt.Sprintf("%s %s and %s", c.name, c.a, c.b)
		}
	}
	return ""
}
