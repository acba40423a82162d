// Command tool runs sam or cfn-lint, in the versions that infra/requirements-tools.txt freezes, from a virtual environment below build/ that it
// makes when it is missing:
//
//	go run ./infra/tool sam validate --lint --template template.yaml
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/anabranch/anabranch/infra/venv"
)

func main() {
	err := run(context.Background(), os.Args[1:])
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		os.Exit(exit.ExitCode()) // it has said why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tool:", err)
		os.Exit(1)
	}
}

// run runs the command, which talks to the terminal as if it had been called itself.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("want a command and its arguments, for example: sam --version")
	}
	root, err := venv.Root()
	if err != nil {
		return err
	}
	bin, err := venv.Open(ctx, root, "venv-tools", venv.Tools)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, filepath.Join(bin, args[0]), args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Nothing is told about us, and nothing is asked for: these are the tools' own switches.
	command.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return command.Run()
}
