package runs

import (
	"time"

	"github.com/anabranch/anabranch/shared/slot"
)

// LookBack says which claimed slots a run lists again, to find late objects. Every run lists the last third of For. A
// run that passes a multiple of ten slots lists all of it, and ten slots more. So an object that lands within For after
// the end of its slot joins a run: the next one while its slot is in that third, and otherwise the next one that passes
// a multiple of ten slots.
//
// Source: docs/design.md 3.2.
type LookBack struct {
	For  time.Duration
	Slot slot.Length
}

const (
	recentPart  = 3  // one part in so many of For is listed by every run
	slotsPerAll = 10 // a run lists all of For once in so many slots
)

func (l LookBack) step() time.Duration { return slotsPerAll * time.Duration(l.Slot) }

// From returns the first slot that a run lists. The run comes after the given horizon, and claims slots before to.
func (l LookBack) From(horizon, to slot.Slot) slot.Slot {
	if l.passed(horizon) == l.passed(to) {
		return l.before(horizon, l.For/recentPart)
	}
	return l.Furthest(horizon)
}

// passed returns how many multiples of ten slots lie below a horizon.
func (l LookBack) passed(horizon slot.Slot) int64 { return int64(horizon) / l.step().Milliseconds() }

// Furthest returns the first slot that a run after the given horizon may list. The run that lists all may come ten
// slots after the one that could have found an object first.
func (l LookBack) Furthest(horizon slot.Slot) slot.Slot { return l.before(horizon, l.For+l.step()) }

// before returns the slot that contains the instant d before a horizon: a key names whole slots only.
func (l LookBack) before(horizon slot.Slot, d time.Duration) slot.Slot {
	return l.Slot.At(horizon.Add(-d).Start())
}
