package history

import (
	"math/big"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/slot"
)

// truth is the oracle's record of what has happened, made without any code of the layers: which events exist, and where
// their copies are in the archive. What it knows of one stack is in ofStack.
type truth struct {
	identities []*identity
	objects    map[ulid.ULID]*object // landed objects by request
	landed     []*object             // landed objects in the order of landing
}

// identity is one event, however often clients send it.
type identity struct {
	n         int
	variants  []sample // its payloads; the first is the original
	copies    []*copyOf
	positions []*position // positions in the order of the lane
	sent      time.Time   // when a client sent it first
	acked     bool        // whether a request with it was acknowledged
	ackedAt   time.Time
	shown     int // how often the marks view counted it at the last look
	showings  map[lifecycle.Set]*showing
}

// showing records how the answers from one set of speed items showed an event in the marks view.
type showing struct {
	n  int    // how often the event counted at the last look
	at uint64 // the step at which the event was first seen; 0: never
}

// shownIn returns how the answers from a set showed the event.
func (i *identity) shownIn(set lifecycle.Set) *showing {
	s := i.showings[set]
	if s == nil {
		if i.showings == nil {
			i.showings = map[lifecycle.Set]*showing{}
		}
		s = &showing{}
		i.showings[set] = s
	}
	return s
}

// The marks view shows how often each single event is counted. Events are distributed over groups. Each event of a
// group adds its own power of ten to the sum of the group, so each digit of the sum says how often one event is
// counted. A sum has 57 digits, so a group has 57 events.
const marksPerGroup = 57

func (i *identity) group() string { return "g" + strconv.Itoa(i.n/marksPerGroup) }
func (i *identity) place() int    { return i.n % marksPerGroup }

// sample is one payload of an event, as a client sends it.
type sample struct {
	text string // compact JSON, as the archive must hold it, without its stamp
	kind string // the event's type
	test bool   // whether data.kind is "test"
	user string
	at   int64 // Unix milliseconds, or timeless

	fault   string                       // the label of why by_user skips the event; "" if it does not
	engines bool                         // the history has definitions of both engine versions
	amounts [len(allReadings)]readAmount // the first alone, unless engines
}

// readAmount is what sums count of an event, by one reading.
type readAmount struct {
	amount  *big.Int // in units of 10^-27; nil when sums ignore it
	ignored string   // the label of why they do
}

const timeless = -1 << 62

// copyOf is one line of the archive.
type copyOf struct {
	*identity
	variant int
	object  *object
	index   int
	nth     int  // place in archive order, from 1; 0 while no committed run holds it
	counted bool // the run that holds it counts it
	dropped bool // the run that holds it drops it as a duplicate
	expired bool // a record with it expired
}

func (c *copyOf) sample() *sample { return &c.variants[c.variant] }
func (c *copyOf) arrival() int64  { return int64(c.object.request.Time()) }
func (c *copyOf) time() int64 {
	if at := c.sample().at; at != timeless {
		return at
	}
	return c.arrival()
}

// object is an archive object of events.
type object struct {
	key     archive.Key
	request ulid.ULID
	slot    slot.Slot
	copies  []*copyOf
	run     uint64 // the run that holds it; 0: none
	acked   bool
}

// record is a record of the stream.
type record struct {
	sequence event.Sequence
	lines    []*position
	junk     bool
	put      time.Time
	done     uint64 // the step at which speed first reported it as applied; 0: never

	// In histories in which records expire (expiring.go):
	lane    string
	given   []*invocation // the invocations that got it
	begun   bool          // speed has stored it as seen
	applied bool          // speed has stored that it has applied it
	expired bool          // it left the stream before speed had reported it as applied
	halved  bool          // it was begun when it expired
	unsure  bool          // an invocation that has not ended may have passed it over
}

// position is one line of a record.
type position struct {
	*copyOf
	record *record
	counts bool // no earlier position of the lane holds the identity within the speed window
}

// fold is the state of a cell after each run that changed it.
type fold struct {
	runs   []uint64
	states []state
}

