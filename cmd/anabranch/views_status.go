package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// ViewsStatusCmd shows the state of each generation.
type ViewsStatusCmd struct {
	View string `arg:"" optional:"" help:"Name of the view; without it, show all."`
}

// Help returns the text below the flags of --help.
func (*ViewsStatusCmd) Help() string {
	return `Prints a line per generation; * marks the serving one. A generation is one full set of a view's stored numbers,
made from one definition. A changed view gets a new one, which is built beside the one that serves.

"horizon": batch has counted the events that arrived before; "behind" is the time from then to now. Batch works in
runs, each over the events that arrived since the run before; "runs left" is how many the generation has yet to apply.
"swept": of the events that arrived before, none is missing from the stream. "audit": the last comparison with the
archive; "drift" is the number of windows that differ. "skipped": events that the view could not use, and the most
frequent reason; "anabranch views VIEW" lists all reasons.

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
	skipped := o.loadSkips(ctx)
	return o.print(func(out io.Writer) error { return printStatus(out, status, skipped, w.now()) })
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
	skipped := o.loadSkips(ctx)
	return o.print(func(out io.Writer) error { return printStatuses(out, all, skipped, o.w.now()) })
}

func printStatuses(w io.Writer, all client.Statuses, skipped skips, now time.Time) error {
	rows := [][2]string{{"last run", position(all.Head)}, {"swept", position(all.Swept)}}
	if err := printPositions(w, rows); err != nil {
		return err
	}
	if len(all.Views) == 0 {
		_, err := fmt.Fprintln(w, "\nno views")
		return err
	}
	return printViewStatuses(w, all.Views, skipped, now)
}

func printStatus(w io.Writer, s client.Status, skipped skips, now time.Time) error {
	if err := printPositions(w, [][2]string{{"last run", position(s.Head)}}); err != nil {
		return err
	}
	return printViewStatuses(w, []client.Status{s}, skipped, now)
}

func printPositions(w io.Writer, rows [][2]string) error {
	t := table.New(table.Column{}, table.Column{})
	for _, row := range rows {
		t.Row(row[0], row[1])
	}
	return t.Print(w)
}

// printViewStatuses prints for each view a table of its generations, and below it what the table has no column for.
func printViewStatuses(w io.Writer, views []client.Status, skipped skips, now time.Time) error {
	for _, v := range views {
		if _, err := fmt.Fprintf(w, "\n%s\n", table.Cell(v.View)); err != nil {
			return err
		}
		if err := printGenerations(w, v, now); err != nil {
			return err
		}
		for _, note := range notesOf(v, skipped.noteOf(v.View)) {
			if _, err := fmt.Fprintln(w, wrapped(table.Cell(note))); err != nil {
				return err
			}
		}
	}
	return nil
}

func printGenerations(w io.Writer, v client.Status, now time.Time) error {
	if len(v.Generations) == 0 {
		_, err := fmt.Fprintln(w, "  no generation yet: batch begins one at its next run")
		return err
	}
	t := table.New(
		table.Column{Name: "   "},
		table.Column{Name: "generation"},
		table.Column{Name: "definition"},
		table.Column{Name: "kind"},
		table.Column{Name: "state"},
		table.Column{Name: "horizon"},
		table.Column{Name: "behind", Right: true},
		table.Column{Name: "runs left", Right: true},
	)
	for _, g := range v.Generations {
		mark := ""
		if g.ID == v.Serving {
			mark = "  *"
		}
		t.Row(
			mark,
			doctor.Short(string(g.ID)),
			doctor.Short(string(g.Definition)),
			orDash(string(g.Architecture)),
			orDash(string(g.State)),
			orDash(string(g.Horizon)),
			behind(g.Horizon, now),
			strconv.FormatInt(g.RunsLeft, 10),
		)
	}
	return t.Print(w)
}

// wrapped returns a note in lines of at most 100 columns, indented below the name of its view.
func wrapped(note string) string {
	const most, indent, further = 100, "  ", "    "
	var lines []string
	line := indent
	for _, word := range strings.Fields(note) {
		if len(line) > len(further) && table.Width(line)+1+table.Width(word) > most {
			lines, line = append(lines, line), further
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}

// position returns a position in the log of runs.
func position(p client.Position) string {
	if p.Run == 0 {
		return "no run yet"
	}
	return fmt.Sprintf("run %d, events that arrived before %s", p.Run, orDash(string(p.Horizon)))
}

// behind returns how far a horizon lies in the past; "-" without a horizon.
func behind(horizon client.Text, now time.Time) string {
	at, err := time.Parse(time.RFC3339, string(horizon))
	if err != nil {
		return "-"
	}
	return max(0, now.Sub(at)).Round(time.Second).String()
}

// notesOf returns the notes about a view that the table has no column for: first those of the generations, then the
// audit, then skipped, if it is not "", then all others.
func notesOf(v client.Status, skipped string) (notes []string) {
	for _, note := range doctor.NotesOf(v) {
		notes = append(notes, note.Text)
		if strings.HasPrefix(note.Text, "audit: ") && skipped != "" {
			notes = append(notes, skipped)
		}
	}
	return notes
}
