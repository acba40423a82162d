package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// ViewsStatusCmd shows the state of each generation.
type ViewsStatusCmd struct {
	View string `arg:"" optional:"" help:"Name of the view; without it, show all."`
}

// Help returns the text below the flags of --help.
func (*ViewsStatusCmd) Help() string {
	return `Prints one line per generation; * marks the serving one. "behind" is the time from its horizon to now. "runs
left" is how many of the existing runs it has yet to apply.

` + viewsCodes + `

Examples:

    anabranch views status
    anabranch views status page_views -o json`
}

// Run queries the status and prints it.
func (c *ViewsStatusCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	o := newOperator(w, views, c.View)
	if c.View == "" {
		return o.statuses(ctx)
	}
	status, err := o.status(ctx)
	if err != nil {
		return err
	}
	return o.print(func(out io.Writer) error { return printStatus(out, status, w.now()) })
}

func (o *operator) statuses(ctx context.Context) error {
	body, err := o.asker.Statuses(ctx)
	if err != nil {
		return o.refused(err)
	}
	all, err := client.DecodeStatuses(body)
	if err != nil {
		return err
	}
	o.answer = body
	return o.print(func(out io.Writer) error { return printStatuses(out, all, o.w.now()) })
}

func printStatuses(w io.Writer, all client.Statuses, now time.Time) error {
	head := table.New(table.Column{}, table.Column{}, table.Column{})
	head.Row(append([]string{"head"}, position(all.Head)...)...)
	head.Row(append([]string{"swept"}, position(all.Swept)...)...)
	if err := head.Print(w); err != nil {
		return err
	}
	if len(all.Views) == 0 {
		_, err := fmt.Fprintln(w, "\nno views")
		return err
	}
	return printGenerations(w, all.Views, now)
}

func printStatus(w io.Writer, s client.Status, now time.Time) error {
	head := table.New(table.Column{}, table.Column{}, table.Column{})
	head.Row(append([]string{"head"}, position(s.Head)...)...)
	if err := head.Print(w); err != nil {
		return err
	}
	return printGenerations(w, []client.Status{s}, now)
}

// printGenerations prints a table of all generations, and below it the notes about whole views.
func printGenerations(w io.Writer, views []client.Status, now time.Time) error {
	t := table.New(
		table.Column{Name: "view"},
		table.Column{Name: " "},
		table.Column{Name: "generation"},
		table.Column{Name: "definition"},
		table.Column{Name: "architecture"},
		table.Column{Name: "state"},
		table.Column{Name: "horizon"},
		table.Column{Name: "behind", Right: true},
		table.Column{Name: "runs left", Right: true},
		table.Column{Name: "ready"},
		table.Column{Name: "last audit"},
	)
	var notes []string
	for _, v := range views {
		addGenerations(t, v, now)
		notes = append(notes, notesOf(v)...)
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := t.Print(w); err != nil || len(notes) == 0 {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", strings.Join(notes, "\n"))
	return err
}

func addGenerations(t *table.Table, v client.Status, now time.Time) {
	if len(v.Generations) == 0 {
		t.Row(v.View, "", "-", "-", "-", "-", "-", "-", "-", "-", audited(v.Audit))
		return
	}
	place := auditPlace(v)
	for i, g := range v.Generations {
		name, mark, audit := v.View, "", ""
		if i > 0 {
			name = ""
		}
		if g.ID == v.Serving {
			mark = "*"
		}
		if i == place {
			audit = audited(v.Audit)
		}
		t.Row(
			name,
			mark,
			short(string(g.ID)),
			short(string(g.Definition)),
			orDash(string(g.Architecture)),
			orDash(string(g.State)),
			orDash(string(g.Horizon)),
			behind(g.Horizon, now),
			strconv.FormatInt(g.RunsLeft, 10),
			readiness(v, g),
			audit,
		)
	}
}

// auditPlace returns the index of the generation whose line shows the audit: the audited one, else the serving one.
func auditPlace(v client.Status) int {
	of := v.Serving
	if v.Audit != nil {
		of = cmp.Or(v.Audit.Generation, v.Serving)
	}
	for i, g := range v.Generations {
		if g.ID == of {
			return i
		}
	}
	return 0
}

// position returns a position in the log of runs as table cells.
func position(p client.Position) []string {
	if p.Run == 0 {
		return []string{"no run yet"}
	}
	return []string{"run " + strconv.FormatInt(p.Run, 10), string(p.Horizon)}
}

// behind returns how far a horizon lies in the past; "-" without a horizon.
func behind(horizon client.Text, now time.Time) string {
	at, err := time.Parse(time.RFC3339, string(horizon))
	if err != nil {
		return "-"
	}
	return max(0, now.Sub(at)).Round(time.Second).String()
}

func readiness(v client.Status, g client.Generation) string {
	switch {
	case g.ID == v.Serving, g.State == "dropping": // the first already serves; the second never will
		return ""
	case g.Ready:
		return "yes"
	case g.Waits != "":
		return string(g.Waits)
	}
	return "no"
}

// audited returns the last or running audit in a few words.
func audited(a *client.AuditStatus) string {
	switch {
	case a == nil:
		return "-"
	case a.Ended == "" && a.Begun == "":
		return "requested"
	case later(a.Begun, a.Ended):
		return "running"
	case a.Error != "":
		return "failed at " + string(a.Ended)
	case a.Drift == 0 && lost(*a) == 0:
		return "no drift at " + string(a.Ended)
	case lost(*a) == 0:
		return fmt.Sprintf("drift %d at %s", a.Drift, a.Ended)
	}
	return fmt.Sprintf("drift %d, lost objects %d, at %s", a.Drift, lost(*a), a.Ended)
}

// later says whether a lies after b. An empty b lies before any time.
func later(a, b client.Text) bool {
	x, none := time.Parse(time.RFC3339, string(a))
	if none != nil {
		return false
	}
	y, none := time.Parse(time.RFC3339, string(b))
	return none != nil || x.After(y)
}

// notesOf returns the notes about a view that the table has no column for.
func notesOf(v client.Status) []string {
	var lines []string
	if v.Retired != "" {
		lines = append(
			lines,
			fmt.Sprintf(
				"%s: retired since %s: the deployed file no longer defines it; "+
					"it answers until it is dropped; deploy it again to keep it",
				table.Printable(v.View),
				table.Printable(string(v.Retired)),
			),
		)
	}
	if v.Rebuild {
		lines = append(lines, table.Printable(v.View)+": a rebuild is requested; it begins with the next run of batch")
	}
	if v.Held != "" {
		lines = append(
			lines,
			fmt.Sprintf(
				"%s: definition %s is held: batch does not build it until you request a rebuild or deploy another definition",
				table.Printable(v.View),
				table.Printable(short(string(v.Held))),
			),
		)
	}
	return lines
}
