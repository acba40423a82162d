package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/calendar"
)

// QueryCmd queries a view.
type QueryCmd struct {
	View string   `arg:"" help:"Name of the view; \"anabranch views\" lists all."`
	Key  []string `arg:"" optional:"" name:"field=value" help:"Value of each key field of the view."`

	From   string `help:"List windows that start at this time or later." placeholder:"TIME"`
	To     string `help:"List windows that start before this time." placeholder:"TIME"`
	Step   string `help:"One row for each 1d, 1w, 1mo, 1q or 1y, or each 15m, 1h, 6h." placeholder:"STEP"`
	TZ     string `name:"tz" help:"Time zone of steps and dates, such as Europe/Berlin. Default: UTC." placeholder:"ZONE"`
	Fill   bool   `help:"List windows, or steps, without events too."`
	Total  bool   `help:"Add a row that merges all windows."`
	Parts  bool   `help:"Show the parts of batch and speed below each row."`
	Output string `short:"o" enum:"table,json,csv,ndjson" default:"table" help:"table, or json, csv or ndjson (the server's answer)."`

	Server
}

// queryRetry suits a user who waits at a prompt.
var queryRetry = client.Retry{Attempts: 3, Base: 200 * time.Millisecond, Cap: time.Second, Longest: 10 * time.Second}

// Help returns the text below the flags of --help.
func (*QueryCmd) Help() string {
	return `Lists the windows with data whose start lies in [--from, --to). A row marked exact equals the fold of
everything that arrived before the horizon: batch has counted it. Any other row may still grow.

Above the windows: "horizon" is the time before which batch has counted every event that arrived; "lag" is how far batch
and speed are behind, in seconds; "generation" and "definition" name the stored numbers that answered ("anabranch help
views status" explains them); "warning" is what the numbers lack.

A TIME is 2015-05-17T10:00:00Z (RFC 3339), 2015-05-17 (the start of the day in --tz, or else in UTC), now, or how long
ago: -90m, -24h, -7d, -1w, -1d12h.

With --step each row has the windows of one step: days and longer steps begin at midnight in --tz, weeks on Monday. A
step is exact once all of it has ended, and only if --from and --to do not cut it.

CSV has a record per window. Each column has the name of its place in the JSON answer: key.path, values.views, exact.
ndjson has a line of JSON per window. Both have no total, and print the warnings of the answer on stderr.

Exit codes: 0 answered; 1 the server refused the query; 2 wrong flags; 3 the server failed or could not be reached.

Examples:

    anabranch query page_views path=/ --from 2015-05-17 --to 2015-05-18T12:00:00Z --total
    anabranch query page_views path=/ --from -24h
    anabranch query page_views path=/ --from 2015-05-17 --to 2015-05-21 --step 1d --tz Europe/Berlin --fill
    anabranch query errors_by_status status=404 method=GET -o json
    anabranch query page_views path=/ -o csv > page_views.csv`
}

// Validate refuses what the server would refuse too, but names the flags.
func (c *QueryCmd) Validate() error {
	if c.Total && c.rowsOnly() {
		return fmt.Errorf("--total is not available with -o %s: its rows are windows; leave it out, or use -o json", c.Output)
	}
	if _, err := c.parameters(); err != nil {
		return err
	}
	return c.Server.Validate()
}

// parameters returns the parameters of the HTTP query.
func (c *QueryCmd) parameters() (url.Values, error) {
	p := url.Values{}
	for _, pair := range c.Key {
		field, value, found := strings.Cut(pair, "=")
		switch {
		case !found || field == "":
			return nil, fmt.Errorf("%q is not field=value", pair)
		case p.Has("key." + field):
			return nil, fmt.Errorf("%q: the field %s is given twice", pair, field)
		}
		p.Set("key."+field, value)
	}
	if c.rowsOnly() {
		p.Set("format", c.Output)
	}
	for name, set := range map[string]bool{"total": c.Total, "parts": c.Parts, "fill": c.Fill} {
		if set {
			p.Set(name, "true")
		}
	}
	return p, c.setTimes(p)
}

// setTimes sets the parameters of time as they were written: the server reads them, by its own clock. It refuses what
// the server would refuse, by the name of the flag.
func (c *QueryCmd) setTimes(p url.Values) error {
	moment := func(text string) error { _, err := calendar.ParseMoment(text); return err }
	for _, flag := range []struct {
		name, text string
		check      func(string) error
	}{
		{"from", c.From, moment}, {"to", c.To, moment},
		{"step", c.Step, func(text string) error { _, err := calendar.ParseStep(text); return err }},
		{"tz", c.TZ, func(text string) error { _, err := calendar.LoadZone(text); return err }},
	} {
		if flag.text == "" {
			continue
		}
		if err := flag.check(flag.text); err != nil {
			return fmt.Errorf("--%s: %q %w", flag.name, flag.text, err)
		}
		p.Set(flag.name, flag.text)
	}
	return nil
}

// rowsOnly reports whether the answer has rows and nothing else.
func (c *QueryCmd) rowsOnly() bool { return c.Output == "csv" || c.Output == "ndjson" }

