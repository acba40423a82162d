package history

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lease"
)

// drawLeases gives one history in three leases, from a random source of its own. The others have none. So several
// functions do the same at once most of the time, and no other history is affected. A lease lasts for about two ticks,
// or for less: then holders that freeze go on beside the next one.
func (h *history) drawLeases(seed uint64) {
	own := rand.New(rand.NewPCG(seed, 0x6c65617365))
	if own.IntN(3) > 0 {
		return
	}
	s := &h.settings
	s.leaseFor = time.Second + time.Duration(own.Int64N(int64(2*s.tickEvery)))
	if own.IntN(2) == 0 {
		s.rates[BuildKilled] = own.Float64()
	}
	// After kills, a function waits no longer than for about as long as it was killed again and again.
	waits := s.active + 2*s.leaseFor
	s.batchBound += waits
	s.sweptBound += 3 * waits
	s.patience += 4 * waits
}

// holder is who holds a lease, and who held it before.
type holder struct {
	id  string
	inv *invocation
}

// onLease counts what becomes of leases.
func (h *history) onLease(inv *invocation, l catalog.Lease) {
	before := h.holders[l.Name]
	h.holders[l.Name] = holder{l.Holder, inv}
	switch {
	case l.Holder == "" || l.Holder == before.id:
		return
	case before.id != "" && !before.inv.ended:
		h.count(TwoHolders) // the lease of a function that froze has expired; it still works
	case before.id != "":
		h.count(HolderGone)
	}
}

// onHeld counts what a tick did by its lease.
func (h *history) onHeld(held lease.Held) {
	if held.Busy {
		h.count(LeaseTaken)
	}
	if held.Waits {
		h.count(AttemptWaited)
	}
}

// repeat renews the lease of the function that is running, as a goroutine of its process would: beside its work, unless
// the process is frozen, and never after it was killed.
func (e *environment) repeat(
	ctx context.Context, every time.Duration, do func(ctx context.Context) (again bool),
) (stop func()) {
	h, of := e.h, e.current
	stopped := false
	var renew func()
	renew = func() {
		switch {
		case stopped || of.ended:
		case of.thaws.After(h.clock):
			h.at(of.thaws, renew)
		default:
			h.count(Renewed)
			h.runBeside(of, func() {
				if do(ctx) {
					h.after(every, renew)
				}
			})
		}
	}
	h.after(every, renew)
	return func() { stopped = true }
}

// runBeside runs something in the process of an invocation, while the invocation waits. When it is killed, so is the
// invocation.
func (h *history) runBeside(of *invocation, do func()) {
	beside := &invocation{env: of.env, name: of.name + " renews", started: h.step, coroutine: newCoroutine(do)}
	h.besides = append(h.besides, beside)
	h.resumeBeside(of, beside)
}

func (h *history) resumeBeside(of, beside *invocation) {
	if of.killed {
		beside.stop()
		return
	}
	own := of.env.current
	of.env.current = beside
	d, more := beside.next()
	of.env.current = own
	switch {
	case more:
		h.after(d, func() { h.resumeBeside(of, beside) })
	case beside.killed && !of.ended:
		h.kill(of)
	}
}
