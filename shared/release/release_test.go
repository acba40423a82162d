package release_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/release"
)

// flagsOfMake returns the linker's flags with which make builds the command and the functions for a version.
func flagsOfMake(t *testing.T, version string) (ofCommand, ofFunctions string) {
	t.Helper()
	if _, err := os.Stat("../../Makefile"); err != nil { // so that go runs the test again after a change of it
		t.Fatal(err)
	}
	text, err := exec.CommandContext(
		t.Context(), "make", "--no-print-directory", "-n", "-C", "../..", "build", "functions", "VERSION="+version,
	).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	found := regexp.MustCompile(`go build .*-ldflags "([^"]*)"`).FindAllStringSubmatch(joined, -1)
	if len(found) != 2 {
		t.Fatalf("make builds with the flags %q, want those of the command and of the functions", found)
	}
	return found[0][1], found[1][1]
}

// TestMakefileStamps checks that a program that make builds says the version.
func TestMakefileStamps(t *testing.T) {
	const version = "v9.8.7-1-gabc"
	ofCommand, ofFunctions := flagsOfMake(t, version)
	for _, flags := range []string{ofCommand, ofFunctions} {
		said, err := exec.CommandContext(t.Context(), "go", "run", "-ldflags", flags, "./testdata/says").CombinedOutput()
		if err != nil || string(said) != version+"\n" {
			t.Errorf("with %s, the program says %q, error %v", flags, said, err)
		}
	}
}

// TestOtherCommitsChangeNoSilentFunction checks that a function that does not say its version has the same bytes for
// every commit.
func TestOtherCommitsChangeNoSilentFunction(t *testing.T) {
	var built [2][]byte
	for i := range built {
		_, flags := flagsOfMake(t, fmt.Sprintf("v1.0.%d", i))
		file := filepath.Join(t.TempDir(), "silent")
		said, err := exec.CommandContext(
			t.Context(), "go", "build", "-trimpath", "-ldflags", flags, "-o", file, "./testdata/silent",
		).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if built[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("two versions of a function that says none have different bytes")
	}
}

// TestVersionWithoutTheMakefile checks that a program that go builds by itself says what Go recorded.
func TestVersionWithoutTheMakefile(t *testing.T) {
	if v := release.Version(); v == "" {
		t.Error("the version is empty")
	}
}
