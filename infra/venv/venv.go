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

// Tools is the requirements file with cfn-lint and sam.
const Tools = "infra/requirements-tools.txt"

// Open returns the bin directory of a Python virtual environment below build/ with the packages of a requirements file.
// It installs them if they are missing or if the file has changed. It needs python3 and, to install, the network. If
// several processes call Open at once, one installs and the others wait.
//
// root is the directory of the repository. name is the name of the environment's directory, for example "venv".
//
// Errors: the packages cannot be installed; the message has the output of pip.
func Open(ctx context.Context, root, name, requirements string) (bin string, err error) {
	wanted, err := os.ReadFile(filepath.Join(root, requirements))
	if err != nil {
		return "", fmt.Errorf("read requirements: %w", err)
	}
	build := filepath.Join(root, "build")
	if err := os.MkdirAll(build, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(build, "."+name+".lock"))
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", name, err)
	}
	defer unlock()

	venv := filepath.Join(build, name)
	mark := filepath.Join(venv, "installed.txt")
	if have, err := os.ReadFile(mark); err == nil && string(have) == string(wanted) {
		return filepath.Join(venv, "bin"), nil
	}
	if err := install(ctx, venv, filepath.Join(root, requirements)); err != nil {
		return "", err
	}
	// Write the mark last, so that the next call repeats an interrupted installation.
	if err := os.WriteFile(mark, wanted, 0o644); err != nil {
		return "", err
	}
	return filepath.Join(venv, "bin"), nil
}

func install(ctx context.Context, venv, requirements string) error {
	fmt.Fprintf(os.Stderr, "installing %s into %s; takes about a minute, only once\n", filepath.Base(requirements), venv)
	if err := os.RemoveAll(venv); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", venv},
		{
			filepath.Join(venv, "bin", "python"), "-m", "pip",
			"install", "--quiet", "--disable-pip-version-check", "-r", requirements,
		},
	} {
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w; this needs the network, and python3 with the module venv\n%s", command, err, out)
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
