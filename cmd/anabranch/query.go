package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/calendar"
)

// QueryCmd queries a view.
type QueryCmd struct {
	View string   `arg:"" help:"Name of the view; \"anabranch views\" lists all."`
	Key  []string `arg:"" optional:"" name:"field=value" help:"Value of a key field; repeat it for several. A field left out may have any."`

	From   string  `help:"List windows that start at this time or later." placeholder:"TIME"`
	To     string  `help:"List windows that start before this time." placeholder:"TIME"`
	Step   string  `help:"One row for each 1d, 1w, 1mo, 1q or 1y, or each 15m, 1h, 6h; all: one row." placeholder:"STEP"`
	TZ     string  `name:"tz" help:"Time zone of steps and dates, such as Europe/Berlin. Default: UTC." placeholder:"ZONE"`
	Fill   bool    `help:"List windows, or steps, without events too."`
	Total  bool    `help:"Add a row that merges all windows."`
	Values *string `help:"Show these aggregates and readings: views,latency.p99.9. Default: all." placeholder:"NAMES"`
	Groups `embed:""`
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

Aggregates with readings have a column for each: latency.p95. --values chooses aggregates and readings, for example
--values views,latency.p99.9. A number behind ~ is an estimate; its error is below the table. A top has each value with
its count or weight: /a: 12, /b: 7.

With several values of a key field, or none, the answer has rows for each key, or with --by for each group of keys.
With --by, --top or --order each has one row for the whole range, unless --step says otherwise.

CSV has a record per row. Each column has the name of its place in the JSON answer: key.path, values.views, exact.
ndjson has a line of JSON per row. Both have no total, and print the warnings of the answer on stderr.

Exit codes: 0 answered; 1 the server refused the query; 2 wrong flags; 3 the server failed or could not be reached.

Examples:

    anabranch query page_views path=/ --from 2015-05-17 --to 2015-05-18T12:00:00Z --total
    anabranch query page_views path=/ --from -24h
    anabranch query page_views path=/ --from 2015-05-17 --to 2015-05-21 --step 1d --tz Europe/Berlin --fill
    anabranch query page_views path=/ --values views,latency.p99.9 --step 1d
    anabranch query page_views --top 10
    anabranch query errors_by_status --by status --order -requests
    anabranch query errors_by_status status=404 method=GET -o json
    anabranch query page_views path=/ -o csv > page_views.csv`
}

// Validate refuses what the server would refuse too, but names the flags.
func (c *QueryCmd) Validate() error {
	switch {
	case c.Values != nil && *c.Values == "":
		return errors.New("--values is empty: name aggregates or readings, such as views,latency.p99.9, or leave it out")
	case c.Total && c.Groups.isSet():
		return errors.New("--total is for one key: leave it out, because --by, --top and --order give one row for the " +
			"whole range, and --by '' one row for all keys")
	case c.Total && c.rowsOnly():
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
	if err := setKey(p, c.Key); err != nil {
		return nil, err
	}
	if err := c.Groups.set(p); err != nil {
		return nil, err
	}
	if c.rowsOnly() {
		p.Set("format", c.Output)
	}
	if c.Values != nil {
		p.Set("values", *c.Values)
	}
	for name, set := range map[string]bool{"total": c.Total, "parts": c.Parts, "fill": c.Fill} {
		if set {
			p.Set(name, "true")
		}
	}
	if err := c.setTimes(p); err != nil {
		return nil, err
	}
	if c.Groups.isSet() && c.Step == "" {
		p.Set("step", wholeRange)
	}
	return p, nil
}

// setKey sets the parameters of the values of key fields, each as field=value.
func setKey(p url.Values, pairs []string) error {
	for _, pair := range pairs {
		field, value, found := strings.Cut(pair, "=")
		if !found || field == "" {
			return fmt.Errorf("%q is not field=value: values of key fields follow the view, for example path=/", pair)
		}
		p.Add("key."+field, value)
	}
	return nil
}

// wholeRange is the step that gives one row for the whole range.
const wholeRange = "all"

func checkStep(text string) error {
	if text == wholeRange {
		return nil
	}
	_, err := calendar.ParseStep(text)
	return err
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
		{"step", c.Step, checkStep},
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
	server := w.client(c.Server, queryRetry, 1)
	if err := c.Groups.orderTop(ctx, server, c.View, parameters); err != nil {
		if _, own := errors.AsType[*failure](err); own {
			return err
		}
		return w.refused(c.Server, err)
	}
	body, aside, err := server.Query(ctx, c.View, parameters)
	if err != nil {
		return w.refused(c.Server, err)
	}
	for _, warning := range aside.Warnings {
		fmt.Fprintln(w.stderr, "warning:", table.Cell(warning))
	}
	if more := c.Groups.more(aside.Next); more != "" {
		fmt.Fprintln(w.stderr, more)
	}
	if c.Output != "table" {
		return w.write(body)
	}
	answer, err := client.DecodeAnswer(body)
	if err != nil {
		return err
	}
	reason := ""
	if hasNoRows(answer) {
		reason = c.reasonOfNoRows(ctx, w, server, answer)
	}
	if err := printAnswer(w, answer, reason); err != nil {
		return err
	}
	if more := c.Groups.more(string(answer.Next)); more != "" {
		_, err = fmt.Fprintln(w.stdout, more)
	}
	return err
}

// printAnswer prints an answer: its head, then its rows, then what the view could not use. noRows says why there are no
// rows, and stands in their place.
func printAnswer(w *world, a client.Answer, noRows string) error {
	if err := printHead(w.stdout, a); err != nil {
		return err
	}
	if hasNoRows(a) {
		return printNoRows(w.stdout, a, noRows)
	}
	if err := printRows(w.stdout, a); err != nil {
		return err
	}
	return printSkipped(w.stdout, "The view could not use these events of the windows, under any key:",
		skippedBy("", a.Skipped))
}

// itemsOf writes "3 items (1204 bytes)".
func itemsOf(i client.Items) string {
	if i.Number == 1 {
		return fmt.Sprintf("1 item (%d bytes)", i.Bytes)
	}
	return fmt.Sprintf("%d items (%d bytes)", i.Number, i.Bytes)
}

func printHead(w io.Writer, a client.Answer) error {
	head := table.New(table.Column{}, table.Column{})
	head.Row("view", a.View)
	if a.Plan == nil || len(a.Key) > 0 {
		head.Row("key", members(a.Key, "=", "(none)"))
	}
	groupHead(head, a)
	if a.Zone != "" {
		head.Row("time zone", fmt.Sprintf("%s (tzdata %s)", a.Zone, a.TZData))
	}
	head.Row("definition", doctor.Short(string(a.Definition)))
	head.Row("generation", orDash(string(a.Generation)))
	if a.Complete != "" {
		head.Row("complete", string(a.Complete))
	} else {
		head.Row("horizon", orDash(string(a.Horizon)))
	}
	head.Row("lag", members(a.Lag, " ", "-"))
	if r := a.Read; r != nil {
		head.Row("read", fmt.Sprintf("%s of batch, %s of speed", itemsOf(r.Batch), itemsOf(r.Speed)))
	}
	for _, warning := range a.Warnings {
		head.Row("warning", client.Member{Value: warning}.Text())
	}
	if err := head.Print(w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
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

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
