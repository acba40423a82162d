package history

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Fault is a kind of thing that goes wrong, or is unusual.
type Fault int

// The kinds, in the order of the table.
const (
	// Of a call of a contract.
	FailedBefore Fault = iota // the call fails and is not applied
	AnswerLost                // it is applied, and fails
	LateNever                 // it outlasts its deadline, and is never applied
	LateLanded                // it outlasts its deadline, and is applied later, on the wire
	Slow                      // it takes seconds, and succeeds
	SlowAnswer                // it is applied at once, and its answer takes seconds
	Throttled                 // refused for its rate
	PartlyTaken               // the stream takes some records of several
	KilledBefore              // the function is killed, the call is not applied
	KilledAfter               // the function is killed, the call is applied
	Frozen                    // the function stands still for long, and thaws

	// Of an invocation.
	TimedOut       // it outlasted its timeout: its caller goes on without it
	Zombie         // it went on after its timeout all the same
	ResultLost     // it ended, but its caller sees a failure
	NotInvoked     // refused for concurrency
	ColdStart      // a new environment that has nothing compiled
	EnvironmentEnd // an idle environment ends
	Skewed         // an environment whose clock is off, within the margin

	// Of stream and mapping.
	Restarted    // the mapping restarts from its checkpoint, under other settings
	PollFailed   // a poll is not answered
	PollShort    // a poll is answered with fewer records than there are
	ShardSplit   // a shard is split in two
	ShardsMerged // two shards become one
	Trimmed      // records that are done leave the stream
	Junk         // a record that is none of ours

	// Of what is scheduled.
	BatchTwice   // the scheduler fires twice
	BatchMissed  // or not at all
	BatchStopped // batch does not fire for a while
	SweepTwice
	Redriven          // an operator sends a request again from the dead letters
	DefinitionChanged // a view is deployed with another definition
	ViewLeftOut       // a tick of batch is deployed with a file that leaves a view out
	QueueTwice        // the republish queue delivers a request twice
	ReplayTwice
	ReplayMissed
	AuditTwice

	// Of operators: what one does now and then, wise or not, and is done.
	OperatorSwitches
	OperatorRollsBack
	OperatorDrops
	OperatorAbandons
	OperatorRebuilds
	OperatorAudits

	// Outages: each call that fails is counted.
	StreamDown
	DynamoDown
	S3Down

	// Of clients.
	Retried       // a request is sent again since it was not acknowledged
	Unheard       // a request is acknowledged, and the client does not hear it
	DoubledAtOnce // a request is sent twice at once
	DoubledWithin // an event stands twice in one request
	DoubledAtEdge // an event is sent again about as much later as a window is long
	DoubledLater  // an event is sent again, within the speed window
	BeyondSpeed   // an event is sent again, beyond the speed window
	BeyondBatch   // an event is sent again, beyond batch's window
	Conflicting   // an event is sent again with another payload
	LateEvent     // an event's time lies far back
	FutureEvent   // or ahead
	Timeless      // an event has no time
	BadEvent      // an event that is to be rejected
	BadRequest    // a request that is to be refused

	// What follows from the above.
	LateObject      // an object landed in a slot that batch had claimed
	CountedTwice    // an event was counted twice, as design 3.5 allows
	Swept           // the sweep queued an object
	QueriedInFlight // a query's reads lay apart, with writes between
	SetAside        // a record was set aside
	Switched        // another generation of a view serves, by what the two are:
	LambdaToLambda
	LambdaToKappa
	KappaToLambda
	KappaToKappa
	Replayed        // replay has come further with a generation
	ReplayWaited    // replay waits for the sweep
	LeftToLive      // replay leaves out an event of which the live half has counted a copy
	GoneAtSwitch    // an event was visible, and is not for a while in what serves now: see kappa.go
	OperatorRefused // an operator's request is refused with a reason
	Audited         // an audit has ended
	Dropped         // a generation was dropped
	DeadLetter      // the republish queue gave a request up
	TooOld          // republish refuses what is too old for the stream
	Passed          // the sweep passes a run by

	faults int = iota
)

