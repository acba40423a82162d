package history

import (
	"context"
	"time"
)

// port is how an environment reaches the contracts: the stores in memory, with the scheduler and its faults at every
// call.
type port struct {
	*environment
}

// call makes one call of the running invocation. First others run for as long as the call takes; then the call is
// applied, or meets a fault. do applies the call, at most once. A fault can prevent that, or delay it until after call
// has returned.
func (p port) call(k kind, name, key string, do func() error) error {
	h, inv := p.h, p.current
	inv.pause(h.latency())
	if p.stack.layout.Number != h.layout.Number {
		h.count(OldStackWoke)
	}
	if p.role == speedRole && name == "speed.Put" && h.halfway && h.standsStill() {
		h.count(Halfway)
		h.note(inv, name, key, "down")
		return errDown
	}
	if h.isDown(k.service) && !(p.role == speedRole && h.isSpared()) {
		h.count(k.service)
		h.note(inv, name, key, "down")
		return errDown
	}
	if h.tamper != nil {
		do = h.tampered(name, key, do)
	}
	do = p.byFormat(k, name, key, do)
	f := h.draw(k)
	switch {
	case k.builds && h.chance(BuildKilled):
		h.counts[BuildKilled]-- // it is counted below
		f = BuildKilled
	case p.role == speedRole && h.isSpared():
		f = -1
	case inv.refused > 0 && k.service == DynamoDown && !h.calm:
		inv.refused--
		f = Throttled
	case k.service == DynamoDown && k.write && !h.calm && h.rates[Throttled] > 0 && h.random.IntN(40) == 0:
		f, inv.refused = Throttled, 1+h.random.IntN(8)
	}
	if f < 0 {
		err := do()
		h.noteResult(inv, name, key, err)
		return err
	}
	h.count(f)
	h.note(inv, name, key, faultNames[f])
	switch f {
	case FailedBefore:
		return errInjected
	case Throttled:
		return errThrottled
	case AnswerLost:
		h.noteResult(inv, name, key, do())
		return errLost
	case PartlyTaken:
		inv.partly = true
	case LateNever, LateLanded:
		return p.late(f == LateLanded, name, key, do)
	case Slow:
		if k.commit && (h.edgy || h.random.IntN(2) == 0) {
			// It lands right before ingest gives up, or somewhat later.
			beside := pick(h, -h.between(0, 250*time.Millisecond), -h.between(0, 250*time.Millisecond), h.between(0, 2*h.margin))
			inv.pause(max(0, inv.commitBy.Sub(p.now())+beside))
			break
		}
		inv.pause(h.between(500*time.Millisecond, pick(h, 4*time.Second, 12*time.Second)))
	case SlowAnswer:
		err := do()
		h.noteResult(inv, name, key, err)
		inv.pause(h.between(500*time.Millisecond, 4*time.Second))
		return err
	case KilledAfter:
		h.noteResult(inv, name, key, do())
		panic(died{})
	case KilledBefore, BuildKilled:
		panic(died{})
	case Frozen:
		freeze := h.between(5*time.Second, h.longFreeze)
		inv.thaws = h.clock.Add(freeze)
		inv.pause(freeze)
	}
	// A frozen or slow call goes out now, however late it is. An SDK would notice that its context has ended. Not to
	// notice it is the worst case.
	err := do()
	h.noteResult(inv, name, key, err)
	return err
}

// late outlasts the deadline of the call. The call may still be applied long after its caller got an error.
func (p port) late(lands bool, name, key string, do func() error) error {
	h, inv := p.h, p.current
	wait := h.between(time.Second, 3*time.Second)
	if inv.commitBy != (time.Time{}) && name == "archive.Put" {
		wait = max(0, inv.commitBy.Sub(p.now())) // ingest gives up its put at its own deadline
	}
	if lands {
		lag := wait + h.between(-wait, h.longFreeze)
		h.after(lag, func() { h.noteResult(inv, name+", in flight", key, do()) })
	}
	inv.pause(wait)
	return errLate
}

// ask works as call does, for calls that return a value. With an error it returns no value.
func ask[T any](p port, k kind, name, key string, do func() (T, error)) (value T, err error) {
	err = p.call(k, name, key, func() (err error) {
		value, err = do()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return value, nil
}

// everywhere is the context of all calls of stores in memory. Only the scheduler ends a call early.
var everywhere = context.Background()

var (
	readS3      = kind{service: S3Down}
	writeS3     = kind{service: S3Down, write: true}
	readDynamo  = kind{service: DynamoDown}
	writeDynamo = kind{service: DynamoDown, write: true}
)
