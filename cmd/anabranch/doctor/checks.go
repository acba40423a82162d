package doctor

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/setting"
)

// Source is the part of the facts that a check reads.
type Source string

// The sources.
const (
	OfHealth Source = "health" // GET /health
	OfServer Source = "server" // what it answers with, and GET /v1/views without a key
	OfStatus Source = "status" // GET /v1/admin/views
	OfViews  Source = "views"  // GET /v1/views
	OfStack  Source = "stack"  // CloudFormation, CloudWatch, Lambda and S3
)

// missing says why a source has no facts; "" if it has some.
func (s Source) missing(f Facts) string {
	switch {
	case s == OfStack && f.Stack == nil:
		return "give --stack, with credentials of AWS"
	case s == OfStack, s == OfHealth:
		return ""
	case f.Server.Unreachable != "":
		return "the server did not answer"
	case s == OfStatus && f.Status == nil:
		return "the server did not answer with its status: see key"
	case s == OfViews && f.Views == nil:
		return "the server did not answer with its views: see key"
	}
	return ""
}

// check is a row of the table of checks.
type check struct {
	name   string
	reads  Source
	result Result               // what a fault means: Warning or Failed
	find   func(Facts) []string // the faults
	remedy string
}

// checks returns the table of checks.
func checks() []check {
	return slices.Concat(serverChecks(), statusChecks(), viewChecks(), stackChecks())
}

func serverChecks() []check {
	return []check{
		{"server", OfHealth, Failed, func(f Facts) []string { return text(f.Server.Unreachable) },
			"start the server, or give its address: --url, or ANABRANCH_URL"},
		{"clock", OfServer, Failed, clock,
			"set the clock of the machine that is wrong: with chrony or ntpd; functions refuse to work above ClockMargin"},
		{"key", OfServer, Failed, func(f Facts) []string { return text(f.Server.KeyProblem) },
			"give the admin key: --key, or ANABRANCH_KEY; make keys prints it"},
		{"closed", OfServer, Failed, open,
			"put the server behind the gateway of the template, or let it listen on 127.0.0.1 only"},
	}
}

// text returns a fault as a list.
func text(fault string) []string {
	if fault == "" {
		return nil
	}
	return []string{fault}
}

func clock(f Facts) []string {
	margin := f.settings().ClockMargin
	if off := f.Server.Ahead.Abs() - f.Server.Error; off > margin {
		return []string{fmt.Sprintf("the server's clock and the clock of this machine differ by %s; the maximum is %s",
			f.Server.Ahead.Abs().Round(time.Second), margin)}
	}
	return nil
}

func open(f Facts) []string {
	host := f.URL.Hostname()
	if ip := net.ParseIP(host); !f.Server.IsOpen || strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return nil
	}
	return []string{"the API at " + host + " answers without a key"}
}

func statusChecks() []check {
	of := func(kind Kind) func(Facts) []string { return func(f Facts) []string { return notes(f, kind) } }
	return []check{
		{"views", OfStatus, Warning, noViews, "deploy a views file: VIEWS=views.yaml make deploy"},
		{"serving", OfStatus, Failed, notServing, "wait until batch or replay has built it; look at the build below"},
		{"build", OfStatus, Failed, of(Failure),
			"give batch more memory (BatchMemory), then run anabranch views rebuild VIEW; docs/runbook.md#givenupalarm"},
		{"size", OfStatus, Warning, of(Misfit), "give batch and audit more memory: BatchMemory, AuditMemory"},
		{"runs", OfStatus, Failed, noRun, "look at the log of batch: it makes a run once a slot is sealed"},
		{"sweep", OfStatus, Failed, sweep, "look whether speed reads the stream, and at the log of batch; " +
			"docs/runbook.md#streamoverduealarm"},
		{"complete", OfStatus, Failed, incomplete, "run anabranch views rebuild VIEW: the stream has lost events"},
		{"drift", OfStatus, Failed, of(Drift), "run anabranch views audit VIEW to see where; docs/runbook.md#driftalarm"},
		{"lost objects", OfStatus, Failed, of(AuditLost),
			"run anabranch views rebuild VIEW; docs/runbook.md#lostobjectsalarm"},
		{"audit", OfStatus, Failed, of(AuditFail), "look at the log of audit, and give it more memory (AuditMemory)"},
		{"audited", OfStatus, Warning, unaudited, "run anabranch views audit VIEW; look whether the audit's schedule runs"},
		{"approval", OfStatus, Warning, of(Ready), "run anabranch views diff VIEW, then anabranch views switch VIEW"},
		{"retired", OfStatus, Warning, of(Retired), "deploy the view again, or run anabranch views drop VIEW"},
		{"held", OfStatus, Warning, of(Held), "run anabranch views rebuild VIEW, or deploy another definition"},
	}
}