var faultNames = [faults]string{
	"failed before", "answer lost", "late, never applied", "late, landed on the wire", "slow", "slow answer", "throttled",
	"partly taken",
	"killed before", "killed after", "frozen and thawed", "timed out", "zombie", "result lost", "not invoked",
	"cold start", "environment end",
	"skewed clock", "mapping restarted", "poll failed", "poll short", "shard split", "shards merged", "records trimmed",
	"junk record",
	"batch fired twice", "batch not fired", "batch stopped", "sweep fired twice", "sent again from the dead letters",
	"definition changed", "view left out", "queue delivered twice", "replay fired twice",
	"replay not fired", "audit fired twice", "operator switches", "operator rolls back", "operator drops",
	"operator abandons", "operator rebuilds",
	"operator asks for an audit", "stream down", "DynamoDB down", "S3 down",
	"request retried", "acknowledgement unheard", "sent twice at once", "twice in one request",
	"sent again at a window's edge", "sent again later", "sent again beyond the speed window",
	"sent again beyond the batch window", "conflicting payload", "late event", "event from the future",
	"event without time", "bad event",
	"bad request", "late object", "counted twice, as allowed", "swept", "query amid writes", "record set aside",
	"generation switched to",
	"Lambda to Lambda", "Lambda to Kappa", "Kappa to Lambda", "Kappa to Kappa", "replayed", "replay waited for the sweep",
	"left to the live half",
	"gone at a switch, as allowed", "operator refused", "audited", "generation dropped", "dead letter",
	"too old for the stream", "run passed by",
}

func (f Fault) String() string { return faultNames[f] }

// Counts says how often each kind of fault fired.
type Counts [faults]int

// Total is how many faults fired.
func (c Counts) Total() int {
	n := 0
	for _, k := range c {
		n += k
	}
	return n
}

// Add adds other counts to these.
func (c *Counts) Add(d Counts) {
	for i, n := range d {
		c[i] += n
	}
}

// Missing are the kinds that never fired.
func (c Counts) Missing() []Fault {
	var all []Fault
	for i, n := range c {
		if n == 0 {
			all = append(all, Fault(i))
		}
	}
	return all
}

// String is the table, a line per kind.
func (c Counts) String() string {
	var b strings.Builder
	for i, n := range c {
		fmt.Fprintf(&b, "%10d  %s\n", n, Fault(i))
	}
	return b.String()
}

// What a call fails with.
var (
	errInjected  = errors.New("injected: the call failed")
	errLost      = errors.New("injected: the answer was lost")
	errThrottled = errors.New("injected: throttled")
	errDown      = errors.New("injected: the service is down")
	errLate      = errors.New("injected: deadline exceeded")
)

// callFaults are those that draw chooses among at a call.
var callFaults = []Fault{
	FailedBefore, AnswerLost, LateNever, LateLanded, Slow, SlowAnswer, Throttled, PartlyTaken, KilledBefore, KilledAfter,
	Frozen,
}

// kind is what a call is like, as far as faults go.
type kind struct {
	write   bool
	service Fault // the outage that it suffers from
	partly  bool  // it may be applied in part
	commit  bool  // it is ingest's put of events
	real    bool  // it makes a run real

	announces bool // it announces a definition
}

// draw says what happens to a call; a negative one: nothing.
func (h *history) draw(k kind) Fault {
	if h.calm {
		return -1
	}
	switch {
	case k.commit && h.edgy && h.random.IntN(3) > 0:
		return pick(h, Slow, Slow, LateLanded)
	case k.announces && h.random.IntN(3) == 0:
		return pick(h, Frozen, Frozen, LateLanded, SlowAnswer) // an announcement must be in time
	case k.real && h.edgy && h.random.IntN(3) == 0:
		return pick(h, KilledAfter, KilledAfter, AnswerLost, Frozen)
	}
	if k.partly && h.rates[PartlyTaken] > 0 && h.random.IntN(5) == 0 {
		return PartlyTaken // few calls can meet it
	}
	x := h.random.Float64()
	if k.commit {
		x /= 3 // one call in thirty is of this kind
	}
	if x >= h.perCall {
		return -1
	}
	for _, f := range callFaults {
		x -= h.rates[f]
		if x >= 0 {
			continue
		}
		switch {
		case k.commit && (f == Throttled || f == FailedBefore) && h.random.IntN(2) == 0:
			return Slow // the put that clients wait for: what matters there is when it lands
		case f == PartlyTaken && !k.partly:
			return -1
		case !k.write && (f == AnswerLost || f == LateLanded || f == KilledAfter || f == SlowAnswer):
			return FailedBefore // a read has no effect to lose
		}
		return f
	}
	return -1
}

// chance says whether something of the given kind happens now.
func (h *history) chance(f Fault) bool {
	if h.calm || h.rates[f] == 0 || h.random.Float64() >= h.rates[f] {
		return false
	}
	h.count(f)
	return true
}

func (h *history) count(f Fault) { h.counts[f]++ }

// between draws a duration, evenly.
func (h *history) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(h.random.Int64N(int64(high-low)))
}

// pick draws one of several values.
func pick[T any](h *history, values ...T) T { return values[h.random.IntN(len(values))] }
