// Package model is the checked model of the boundary between batch and speed: a Promela text, the configurations of it that must hold, and the
// mistakes that must be refuted. Spin (https://spinroot.com) goes through every order of the protocol's steps.
//
// It knows no code of the layers: the model says in a page what they promise each other, and the simulator checks the code.
//
// Source: docs/design.md, section 3; README.md here says what stands for what.
package model

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed boundary.pml
var boundary []byte

const fileName = "boundary.pml"

// Bounds of one search. A search that meets one of them is cut off, which proves nothing.
const (
	maxDepth     = 10_000 // steps; the deepest search takes below 200
	maxMegabytes = 2_000
)

// ErrMissing: a program that a check needs is not installed.
var ErrMissing = errors.New("not installed: as root, apt-get install -y spin gcc (Debian, Ubuntu)")

// Installed looks for the programs that a check runs. Errors: ErrMissing, with the program's name.
func Installed() error {
	for _, program := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s: %w", program, ErrMissing)
		}
	}
	return nil
}

// Check goes through all states of a configuration, in an empty folder, which it leaves with Spin's files.
//
// Errors: a model that does not compile, a program that fails; never a refutation, nor a search that was cut off: those are results.
func Check(ctx context.Context, folder string, c Configuration) (Result, error) {
	if err := os.WriteFile(filepath.Join(folder, fileName), boundary, 0o644); err != nil {
		return Result{}, fmt.Errorf("write the model: %w", err)
	}
	if out, err := run(ctx, folder, "spin", append([]string{"-a"}, append(c.defines(), fileName)...)...); err != nil {
		return Result{}, fmt.Errorf("configuration %q: spin: %w: %s", c.Name, err, out)
	}
	// SAFETY: assertions and invalid end states are all that is looked for. COLLAPSE: states in a third of the memory, without loss.
	if out, err := run(ctx, folder, "gcc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", fmt.Sprintf("-DMEMLIM=%d", maxMegabytes), "-o", "pan", "pan.c"); err != nil {
		return Result{}, fmt.Errorf("configuration %q: gcc: %w: %s", c.Name, err, out)
	}
	// pan's exit code does not tell a refutation from a failure; what it prints does.
	out, err := run(ctx, folder, "./pan", "-n", fmt.Sprintf("-m%d", maxDepth))
	result, parseErr := Parse(out)
	if parseErr != nil {
		return Result{}, fmt.Errorf("configuration %q: %w", c.Name, errors.Join(parseErr, err))
	}
	return result, nil
}

// Trace replays what Check has found in the folder, as a story: a line per step that the model tells of.
func Trace(ctx context.Context, folder string, c Configuration) (string, error) {
	out, err := run(ctx, folder, "spin", append([]string{"-t", "-T", "-B"}, append(c.defines(), fileName)...)...)
	if err != nil {
		return "", fmt.Errorf("configuration %q: spin: %w: %s", c.Name, err, out)
	}
	return out, nil
}

func run(ctx context.Context, folder, program string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = folder
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	return out.String(), err
}

// defines are the preprocessor's settings.
func (c Configuration) defines() []string {
	var all []string
	for _, d := range append(strings.Fields(c.Sizes), c.Mistake) {
		if d != "" {
			all = append(all, "-D"+d)
		}
	}
	return all
}
