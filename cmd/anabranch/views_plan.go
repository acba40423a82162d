package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/cmd/anabranch/plan"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/examples"
)

// ViewsPlanCmd is "anabranch views plan".
type ViewsPlanCmd struct {
	File    string `arg:"" help:"The views file that is to be deployed."`
	Events  string `help:"Sample of events as for send, to estimate items and costs from." placeholder:"FILE"`
	Archive string `help:"Directory of anabranch dev, to take the sample from." placeholder:"DIR"`
}

// Help returns the text below the flags of --help.
func (*ViewsPlanCmd) Help() string {
	return `Compares a views file with what a server has: which views are new, changed and retired, and what a deployment
would build. It changes nothing. A changed description is no change.

With a sample of events it estimates items, dollars and time of the builds: it folds the sample with the code that batch
runs. The lower estimate holds if all other events fall on keys and windows of the sample, the upper one if none does.

Exit codes: 0 done, whatever the plan; 1 the server refused; 2 wrong flags, or a file that is unreadable or has errors;
3 the server failed or could not be reached.

Examples:

    anabranch views plan views.yaml
    anabranch views plan views.yaml --events sample.ndjson.gz -o json`
}

// Validate refuses two samples.
func (c *ViewsPlanCmd) Validate() error {
	if c.Events != "" && c.Archive != "" {
		return errors.New("--events and --archive both give a sample; give one")
	}
	return nil
}

// sampledObjects is how many objects of a directory are read for a sample.
const sampledObjects = 200

// planned is a plan with what it was made from.
type planned struct {
	changes  []plan.Change
	archive  plan.Archive
	bytes    int64 // of the archive; -1: unknown
	sampled  int64 // events of the sample; 0: none
	estimate plan.Estimate
}

// Run asks the server what it has, and prints the plan.
func (c *ViewsPlanCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	definitions, err := w.readDefinitions(c.File)
	if err != nil {
		return err
	}
	o := newOperator(w, views, "")
	body, err := o.asker.Statuses(ctx)
	if err != nil {
		return o.refused(err)
	}
	o.meter.close()
	statuses, err := client.DecodeStatuses(body)
	if err != nil {
		return err
	}
	p := planned{changes: plan.Compare(definitions, servedBy(statuses)), bytes: -1,
		archive: plan.Archive{Objects: statuses.Archive.Objects, Events: statuses.Archive.Events}}
	lines, err := c.sample(ctx, w, &p)
	if err != nil {
		return err
	}
	if err := p.fold(definitions, lines); err != nil {
		return err
	}
	if p.estimate, err = plan.Of(p.changes, p.archive, p.sampled); err != nil {
		return err
	}
	if views.Output == "json" {
		return writeJSON(w.stdout, planAnswerOf(p))
	}
	return printPlan(w.stdout, p)
}

// sample returns the lines of the sample; none if no flag names one.
func (c *ViewsPlanCmd) sample(ctx context.Context, w *world, p *planned) ([]byte, error) {
	switch {
	case c.Events != "":
		text, err := readEvents(c.Events)
		if err != nil {
			return nil, usage("--events: %w", err)
		}
		lines, rejected, err := examples.Lines(text, w.now())
		if err == nil && len(rejected) > 0 {
			err = fmt.Errorf("ingest would reject %d of the events, for example number %d: %s", len(rejected),
				rejected[0].Index+1, rejected[0].Detail)
		}
		if err != nil {
			return nil, usage("--events: %w", err)
		}
		return lines, nil
	case c.Archive != "":
		s, err := dev.SampleOf(ctx, c.Archive, sampledObjects)
		if err != nil {
			return nil, usage("--archive: %w", err)
		}
		p.bytes = s.Bytes
		return s.Lines, nil
	}
	return nil, nil
}

// fold counts the items of the sample for each view that is built.
func (p *planned) fold(definitions []view.Definition, lines []byte) error {
	p.sampled = int64(bytes.Count(lines, []byte("\n")))
	if p.sampled == 0 {
		return nil
	}
	folded, err := fold.Lines(definitions, lines)
	if err != nil {
		return err
	}
	for i, v := range folded {
		p.changes[i].Items = v.Items // the changes begin with the views of the file, in its order
	}
	return nil
}

