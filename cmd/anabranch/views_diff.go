package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// ViewsDiffCmd compares a generation with the serving one.
type ViewsDiffCmd struct {
	View       string `arg:"" help:"Name of the view."`
	Generation string `help:"${generation_to_compare}" placeholder:"ID"`
	Sample     int64  `help:"Stop after about this many keys; 0 compares all keys." default:"0"`
	Rows       int    `help:"Maximum number of differing windows to show; 0 shows all." default:"20"`
}

// diffLimit is the maximum number of windows on a page: the most that a server accepts.
const diffLimit = "1000"

// Help returns the text below the flags of --help.
func (*ViewsDiffCmd) Help() string {
	return `Compares a generation with the one that serves, for every window of every key. Without --generation it is
the one being built, else the retained one, which served before. The output calls it building or retained; JSON calls it
candidate. Aggregates that only one of them has are named and do not count as a difference.
The server reads the keys from every table that the two use, and compares a key in several tables once. A key with many
items in one table may span several pages of the scan; it is then compared and counted once per page.

Exit codes: 0 no window differs; 1 windows differ, or the server refused; 2 wrong flags; 3 the server failed or could
not be reached, or the view changed during the comparison.

Examples:

    anabranch views diff page_views
    anabranch views diff page_views --sample 1000 --rows 0 -o json`
}

// Validate refuses numbers below 0.
func (c *ViewsDiffCmd) Validate() error {
	switch {
	case c.Sample < 0:
		return fmt.Errorf("--sample: %d is below the minimum, 0", c.Sample)
	case c.Rows < 0:
		return fmt.Errorf("--rows: %d is below the minimum, 0", c.Rows)
	}
	return nil
}

// Run compares and prints the result.
func (c *ViewsDiffCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	o := newOperator(w, views, c.View)
	o.patient()
	id := c.Generation
	if id != "" {
		status, err := o.status(ctx)
		if err != nil {
			return err
		}
		if id, err = named(status, id); err != nil {
			return err
		}
	}
	all, err := c.compare(ctx, o, id)
	if err != nil {
		return o.refused(err)
	}
	if o.json {
		if o.answer, err = client.EncodeDiff(all); err != nil {
			return fmt.Errorf("encode the merged pages: %w", err)
		}
		o.answer = append(o.answer, '\n')
	}
	if err := o.print(func(out io.Writer) error { return printDiff(out, all) }); err != nil {
		return err
	}
	switch {
	case !all.Comparable:
		return &failure{
			exitRejected,
			fmt.Errorf(
				"%s: cannot compare generation %s with the serving one: %s",
				c.View,
				all.Candidate.Generation,
				orDash(string(all.Reason)),
			),
		}
	case all.Differing > 0:
		return &failure{code: exitRejected}
	}
	return nil
}

// compare reads all pages and merges them. Next is nil if the result is complete. It keeps only the rows that are
// shown. A key may span several pages: compare counts and shows each of its differing windows once, as far as the pages
// list them.
func (c *ViewsDiffCmd) compare(ctx context.Context, o *operator, id string) (client.Diff, error) {
	defer o.meter.close()
	var all client.Diff
	seen := map[string]bool{}
	for pages, cursor := 0, ""; ; pages++ {
		page, err := o.page(ctx, id, cursor)
		if err != nil {
			return all, err
		}
		if pages == 0 {
			all, all.Rows, all.Differing = page, nil, 0
			id = string(page.Candidate.Generation)
		} else if page.Serving != all.Serving || page.Candidate != all.Candidate {
			return all, fmt.Errorf("%s changed during the comparison: %s serves now; compare again",
				o.view, orDash(string(page.Serving.Generation)))
		} else {
			all.Keys, all.Windows, all.Next = all.Keys+page.Keys, all.Windows+page.Windows, page.Next
		}
		c.add(&all, page, seen)
		o.meter.show(progress{
			of:    "diff",
			text:  fmt.Sprintf("comparing: %d windows, %d differ", all.Windows, all.Differing),
			unit:  "keys",
			done:  all.Keys,
			total: -1,
		})
		switch {
		case page.Next == nil || *page.Next == "" || !all.Comparable:
			all.Next = nil
			return all, nil
		case *page.Next == cursor:
			return all, errors.New("invalid answer: the server's next page begins where this one began")
		case c.Sample > 0 && all.Keys >= c.Sample:
			return all, nil
		}
		cursor = *page.Next
	}
}

