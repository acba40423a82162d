package main

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/shared/agents"
	"github.com/anabranch/anabranch/shared/calendar"
)

// explainRow asks the server for one row with its parts, and says how it came about.
func (c *ViewsExplainCmd) explainRow(ctx context.Context, w *world, views *ViewsCmd) error {
	m, err := calendar.ParseMoment(c.Window)
	if err != nil {
		return usage("--window: %q %w", c.Window, err)
	}
	start := m.At(w.now(), time.UTC)
	from := start.Format(time.RFC3339Nano)
	query := QueryCmd{View: c.What, Key: c.Key, From: from, Parts: true}
	if _, err := query.parameters(); err != nil {
		return &failure{exitUsage, err}
	}
	asker := w.client(views.Server, queryRetry, 1)
	length, err := lengthOf(ctx, asker, c.What)
	if err != nil {
		return w.refused(views.Server, err)
	}
	query.To = start.Add(length).UTC().Format(time.RFC3339Nano)
	parameters, err := query.parameters()
	if err != nil {
		return &failure{exitUsage, err}
	}
	body, _, err := asker.Query(ctx, c.What, parameters)
	if err != nil {
		return w.refused(views.Server, err)
	}
	answer, err := client.DecodeAnswer(body)
	if err != nil {
		return err
	}
	var warnings []string
	for _, warning := range answer.Warnings {
		warnings = append(warnings, client.Member{Value: warning}.Text())
	}
	if err := agents.CheckStart(start, length, warnings); err != nil {
		return usage("--window: %q: %w", c.Window, err)
	}
	if views.Output == "json" {
		return w.write(body)
	}
	if err := printAnswer(w, answer, "no window has data of this key"); err != nil {
		return err
	}
	if len(answer.Data) == 0 {
		return &failure{exitRejected, fmt.Errorf("no row of %s with this key has a window that starts at %s", c.What, from)}
	}
	return printReasons(w, answer)
}

// printReasons prints why each row is or is not exact: one row of a key, or one of each key where several match.
func printReasons(w *world, a client.Answer) error {
	for _, row := range a.Data {
		of := ""
		if len(a.GroupBy) > 0 {
			of = members(row.Key, "=", "(none)") + ": "
		}
		if _, err := fmt.Fprintf(w.stdout, "\n%s%s\n", of, reasonOf(a, row)); err != nil {
			return err
		}
	}
	return nil
}

// lengthOf asks for the length of a view's windows: PT1H30M, P1D or P1W.
func lengthOf(ctx context.Context, asker *client.Client, name string) (time.Duration, error) {
	body, err := asker.View(ctx, name)
	if err != nil {
		return 0, err
	}
	v, err := client.DecodeView(body)
	if err != nil {
		return 0, err
	}
	return agents.WindowLength(string(v.Window))
}

// reasonOf says why a row is or is not exact.
func reasonOf(a client.Answer, r client.Row) string {
	horizon := a.Horizon
	if r.Horizon != "" {
		horizon = r.Horizon
	}
	return agents.WhyExact(agents.RowFacts{
		Exact: r.Exact, End: string(r.End), HasSpeed: r.Parts.Speed != nil, Horizon: string(horizon),
		Complete: string(a.Complete),
	})
}
