package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/simulation/mutants"
)

// end is the fate of a mutant.
type end string

const (
	killed   end = "killed"
	survived end = "survived"
	broken   end = "broken" // it could not be built or played: nothing is known
)

// verdict is the fate of a mutant, and what decided it.
type verdict struct {
	end    end
	by     string // the oracle, or the test
	seed   uint64 // seed of the history; 0 if a test refuted it
	detail string
	took   time.Duration
}

// workshop builds mutants and plays them.
type workshop struct {
	root  string // folder of the module
	dir   string // folder for build results
	first int    // first seed; 0 means 1
	seeds int
}

// patience bounds the build and the play of a mutant. It separates one that loops for ever from one that is slow.
const patience = 5 * time.Minute

// try builds one mutant and lets its killer play it.
func (w workshop) try(ctx context.Context, m mutants.Mutant) (v verdict) {
	begun := time.Now()
	defer func() { v.took = time.Since(begun) }()
	dir, err := os.MkdirTemp(w.dir, m.Name+"-")
	if err != nil {
		return verdict{end: broken, by: "files", detail: err.Error()}
	}
	defer os.RemoveAll(dir)
	overlay, err := w.overlay(m, dir)
	if err != nil {
		return verdict{end: broken, by: "its text", detail: err.Error()}
	}
	if m.Killer.Package != "" {
		return w.test(ctx, m.Killer, dir, overlay)
	}
	return w.histories(ctx, dir, overlay)
}

// overlay writes the mutant's files and the overlay file that names them to the go command. It returns the overlay's
// path.
func (w workshop) overlay(m mutants.Mutant, dir string) (string, error) {
	files, err := m.Apply(w.root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		place := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(place, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(w.root, filepath.FromSlash(name))] = place
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	place := filepath.Join(dir, "overlay.json")
	return place, os.WriteFile(place, text, 0o600)
}

// histories plays seeds until an oracle refuses one.
func (w workshop) histories(ctx context.Context, dir, overlay string) verdict {
	binary := filepath.Join(dir, "play")
	if out, err := w.command(ctx, w.root, "go", "build", "-ldflags=-s -w", "-overlay", overlay, "-o", binary,
		"./shared/simulation/mutants/play"); err != nil {
		return verdict{end: broken, by: "go build", detail: said(out, err)}
	}
	out, err := w.command(ctx, w.root, binary, "-first", strconv.Itoa(max(w.first, 1)), "-seeds", strconv.Itoa(w.seeds))
	if err != nil {
		return verdict{end: broken, by: "play", detail: said(out, err)}
	}
	if len(out) == 0 {
		return verdict{end: survived}
	}
	var refuted struct {
		Seed   uint64
		Oracle string
		Detail string
	}
	if err := json.Unmarshal(out, &refuted); err != nil {
		return verdict{end: broken, by: "play", detail: said(out, err)}
	}
	return verdict{end: killed, by: refuted.Oracle, seed: refuted.Seed, detail: refuted.Detail}
}

// failed matches the failed tests in the output of a test binary. Subtests come after their parents.
var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// test lets a test refute the mutant.
func (w workshop) test(ctx context.Context, k mutants.Killer, dir, overlay string) verdict {
	binary, name := filepath.Join(dir, "test"), path.Base(k.Package)
	if out, err := w.command(ctx, w.root, "go", "test", "-c", "-ldflags=-s -w", "-overlay", overlay, "-o", binary,
		"./"+k.Package); err != nil {
		return verdict{end: broken, by: "go test -c", detail: said(out, err)}
	}
	out, err := w.command(ctx, filepath.Join(w.root, filepath.FromSlash(k.Package)), binary, "-test.run", k.Run)
	if bytes.Contains(out, []byte("no tests to run")) {
		return verdict{end: broken, by: name, detail: "no test of " + k.Package + " matches " + k.Run}
	}
	if err == nil {
		return verdict{end: survived, by: name}
	}
	tests := failed.FindAllSubmatchIndex(out, -1)
	if len(tests) == 0 {
		return verdict{end: broken, by: name, detail: said(out, err)}
	}
	first := tests[min(1, len(tests)-1)] // the subtest of the requested one
	return verdict{end: killed, by: name + " " + string(out[tests[0][2]:tests[0][3]]), detail: beginning(out[first[0]:])}
}

func (w workshop) command(ctx context.Context, dir, name string, arguments ...string) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOMAXPROCS=1") // other mutants play at the same time
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if ctx.Err() != nil {
		err = fmt.Errorf("not done after %s: %w", patience, ctx.Err())
	}
	if err != nil {
		err = errors.Join(err, errors.New(strings.TrimSpace(stderr.String())))
	}
	return out, err
}

// enough is the maximum length of shown program output, in bytes.
const enough = 600

// said returns the end of a program's output, and why it failed.
func said(out []byte, err error) string {
	text := strings.TrimSpace(string(out))
	if len(text) > enough {
		text = "..." + text[len(text)-enough:]
	}
	return strings.TrimSpace(text + "\n" + err.Error())
}

func beginning(out []byte) string {
	if len(out) > enough {
		return string(out[:enough]) + "..."
	}
	return string(out)
}