// at returns the state after the given run.
func (f *fold) at(run uint64) (s state) {
	if f == nil {
		return s
	}
	for i := len(f.runs) - 1; i >= 0; i-- {
		if f.runs[i] <= run {
			return f.states[i]
		}
	}
	return s
}

// state is the oracle's state of a window. It is enough for every aggregate of every view.
type state struct {
	count         int64
	numbers       int64 // number of events with an amount that sums can hold
	sum, min, max *big.Int
	gains         *big.Int // the sum of the amounts above 0.5; nil: there are none
	events        *folded
}

// half is 0.5 in units of 10^-27.
var half = new(big.Int).Div(unit, big.NewInt(2))

func (s state) add(of *copyOf, amount *big.Int) state {
	event := &folded{of: of, amount: amount}
	if amount == nil {
		return s.merge(state{count: 1, events: event})
	}
	one := state{1, 1, amount, amount, amount, nil, event}
	if amount.Cmp(half) > 0 {
		one.gains = amount
	}
	return s.merge(one)
}

// merge returns the state of the events of both.
func (s state) merge(other state) state {
	s.count += other.count
	s.events = joined(s.events, other.events)
	if other.numbers == 0 {
		return s
	}
	if s.numbers += other.numbers; s.sum == nil {
		s.sum, s.min, s.max, s.gains = other.sum, other.min, other.max, other.gains
		return s
	}
	s.sum = new(big.Int).Add(s.sum, other.sum)
	if s.gains == nil {
		s.gains = other.gains
	} else if other.gains != nil {
		s.gains = new(big.Int).Add(s.gains, other.gains)
	}
	if other.min.Cmp(s.min) < 0 {
		s.min = other.min
	}
	if other.max.Cmp(s.max) > 0 {
		s.max = other.max
	}
	return s
}

// cell names one window of one key of one view.
type cell struct {
	rowsOf
	start int64 // Unix milliseconds
}

type rowsOf struct {
	view int
	reading
	key string
}

// The views of a history.
const (
	byUser = iota
	everything
	marks
	views
)

var (
	viewNames = [2 * views]string{"by_user", "everything", "marks",
		"by_user, skipped", "everything, skipped", "marks, skipped"}
	viewWindows = [views]time.Duration{time.Minute, time.Hour, time.Minute}
)

// marksView is the view that a history has beside those of package simulation.
const marksView = `
  - name: marks
    key:
      group: data.group
    window: 1m
    aggregates:
      events: count()
      marks: sum(data.mark)
`

// each calls do for every cell that a copy belongs to, with the amount that the copy adds there.
func (c *copyOf) each(do func(cell, *big.Int)) {
	s := c.sample()
	at := c.time()
	var by reading
	in := func(view int, key string) cell { return cell{rowsOf{view, by, key}, startOf(view, by, at)} }
	skipped := func(view int, label string) {
		if label != "" {
			do(in(skippedOf(view), ""), numberOf(label))
		}
	}
	do(in(marks, c.group()), markOf[c.place()])
	for i, n := range s.amounts {
		if by = allReadings[i]; i > 0 && !s.engines {
			break
		}
		if s.kind == "purchase" && !s.test && !by.weekly {
			if s.fault == "" {
				do(in(byUser, s.user), n.amount)
				do(in(byUser, simulation.AllUsers), n.amount)
				skipped(byUser, n.ignored)
			}
			skipped(byUser, s.fault)
		}
		do(in(everything, ""), n.amount)
		skipped(everything, n.ignored)
	}
}

// markOf are the powers of ten that the places of a group add, in units of 10^-27.
var markOf = func() (all [marksPerGroup]*big.Int) {
	for i := range all {
		all[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
	}
	return all
}()

func apart(a, b int64) int64 { return max(a-b, b-a) }

// add counts a copy in the cells that it belongs to.
func (h *history) add(c *copyOf, run uint64, touched map[cell]bool) {
	c.each(func(at cell, amount *big.Int) {
		h.noteCell(at)
		f := h.folds[at]
		next := f.at(run).add(c, amount)
		if touched[at] {
			f.states[len(f.states)-1] = next
			return
		}
		touched[at] = true
		f.runs, f.states = append(f.runs, run), append(f.states, next)
	})
}
