package venv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// uv installs Pythons.
var uv = Packages{Name: "venv-uv", Requirements: "infra/requirements-uv.txt"}

// findPython returns the path of a Python of one of the versions, for example "3.13". It looks at the commands on the
// path, at what pyenv has installed, and at what an earlier call has installed. If there is none, it installs the first
// version into build/python with uv.
func findPython(ctx context.Context, root string, versions []string) (string, error) {
	folder := filepath.Join(root, "build", "python")
	for _, version := range versions {
		if python := lookForPython(ctx, folder, version); python != "" {
			return python, nil
		}
	}
	best, wanted := versions[0], strings.Join(slices.Sorted(slices.Values(versions)), ", ")
	out, err := installPython(ctx, root, folder, best)
	if err == nil {
		if python := lookForPython(ctx, folder, best); python != "" {
			return python, nil
		}
		err = errors.New("uv has installed none that runs")
	}
	return "", fmt.Errorf("missing Python %s: it is neither on the path nor below pyenv, and uv cannot install it: %w; "+
		"install Python %s with its module venv, so that python%s runs: see https://www.python.org/downloads/, "+
		"or your package manager (brew install python@%s, dnf install python%s)\n%s",
		wanted, err, best, best, best, best, out)
}

func lookForPython(ctx context.Context, folder, version string) string {
	pyenv := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); err == nil && pyenv == "" {
		pyenv = filepath.Join(home, ".pyenv")
	}
	candidates := []string{"python" + version, "python3"}
	for _, installed := range []string{
		filepath.Join(folder, "*"+version+"*"), filepath.Join(pyenv, "versions", version+"*"),
	} {
		// Glob fails only if the pattern is malformed, which then finds nothing, either.
		found, _ := filepath.Glob(filepath.Join(installed, "bin", "python"+version))
		candidates = append(candidates, found...)
	}
	for _, python := range candidates {
		// A command of pyenv may be on the path and yet not run. Debian's python3 has no venv without python3-venv.
		out, err := exec.CommandContext(ctx, python, "-c",
			"import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])").Output()
		if err == nil && strings.TrimSpace(string(out)) == version {
			return python
		}
	}
	return ""
}

func installPython(ctx context.Context, root, folder, version string) (out []byte, err error) {
	bin, err := Open(ctx, root, uv)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "installing Python %s into %s, once\n", version, folder)
	command := exec.CommandContext(
		ctx, filepath.Join(bin, "uv"), "python", "install", "--no-bin", "--install-dir", folder, version,
	)
	return command.CombinedOutput()
}
