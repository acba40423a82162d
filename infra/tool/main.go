// Command tool runs sam or cfn-lint in the versions that infra/requirements-tools.txt freezes. It installs them into a
// virtual environment below build/ the first time:
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
		os.Exit(exit.ExitCode()) // the tool has printed its error
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tool:", err)
		os.Exit(1)
	}
}

// run runs the command on the terminal of this process.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("missing arguments: want a command and its arguments, for example: sam --version")
	}
	root, err := venv.Root()
	if err != nil {
		return err
	}
	bin, err := venv.Open(ctx, root, venv.Tools)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, filepath.Join(bin, args[0]), args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Switch the telemetry of the tools off.
	command.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return command.Run()
}
