// Package lease keeps functions from doing the same work at once, and counts attempts at a piece of work that were
// killed. A function is called each minute and may work for fifteen. So the next tick would do the same work beside it.
//
// A lease saves work. No answer depends on it, since the conditional writes of each layer are safe when two work at
// once. So it is enough to compare times by each function's own clock: where two clocks differ, a lease is taken
// earlier or later by the difference. For the same reason a function that cannot read or write its lease, perhaps since
// the table throttles it, works without it.
//
// Source: docs/design.md 3.12.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
)

// Keeper takes leases. It is safe for concurrent use.
type Keeper struct {
	Leases catalog.Leases
	For    time.Duration // how long a lease lasts without renewal; 0: everybody works without leases
	Memory int           // memory of this function in MB; 0: unknown
	Now    func() time.Time
	NewID  func() (ulid.ULID, error) // returns a ULID that was never made before
	Repeat runner.Repeater           // renews a lease beside the work
	Log    *slog.Logger
}

// New returns a Keeper. The settings must pass setting.All.Check.
func New(leases catalog.Leases, settings setting.All, host setting.Host) Keeper {
	return Keeper{
		Leases: leases, For: settings.LeaseFor, Memory: host.Memory, Now: host.Now, Repeat: host.Repeat, Log: host.Log,
		NewID: func() (ulid.ULID, error) { return host.NewULID(host.Now()) },
	}
}

// Work is a piece of work.
type Work struct {
	Name string // name of the lease
	// Of is what the work is about. An attempt at something else, or with another memory, begins a new count of kills.
	Of string
	// Tries is the number of attempts in a row that may be killed; Hold makes no further one. 0: no limit.
	Tries int
	Anew  bool // forget the attempts that were killed, since an operator wants another one
}

// Held says what Hold has done. The zero Held means that the work was done.
type Held struct {
	Busy    bool // somebody else holds the lease: nothing was done
	Waits   bool // earlier attempts were killed, and it is too early for the next one: nothing was done
	GivenUp bool // all tries were killed: nothing was done
	Killed  int  // number of attempts in a row before this call that were killed or ran out of time
}

// Worked reports whether the work was done, perhaps with an error.
func (h Held) Worked() bool { return !h.Busy && !h.Waits && !h.GivenUp }

// errLost means that somebody else has taken the lease: this function did not renew it for too long.
var errLost = errors.New("somebody else has taken the lease")

// renewals is the number of renewals in the time that a lease lasts: some of them may fail.
const renewals = 4

// giveBackWithin is the longest time to give a lease back. Functions reserve 5 s of each invocation for their end.
const giveBackWithin = 3 * time.Second

// Hold does work under a lease, which it renews meanwhile and gives back in the end. When another function holds the
// lease, Hold returns after one read. When the work takes longer than the invocation has time, the attempt counts as
// killed: it would never end. An attempt may count as killed because it could not renew its lease. It takes that back
// when it ends.
//
// Errors: those of the work. The context of the work ends when the lease is lost.
func (k Keeper) Hold(ctx context.Context, w Work, work func(ctx context.Context) error) (Held, error) {
	if k.For == 0 {
		return Held{}, work(ctx)
	}
	stored, err := k.Leases.Lease(ctx, w.Name)
	if err != nil {
		k.Log.WarnContext(ctx, "the lease cannot be read, so the work is done without it", "lease", w.Name, "error", err)
		return Held{}, work(ctx)
	}
	now := k.Now()
	found := stored.Found(w.Of, k.Memory, now, k.For)
	if w.Anew && !found.IsBusy() {
		found = found.Done()
	}
	held := Held{Killed: found.Killed}
	switch {
	case found.IsBusy():
		held.Busy = true
	case found.Waits(now):
		held.Waits = true
	case w.Tries > 0 && found.Killed >= w.Tries: // whoever was not killed had the time of the wait to say so
		held.GivenUp = true
	default:
		held.Busy, err = k.workAs(ctx, found, work)
		return held, err
	}
	k.Log.InfoContext(ctx, "skipped", "lease", w.Name, "holder", found.Holder, "until", found.Until.Time(), "killed",
		found.Killed)
	return held, nil
}

