//go:build emulator

package venv_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/infra/venv"
)

func TestRequirementsThatCannotBeInstalledAreNotTakenForInstalled(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(root+"/bad.txt", []byte("./no-such-package\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := venv.Open(t.Context(), root, venv.Packages{Name: "venv", Requirements: "bad.txt"}); err == nil ||
		!strings.Contains(err.Error(), "no-such-package") {
		t.Errorf("error %v, want what pip says", err)
	}
	if _, err := os.Stat(root + "/build/venv/installed.txt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the mark of an installation: error %v, want that there is none", err)
	}
}

// TestPythonThatNobodyHas checks that where uv knows no such Python, the error says what to install.
func TestPythonThatNobodyHas(t *testing.T) {
	root, err := venv.Root()
	if err != nil {
		t.Fatal(err)
	}
	p := venv.Packages{Name: "venv-of-a-test", Requirements: venv.Tools.Requirements, Pythons: []string{"3.0"}}
	_, err = venv.Open(t.Context(), root, p)
	if err == nil || !strings.Contains(err.Error(), "missing Python 3.0") ||
		!strings.Contains(err.Error(), "install Python 3.0") {
		t.Errorf("error %v, want that Python 3.0 is missing, and what to do", err)
	}
}
