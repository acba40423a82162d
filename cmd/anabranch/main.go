// Command anabranch sends events to an Anabranch server, queries its views and operates them. All commands speak HTTP
// only, except dev, which runs a whole server in this process.
//
// Each command is a struct with its flags and a Run method. This file parses the command line, runs the command, and
// turns errors into exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// CLI is the command line: one field per command. A Run method receives what it asks for by type: a context, which ends
// on Ctrl-C, and *world.
type CLI struct {
	Dev    DevCmd    `cmd:"" help:"Run the whole system in this process."`
	Send   SendCmd   `cmd:"" help:"Send events from files; name each rejected event."`
	Query  QueryCmd  `cmd:"" help:"Query the windows of a view, of one key or of many."`
	Keys   KeysCmd   `cmd:"" help:"List the keys of a view."`
	Views  ViewsCmd  `cmd:"" help:"List the views, describe one, or operate them."`
	Cost   CostCmd   `cmd:"" help:"Compute what a stack costs on AWS for your events and views."`
	Smoke  SmokeCmd  `cmd:"" help:"Check a running server end to end, within a minute."`
	Doctor DoctorCmd `cmd:"" help:"Check a server and its stack, and say what to do."`
	MCP    MCPCmd    `cmd:"" name:"mcp" help:"Offer the views of a server to an assistant (MCP)."`

	HelpOf  HelpCmd    `cmd:"" name:"help" help:"Describe a command: anabranch help views switch."`
	Version VersionCmd `cmd:"" help:"Print the version."`

	Completion CompletionCmd `cmd:"" help:"Print the script by which bash, zsh or fish completes words."`
	Complete   CompleteCmd   `cmd:"" hidden:""`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version and exit."`
}

// HelpCmd is "anabranch help": the same as --help.
type HelpCmd struct {
	Command []string `arg:"" optional:"" help:"The command; without it, list all."`
}

// Run prints the help of the command.
func (c *HelpCmd) Run(ctx context.Context, w *world) error {
	if code := w.run(ctx, append(c.Command, "--help")); code != exitOK {
		return &failure{code: code}
	}
	return nil
}

// VersionCmd is "anabranch version": the same as --version.
type VersionCmd struct{}

// Run prints the version.
func (*VersionCmd) Run(w *world) error {
	_, err := fmt.Fprintln(w.stdout, w.version)
	return err
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run runs a command line in this process, with the real clock, network and signals. It returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the process at once
	return newWorld(stdin, stdout, stderr).run(ctx, args)
}

// run parses the arguments, runs the command and prints its error. It returns the exit code.
func (w *world) run(ctx context.Context, args []string) int {
	costDefaults, err := costVars()
	if err != nil {
		return w.report(err)
	}
	ended := -1 // --help and --version set it: they need no command
	parser, err := kong.New(
		&CLI{},
		kong.Name("anabranch"),
		kong.Description(description),
		kong.Vars{"version": w.version},
		flagVars(),
		costDefaults,
		kong.Writers(w.stdout, w.stderr),
		kong.Exit(func(code int) { ended = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(w),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 120}),
	)
	if err != nil {
		return w.report(err)
	}
	command, err := parser.Parse(joinMoments(args))
	switch {
	case ended >= 0:
		return ended
	case err != nil && commandOf(err) == " dev" && strings.HasPrefix(err.Error(), "unexpected argument"):
		return w.report(usage("%w; name a file of views with --views, and a directory with --dir; see anabranch dev --help",
			err))
	case err != nil && commandOf(err) == " views show" && strings.HasPrefix(err.Error(), "unexpected argument"):
		return w.report(usage("%w; a command comes before its view: anabranch views status VIEW; see anabranch views --help",
			err))
	case err != nil:
		return w.report(usage("%w%s; see anabranch%s --help", err, flagMeant(err), commandOf(err)))
	}
	return w.report(command.Run())
}

// meant are flags that users of other tools try, by command, each with what does it here.
var meant = map[string]map[string]string{
	" query": {
		"--group-by": "--by", "--groupby": "--by", "--group": "--by", "--sort": "--order", "--order-by": "--order",
		"--timezone": "--tz", "--format": "--output", "--key": "field=value, without a flag",
	},
	" keys": {
		"--order": "--reverse: keys are in the order of their fields", "--format": "--output",
		"--sort": "--reverse: keys are in the order of their fields",
	},
}

// flagMeant suggests a flag for an unknown one; "" if it knows none.
func flagMeant(err error) string {
	flag, unknown := strings.CutPrefix(err.Error(), "unknown flag ")
	flag, _, _ = strings.Cut(flag, ",")
	if other, known := meant[commandOf(err)][flag]; unknown && known && !strings.Contains(err.Error(), "did you mean") {
		return "; use " + other
	}
	return ""
}

// commandOf returns the path of the command in which the flags were wrong: " send", or " views switch".
func commandOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Selected() != nil {
		return " " + wrong.Context.Selected().Path()
	}
	return ""
}

const description = `Live and exact counts over events: send events, query views.

Exit codes: 0 done; 1 the server rejected an event, refused a request or failed a check, or numbers differ; 2 wrong
flags or an unreadable file; 3 the server failed or could not be reached, or the command was interrupted.`