func (o *operator) page(ctx context.Context, id, cursor string) (client.Diff, error) {
	parameters := url.Values{"limit": {diffLimit}}
	for name, value := range map[string]string{"generation": id, "cursor": cursor} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	body, err := o.asker.Diff(ctx, o.view, parameters)
	if err != nil {
		return client.Diff{}, err
	}
	return client.DecodeDiff(body)
}

// add counts the differing windows of a page that no earlier page listed, and keeps their rows.
func (c *ViewsDiffCmd) add(all *client.Diff, page client.Diff, seen map[string]bool) {
	all.Differing += max(0, page.Differing-int64(len(page.Rows)))
	for _, r := range page.Rows {
		window := fmt.Sprintf("%q %q", r.Key, r.Start)
		if seen[window] {
			continue
		}
		seen[window] = true
		all.Differing++
		if c.Rows == 0 || len(all.Rows) < c.Rows {
			all.Rows = append(all.Rows, r)
		}
	}
}

func printDiff(w io.Writer, d client.Diff) error {
	head := table.New(table.Column{}, table.Column{}, table.Column{})
	head.Row("view", d.View)
	head.Row("serving", orDash(string(d.Serving.Generation)), "definition "+doctor.Short(string(d.Serving.Definition)))
	head.Row(otherOf(d), orDash(string(d.Candidate.Generation)),
		"definition "+doctor.Short(string(d.Candidate.Definition)))
	if len(d.OnlyServing) > 0 {
		head.Row("only serving", strings.Join(d.OnlyServing, ", "))
	}
	if len(d.OnlyCandidate) > 0 {
		head.Row("only "+otherOf(d), strings.Join(d.OnlyCandidate, ", "))
	}
	if err := head.Print(w); err != nil || !d.Comparable {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if len(d.Rows) > 0 {
		if err := printDiffRows(w, d); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, summed(d))
	return err
}

// otherOf says what the generation is that is compared with the serving one: building or retained.
func otherOf(d client.Diff) string { return cmp.Or(string(d.Candidate.State), "candidate") }

// printDiffRows prints a line per differing aggregate, with the two numbers side by side.
func printDiffRows(w io.Writer, d client.Diff) error {
	var columns []table.Column
	for _, field := range d.Rows[0].Key {
		columns = append(columns, table.Column{Name: field.Name})
	}
	t := table.New(
		append(
			columns,
			table.Column{Name: "start"},
			table.Column{Name: "aggregate"},
			table.Column{Name: "serving", Right: true},
			table.Column{Name: otherOf(d), Right: true},
		)...)
	for _, r := range d.Rows {
		for _, name := range differing(r, d.Aggregates) {
			row := make([]string, len(columns), len(columns)+4)
			for i, column := range columns {
				value, _ := r.Key.Find(column.Name)
				row[i] = client.Member{Value: value}.Text()
			}
			row = append(row, string(r.Start), name)
			row = append(row, side(r.Serving, name), side(r.Candidate, name))
			t.Row(row...)
		}
	}
	if err := t.Print(w); err != nil {
		return err
	}
	if more := d.Differing - int64(len(d.Rows)); more > 0 {
		if _, err := fmt.Fprintf(w, "and %d more\n", more); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// differing returns the aggregates whose texts differ. If none does, it returns all: the difference lies in what the
// server does not show.
func differing(r client.DiffRow, names []string) []string {
	var found []string
	for _, name := range names {
		if side(r.Serving, name) != side(r.Candidate, name) {
			found = append(found, name)
		}
	}
	if found == nil {
		return names
	}
	return found
}

// side returns one number; "-" if that generation has no such window, "null" for a min, max or mean of nothing.
func side(values client.Object, name string) string {
	value, ok := values.Find(name)
	if !ok {
		return "-"
	}
	return client.Member{Value: value}.Text()
}

func summed(d client.Diff) string {
	text := fmt.Sprintf("%d keys, %d windows compared; %d differ", d.Keys, d.Windows, d.Differing)
	if d.Next != nil {
		text += " (a sample: there are more keys)"
	}
	return text
}
