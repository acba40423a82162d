package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// ViewsCmd holds the commands for views. Without a further word it lists them.
type ViewsCmd struct {
	Show     ViewsShowCmd     `cmd:"" default:"withargs" help:"List the views, or describe one (the default)."`
	Status   ViewsStatusCmd   `cmd:"" help:"Show the progress of each generation and the last audit."`
	Diff     ViewsDiffCmd     `cmd:"" help:"Compare the generation being built with the serving one."`
	Rebuild  ViewsRebuildCmd  `cmd:"" help:"Rebuild a view from the archive while it keeps serving."`
	Replay   ViewsReplayCmd   `cmd:"" help:"Replay the archive for a Kappa view while it keeps serving."`
	Switch   ViewsSwitchCmd   `cmd:"" help:"Make a ready generation the serving one."`
	Rollback ViewsRollbackCmd `cmd:"" help:"Return to the generation that served before."`
	Drop     ViewsDropCmd     `cmd:"" help:"Delete the retained generation, or a retired view."`
	Abandon  ViewsAbandonCmd  `cmd:"" help:"Give up a generation that has never served."`
	Audit    ViewsAuditCmd    `cmd:"" help:"Fold the archive again and compare the stored numbers."`
	Lint     ViewsLintCmd     `cmd:"" help:"Check a views file; needs no server."`
	Explain  ViewsExplainCmd  `cmd:"" help:"Explain how an event lands in views, or how a row came about."`
	Plan     ViewsPlanCmd     `cmd:"" help:"Show what the deployment of a views file would change and build."`
	Schema   ViewsSchemaCmd   `cmd:"" help:"Print the JSON Schema of views files, for editors."`
	Test     ViewsTestCmd     `cmd:"" help:"Run the tests of a views file; needs no server."`

	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json (the server's unchanged answer)."`

	Server
}

// Help returns the text below the flags of --help.
func (*ViewsCmd) Help() string {
	return `All commands that ask the server, but show, are for operators and require the admin key. If a view has the name of a command, use
"views show <view>" to describe it.

` + viewsCodes + `

Examples:

    anabranch views
    anabranch views page_views -o json
    anabranch views status
    anabranch views rebuild page_views --wait`
}

const viewsCodes = `Exit codes: 0 done; 1 no such view, or the server refused; 2 wrong flags;
3 the server failed or could not be reached.`

// Validate refuses an invalid URL.
func (c *ViewsCmd) Validate() error { return c.Server.Validate() }

// ViewsShowCmd lists the views, or describes one.
type ViewsShowCmd struct {
	View string `arg:"" optional:"" help:"Name of the view to describe; without it, list all."`
}

// Help returns the text below the flags of --help.
func (*ViewsShowCmd) Help() string {
	return viewsCodes + `

Examples:

    anabranch views show
    anabranch views show page_views -o json`
}

// Run queries the server and prints the answer.
func (c *ViewsShowCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	body, err := c.ask(ctx, w.client(views.Server, queryRetry, 1))
	switch {
	case err != nil:
		return errors.Join(w.refused(views.Server, err), c.suggest(w))
	case views.Output == "json":
		return w.write(body)
	case c.View == "":
		views, err := client.DecodeViews(body)
		if err != nil {
			return err
		}
		return printViews(w.stdout, views)
	}
	view, err := client.DecodeView(body)
	if err != nil {
		return err
	}
	return printView(w.stdout, view)
}

// suggest prints the command that the name of an unknown view may mean.
func (c *ViewsShowCmd) suggest(w *world) error {
	near := spelling.Nearest(c.View, commandsOf(ViewsCmd{}))
	if near == "" || near == c.View {
		return nil
	}
	_, err := fmt.Fprintf(w.stderr, "anabranch: did you mean the command \"anabranch views %s\"?\n", near)
	return err
}

// commandsOf returns the names of the commands that a command has.
func commandsOf(command any) (names []string) {
	for _, field := range reflect.VisibleFields(reflect.TypeOf(command)) {
		if _, ok := field.Tag.Lookup("cmd"); ok {
			names = append(names, strings.ToLower(field.Name))
		}
	}
	return names
}

func (c *ViewsShowCmd) ask(ctx context.Context, asker *client.Client) ([]byte, error) {
	if c.View == "" {
		return asker.Views(ctx)
	}
	return asker.View(ctx, c.View)
}

func printViews(w io.Writer, views []client.View) error {
	if len(views) == 0 {
		_, err := fmt.Fprintln(w, "no views")
		return err
	}
	t := table.New(
		table.Column{Name: "view"},
		table.Column{Name: "key"},
		table.Column{Name: "window"},
		table.Column{Name: "aggregates"},
		table.Column{Name: "horizon"},
		table.Column{Name: "description"},
	)
	for _, v := range views {
		t.Row(
			v.Name,
			orDash(strings.Join(fields(v), ", ")),
			orDash(string(v.Window)),
			orDash(strings.Join(names(v), ", ")),
			orDash(string(v.Horizon)),
			v.Description,
		)
	}
	if err := t.Print(w); err != nil {
		return err
	}
	var skipped []skippedOf
	for _, v := range views {
		if v.Error != "" {
			if _, err := fmt.Fprintf(w, "\n%s: %s\n", v.Name, table.Printable(v.Error)); err != nil {
				return err
			}
		}
		skipped = append(skipped, skippedBy(v.Name, v.Skipped)...)
	}
	return printSkipped(w, "In the windows of the last 7 days, views could not use these events:", skipped)
}

func fields(v client.View) []string {
	fields := make([]string, len(v.Key))
	for i, k := range v.Key {
		fields[i] = k.Field
	}
	return fields
}

func names(v client.View) []string {
	names := make([]string, len(v.Aggregates))
	for i, a := range v.Aggregates {
		names[i] = a.Name
	}
	return names
}

func printView(w io.Writer, v client.View) error {
	t := table.New(table.Column{}, table.Column{})
	t.Row("view", v.Name)
	t.Row("description", orDash(v.Description))
	t.Row("architecture", orDash(string(v.Architecture)))
	if v.State != "" {
		t.Row("state", string(v.State))
	}
	t.Row("where", orDash(v.Where))
	t.Row("window", string(v.Window))
	t.Row("definition", orDash(string(v.Definition)))
	t.Row("generation", orDash(string(v.Generation)))
	t.Row("horizon", orDash(string(v.Horizon)))
	if err := t.Print(w); err != nil {
		return err
	}
	if err := printParts(w, v); err != nil {
		return err
	}
	return printSkipped(w, "In the windows of the last 7 days, the view could not use these events:",
		skippedBy("", v.Skipped))
}

// printParts prints the key fields and below them the aggregates.
func printParts(w io.Writer, v client.View) error {
	t := table.New(table.Column{}, table.Column{}, table.Column{}, table.Column{})
	for _, k := range v.Key {
		t.Row("key", k.Field, k.Expr)
	}
	for _, a := range v.Aggregates {
		t.Row("aggregate", a.Name, a.Expr, exactness(a))
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return t.Print(w)
}

func exactness(a client.Aggregate) string {
	if a.Exact {
		return "exact"
	}
	return "within its stated error"
}
