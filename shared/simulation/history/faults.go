package history

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Fault is a kind of fault, or of an unusual event.
type Fault int

// The kinds of faults, in the order of the printed table.
const (
	// Faults of one call of a contract.
	FailedBefore Fault = iota // the call fails and is not applied
	AnswerLost                // the call is applied, but returns an error
	LateNever                 // the call outlasts its deadline and is never applied
	LateLanded                // the call outlasts its deadline and is applied later
	Slow                      // the call takes seconds, then succeeds
	SlowAnswer                // the call is applied at once, but its answer takes seconds
	Throttled                 // the service throttles the call
	PartlyTaken               // the stream takes only some of several records
	KilledBefore              // the function is killed before the call is applied
	KilledAfter               // the function is killed after the call is applied
	Frozen                    // the function freezes for long, then continues
	BuildKilled               // the function is killed while it builds a view

	// Faults of an invocation.
	TimedOut       // the function outlasts its timeout; its caller continues without it
	Zombie         // the function continues to run after its timeout
	ResultLost     // the function returns, but its caller sees a failure
	NotInvoked     // the function is not invoked, because no concurrency is free
	ColdStart      // the environment is new and has nothing compiled
	EnvironmentEnd // an idle environment ends
	Skewed         // the environment's clock is off, within the margin

	// Faults of the stream and the mapping.
	Restarted    // the mapping restarts from its checkpoint, with other settings
	PollFailed   // a poll fails
	PollShort    // a poll returns fewer records than there are
	ShardSplit   // a shard is split in two
	ShardsMerged // two shards become one
	Trimmed      // records that are done leave the stream
	Junk         // a record that ingest did not make
	Expired      // a record leaves the stream before speed has applied it
	BegunExpired // the same, and speed had stored it as seen

	// Faults of schedules and deployments.
	BatchTwice   // batch is invoked twice at once
	BatchMissed  // batch is not invoked for one tick
	BatchStopped // batch is not invoked for a while
	SweepTwice
	Redriven          // an operator sends a request from the dead letters again
	DefinitionChanged // batch is deployed with another definition of a view
	ViewLeftOut       // batch is deployed with a file that leaves a view out
	QueueTwice        // the republish queue delivers a request twice
	ReplayTwice
	ReplayMissed
	AuditTwice
	TakenOver      // a new stack takes the archive over
	CatalogSetBack // the catalog is set back to an earlier state, over items that stay

	// Operations that an operator completes now and then, sensible or not.
	OperatorSwitches
	OperatorRollsBack
	OperatorDrops
	OperatorAbandons
	OperatorRebuilds
	OperatorAudits

	// Outages. Each call that fails is counted.
	StreamDown
	DynamoDown
	S3Down
	Halfway // speed cannot write items for longer than the stream keeps records

	// Faults of clients.
	Retried       // a client sends a request again, since no answer acknowledged it
	Unheard       // ingest acknowledges a request, but the client does not get the answer
	DoubledAtOnce // a client sends a request twice at once
	DoubledWithin // a request contains an event twice
	DoubledAtEdge // a client sends an event again after about the length of a window
	DoubledLater  // a client sends an event again, within the speed window
	BeyondSpeed   // a client sends an event again, beyond the speed window
	BeyondBatch   // a client sends an event again, beyond batch's window
	Conflicting   // a client sends an event again with another payload
	LateEvent     // the event's time is far in the past
	FutureEvent   // the event's time is in the future
	Timeless      // the event has no time
	BadEvent      // ingest must reject the event
	BadRequest    // ingest must refuse the request

	// Consequences of the above.
	LateObject      // an object landed in a slot that batch had already claimed
	CountedTwice    // an answer counted an event twice, as design 3.5 allows
	Swept           // the sweep queued an object
	QueriedInFlight // a query read while other functions wrote
	SetAside        // speed set a record aside
	Switched        // another generation of a view serves; counted again by the architectures of both:
	LambdaToLambda
	LambdaToKappa
	KappaToLambda
	KappaToKappa
	EngineSwitched  // a generation of another engine version serves
	Replayed        // replay brought a run into a generation
	ReplayWaited    // replay waited for the sweep
	LeftToLive      // replay left out an event, because the live half had counted a copy
	GoneAtSwitch    // an event was visible, and the generation that serves now does not have it yet (see kappa.go)
	OperatorRefused // the operator's request was refused with a reason
	Audited         // an audit ended
	Dropped         // a generation was dropped
	DeadLetter      // the republish queue gave up a request
	PassedOver      // speed passed a record over that was about to leave the stream
	BroughtBack     // an event whose record had expired reached speed after all
	TooOld          // republish refused an object that is too old for the stream
	Passed          // the sweep passed a run by
	OlderRelease    // an invocation by the older of two releases
	FormatRefused   // the older release refused a stored format of the newer one
	EngineRefused   // the older release refused a definition of the newer one's engine
	LeaseTaken      // a tick ended, since another one worked
	AttemptWaited   // a tick made no runs, since several in a row were killed
	Renewed         // a function renewed its lease
	HolderGone      // a function took the lease of one that was killed
	TwoHolders      // a function took the lease of one that still worked
	BuildGivenUp    // batch gave up a build that was killed each time
	ItemsRefused    // batch refused base items that another catalog has written
	OldStackWoke    // a function of a stack called a store after another one had taken over

	faults int = iota
)

