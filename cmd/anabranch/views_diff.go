package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// ViewsDiffCmd compares a generation with the one that serves.
type ViewsDiffCmd struct {
	View       string `arg:"" help:"Name of the view."`
	Generation string `help:"Generation to compare, or the first 6 or more characters of it; none: the one that is built, else the retained one." placeholder:"ID"`
	Sample     int64  `help:"Stop after about this many keys; 0 compares all." default:"0"`
	Rows       int    `help:"Differing windows to show at most; 0 shows all." default:"20"`
}

// diffLimit is how many windows a page may tell: the most that a server takes.
const diffLimit = "1000"

// Help is the text under --help.
func (*ViewsDiffCmd) Help() string {
	return `Every window of every key is asked of both generations, as a query would be answered by each. Aggregates that only one of them has are named, and are no difference. Keys are read from every table that the two use. A key that stands in several tables is compared once. A key with many items in one table may come on several pages of its scan, and is compared, and counted, on each.

Exit codes: 0 no window differs; 1 some do, or the server refused; 2 wrong flags; 3 the server could not be reached or failed, or the view changed meanwhile.

Examples:

    anabranch views diff page_views
    anabranch views diff page_views --sample 1000 --rows 0 -o json`
}

// Validate refuses numbers below zero.
func (c *ViewsDiffCmd) Validate() error {
	switch {
	case c.Sample < 0:
		return fmt.Errorf("--sample: %d is below 0", c.Sample)
	case c.Rows < 0:
		return fmt.Errorf("--rows: %d is below 0", c.Rows)
	}
	return nil
}

// Run compares and prints.
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
			return fmt.Errorf("put the pages together: %w", err)
		}
		o.answer = append(o.answer, '\n')
	}
	if err := o.print(func(out io.Writer) error { return printDiff(out, all) }); err != nil {
		return err
	}
	switch {
	case !all.Comparable:
		return &failure{exitRejected, fmt.Errorf("%s: %s cannot be compared with what serves: %s", c.View, all.Candidate.Generation, orDash(string(all.Reason)))}
	case all.Differing > 0:
		return &failure{code: exitRejected}
	}
	return nil
}

// compare reads page after page and puts them together; Next is nil when that is the whole. Only rows that are shown are kept. A key may come on
// several pages: its windows that differ are counted and shown once, as far as the pages tell them.
func (c *ViewsDiffCmd) compare(ctx context.Context, o *operator, id string) (client.Diff, error) {
	defer o.meter.close()
	var all client.Diff
	told := map[string]bool{}
	for pages, cursor := 0, ""; ; pages++ {
		page, err := o.page(ctx, id, cursor)
		if err != nil {
			return all, err
		}
		if pages == 0 {
			all, all.Rows, all.Differing = page, nil, 0
			id = string(page.Candidate.Generation)
		} else if page.Serving != all.Serving || page.Candidate != all.Candidate {
			return all, fmt.Errorf("%s changed while it was compared: %s serves now; compare again", o.view, orDash(string(page.Serving.Generation)))
		} else {
			all.Keys, all.Windows, all.Next = all.Keys+page.Keys, all.Windows+page.Windows, page.Next
		}
		c.add(&all, page, told)
		o.meter.show(progress{of: "diff", text: fmt.Sprintf("comparing: %d windows, %d differ", all.Windows, all.Differing), unit: "keys", done: all.Keys, total: -1})
		switch {
		case page.Next == nil || *page.Next == "" || !all.Comparable:
			all.Next = nil
			return all, nil
		case *page.Next == cursor:
			return all, errors.New("the server's pages do not end: the next one begins where the last one began")
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

// add takes the windows of a page that differ and were not told before.
func (c *ViewsDiffCmd) add(all *client.Diff, page client.Diff, told map[string]bool) {
	all.Differing += max(0, page.Differing-int64(len(page.Rows)))
	for _, r := range page.Rows {
		of := fmt.Sprintf("%q %q", r.Key, r.Start)
		if told[of] && !r.KeyIsCut { // two keys may be cut to the same
			continue
		}
		told[of] = true
		all.Differing++
		if c.Rows == 0 || len(all.Rows) < c.Rows {
			all.Rows = append(all.Rows, r)
		}
	}
}

func printDiff(w io.Writer, d client.Diff) error {
	head := table.New(table.Column{}, table.Column{}, table.Column{})
	head.Row("view", d.View)
	head.Row("serving", orDash(string(d.Serving.Generation)), "definition "+short(string(d.Serving.Definition)))
	head.Row("candidate", orDash(string(d.Candidate.Generation)), "definition "+short(string(d.Candidate.Definition)))
	if len(d.OnlyServing) > 0 {
		head.Row("only serving", strings.Join(d.OnlyServing, ", "))
	}
	if len(d.OnlyCandidate) > 0 {
		head.Row("only candidate", strings.Join(d.OnlyCandidate, ", "))
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

// printDiffRows prints a line per aggregate that differs, the two numbers side by side.
func printDiffRows(w io.Writer, d client.Diff) error {
	var columns []table.Column
	for _, field := range d.Rows[0].Key {
		columns = append(columns, table.Column{Name: field.Name})
	}
	t := table.New(append(columns, table.Column{Name: "start"}, table.Column{Name: "aggregate"}, table.Column{Name: "serving", Right: true},
		table.Column{Name: "candidate", Right: true})...)
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

// differing are the aggregates whose texts differ; all of them when none does, since then the difference lies in what is not shown.
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

// side is one number, "-" where that side has no such window, "null" for a min, max or mean of nothing.
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
