package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
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
			short(string(g.ID)),
			short(string(g.Definition)),
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
		if len(line) > len(further) && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > most {
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

// readiness says whether a generation may replace the serving one, and else why not; "" if that is no question.
func readiness(v client.Status, g client.Generation) string {
	id := short(string(g.ID))
	switch {
	case g.ID == v.Serving, g.State == dropping: // the first already serves; the second never will
		return ""
	case g.Ready:
		return id + " is ready to serve"
	case g.Waits != "":
		return id + " is not ready yet: " + string(g.Waits)
	}
	return id + " is not ready yet"
}

// audited returns the last or running audit in a few words.
func audited(a *client.AuditStatus) string {
	switch {
	case a == nil:
		return "none yet"
	case a.Ended == "" && a.Begun == "":
		return "requested"
	case later(a.Begun, a.Ended):
		return "running"
	case a.Error != "":
		return fmt.Sprintf("failed at %s: %s", a.Ended, a.Error)
	}
	return fmt.Sprintf("%s, at %s", verdict(*a), a.Ended)
}

// verdict says what an audit found, and over how much.
func verdict(a client.AuditStatus) string {
	over := fmt.Sprintf("%d windows in %d stored items", a.Windows, a.Items)
	text := "no drift in " + over
	switch {
	case a.Drift == 0 && lost(a) == 0 && a.Windows == 0:
		return "nothing to audit yet: batch has stored no window"
	case a.Drift > 0:
		text = fmt.Sprintf("drift: %d of %s differ from the archive", a.Drift, over)
	}
	if n := lost(a); n > 0 {
		text += fmt.Sprintf("; %d objects of the archive are in no run", n)
	}
	return text
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

// notesOf returns the notes about a view that the table has no column for. skipped is one of them, or "".
func notesOf(v client.Status, skipped string) []string {
	var notes []string
	for _, g := range v.Generations {
		if note := readiness(v, g); note != "" {
			notes = append(notes, note)
		}
	}
	notes = append(notes, "audit: "+audited(v.Audit))
	if skipped != "" {
		notes = append(notes, skipped)
	}
	if v.Retired != "" {
		notes = append(notes, fmt.Sprintf("retired since %s: the deployed file no longer defines it; "+
			"it answers until it is dropped; deploy it again to keep it", v.Retired))
	}
	if v.Rebuild {
		notes = append(notes, "a rebuild is requested; it begins with the next run of batch")
	}
	if v.Misfit != "" {
		notes = append(notes, fmt.Sprintf("too large? %s", v.Misfit))
	}
	if v.Failure != "" {
		notes = append(notes, fmt.Sprintf("build given up: %s", v.Failure))
	}
	if v.Held != "" {
		notes = append(notes, fmt.Sprintf("definition %s is held: batch does not build it until you request a rebuild "+
			"or deploy another definition", short(string(v.Held))))
	}
	return notes
}