func servedBy(all client.Statuses) []plan.Served {
	var served []plan.Served
	for _, s := range all.Views {
		one := plan.Served{Name: s.View, Retired: s.Retired != ""}
		for _, g := range s.Generations {
			one.Generations = append(one.Generations, plan.Generation{Definition: string(g.Definition), State: string(g.State)})
			if g.ID == s.Serving {
				one.Serving = string(g.Definition)
			}
		}
		served = append(served, one)
	}
	return served
}

func printPlan(w io.Writer, p planned) error {
	t := table.New(table.Column{Name: "view"}, table.Column{Name: "plan"}, table.Column{Name: ""})
	builds := 0
	for _, c := range p.changes {
		t.Row(c.View, string(c.Kind), c.Note)
		if c.Builds {
			builds++
		}
	}
	if err := t.Print(w); err != nil {
		return err
	}
	e := p.estimate
	size := ""
	if p.bytes >= 0 {
		size = fmt.Sprintf(", %d bytes", p.bytes)
	}
	text := fmt.Sprintf("\narchive: %s, %s%s\n", plural(int(p.archive.Objects), "object"),
		plural(int(p.archive.Events), "event"), size)
	switch {
	case builds == 0:
		text += "Nothing is built.\n"
	case p.sampled == 0:
		text += fmt.Sprintf("Builds read %s. For an estimate of items and costs, give a sample with --events or --archive.\n",
			plural(int(e.Reads), "object"))
	default:
		text += fmt.Sprintf("Builds read %s. Estimates, from a sample of %s:\n", plural(int(e.Reads), "object"),
			plural(int(p.sampled), "event"))
		text += fmt.Sprintf("  items    %d to %d, with %d to %d bytes of numbers\n", e.From.Items.Count, e.To.Items.Count,
			e.From.Items.Bytes, e.To.Items.Bytes)
		text += fmt.Sprintf("  writes   %d to %d write units\n", e.From.Items.WriteUnits, e.To.Items.WriteUnits)
		text += fmt.Sprintf("  dollars  %.4f to %.4f, at the prices of docs/cost.md\n", e.From.Dollars, e.To.Dollars)
		text += fmt.Sprintf("  seconds  %.0f to %.0f, if the table is new and takes %d write units a second\n",
			math.Ceil(e.From.Seconds), math.Ceil(e.To.Seconds), plan.UnitsPerSecond)
	}
	_, err := io.WriteString(w, text)
	return err
}

// planAnswer is the plan as JSON.
type planAnswer struct {
	Changes  []planChange  `json:"changes"`
	Archive  planArchive   `json:"archive"`
	Reads    int64         `json:"reads"`              // objects that builds read
	Sampled  int64         `json:"sampled"`            // events of the sample
	Estimate *planEstimate `json:"estimate,omitempty"` // only with a sample, and if something is built
}

type planChange struct {
	View   string    `json:"view"`
	Plan   plan.Kind `json:"plan"` // "new", "changed", "unchanged" or "retired"
	Builds bool      `json:"builds"`
	Note   string    `json:"note,omitempty"`
}

type planArchive struct {
	Objects int64  `json:"objects"`
	Events  int64  `json:"events"`
	Bytes   *int64 `json:"bytes,omitempty"`
}

type planEstimate struct {
	From planBound `json:"from"`
	To   planBound `json:"to"`
}

type planBound struct {
	Items      int64   `json:"items"`
	Bytes      int64   `json:"bytes"`
	WriteUnits int64   `json:"write_units"`
	Dollars    float64 `json:"dollars"`
	Seconds    float64 `json:"seconds"`
}

func planAnswerOf(p planned) planAnswer {
	answer := planAnswer{Archive: planArchive{Objects: p.archive.Objects, Events: p.archive.Events},
		Reads: p.estimate.Reads, Sampled: p.sampled}
	if p.bytes >= 0 {
		answer.Archive.Bytes = &p.bytes
	}
	builds := false
	for _, c := range p.changes {
		answer.Changes = append(answer.Changes, planChange{c.View, c.Kind, c.Builds, c.Note})
		builds = builds || c.Builds
	}
	if builds && p.sampled > 0 {
		bound := func(b plan.Bound) planBound {
			return planBound{b.Items.Count, b.Items.Bytes, b.Items.WriteUnits, b.Dollars, b.Seconds}
		}
		answer.Estimate = &planEstimate{bound(p.estimate.From), bound(p.estimate.To)}
	}
	return answer
}
