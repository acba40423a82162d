package venv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// command writes an executable script.
func command(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestLookForPython checks that only a Python that runs, has the modules and is of the version counts, wherever it is.
func TestLookForPython(t *testing.T) {
	const version = "3.13"
	good, other, broken := "echo 3.13", "echo 3.11", "echo pyenv: command not found >&2; exit 127"
	for _, test := range []struct {
		name                                   string
		versioned, python3, installed, ofPyenv string
		want                                   string
	}{
		{"its own name", good, other, good, good, "python3.13"},
		{"python3", broken, good, good, good, "python3"},
		{"installed by us", broken, other, good, good, "build/python/cpython-3.13.9-linux/bin/python3.13"},
		{"pyenv's", broken, other, broken, good, "pyenv/versions/3.13.0/bin/python3.13"},
		{"none", broken, other, other, broken, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", filepath.Join(dir, "bin"))
			t.Setenv("PYENV_ROOT", filepath.Join(dir, "pyenv"))
			command(t, filepath.Join(dir, "bin", "python3.13"), test.versioned)
			command(t, filepath.Join(dir, "bin", "python3"), test.python3)
			command(t, filepath.Join(dir, "build/python/cpython-3.13.9-linux/bin/python3.13"), test.installed)
			command(t, filepath.Join(dir, "pyenv/versions/3.13.0/bin/python3.13"), test.ofPyenv)
			want := test.want
			if strings.Contains(want, "/") {
				want = filepath.Join(dir, want)
			}
			got := lookForPython(t.Context(), filepath.Join(dir, "build", "python"), version)
			if got != want {
				t.Errorf("found %q, want %q", got, want)
			}
		})
	}
}

// TestAnyPythonThatWillDo checks that the best of the versions that this machine has is used, and that an error names
// all versions when it has none.
func TestAnyPythonThatWillDo(t *testing.T) {
	for _, test := range []struct{ name, python3, other, want string }{
		{"an old python3 beside a newer one", "echo 3.9", "echo 3.12", "python3.12"},
		{"python3", "echo 3.12", "exit 127", "python3"},
		{"only an old one", "echo 3.9", "exit 127", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", filepath.Join(dir, "bin"))
			t.Setenv("PYENV_ROOT", filepath.Join(dir, "pyenv"))
			command(t, filepath.Join(dir, "bin", "python3"), test.python3)
			command(t, filepath.Join(dir, "bin", "python3.12"), test.other)
			got, err := findPython(t.Context(), dir, []string{"3.13", "3.12", "3.11"})
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("found %q, error %v; want %q", got, err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), "missing Python 3.11, 3.12, 3.13") {
				t.Errorf("error %v does not name the versions", err)
			}
		})
	}
}
