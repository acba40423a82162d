// Package venv installs frozen Python packages into virtual environments below build/: the tools that check and deploy
// the templates, and the emulator of localstack/.
package venv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Packages names frozen packages, and the environment that holds them.
type Packages struct {
	Name         string   // of the environment's directory below build/, for example "venv"
	Requirements string   // file that pins the packages, below the root of the repository
	Pythons      []string // versions of Python that they run on, best first, for example "3.13"; none: that of python3
}

// Pythons are the versions that the frozen packages of the tools and of MiniStack run on.
//
// Source: Requires-Python of the packages. They install on 3.11 to 3.14.
var Pythons = []string{"3.13", "3.12", "3.11", "3.14"}

// Tools are cfn-lint and sam.
var Tools = Packages{Name: "venv-tools", Requirements: "infra/requirements-tools.txt", Pythons: Pythons}

// Open returns the bin directory of a Python virtual environment below build/ that holds the packages. It installs them
// if they are missing or if their requirements file has changed. It needs Python and, to install, the network. If
// several processes call Open at once, one installs and the others wait.
//
// root is the directory of the repository.
//
// Errors: the packages cannot be installed, and the message has the output of pip; this machine has no Python of any of
// the versions, and none can be installed.
func Open(ctx context.Context, root string, p Packages) (bin string, err error) {
	wanted, err := os.ReadFile(filepath.Join(root, p.Requirements))
	if err != nil {
		return "", fmt.Errorf("read requirements: %w", err)
	}
	build := filepath.Join(root, "build")
	if err := os.MkdirAll(build, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(build, "."+p.Name+".lock"))
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", p.Name, err)
	}
	defer unlock()

	venv := filepath.Join(build, p.Name)
	mark := filepath.Join(venv, "installed.txt")
	if have, err := os.ReadFile(mark); err == nil && string(have) == string(wanted) {
		return filepath.Join(venv, "bin"), nil
	}
	python := "python3"
	if len(p.Pythons) > 0 {
		if python, err = findPython(ctx, root, p.Pythons); err != nil {
			return "", err
		}
	}
	if err := install(ctx, python, venv, filepath.Join(root, p.Requirements)); err != nil {
		return "", err
	}
	// Write the mark last, so that the next call repeats an interrupted installation.
	if err := os.WriteFile(mark, wanted, 0o644); err != nil {
		return "", err
	}
	return filepath.Join(venv, "bin"), nil
}

func install(ctx context.Context, python, venv, requirements string) error {
	fmt.Fprintf(os.Stderr, "installing %s into %s; takes about a minute, only once\n", filepath.Base(requirements), venv)
	if err := os.RemoveAll(venv); err != nil {
		return err
	}
	for _, command := range [][]string{
		{python, "-m", "venv", venv},
		{
			filepath.Join(venv, "bin", "python"), "-m", "pip",
			"install", "--quiet", "--disable-pip-version-check", "-r", requirements,
		},
	} {
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w; this needs the network, and Python with the module venv\n%s", command, err, out)
		}
	}
	return nil
}

// Root returns the directory of the repository: the nearest one, from the working directory up, that holds go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod in the working directory or above it; run this inside the repository")
		}
		dir = parent
	}
}
