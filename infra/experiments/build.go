package experiments

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// build sends events, and lets batch build the view again from the whole archive.
func build(ctx context.Context, l *Lab) ([]Finding, error) {
	if l.Parameters["RequireApproval"] == "true" {
		return nil, fmt.Errorf("the stack has RequireApproval=true: a build would wait for an operator; " +
			"deploy with RequireApproval=false")
	}
	v, err := l.findView(ctx)
	if err != nil {
		return nil, err
	}
	o, loaded := l.newLoad("build"), l.Now()
	requests := l.Sizes.Events / l.Sizes.PerRequest
	if err := o.send(ctx, l.Sizes.PerRequest, func(n int) bool { return n < requests }); err != nil {
		return nil, err
	}
	found, err := o.awaitBoth(ctx)
	if err != nil {
		return found, err
	}
	before, err := l.serving(ctx, v.view)
	if err != nil {
		return found, err
	}
	began := l.Now()
	if _, err := l.Server.Operate(ctx, v.view, client.Rebuild, ""); err != nil {
		return found, fmt.Errorf("rebuild %s: %w", v.view, err)
	}
	if err := l.until(ctx, "the new generation to serve", func(ctx context.Context) (bool, error) {
		now, err := l.serving(ctx, v.view)
		return now != before, err
	}); err != nil {
		return append(found, l.memory(ctx, "batch", "BatchFunction", began)...), err
	}
	found = append(found, Finding{What: "time until the new generation served",
		Value: fmt.Sprintf("%.0f s", l.Now().Sub(began).Seconds())})
	found = append(found, l.memory(ctx, "batch", "BatchFunction", began)...)
	found = append(found, l.average(
		ctx, fmt.Sprintf("ingest, with %d events a request", l.Sizes.PerRequest), "IngestFunction", "", loaded,
	))
	if _, _, err := o.await(ctx, true); err != nil {
		return found, fmt.Errorf("after the build: %w", err)
	}
	return append(found, Finding{What: "counted once after the build", Value: "yes"}), nil
}

// serving returns the id of the generation that serves a view.
func (l *Lab) serving(ctx context.Context, view string) (string, error) {
	body, err := l.Server.Status(ctx, view)
	if err != nil {
		return "", fmt.Errorf("read the status of %s: %w", view, err)
	}
	status, err := client.DecodeStatus(body)
	if err != nil {
		return "", err
	}
	return string(status.Serving), nil
}

// memory returns what the reports of a function say of its memory since a time. Logs come late, so it waits first.
func (l *Lab) memory(ctx context.Context, function, output string, since time.Time) []Finding {
	what := "largest Max Memory Used of " + function
	if err := l.Wait(ctx, l.Sizes.Shows); err != nil {
		return []Finding{{What: what, Value: notMeasured(err.Error())}}
	}
	all, err := l.reports(ctx, output, since)
	if err != nil || len(all) == 0 {
		return []Finding{{What: what, Value: notMeasured(reason(err, "the log has no reports"))}}
	}
	most := all[0]
	for _, r := range all {
		if r.MaxMemoryUsedMB > most.MaxMemoryUsedMB {
			most = r
		}
	}
	return []Finding{
		{What: what, Value: fmt.Sprintf("%.0f MB of %.0f MB, in %d reports", most.MaxMemoryUsedMB, most.MemorySizeMB,
			len(all))},
		{What: "duration of that invocation", Value: fmt.Sprintf("%.1f s", most.DurationMs/1000)},
	}
}
