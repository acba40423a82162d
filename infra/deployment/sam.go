package deployment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/infra/venv"
)

// frozenSam finds the version of sam in the frozen packages.
var frozenSam = regexp.MustCompile(`(?m)^aws-sam-cli==(\d+)\.(\d+)\.(\d+)`)

// version finds a version in the answer of sam --version.
var version = regexp.MustCompile(`(\d+)\.(\d+)\.(\d+)`)

// FindSam returns the directory that holds sam: that of the frozen packages, which it installs below build/ if they are
// missing. If they cannot be installed, it returns that of a sam on the path which is at least as new.
//
// Errors: no frozen packages and no sam that is new enough; the error says what to install.
func FindSam(ctx context.Context, root string) (bin string, err error) {
	bin, installErr := venv.Open(ctx, root, venv.Tools)
	if installErr == nil {
		return bin, nil
	}
	wanted, err := frozenVersion(root)
	if err != nil {
		return "", err
	}
	path, err := exec.LookPath("sam")
	if err != nil {
		return "", fmt.Errorf("no sam: %w\nor install sam %s or later, so that it is on the path: "+
			"https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html",
			installErr, wanted)
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", errors.Join(installErr, fmt.Errorf("%s --version: %w", path, err))
	}
	if has := version.FindString(string(out)); older(has, wanted) {
		return "", fmt.Errorf("%w\nand %s is %s: must be %s or later", installErr, path, has, wanted)
	}
	return filepath.Dir(path), nil
}

func frozenVersion(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, venv.Tools.Requirements))
	if err != nil {
		return "", err
	}
	found := frozenSam.FindString(string(text))
	if found == "" {
		return "", fmt.Errorf("%s does not name aws-sam-cli", venv.Tools.Requirements)
	}
	return strings.TrimPrefix(found, "aws-sam-cli=="), nil
}

// older reports whether a version is older than another. A version that cannot be read is older than any.
func older(has, wanted string) bool {
	a, b := version.FindStringSubmatch(has), version.FindStringSubmatch(wanted)
	if a == nil {
		return true
	}
	for i := 1; i <= 3; i++ {
		if len(a[i]) != len(b[i]) {
			return len(a[i]) < len(b[i])
		}
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// OnThisMachine returns the settings with the repository in the working directory: make builds the functions, and sam
// runs on the terminal of this process.
func (d Settings) OnThisMachine() Settings {
	d.Root = "."
	d.Build = func(ctx context.Context, architecture, views string) error {
		return onTerminal(exec.CommandContext(
			ctx, "make", "--no-print-directory", "functions", "ARCH="+architecture, "VIEWS="+views,
		))
	}
	d.Sam = func(ctx context.Context, args []string) error {
		bin, err := FindSam(ctx, d.Root)
		if err != nil {
			return err
		}
		return onTerminal(Sam(ctx, d.Root, bin, os.Environ(), args))
	}
	return d
}

// Sam returns the command that runs sam from a directory with arguments, in the directory of the repository and with an
// environment.
func Sam(ctx context.Context, root, bin string, environment, args []string) *exec.Cmd {
	sam := exec.CommandContext(ctx, filepath.Join(bin, "sam"), args...)
	sam.Dir = root
	// Switch the telemetry off.
	sam.Env = append(
		slices.Clone(environment), "SAM_CLI_TELEMETRY=0", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
	)
	return sam
}

func onTerminal(command *exec.Cmd) error {
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	return command.Run()
}
