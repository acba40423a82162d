package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/anabranch/anabranch/cmd/anabranch/cost"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/infra/costs"
)

// CostCmd is "anabranch cost".
type CostCmd struct {
	EventsPerSecond float64 `help:"Events a second, in the mean." required:"" placeholder:"N"`
	PerRequest      int     `help:"Events per request, 1 to 1000." required:"" placeholder:"N"`

	Views  string `help:"Your views file; give --events, too." placeholder:"FILE"`
	Events string `help:"Sample of your events as for send, some thousand; give --views, too." placeholder:"FILE"`

	Lanes     int           `help:"Lanes of the stream." default:"${cost_lanes}"`
	Shards    int           `help:"Shards of the stream; 0 is a stream on demand." default:"${cost_shards}"`
	Retention int           `help:"Hours for which the stream keeps records." default:"${cost_retention}"`
	Slot      time.Duration `help:"Length of a slot." default:"${cost_slot}"`

	BatchingWindow time.Duration `help:"Time for which Lambda gathers records." default:"${cost_batching_window}"`
	AuditEvery     time.Duration `help:"How often each view is compared with the archive." default:"${cost_audit_every}"`

	Output string `help:"table or json." enum:"table,json" default:"table" short:"o"`

	load   cost.Load
	prices costs.Costs
}

// Help returns the text below the flags of --help.
func (*CostCmd) Help() string {
	return `Computes the bill of a stack for a month of 30 days in us-east-1, before free tiers and discounts. It needs no
server and no account. It folds a sample of events as the functions would if its events came evenly, at the given rate,
and counts what DynamoDB, S3 and Kinesis bill. Without --views and --events, the sample is that of the product.

Each figure behind the bill has a kind: counted (by a test, or in the template), list (a list price), quoted (a list
price, read at a third party) or assumed (nobody has measured it). docs/cost.md has all figures, with their sources.

Exit codes: 0 done; 2 wrong flags, a file that is unreadable or has errors, or a load that the stack cannot carry.

Examples:

    anabranch cost --events-per-second 50 --per-request 20
    anabranch cost --events-per-second 50 --per-request 20 --views views.yaml --events sample.ndjson.gz
    anabranch cost --events-per-second 2000 --per-request 100 --lanes 4 --shards 0 -o json`
}

// Validate refuses values that no stack can have.
func (c *CostCmd) Validate() (err error) {
	if (c.Views == "") != (c.Events == "") {
		return errors.New("--views and --events go together: a views file, and a sample of the events that it counts")
	}
	if c.prices, err = costs.Read(); err != nil {
		return err
	}
	c.load = cost.Load{
		EventsPerSecond: c.EventsPerSecond, PerRequest: c.PerRequest, Lanes: c.Lanes, Shards: c.Shards,
		Retention: c.Retention, Slot: c.Slot, Window: c.BatchingWindow, AuditEvery: c.AuditEvery,
	}
	return c.load.Check()
}

// costVars returns the defaults of the flags: those of the template.
func costVars() (kong.Vars, error) {
	prices, err := costs.Read()
	if err != nil {
		return nil, err
	}
	l := cost.DefaultLoad(prices)
	return kong.Vars{
		"cost_lanes": strconv.Itoa(l.Lanes), "cost_shards": strconv.Itoa(l.Shards),
		"cost_retention": strconv.Itoa(l.Retention), "cost_slot": short(l.Slot),
		"cost_batching_window": short(l.Window), "cost_audit_every": short(l.AuditEvery),
	}, nil
}

// Run computes the bill and prints it.
func (c *CostCmd) Run(w *world) error {
	sample, err := c.sample(w)
	if err != nil {
		return err
	}
	result, err := cost.Of(sample, c.load, c.prices)
	if err != nil {
		return usage("%w", err)
	}
	uncounted, err := sample.Uncounted()
	if err != nil {
		return err
	}
	for _, name := range uncounted {
		fmt.Fprintf(w.stderr, "anabranch: view %s counts none of the events of the sample: its items are not in the bill\n",
			name)
	}
	if c.Output == "json" {
		return writeJSON(w.stdout, c.answer(sample, result))
	}
	return c.print(w.stdout, sample, result)
}

// sample reads the files, or returns the sample of the product.
func (c *CostCmd) sample(w *world) (*cost.Sample, error) {
	if c.Views == "" {
		return cost.ProductSample()
	}
	definitions, err := w.readDefinitions(c.Views)
	if err != nil {
		return nil, err
	}
	text, err := readEvents(c.Events)
	if err != nil {
		return nil, usage("--events: %w", err)
	}
	sample, err := cost.NewSample(definitions, text)
	if err != nil {
		return nil, usage("--events: %w", err)
	}
	return sample, nil
}