var faultNames = [faults]string{
	"failed before", "answer lost", "late, never applied", "late, applied after all", "slow", "slow answer", "throttled",
	"partly taken",
	"killed before", "killed after", "frozen and thawed", "killed while it builds",
	"timed out", "zombie", "result lost", "not invoked",
	"cold start", "environment end",
	"skewed clock", "mapping restarted", "poll failed", "poll short", "shard split", "shards merged", "records trimmed",
	"junk record", "record expired unread", "record expired half applied",
	"batch fired twice", "batch not fired", "batch stopped", "sweep fired twice", "sent again from the dead letters",
	"definition changed", "view left out of the file", "queue delivered twice", "replay fired twice",
	"replay not fired", "audit fired twice", "archive taken over",
	"catalog set back", "operator switches", "operator rolls back", "operator drops",
	"operator abandons", "operator rebuilds",
	"operator asks for an audit", "stream down", "DynamoDB down", "S3 down",
	"speed cannot write items",
	"request retried", "acknowledgement unheard", "sent twice at once", "twice in one request",
	"sent again at a window's edge", "sent again within the speed window", "sent again beyond the speed window",
	"sent again beyond the batch window", "conflicting payload", "late event", "event from the future",
	"event without time", "bad event",
	"bad request", "late object", "counted twice, as allowed", "swept", "query amid writes", "record set aside",
	"generation switched",
	"Lambda to Lambda", "Lambda to Kappa", "Kappa to Lambda", "Kappa to Kappa", "engine switched", "replayed",
	"replay waited for the sweep",
	"left to the live half",
	"missing for a while after a switch, as allowed", "operator refused", "audited", "generation dropped", "dead letter",
	"record passed over", "brought back after its record expired",
	"too old for the stream", "run passed by", "invoked in the older release", "format refused by the older release",
	"engine refused by the older release",
	"lease taken", "waited after kills", "lease renewed", "lease of a killed function taken", "two hold a lease",
	"build given up", "items of another catalog refused", "called by a function of the old stack",
}

func (f Fault) String() string { return faultNames[f] }

// Counts is how often each kind of fault happened.
type Counts [faults]int

// Total returns how many faults happened.
func (c Counts) Total() int {
	n := 0
	for _, k := range c {
		n += k
	}
	return n
}

// Add adds other counts to c.
func (c *Counts) Add(d Counts) {
	for i, n := range d {
		c[i] += n
	}
}

// Missing returns the kinds that never happened.
func (c Counts) Missing() []Fault {
	var all []Fault
	for i, n := range c {
		if n == 0 {
			all = append(all, Fault(i))
		}
	}
	return all
}

// String returns the table, one line per kind.
func (c Counts) String() string {
	var b strings.Builder
	for i, n := range c {
		fmt.Fprintf(&b, "%10d  %s\n", n, Fault(i))
	}
	return b.String()
}

// The errors of calls that fail.
var (
	errInjected  = errors.New("injected: the call failed")
	errLost      = errors.New("injected: the answer was lost")
	errThrottled = errors.New("injected: throttled")
	errDown      = errors.New("injected: the service is down")
	errLate      = errors.New("injected: deadline exceeded")
)

// callFaults are the faults that draw chooses among.
var callFaults = []Fault{
	FailedBefore, AnswerLost, LateNever, LateLanded, Slow, SlowAnswer, Throttled, PartlyTaken, KilledBefore, KilledAfter,
	Frozen,
}

// kind is the part of a call that decides which faults it can meet.
type kind struct {
	write   bool
	service Fault // the outage that makes the call fail; negative: none
	partly  bool  // the call may be applied in part
	commit  bool  // the call is ingest's put of events
	real    bool  // the call commits a run

	announces bool // the call announces a definition
	builds    bool // the call is the first of a build
}

// draw returns the fault that a call meets; negative: none.
func (h *history) draw(k kind) Fault {
	if h.calm {
		return -1
	}
	switch {
	case k.commit && h.edgy && h.random.IntN(3) > 0:
		return pick(h, Slow, Slow, LateLanded)
	case k.announces && h.random.IntN(3) == 0:
		return pick(h, Frozen, Frozen, LateLanded, SlowAnswer) // an announcement must be confirmed in time
	case k.real && h.edgy && h.random.IntN(3) == 0:
		return pick(h, KilledAfter, KilledAfter, AnswerLost, Frozen)
	}
	if k.partly && h.rates[PartlyTaken] > 0 && h.random.IntN(5) == 0 {
		return PartlyTaken // few calls can meet this fault
	}
	x := h.random.Float64()
	if k.commit {
		x /= 3 // few calls are commits, so their faults are three times as likely
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
			return Slow // clients wait for this put, and the moment when it lands matters most
		case f == PartlyTaken && !k.partly:
			return -1
		case !k.write && (f == AnswerLost || f == LateLanded || f == KilledAfter || f == SlowAnswer):
			return FailedBefore // a read has no effect that could be lost
		}
		return f
	}
	return -1
}

// chance reports whether a fault of the given kind happens now.
func (h *history) chance(f Fault) bool {
	if h.calm || h.rates[f] == 0 || h.random.Float64() >= h.rates[f] {
		return false
	}
	h.count(f)
	return true
}

func (h *history) count(f Fault) { h.counts[f]++ }

// between draws a duration from low to high, uniformly.
func (h *history) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(h.random.Int64N(int64(high-low)))
}

// pick draws one of the values.
func pick[T any](h *history, values ...T) T { return values[h.random.IntN(len(values))] }
