// Command anabranch sends events to an Anabranch server and asks its views. It speaks HTTP only.
//
// Each command is a struct with its flags and a Run method; this file parses, runs, and turns errors into exit codes.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// CLI is the command line: a field per command. A Run method takes what it needs of a context, which ends on Ctrl-C, and of *world.
type CLI struct {
	Dev   DevCmd   `cmd:"" help:"Run the whole system in this process."`
	Send  SendCmd  `cmd:"" help:"Send events from files, and say what became of each."`
	Query QueryCmd `cmd:"" help:"Ask a view for the windows of one key."`
	Views ViewsCmd `cmd:"" help:"List the views, describe one, or operate them."`
	Smoke SmokeCmd `cmd:"" help:"Check a running server end to end, in a minute."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the command in this process: real clock, network and signals. It gives the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the process at once
	return earth(stdin, stdout, stderr).run(ctx, args)
}

// run parses, runs, and prints what went wrong.
func (w *world) run(ctx context.Context, args []string) int {
	ended := -1 // set by --help and --version, which want no command
	parser, err := kong.New(&CLI{}, kong.Name("anabranch"), kong.Description(description), kong.Vars{"version": w.version}, devDefaults(),
		kong.Writers(w.stdout, w.stderr), kong.Exit(func(code int) { ended = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(w), kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 120}))
	if err != nil {
		return w.report(err)
	}
	command, err := parser.Parse(args)
	switch {
	case ended >= 0:
		return ended
	case err != nil:
		return w.report(usage("%w; see anabranch%s --help", err, commandOf(err)))
	}
	return w.report(command.Run())
}

// commandOf is " send" when the command line was wrong within send, " views switch" within that.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Selected() != nil {
		return " " + wrong.Context.Selected().Path()
	}
	return ""
}

const description = `Live and exact counts over events: send events, ask views.

Exit codes: 0 done; 1 the server rejected an event, refused a question or failed a check, or numbers differ; 2 wrong flags or an unreadable
file; 3 the server could not be reached, gave up on us, or failed.`
