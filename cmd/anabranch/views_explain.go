package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/cmd/anabranch/explain"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/view"
)

// ViewsExplainCmd is "anabranch views explain".
type ViewsExplainCmd struct {
	What string   `arg:"" name:"file-or-view" help:"With --event, the views file; with --window, a view of the server."`
	Key  []string `arg:"" optional:"" name:"field=value" help:"With --window, the value of each key field."`

	Event  string `help:"One event: its JSON, a file that holds it, or - for standard input." placeholder:"JSON|FILE"`
	Dir    string `help:"With --event, a directory of anabranch dev, to name the event's lane." placeholder:"DIR"`
	Window string `help:"The start of the row's window." placeholder:"TIME"`
}

// Help returns the text below the flags of --help.
func (*ViewsExplainCmd) Help() string {
	return `Explains one of two things.

How an event lands, with --event: for each view of a file, whether the event counts and why not, its key, window and page
(the range of windows that one item stores), and the number that the event alone gives for each aggregate. It needs no
server.

How a row came about, with --window: what batch and speed each have of it, as of which horizon, and why it is or is not
exact. It asks the server, and needs no admin key.

Exit codes: 0 explained; 1 ingest would reject the event, or there is no such row; 2 wrong flags, or a file that is
unreadable or has errors; 3 the server failed or could not be reached.

Examples:

    anabranch views explain views.yaml --event '{"specversion":"1.0","id":"1","source":"shop","type":"sale"}'
    anabranch views explain page_views path=/ --window 2015-05-17T10:00:00Z`
}

// Validate refuses flags that do not belong together.
func (c *ViewsExplainCmd) Validate() error {
	switch {
	case (c.Event == "") == (c.Window == ""):
		return errors.New("give either --event, to explain how an event lands, or --window, to explain a row")
	case c.Event != "" && len(c.Key) > 0:
		return fmt.Errorf("%q: a key belongs to --window; the event has its own", c.Key[0])
	case c.Window != "" && c.Dir != "":
		return errors.New("--dir belongs to --event")
	}
	return nil
}

// Run explains an event or a row.
func (c *ViewsExplainCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	if c.Window != "" {
		return c.explainRow(ctx, w, views)
	}
	definitions, err := w.readDefinitions(c.What)
	if err != nil {
		return err
	}
	text := []byte(c.Event)
	if !strings.HasPrefix(strings.TrimSpace(c.Event), "{") {
		if text, err = w.readText(c.Event, maxViews); err != nil {
			return usage("--event: %w", err)
		}
	}
	landings, err := explain.Event(definitions, text, w.now())
	var rejected explain.Rejected
	switch {
	case errors.As(err, &rejected):
		return &failure{exitRejected, err}
	case err != nil:
		return usage("--event: %w", err)
	}
	lane, err := c.lane(ctx, landings[0])
	if err != nil {
		return err
	}
	if views.Output == "json" {
		return writeJSON(w.stdout, landingsAnswerOf(landings, lane))
	}
	return printLandings(w.stdout, landings, lane)
}

// lane returns the name of the event's lane in the archive of --dir; "" without --dir.
func (c *ViewsExplainCmd) lane(ctx context.Context, l explain.Landing) (string, error) {
	if c.Dir == "" {
		return "", nil
	}
	lane, ok, err := dev.LaneOf(ctx, c.Dir, l.Source, l.ID)
	switch {
	case err != nil:
		return "", usage("--dir: %w", err)
	case !ok:
		return "", usage("--dir: %s has no archive of anabranch dev", c.Dir)
	}
	return lane.String(), nil
}

func printLandings(w io.Writer, landings []explain.Landing, lane string) error {
	if lane != "" {
		if _, err := fmt.Fprintf(w, "lane %s\n\n", lane); err != nil {
			return err
		}
	}
	for i, l := range landings {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := printLanding(w, l); err != nil {
			return err
		}
	}
	return nil
}

func printLanding(w io.Writer, l explain.Landing) error {
	d := l.Definition
	outcome := map[explain.Outcome]string{
		explain.Counts: "the event counts", explain.Passed: "the event does not count: where is false",
		explain.Skipped: "the event is skipped",
	}[l.Outcome]
	if _, err := fmt.Fprintf(w, "%s: %s\n", d.Name, outcome); err != nil {
		return err
	}
	t := table.New(table.Column{}, table.Column{}, table.Column{}, table.Column{})
	row := func(part, name, value, expr string) { t.Row("  "+part, name, value, expr) }
	if d.Where != "" {
		row("where", "", whereOf(l), d.Where)
	}
	for i, k := range d.Key {
		if whereOf(l) == "true" {
			row("key", k.Field, keyOf(l, i), k.Expr)
		}
	}
	if l.Outcome == explain.Counts {
		for _, rollup := range rollupsOf(l) {
			row("roll-up", rollup.name, rollup.values, "")
		}
		by := "the event's time"
		if l.Timeless {
			by = "the event has no time: its arrival, which is now"
		}
		row("window", "", between(l.Row.Start, l.Row.End), by)
		row("page", "", fmt.Sprint(l.Row.Page), "")
		for i, a := range d.Aggregates {
			row("aggregate", a.Name, numberOf(l, i), a.Expr)
		}
	}
	if reason := l.SkipAt("time"); reason != "" {
		row("time", "", "skipped: "+reason, "")
	}
	if err := t.Print(w); err != nil {
		return err
	}
	for _, sentence := range l.Lacks {
		if _, err := fmt.Fprintf(w, "  note: %s\n", table.Printable(sentence)); err != nil {
			return err
		}
	}
	return nil
}