// Run queries the view and prints the answer.
func (c *QueryCmd) Run(ctx context.Context, w *world) error {
	parameters, err := c.parameters()
	if err != nil {
		return &failure{exitUsage, err}
	}
	body, warnings, err := w.client(c.Server, queryRetry, 1).Query(ctx, c.View, parameters)
	if err != nil {
		return w.refused(c.Server, err)
	}
	for _, warning := range warnings {
		fmt.Fprintln(w.stderr, "warning:", table.Cell(warning))
	}
	switch {
	case c.Output != "table":
		return w.write(body)
	}
	answer, err := client.DecodeAnswer(body)
	if err != nil {
		return err
	}
	return printAnswer(w, answer)
}

func printAnswer(w *world, a client.Answer) error {
	head := table.New(table.Column{}, table.Column{})
	head.Row("view", a.View)
	head.Row("key", members(a.Key, "=", "(none)"))
	if a.Step != "" {
		head.Row("step", string(a.Step))
	}
	if a.Zone != "" {
		head.Row("time zone", fmt.Sprintf("%s (tzdata %s)", a.Zone, a.TZData))
	}
	head.Row("definition", short(string(a.Definition)))
	head.Row("generation", orDash(string(a.Generation)))
	if a.Complete != "" {
		head.Row("complete", string(a.Complete))
	} else {
		head.Row("horizon", orDash(string(a.Horizon)))
	}
	head.Row("lag", members(a.Lag, " ", "-"))
	for _, warning := range a.Warnings {
		head.Row("warning", client.Member{Value: warning}.Text())
	}
	if err := head.Print(w.stdout); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w.stdout); err != nil {
		return err
	}
	if len(a.Data) == 0 && a.Total == nil {
		if _, err := fmt.Fprintln(w.stdout, "no window has data"); err != nil {
			return err
		}
	} else if err := newAnswerTable(a).Print(w.stdout); err != nil {
		return err
	}
	return printSkipped(w.stdout, "The view could not use these events of the windows, under any key:",
		skippedBy("", a.Skipped))
}

// newAnswerTable returns a table with a row per window, the parts of each below it if the server gave any, and the
// total last.
func newAnswerTable(a client.Answer) *table.Table {
	rows := a.Data
	if a.Total != nil {
		total := *a.Total
		total.Start, total.End = "total", ""
		rows = append(slices.Clone(rows), total)
	}
	names := aggregates(rows)
	columns := []table.Column{{Name: "start"}, {Name: "end"}}
	for _, name := range names {
		columns = append(columns, table.Column{Name: name, Right: true})
	}
	columns = append(columns, table.Column{Name: "exact"}, table.Column{Name: header("skipped", rows, skipped)},
		table.Column{Name: header("horizon", rows, ownHorizon)})
	t := table.New(columns...)
	for _, r := range rows {
		row := append([]string{string(r.Start), string(r.End)}, cells(r.Values, names)...)
		t.Row(append(row, yesNo(r.Exact), skipped(r), ownHorizon(r))...)
		addPart(t, "  batch", r.Parts.Batch, names)
		addPart(t, "  speed", r.Parts.Speed, names)
	}
	return t
}

// addPart adds the row of batch or speed if the server gave it.
func addPart(t *table.Table, name string, values client.Object, names []string) {
	if values != nil {
		t.Row(append([]string{name, ""}, cells(values, names)...)...)
	}
}

// header returns the name of an optional column; "" if no row fills it.
func header(name string, rows []client.Row, cell func(client.Row) string) string {
	if slices.ContainsFunc(rows, func(r client.Row) bool { return cell(r) != "" }) {
		return name
	}
	return ""
}

func skipped(r client.Row) string { return members(r.Skipped, "=", "") }

func ownHorizon(r client.Row) string { return string(r.Horizon) }

// aggregates returns the names of all values, in the server's order.
func aggregates(rows []client.Row) []string {
	var names []string
	for _, r := range rows {
		for _, object := range []client.Object{r.Values, r.Parts.Batch, r.Parts.Speed} {
			for _, m := range object {
				if !slices.Contains(names, m.Name) {
					names = append(names, m.Name)
				}
			}
		}
	}
	return names
}

// cells returns the values of the names, with all their digits; "-" for null, which is a min, max or mean of nothing.
func cells(values client.Object, names []string) []string {
	row := make([]string, len(names))
	for i, name := range names {
		value, ok := values.Find(name)
		switch {
		case ok && value.Kind() == 'n':
			row[i] = "-"
		case ok:
			row[i] = client.Member{Value: value}.Text()
		}
	}
	return row
}

// members returns an object on one line; none if it is empty.
func members(o client.Object, between, none string) string {
	if len(o) == 0 {
		return none
	}
	texts := make([]string, len(o))
	for i, m := range o {
		texts[i] = m.Name + between + m.Text()
	}
	return strings.Join(texts, ", ")
}

// short returns the first 12 characters of a hash, enough to tell definitions apart by eye.
func short(hash string) string {
	const enough = 12
	if runes := []rune(hash); len(runes) > enough {
		return string(runes[:enough])
	}
	return orDash(hash)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