// notes returns the notes of a kind of all views.
func notes(f Facts, kind Kind) (all []string) {
	for _, v := range f.Status.Views {
		for _, note := range NotesOf(v) {
			if note.Kind == kind {
				all = append(all, v.View+": "+note.Text)
			}
		}
	}
	return all
}

func noViews(f Facts) []string {
	if len(f.Status.Views) == 0 {
		return []string{"no view is deployed: events are archived, and nothing counts them"}
	}
	return nil
}

func notServing(f Facts) (all []string) {
	for _, v := range f.Status.Views {
		if v.Serving == "" && v.Retired == "" {
			all = append(all, v.View+" does not answer yet")
		}
	}
	return all
}

func noRun(f Facts) []string {
	if f.Status.Head.Run == 0 && len(f.Status.Views) > 0 {
		return []string{"batch has made no run yet: no number is exact"}
	}
	return nil
}

// settings returns those of the stack, or the defaults of the template.
func (f Facts) settings() setting.All {
	if f.Stack != nil {
		if s, err := setting.ReadParameters(f.Stack.Parameters); err == nil {
			return s
		}
	}
	return setting.Default()
}

// sweep finds that events of a run have waited too long for speed, as shared/watch does: the next run that the sweep
// has not finished is at least as old as the run after the one that it has finished.
func sweep(f Facts) []string {
	head, swept := f.Status.Head, f.Status.Swept
	if swept.Run == head.Run {
		return nil
	}
	done, errDone := time.Parse(time.RFC3339, string(swept.Horizon))
	until, errUntil := time.Parse(time.RFC3339, string(head.Horizon))
	s := f.settings()
	limit := s.LateAfter() + 2*s.SweepAfter
	if errDone == nil && errUntil == nil && until.Sub(done) > limit {
		by := "by the settings of the stack"
		if f.Stack == nil {
			by = "by the default settings; --stack reads those of a stack"
		}
		return []string{fmt.Sprintf("the sweep has passed run %d, and batch run %d: it is %s behind; the maximum is %s, %s",
			swept.Run, head.Run, until.Sub(done), limit, by)}
	}
	return nil
}

func incomplete(f Facts) (all []string) {
	for _, v := range f.Status.Views {
		for _, g := range v.Generations {
			if g.Lacks > 0 && g.ID == v.Serving {
				all = append(all, fmt.Sprintf("%s lacks events from run %d on, for good", v.View, g.Lacks))
			}
		}
	}
	return all
}

func unaudited(f Facts) (all []string) {
	limit := 2 * f.settings().AuditEvery
	now, err := time.Parse(time.RFC3339, string(f.Status.Head.Horizon))
	for _, v := range f.Status.Views {
		if v.Serving == "" || err != nil || v.Audit == nil {
			continue
		}
		ended, err := time.Parse(time.RFC3339, string(v.Audit.Ended))
		if err == nil && now.Sub(ended) > limit {
			all = append(all, fmt.Sprintf("%s: the last audit ended at %s; the maximum age is %s", v.View, v.Audit.Ended, limit))
		}
	}
	return all
}

func viewChecks() []check {
	return []check{
		{"readable", OfViews, Failed, func(f Facts) []string {
			return each(f.Views, func(v client.View) string { return v.Error })
		}, "look at the log of query; a corrupt page needs anabranch views rebuild VIEW"},
		{"batch", OfViews, Failed, func(f Facts) []string {
			return each(f.Views, func(v client.View) string { return warning(v, true) })
		}, "look at the log of batch and at its schedule; docs/runbook.md#batchoverduealarm"},
		{"warnings", OfViews, Warning, func(f Facts) []string {
			return each(f.Views, func(v client.View) string { return warning(v, false) })
		}, "wait while a view is new or replay runs; else docs/runbook.md says what to do"},
		{"skipped", OfViews, Warning, func(f Facts) []string {
			return each(f.Views, skipped)
		}, "run anabranch views VIEW: it names an event for each reason; then mend the producer, or the view"},
	}
}

// each returns what is wrong with views, each with its name in front.
func each(views []client.View, wrong func(client.View) string) (all []string) {
	for _, v := range views {
		if text := wrong(v); text != "" {
			all = append(all, v.Name+": "+text)
		}
	}
	return all
}

// warning returns the first warning that says that batch is late, or the first that does not.
func warning(v client.View, late bool) string {
	for _, w := range v.Warnings {
		if strings.HasPrefix(w, api.BatchIsLate) == late {
			return w
		}
	}
	return ""
}

func skipped(v client.View) string {
	var worst client.Skip
	for _, s := range v.Skipped {
		if s.Events > worst.Events {
			worst = s
		}
	}
	if worst.Events == 0 {
		return ""
	}
	return fmt.Sprintf("%d events of the last 7 days are skipped for %s (%s)", worst.Events, worst.Place, worst.Reason)
}