func whereOf(l explain.Landing) string {
	switch reason := l.SkipAt("where"); {
	case reason != "":
		return "skipped: " + reason
	case l.Outcome == explain.Passed:
		return "false"
	}
	return "true"
}

// keyOf returns the value of a key field. Of an event that does not count, it says only what cannot be evaluated.
func keyOf(l explain.Landing, field int) string {
	if reason := l.SkipAt("key." + l.Definition.Key[field].Field); reason != "" {
		return "skipped: " + reason
	}
	if l.Outcome != explain.Counts || field >= len(l.Row.Key) {
		return "-"
	}
	return fmt.Sprintf("%q", l.Row.Key[field])
}

// landedRollup is a roll-up in which an event counts: its fields, as a views file writes them, and their values.
type landedRollup struct{ name, values string }

// rollupsOf returns the roll-ups in which an event that counts does so, too.
func rollupsOf(l explain.Landing) (all []landedRollup) {
	d := l.Definition
	for s := range view.Subset(len(d.Rollups)) {
		names, values := d.FieldNames(s+1), []string{}
		for i, k := range d.Key {
			if slices.Contains(names, k.Field) {
				values = append(values, fmt.Sprintf("%q", l.Row.Key[i]))
			}
		}
		all = append(all, landedRollup{view.WriteFields(names), strings.Join(values, ", ")})
	}
	return all
}

// numberOf returns what the event alone gives for an aggregate.
func numberOf(l explain.Landing, i int) string {
	if reason := l.SkipAt("aggregates." + l.Definition.Aggregates[i].Name); reason != "" {
		return "skipped: " + reason
	}
	return l.Row.Values[i]
}

func between(start, end time.Time) string {
	return start.Format(time.RFC3339) + " to " + end.Format(time.RFC3339)
}

// landingsAnswer is the explanation of an event as JSON.
type landingsAnswer struct {
	Lane  string          `json:"lane,omitempty"`
	Views []landingAnswer `json:"views"`
}

type landingAnswer struct {
	View    string            `json:"view"`
	Outcome explain.Outcome   `json:"outcome"` // "counts", "passed" or "skipped"
	Where   string            `json:"where"`   // "true", "false" or "skipped: missing"
	Key     map[string]string `json:"key,omitempty"`
	Rollups [][]string        `json:"rollups,omitempty"` // the fields of each roll-up in which it counts, too
	Start   string            `json:"start,omitempty"`   // RFC 3339, of the window
	End     string            `json:"end,omitempty"`
	Page    *int64            `json:"page,omitempty"`
	Skipped map[string]string `json:"skipped,omitempty"` // the reason, by place
	Notes   []string          `json:"notes,omitempty"`

	Aggregates map[string]json.RawMessage `json:"aggregates,omitempty"` // what the event alone gives
}

func landingsAnswerOf(landings []explain.Landing, lane string) landingsAnswer {
	answer := landingsAnswer{Lane: lane}
	for _, l := range landings {
		one := landingAnswer{View: string(l.Definition.Name), Outcome: l.Outcome, Where: whereOf(l), Notes: l.Lacks}
		for _, s := range l.Skips {
			if one.Skipped == nil {
				one.Skipped = map[string]string{}
			}
			one.Skipped[s.Name] = s.Reason.String()
		}
		if l.Outcome == explain.Counts {
			page := int64(l.Row.Page)
			one.Start, one.End, one.Page = l.Row.Start.Format(time.RFC3339), l.Row.End.Format(time.RFC3339), &page
			one.Key, one.Aggregates = map[string]string{}, map[string]json.RawMessage{}
			for i, k := range l.Definition.Key {
				one.Key[k.Field] = l.Row.Key[i]
			}
			for s := range view.Subset(len(l.Definition.Rollups)) {
				one.Rollups = append(one.Rollups, l.Definition.FieldNames(s+1))
			}
			for i, a := range l.Definition.Aggregates {
				one.Aggregates[a.Name] = json.RawMessage(l.Row.Values[i])
			}
		}
		answer.Views = append(answer.Views, one)
	}
	return answer
}
