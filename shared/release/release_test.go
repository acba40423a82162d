package release_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/release"
)

// TestMakefileStamps checks that make builds the command and the functions with the flag that sets the version, and
// that a program with this flag says it.
func TestMakefileStamps(t *testing.T) {
	text, err := exec.CommandContext(
		t.Context(), "make", "--no-print-directory", "-n", "-C", "../..", "build", "functions", "VERSION=v9.8.7-1-gabc",
	).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	builds := regexp.MustCompile(`go build .*`).FindAllString(joined, -1)
	flags := regexp.MustCompile(`-ldflags "([^"]*)"`)
	if len(builds) != 2 {
		t.Fatalf("make builds %q, want the command and the functions", builds)
	}
	for _, build := range builds {
		found := flags.FindStringSubmatch(build)
		if found == nil {
			t.Errorf("%s: there is no -ldflags", build)
			continue
		}
		said, err := exec.CommandContext(t.Context(), "go", "run", "-ldflags", found[1], "./testdata/says").CombinedOutput()
		if err != nil || string(said) != "v9.8.7-1-gabc\n" {
			t.Errorf("%s: the program says %q, error %v", build, said, err)
		}
	}
}

// TestVersionWithoutTheMakefile checks that a program that go builds by itself says what Go recorded.
func TestVersionWithoutTheMakefile(t *testing.T) {
	if v := release.Version(); v == "" {
		t.Error("the version is empty")
	}
}
