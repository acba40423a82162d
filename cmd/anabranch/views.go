package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// ViewsCmd is what can be done with views; without more words it lists them.
type ViewsCmd struct {
	Show     ViewsShowCmd     `cmd:"" default:"withargs" help:"List the views, or describe one: what \"views\" alone does."`
	Status   ViewsStatusCmd   `cmd:"" help:"How far each generation has come, and what the last audit found."`
	Diff     ViewsDiffCmd     `cmd:"" help:"Compare the generation that is built with the one that serves."`
	Rebuild  ViewsRebuildCmd  `cmd:"" help:"Build a view anew from the archive, beside what serves."`
	Replay   ViewsReplayCmd   `cmd:"" help:"Replay the archive for a Kappa view, beside what serves."`
	Switch   ViewsSwitchCmd   `cmd:"" help:"Let a generation that is ready serve."`
	Rollback ViewsRollbackCmd `cmd:"" help:"Let the generation serve again that did before."`
	Drop     ViewsDropCmd     `cmd:"" help:"Delete the generation that is kept to go back to, or a view that is retired."`
	Abandon  ViewsAbandonCmd  `cmd:"" help:"Give up a generation that has not served yet."`
	Audit    ViewsAuditCmd    `cmd:"" help:"Fold the archive anew and compare what is stored."`

	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json: the server's answer as it is."`

	Server
}

// Help is the text under --help.
func (*ViewsCmd) Help() string {
	return `All but show are for those who operate the server, and want its admin key. A view that is called like one of these words is shown by "views show <view>".

` + viewsCodes + `

Examples:

    anabranch views
    anabranch views page_views -o json
    anabranch views status
    anabranch views rebuild page_views --wait`
}

const viewsCodes = `Exit codes: 0 done; 1 there is no such view, or the server refused; 2 wrong flags; 3 the server could not be reached or failed.`

// Validate refuses an address that is none.
func (c *ViewsCmd) Validate() error { return c.Server.Validate() }

// ViewsShowCmd lists the views, or describes one.
type ViewsShowCmd struct {
	View string `arg:"" optional:"" help:"Name of the view to describe; none lists all."`
}

// Help is the text under --help.
func (*ViewsShowCmd) Help() string {
	return viewsCodes + `

Examples:

    anabranch views show
    anabranch views show page_views -o json`
}

// Run asks and prints.
func (c *ViewsShowCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	body, err := c.ask(ctx, w.client(views.Server, queryRetry, 1))
	switch {
	case err != nil:
		return w.refused(views.Server, err)
	case views.Output == "json":
		_, err := w.stdout.Write(body)
		return err
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
	t := table.New(table.Column{Name: "view"}, table.Column{Name: "key"}, table.Column{Name: "window"}, table.Column{Name: "aggregates"},
		table.Column{Name: "horizon"}, table.Column{Name: "description"})
	for _, v := range views {
		t.Row(v.Name, orDash(strings.Join(fields(v), ", ")), string(v.Window), strings.Join(names(v), ", "), orDash(string(v.Horizon)),
			v.Description)
	}
	return t.Print(w)
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
	return printParts(w, v)
}

// printParts prints the key fields and the aggregates below each other.
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
