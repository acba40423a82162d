package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/event"
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
	switch {
	case err != nil:
		return w.refused(views.Server, err)
	case views.Output == "json":
		return w.write(body)
	}
	answer, err := client.DecodeAnswer(body)
	if err != nil {
		return err
	}
	if err := printAnswer(w, answer); err != nil {
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
	switch window := string(v.Window); window {
	case "P1D":
		return 24 * time.Hour, nil
	case "P1W":
		return 7 * 24 * time.Hour, nil
	default:
		length, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(window, "PT")))
		if err != nil {
			return 0, fmt.Errorf("the server's window %q is not a duration; is this an Anabranch server?", window)
		}
		return length, nil
	}
}

// reasonOf says why a row is or is not exact.
//
// Source: docs/design.md 3.6: a row is exact when batch alone has it, and its window has ended by the horizon. An
// answer without a horizon is that of a Kappa view.
func reasonOf(a client.Answer, r client.Row) string {
	horizon := a.Horizon
	if r.Horizon != "" {
		horizon = r.Horizon
	}
	switch {
	case r.Exact:
		return fmt.Sprintf("Exact: batch has folded every event that arrived before the horizon, %s.\n"+
			"A later event of this window can still change the row.", horizon)
	case a.Complete != "":
		return fmt.Sprintf("Not exact: the stream alone maintains this view. "+
			"The row has all events that arrived before %s.", a.Complete)
	case horizon == "":
		return "Not exact: the stream alone maintains this view. The server does not know yet up to when the row is complete."
	case r.Parts.Speed != nil:
		return fmt.Sprintf("Not exact: speed has events that batch has not folded. The horizon is %s.", horizon)
	}
	end, endOK := event.ParseInstant(string(r.End))
	until, untilOK := event.ParseInstant(string(horizon))
	if endOK && untilOK && !end.After(until) { // of many keys: an item of its key is ahead of the answer's horizon
		return "Not exact: a run of batch is being applied to this row. Ask again in some seconds."
	}
	return fmt.Sprintf("Not exact: the window ends after the horizon, %s. Events of the window may still arrive.", horizon)
}
