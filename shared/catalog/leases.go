package catalog

import (
	"context"
	"time"

	"github.com/anabranch/anabranch/shared/event"
)

// Leases keeps one lease for each name. A lease saves work that two functions would do at once. No answer depends on
// it: everything that is done under a lease is also right when two do it at once.
//
// Calls: safe for concurrent use. Reads are strongly consistent.
type Leases interface {
	// Lease returns the stored lease of a name; when nobody ever took it, a lease with only the name.
	Lease(ctx context.Context, name string) (Lease, error)

	// PutLease writes a lease if the stored revision is still l.Revision. The stored lease gets the next revision.
	//
	// Errors: ErrConflict. Any other: the write may or may not have been applied; read again.
	PutLease(ctx context.Context, l Lease) error
}

// Lease is the right to do a piece of work for a while, and the memory of those who were killed while they did it.
type Lease struct {
	Name string // the work, such as "batch" or "build by_user"
	// Revision of this item; 0: not stored yet. It only grows, so it is the fencing token: who has read a lower one has
	// lost the lease.
	Revision int64
	Holder   string       // who holds it, as an id that is never used twice; "": nobody
	Until    event.Millis // nobody else takes it before this time, by the clock of whoever wants it
	Of       string       // what the work is about, such as a generation; Killed counts only attempts at this
	Killed   int          // how many holders in a row never gave it back, or ran out of time
	Memory   int          // MB of the function that took it last; 0: unknown. Killed counts only attempts with it
}

// longestWait is how long the lease waits after many kills, as a multiple of its length: an hour for 2 minutes.
const longestWait = 30

// Found returns the lease as it is for a function with some memory in MB that wants to work on something at the given
// time. A holder that let the lease of the given length expire counts as killed, and nobody holds the lease then.
// Nobody holds a lease either that ends later than any could: a function with a wrong clock wrote it, and may be dead.
func (l Lease) Found(of string, memory int, now time.Time, length time.Duration) Lease {
	if l.Until > event.MillisOf(now.Add(l.longest(length))) {
		l.Holder, l.Until = "", event.Never
	}
	if l.Holder != "" && l.Until <= event.MillisOf(now) {
		l = l.LeftUndone(l.Until, length)
	}
	if (l.Of != of || l.Memory != memory) && l.Holder == "" {
		l.Of, l.Killed, l.Until = of, 0, event.Never
	}
	return l
}

// longest returns how far in the future the lease may end, by a clock that differs from the holder's by less than the
// length.
func (l Lease) longest(length time.Duration) time.Duration {
	if l.Holder != "" {
		return 2 * length
	}
	return (longestWait + 1) * length
}

// IsBusy reports whether somebody holds the lease, as found.
func (l Lease) IsBusy() bool { return l.Holder != "" }

// Waits reports whether the lease, as found, waits because holders were killed.
func (l Lease) Waits(now time.Time) bool { return l.Holder == "" && event.MillisOf(now) < l.Until }

// Done returns the lease after its holder has given it back.
func (l Lease) Done() Lease {
	l.Holder, l.Until, l.Killed = "", event.Never, 0
	return l
}

// Survived returns the lease after a holder that counts as killed, since it let the lease expire, has ended its work.
func (l Lease) Survived() Lease {
	l.Killed = max(l.Killed-1, 0)
	return l
}

// LeftUndone returns the lease after its holder was killed, or ran out of time, at the given moment. After the first
// such attempt in a row the next may follow at once; after the second it waits for the lease's length, and after each
// further one for twice as long.
func (l Lease) LeftUndone(at event.Millis, length time.Duration) Lease {
	l.Holder, l.Until = "", at
	l.Killed++
	if l.Killed > 1 {
		l.Until = at.Add(length * time.Duration(min(1<<min(l.Killed-2, 30), longestWait)))
	}
	return l
}