// workAs takes a lease, as found, does the work and gives the lease back. busy says that somebody else was faster.
func (k Keeper) workAs(
	ctx context.Context, found catalog.Lease, work func(ctx context.Context) error,
) (busy bool, err error) {
	id, err := k.NewID()
	if err != nil {
		return false, err
	}
	h := hold{Keeper: k, lease: found}
	h.lease.Holder, h.lease.Memory = id.String(), k.Memory
	// Commit point: others leave the work to this function until the lease expires. After a crash the next one counts
	// this attempt as killed.
	if err := h.renew(ctx); errors.Is(err, errLost) {
		return true, nil
	}
	working, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	stop := k.Repeat(ctx, k.For/renewals, func(ctx context.Context) bool {
		lost := errors.Is(h.renew(ctx), errLost)
		if lost {
			lose(errLost)
		}
		return !lost
	})
	err = work(working)
	stop()
	h.giveBack(ctx)
	if lost := context.Cause(working); errors.Is(lost, errLost) {
		err = errors.Join(fmt.Errorf("lease %s: %w", found.Name, lost), err)
	}
	return false, err
}

// hold is a lease that this function holds.
type hold struct {
	Keeper
	lease catalog.Lease // as written last
}

// renew holds the lease for another while. Errors: errLost; any other is logged, and the next renewal may succeed.
func (h *hold) renew(ctx context.Context) error {
	err := h.write(ctx, func(l catalog.Lease) catalog.Lease {
		l.Until = event.MillisOf(h.Now()).Add(h.For)
		return l
	})
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "the lease is not renewed", "lease", h.lease.Name, "error", err)
	}
	return err
}

// giveBack gives the lease back, so that the next tick need not wait until it has expired. When somebody else has taken
// it, giveBack takes back that this function counts as killed.
func (h *hold) giveBack(ctx context.Context) {
	deadline, ok := ctx.Deadline()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackWithin)
	defer cancel()
	now := h.Now()
	outOfTime := ok && !now.Before(deadline)
	// Commit point: the next function may work. A crash before leaves the lease to expire.
	err := h.write(ctx, func(l catalog.Lease) catalog.Lease {
		if outOfTime {
			return l.LeftUndone(event.MillisOf(now), h.For)
		}
		return l.Done()
	})
	if errors.Is(err, errLost) && !outOfTime {
		err = h.takeCountBack(ctx)
	}
	if err != nil {
		h.Log.WarnContext(ctx, "the lease is not given back", "lease", h.lease.Name, "error", err)
	}
}

// takeCountBack takes one kill out of the count of a lease that somebody else has taken. It tries once: a count that is
// too high costs a wait, and at worst a build or an audit that an operator begins again.
func (h *hold) takeCountBack(ctx context.Context) error {
	stored, err := h.Leases.Lease(ctx, h.lease.Name)
	if err != nil || stored.Killed == 0 || stored.Of != h.lease.Of || stored.Memory != h.lease.Memory {
		return err
	}
	// Commit point: others count one kill less. A crash before leaves the count too high.
	return h.Leases.PutLease(ctx, stored.Survived())
}

// write writes the lease, as changed, if this function still holds it. When the revision is another one, an earlier
// write of this function may have been applied without an answer, or a holder before has taken its count back.
//
// Errors: errLost. Any other: the write may or may not have been applied.
func (h *hold) write(ctx context.Context, change func(catalog.Lease) catalog.Lease) error {
	next := change(h.lease)
	err := h.Leases.PutLease(ctx, next)
	if errors.Is(err, catalog.ErrConflict) {
		stored, readErr := h.Leases.Lease(ctx, next.Name)
		if readErr != nil {
			return readErr
		}
		if stored.Holder != h.lease.Holder {
			return errLost
		}
		next = change(stored)
		err = h.Leases.PutLease(ctx, next)
	}
	if err == nil {
		next.Revision++
		h.lease = next
	}
	return err
}
