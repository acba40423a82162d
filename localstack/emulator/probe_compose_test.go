package emulator_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/emulator"
)

// TestCompose checks that the containers have the versions that the other tests use, and that no other machine can
// reach them. The test needs no Docker.
func TestCompose(t *testing.T) {
	root, err := venv.Root()
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	requirements := emulator.MiniStack.Packages.Requirements
	pinned := regexp.MustCompile(`(?m)^ministack==(\S+)`).FindStringSubmatch(read(requirements))
	if pinned == nil {
		t.Fatalf("%s does not pin ministack", requirements)
	}
	compose := read("localstack/compose.yaml")
	for _, line := range []string{
		"image: ministackorg/ministack:" + pinned[1] + "-full",
		"image: localstack/localstack:4.14.0",
	} {
		if !strings.Contains(compose, line+"\n") {
			t.Errorf("compose.yaml does not say %q", line)
		}
	}
	for _, port := range regexp.MustCompile(`"[^"\s]*[0-9]:[0-9]+(-[0-9]+)?"`).FindAllString(compose, -1) {
		if !strings.HasPrefix(port, `"127.0.0.1:`) {
			t.Errorf("port %s is not on 127.0.0.1 alone", port)
		}
	}
	if n := strings.Count(compose, `"127.0.0.1:`); n != 3 {
		t.Errorf("%d ports are published, want 3", n)
	}
	for _, line := range strings.Split(compose, "\n") {
		if text, _, _ := strings.Cut(line, "#"); strings.Contains(text, "latest") {
			t.Errorf("no version is named: %s", line)
		}
	}
}
