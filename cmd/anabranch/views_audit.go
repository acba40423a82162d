package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// ViewsAuditCmd audits a view.
type ViewsAuditCmd struct {
	View string `arg:"" help:"Name of the view."`
	Wait bool   `help:"Wait for the result." default:"true" negatable:""`
}

// Help returns the text below the flags of --help.
func (*ViewsAuditCmd) Help() string {
	return `The server folds the archive again, up to one run, and compares every window with the stored numbers of the
serving generation. It changes nothing. The output names each window that differs, with the likely cause.

Exit codes: 0 no drift; 1 drift, lost archive objects, or the server refused; 2 wrong flags; 3 the audit failed, the
server failed or could not be reached, or you stopped waiting.

Examples:

    anabranch views audit page_views
    anabranch views audit page_views --no-wait; anabranch views status page_views`
}

// Run requests an audit, waits for it, and prints its findings.
func (c *ViewsAuditCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	o := newOperator(w, views, c.View)
	if c.Wait {
		o.patient()
	}
	body, err := o.asker.Operate(ctx, o.view, client.Audit, "")
	if err != nil {
		return o.refused(err)
	}
	now, err := o.decoded(body)
	switch {
	case err != nil:
		return err
	case !c.Wait:
		return o.say("an audit is requested")
	}
	audit, err := o.audited(ctx, now)
	if err != nil {
		return err
	}
	if err := o.print(func(out io.Writer) error { return printAudit(out, o.view, audit) }); err != nil {
		return err
	}
	switch {
	case audit.Error != "":
		return &failure{exitUnreachable, fmt.Errorf("%s: the audit failed: %s", o.view, audit.Error)}
	case audit.Drift > 0 || doctor.Lost(audit) > 0:
		return &failure{code: exitRejected}
	}
	return nil
}

// audited waits for an audit that began after this request. An audit that was already running may have passed what the
// user wants checked.
func (o *operator) audited(ctx context.Context, now client.Status) (client.AuditStatus, error) {
	if now.Audit == nil || now.Audit.Requested == "" {
		return client.AuditStatus{}, errors.New(
			"invalid answer: the status has no time of the audit's request; is this an Anabranch server of the same version?",
		)
	}
	asked := now.Audit.Requested
	defer o.meter.close()
	for {
		if a := now.Audit; a != nil && a.Ended != "" && !doctor.Later(a.Begun, a.Ended) && !doctor.Later(asked, a.Begun) {
			return *a, nil
		}
		o.meter.show(progress{of: "audit", text: o.view + ": the audit is " + auditState(now.Audit), total: -1})
		if err := o.sleep(ctx); err != nil {
			return client.AuditStatus{}, err
		}
		var err error
		if now, err = o.status(ctx); err != nil {
			return client.AuditStatus{}, err
		}
	}
}

// auditState returns "requested" until an audit begins that covers the request, then "running".
func auditState(a *client.AuditStatus) string {
	if a == nil || a.Begun == "" || doctor.Later(a.Requested, a.Begun) {
		return "requested"
	}
	return "running"
}

// printAudit prints the findings of an audit. It prints nothing for a failed one.
func printAudit(w io.Writer, view string, a client.AuditStatus) error {
	if a.Error != "" {
		return nil
	}
	head := table.New(table.Column{}, table.Column{})
	head.Row("view", view)
	head.Row("generation", orDash(string(a.Generation)))
	head.Row("run", strconv.FormatInt(a.Run, 10))
	head.Row("horizon", orDash(string(a.Horizon)))
	head.Row("ended", orDash(string(a.Ended)))
	head.Row("items", strconv.FormatInt(a.Items, 10))
	head.Row("windows", strconv.FormatInt(a.Windows, 10))
	head.Row("drift", strconv.FormatInt(a.Drift, 10))
	for _, count := range []struct {
		name string
		n    int64
	}{
		{"beyond the dedupe window", a.Beyond},
		{"unsettled items", a.Unsettled},
		{"pending objects", a.Pending},
		{"lost objects", doctor.Lost(a)},
	} {
		if count.n > 0 {
			head.Row(count.name, strconv.FormatInt(count.n, 10))
		}
	}
	if a.Note != "" {
		head.Row("note", string(a.Note))
	}
	if err := head.Print(w); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "\n%s\n", table.Cell(doctor.Verdict(a))); err != nil {
		return err
	}
	if len(a.Drifts) > 0 {
		if err := printDrifts(w, a); err != nil {
			return err
		}
	}
	return printLost(w, a)
}

func printLost(w io.Writer, a client.AuditStatus) error {
	if len(a.LostObjects) == 0 {
		return nil
	}
	t := table.New(table.Column{Name: "lost object"})
	for _, object := range a.LostObjects {
		t.Row(string(object))
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return t.Print(w)
}

// printDrifts prints the drifted windows, sorted by key and start.
func printDrifts(w io.Writer, a client.AuditStatus) error {
	drifts := slices.SortedStableFunc(slices.Values(a.Drifts), func(x, y client.Drift) int {
		return cmp.Or(cmp.Compare(members(x.Key, "=", ""), members(y.Key, "=", "")), cmp.Compare(x.Start, y.Start))
	})
	t := table.New(
		table.Column{Name: "key"},
		table.Column{Name: "window"},
		table.Column{Name: "cause"},
		table.Column{Name: "stored"},
		table.Column{Name: "expected"},
		table.Column{Name: "detail"},
	)
	for _, d := range drifts {
		t.Row(
			members(d.Key, "=", "-"),
			string(d.Start),
			string(d.Cause),
			members(d.Stored, "=", "-"),
			members(d.Expected, "=", "-"),
			string(d.Detail),
		)
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := t.Print(w); err != nil {
		return err
	}
	if more := a.Drift - int64(len(drifts)); more > 0 {
		_, err := fmt.Fprintf(w, "and %d more\n", more)
		return err
	}
	return nil
}
