// Package audit is the layer that checks what batch has written. It folds the runs of a serving generation, from the
// archive alone, and compares the result with the generation's base items, state by state. A difference is drift; the
// audit reports it by key, window and likely cause.
//
// It finds duplicates by itself, from the events that it reads, and does not trust the identities that a run stores. It
// writes only its findings, and knows nothing of the stream or of speed items.
//
// Source: docs/design.md 3.7.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/budget"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Audit audits views. All fields are required. Several Audits may work on one catalog at once.
type Audit struct {
	Archive  archive.Archive
	Catalog  catalog.Catalog
	Audits   catalog.Audits
	Programs *programs.Cache
	Base     viewstore.Base
	Codec    *event.Codec
	Layout   archive.Layout

	Lookback time.Duration // same as batch's: says which objects may still join a run
	Every    time.Duration // the interval at which each view with windows is audited without a request

	Tries int          // number of attempts at writing the findings
	Lease lease.Keeper // keeps other ticks from auditing a view at the same time

	Workers  int           // number of workers that fold at once
	Parallel runner.Runner // runs the workers, and the requests to the stores
	Now      func() time.Time
	Log      *slog.Logger
}

// Report says what a tick did. The function also logs it.
type Report struct {
	Views []ViewReport // the audited views, in the order of their audits
	Due   int          // number of due views that are left because time was short
}

// ViewReport has the findings of one view.
type ViewReport struct {
	Name view.Name
	catalog.Findings
}

// auditTries is how many audits of a generation in a row may be killed before the audit is given up. It begins again
// when an operator requests it, when another generation serves, or when it is due and the function has another memory.
const auditTries = 3

// errClaimed means that another tick has begun to audit the view, or that somebody has just requested an audit. The
// next tick decides again.
var errClaimed = errors.New("the view's audit record has changed since it was read")

// Tick audits the views that are due, most overdue first, until time is short.
//
// It may be called at any time, twice at once, and again after a crash at any point. Errors: those of the views that
// could not be audited. A view that fails does not stop the others from being audited.
func (a *Audit) Tick(ctx context.Context) (Report, error) {
	var report Report
	started := a.Now()
	due, err := a.due(ctx)
	if err != nil {
		return report, err
	}
	var all []error
	for i, d := range due {
		if i > 0 && budget.Short(ctx, started, a.Now()) {
			report.Due = len(due) - i
			break
		}
		held, found, err := a.audit(ctx, d)
		if held.Busy || held.Waits || errors.Is(err, errClaimed) {
			continue
		}
		if err != nil {
			all = append(all, fmt.Errorf("audit of view %s: %w", d.View, err))
		}
		report.Views = append(report.Views, ViewReport{Name: d.View, Findings: found})
	}
	return report, errors.Join(all...)
}

// audit audits one view unless somebody else does. It gives the audit up when attempts at it were killed each time.
//
// Errors: errClaimed: somebody else has begun. Any other: there are no findings, or they were not stored.
func (a *Audit) audit(ctx context.Context, due dueAudit) (held lease.Held, found catalog.Findings, err error) {
	work := lease.Work{
		Name: "audit " + string(due.View), Of: string(due.serving), Tries: auditTries, Anew: due.Requested > due.Begun,
	}
	held, err = a.Lease.Hold(ctx, work, func(ctx context.Context) error {
		found, err = a.auditOne(ctx, due.Audit)
		return err
	})
	if held.GivenUp {
		found, err = a.giveUp(ctx, due, held.Killed)
	}
	return held, found, err
}

// giveUp stores that the audit was given up. It reads no event.
func (a *Audit) giveUp(ctx context.Context, due dueAudit, killed int) (catalog.Findings, error) {
	why := fmt.Sprintf("the audit was killed or ran out of time %d times in a row: the function may have too little "+
		"memory", killed)
	if a.Lease.Memory > 0 {
		why += fmt.Sprintf("; it has %d MB", a.Lease.Memory)
	}
	one, found := due.Audit.Beginning(a.Now()), catalog.Findings{Generation: due.serving, Error: why, Killed: killed}
	one.Ended = one.Begun
	if one.Generation != due.serving {
		one.Findings = found
	}
	one.Error, one.Killed = why, killed // what an earlier audit of the generation has found still holds
	// Commit point: everybody can read that there are no findings, and why. A crash before leaves the audit due.
	err := a.Audits.PutAudit(ctx, one)
	if errors.Is(err, catalog.ErrConflict) {
		err = errClaimed
	}
	if err == nil {
		a.Log.ErrorContext(ctx, "audit given up", "view", due.View, "generation", due.serving, "why", why)
	}
	return found, err
}

// auditOne audits one view, which this function holds the lease of.
//
// Errors: see audit.
func (a *Audit) auditOne(ctx context.Context, one catalog.Audit) (catalog.Findings, error) {
	one = one.Beginning(a.Now())
	// Commit point: the audit has begun. A crash after leaves it due.
	if err := a.Audits.PutAudit(ctx, one); errors.Is(err, catalog.ErrConflict) {
		return catalog.Findings{}, errClaimed
	} else if err != nil {
		return catalog.Findings{Error: cutText(err.Error())}, fmt.Errorf("claim: %w", err)
	}
	a.Log.InfoContext(ctx, "audit begins", "view", one.View)
	found, err := a.examine(ctx, one.View)
	var ended *endedError
	if err != nil {
		found = catalog.Findings{Error: cutText(err.Error())}
	}
	if errors.As(err, &ended) {
		err = nil // nothing failed: what was looked at has gone
	}
	// Store the findings even when the audit ran out of time.
	if putErr := a.end(context.WithoutCancel(ctx), one, found); putErr != nil {
		err = errors.Join(err, fmt.Errorf("store findings: %w", putErr))
	}
	return found, err
}

// end stores the findings of the audit that began with this claim.
func (a *Audit) end(ctx context.Context, claim catalog.Audit, found catalog.Findings) error {
	// Commit point: everybody can read the findings. A crash before leaves those of the previous audit, and the view is
	// due again.
	return generations.UpdateAudit(ctx, a.Audits, claim.View, a.Tries,
		func(stored catalog.Audit) (catalog.Audit, bool, error) {
			if stored.Begun != claim.Begun {
				return stored, false, errors.New("another audit of the view has begun meanwhile: this one took too long")
			}
			stored.Ended = max(event.MillisOf(a.Now()), stored.Begun)
			if found.Error != "" { // what an earlier audit has found still holds
				stored.Error, stored.Killed = found.Error, 0
				return stored, true, nil
			}
			stored.Audited, stored.Findings = stored.Ended, found
			return stored, true, nil
		})
}

func (a *Audit) reader() runs.Reader {
	return runs.Reader{Archive: a.Archive, Catalog: a.Catalog, Codec: a.Codec, Layout: a.Layout, Parallel: a.Parallel}
}

// maxText is the most bytes of an error that is stored: the errors of many objects may be joined.
const maxText = 2000

// cutText returns as much of a text as is stored.
func cutText(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + " ..."
}