// print prints the bill, and what it is computed from.
func (c *CostCmd) print(w io.Writer, sample *cost.Sample, r cost.Result) error {
	p := printer{w: w}
	p.print("%s events a second, %d a request: %s million events and %s million requests a month\n",
		costs.Number(r.Load.EventsPerSecond), r.Load.PerRequest, significant(r.Bill.Events), significant(r.Bill.Requests))
	stream := "a stream on demand"
	if r.Load.Shards > 0 {
		stream = plural(r.Load.Shards, "shard")
	}
	p.print("%s, %s, records kept for %d hours, slots of %s, batching window %s, audits every %s\n",
		plural(r.Load.Lanes, "lane"), stream, r.Load.Retention, short(r.Load.Slot), short(r.Load.Window),
		short(r.Load.AuditEvery))
	p.print("sample: %s\n\n", c.describe(sample))
	p.table(billTable(r))
	p.print("\nIdle is what the stack costs however few events come. What grows with the archive is for a month of it.\n")
	p.print("\nmeasured on the sample, per event where it says no more:\n")
	p.table(c.measuredTable(r))
	if r.Measured["extrapolated"] == 1 {
		p.print("The sample is shorter than a slot, which has %s events: items grow on as they grew in the sample.\n",
			costs.Thousands(r.Load.EventsPerSecond*r.Load.Slot.Seconds(), 0))
	}
	p.print("\nwhat nobody has measured, or what was read at a third party:\n")
	p.table(c.doubtTable())
	p.print("\nprices: us-east-1, %s, before free tiers; docs/cost.md has every figure and its source\n", c.prices.Date)
	return p.err
}

// describe says where the sample is from.
func (c *CostCmd) describe(sample *cost.Sample) string {
	events, views := plural(sample.Events(), "event"), plural(len(sample.Definitions), "view")
	if c.Events == "" {
		return events + " of the product's sample, and its " + views + "; give yours with --views and --events"
	}
	return events + " of " + c.Events + ", and " + views + " of " + c.Views
}

// printer prints until the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, fmt.Sprintf(format, args...))
	}
}

func (p *printer) table(t *table.Table) {
	if p.err == nil {
		p.err = t.Print(p.w)
	}
}

// billTable has a row for each part, and sums.
func billTable(r cost.Result) *table.Table {
	t := table.New(table.Column{Name: "part"}, table.Column{Name: "$ per million events", Right: true},
		table.Column{Name: "$ a month", Right: true}, table.Column{Name: "%", Right: true})
	sum := r.Bill.Sum()
	row := func(name string, dollars float64) {
		t.Row(name, strconv.FormatFloat(r.PerMillion(dollars), 'f', 4, 64), costs.Money(dollars),
			strconv.FormatFloat(100*dollars/sum, 'f', 1, 64))
	}
	for _, group := range []struct {
		name  string
		lines []costs.Line
	}{
		{"events", r.Bill.Parts}, {"a month's archive, for each month that it is kept", r.Bill.Kept}, {"idle", r.Bill.Idle},
	} {
		row(group.name, costs.Sum(group.lines))
		for _, l := range group.lines {
			row("  "+l.Name, l.Dollars)
		}
	}
	row("sum", sum)
	return t
}

func (c *CostCmd) measuredTable(r cost.Result) *table.Table {
	t := table.New(table.Column{Name: "name"}, table.Column{Name: "value", Right: true}, table.Column{Name: "what"})
	for _, m := range c.prices.Measured {
		t.Row(m.Name, significant(r.Measured[m.Name]), m.Is)
	}
	return t
}

// doubtTable has the figures that are neither counted nor list prices.
func (c *CostCmd) doubtTable() *table.Table {
	t := table.New(table.Column{Name: "figure"}, table.Column{Name: "value", Right: true}, table.Column{Name: "kind"},
		table.Column{Name: "unit"})
	for _, f := range c.prices.Figures {
		if f.Kind == costs.Assumed || f.Kind == costs.Quoted {
			t.Row(f.Name, costs.Number(f.Value), string(f.Kind), f.Unit)
		}
	}
	return t
}

// significant writes a number with four significant digits.
func significant(value float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 4, 64), 64)
	if err != nil {
		panic(err) // FormatFloat writes numbers
	}
	return costs.Number(rounded)
}

// short writes a duration without parts that are 0: 5m, and not 5m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
