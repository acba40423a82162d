// Package model is the checked model of the boundary between batch and speed: a Promela text, the configurations of it
// that must hold, and the mistakes that must be refuted. Spin (https://spinroot.com) explores every order of the
// protocol's steps.
//
// It does not know the code of the layers. The model states in a page what they promise each other; the simulator
// checks the code.
//
// Source: docs/design.md, section 3. README.md here says which part of the model stands for which part of the design.
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

// Bounds of one search. A search that reaches one of them is cut off and proves nothing.
const (
	maxDepth     = 10_000 // steps; the deepest search takes fewer than 200
	maxMegabytes = 2_000
)

// ErrMissing says that a program which a check needs is not installed.
var ErrMissing = errors.New("not installed: as root, apt-get install -y spin gcc (Debian, Ubuntu)")

// Installed checks that the programs which a check runs are installed. Errors: ErrMissing, with the program's name.
func Installed() error {
	for _, program := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s: %w", program, ErrMissing)
		}
	}
	return nil
}

// Check explores all states of a configuration. It needs an empty folder and leaves Spin's files in it.
//
// Errors: a model that does not compile, or a program that fails. A refutation or a search that was cut off is a
// result, not an error.
func Check(ctx context.Context, folder string, c Configuration) (Result, error) {
	if err := os.WriteFile(filepath.Join(folder, fileName), boundary, 0o644); err != nil {
		return Result{}, fmt.Errorf("write the model: %w", err)
	}
	if out, err := run(ctx, folder, "spin", append([]string{"-a"}, append(c.defines(), fileName)...)...); err != nil {
		return Result{}, fmt.Errorf("configuration %q: spin: %w: %s", c.Name, err, out)
	}
	// SAFETY: check only assertions and invalid end states. COLLAPSE: store states in a third of the memory, without loss.
	if out, err := run(ctx, folder, "gcc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", fmt.Sprintf("-DMEMLIM=%d", maxMegabytes),
		"-o", "pan", "pan.c"); err != nil {
		return Result{}, fmt.Errorf("configuration %q: gcc: %w: %s", c.Name, err, out)
	}
	// The exit code of pan does not distinguish a refutation from a failure; its output does.
	out, err := run(ctx, folder, "./pan", "-n", fmt.Sprintf("-m%d", maxDepth))
	result, parseErr := Parse(out)
	if parseErr != nil {
		return Result{}, fmt.Errorf("configuration %q: %w", c.Name, errors.Join(parseErr, err))
	}
	return result, nil
}

// Trace replays the refutation that Check left in the folder, as a story: one line per step that the model prints.
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

// defines returns the preprocessor's settings.
func (c Configuration) defines() []string {
	var all []string
	for _, d := range append(strings.Fields(c.Sizes), c.Mistake) {
		if d != "" {
			all = append(all, "-D"+d)
		}
	}
	return all
}
