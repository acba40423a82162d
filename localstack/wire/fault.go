package wire

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"time"
)

// Kind is a way in which a call fails. The zero Kind means that the call does not fail.
type Kind string

// The kinds of faults. "The call took effect" means that the service did what the request asks for.
const (
	TimeoutBefore  Kind = "time-out before the effect" // The request never reaches the service.
	TimeoutAfter   Kind = "time-out after the effect"  // The call took effect; no response arrives.
	Dropped        Kind = "answer dropped"             // The call took effect; the connection closes without a response.
	Reset          Kind = "reset in the answer"        // The call took effect; a reset ends the response half-way.
	Truncated      Kind = "answer cut short"           // The call took effect; a close ends the response half-way.
	InternalBefore Kind = "500 before the effect"      // The service reports a failure, and did nothing.
	InternalAfter  Kind = "500 after the effect"       // The service reports a failure, but the call took effect.
	SlowDown       Kind = "503 slow down"              // S3 asks for fewer requests.
	Throughput     Kind = "throughput exceeded"        // DynamoDB, Kinesis: ProvisionedThroughputExceededException.
	Throttling     Kind = "throttled"                  // A service other than S3 throttles the request.
	Conflict       Kind = "409 conflict"               // S3: another put of the key is in flight during a conditional put.
	PartlyFailed   Kind = "partly failed"              // Kinesis, PutRecords: some records are put, the others fail.
	Unprocessed    Kind = "unprocessed"                // DynamoDB batches: some items come back unprocessed.
)

// Kinds returns all kinds, in the order in which a draw considers them.
func Kinds() []Kind {
	return []Kind{
		TimeoutBefore, TimeoutAfter, Dropped, Reset, Truncated, InternalBefore, InternalAfter, SlowDown, Throughput,
		Throttling, Conflict,
		PartlyFailed, Unprocessed,
	}
}

// AfterEffect reports whether a call that fails in this way took effect, although the caller does not learn of it.
func (k Kind) AfterEffect() bool {
	return k == TimeoutAfter || k == Dropped || k == Reset || k == Truncated || k == InternalAfter
}

// Happens reports whether a call can fail in this way.
//
// Source: S3 API Reference, error responses; DynamoDB Developer Guide, error handling; Kinesis API Reference,
// PutRecords; docs of each service's common errors.
func (k Kind) Happens(c Call) bool {
	switch k {
	case TimeoutBefore, TimeoutAfter, Dropped, Reset, Truncated, InternalBefore, InternalAfter:
		return c.Service != ""
	case SlowDown:
		return c.Service == "s3"
	case Throughput:
		return c.Service == "dynamodb" || c.Service == "kinesis"
	case Throttling:
		return c.Service != "" && c.Service != "s3"
	case Conflict:
		return c.Service == "s3" && c.Operation == "PutObject"
	case PartlyFailed:
		return c.Service == "kinesis" && c.Operation == "PutRecords"
	case Unprocessed:
		return c.Service == "dynamodb" && (c.Operation == "BatchGetItem" || c.Operation == "BatchWriteItem")
	}
	return false
}

// Fault is a call together with the way in which it failed.
type Fault struct {
	Call
	Kind Kind
}

// Plan breaks calls at random.
type Plan struct {
	// Rates gives each kind its share, 0 to 1, of the calls to which it can happen. The maximum of the sum is 1.
	Rates map[Kind]float64

	// Services, Operations and Resources select the calls. An empty list selects all. No plan breaks a request that is not
	// for AWS.
	Services, Operations, Resources []string

	// Hold is how long a caller waits for a time-out, unless its context ends earlier. 0 returns the time-out error at
	// once.
	Hold time.Duration
}

// Evenly returns a Plan that gives each kind the same rate.
func Evenly(rate float64, kinds ...Kind) Plan {
	p := Plan{Rates: map[Kind]float64{}}
	for _, k := range kinds {
		p.Rates[k] = rate
	}
	return p
}

func (p Plan) check() error {
	sum := 0.0
	for k, rate := range p.Rates {
		if !slices.Contains(Kinds(), k) {
			return fmt.Errorf("unknown kind of fault %q", k)
		}
		if !(rate >= 0 && rate <= 1) {
			return fmt.Errorf("invalid rate %v of %q: must be 0 to 1", rate, k)
		}
		sum += rate
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("the sum of the rates is %v; maximum is 1", sum)
	}
	return nil
}

func (p Plan) covers(c Call) bool {
	has := func(all []string, one string) bool { return len(all) == 0 || slices.Contains(all, one) }
	return c.Service != "" && has(p.Services, c.Service) && has(p.Operations, c.Operation) && has(p.Resources, c.Resource)
}

// Break replaces all plans. From now on, the first plan that covers a call decides whether and how the call breaks.
//
// Errors: an invalid rate or kind. The old plans then stay. Do not retry.
func (t *Transport) Break(plans ...Plan) error {
	for _, p := range plans {
		if err := p.check(); err != nil {
			return fmt.Errorf("break calls: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plans = slices.Clone(plans)
	return nil
}

// Script breaks the next calls to AWS, one kind a call, in this order. It takes precedence over the plans, and replaces
// the rest of an earlier script. A call passes if its kind is the zero Kind, or if its kind cannot happen to it.
// Time-outs in a script return at once.
func (t *Transport) Script(kinds ...Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.script = slices.Clone(kinds)
}

// Heal removes all plans and the script: no further call breaks.
func (t *Transport) Heal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plans, t.script = nil, nil
}

// breaking is the decision whether and how one call breaks.
type breaking struct {
	*Transport
	kind   Kind
	hold   time.Duration
	chance *rand.Rand // the source of the random details of the fault
}

// decide draws how a call breaks. Every call to AWS draws equally many numbers, so the decision on one call does not
// depend on the decisions before.
func (t *Transport) decide(c Call) *breaking {
	b := &breaking{Transport: t}
	if c.Service == "" {
		return b
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.chance.Float64()
	b.chance = rand.New(rand.NewPCG(t.chance.Uint64(), 0))
	if len(t.script) > 0 {
		b.kind, t.script = t.script[0], t.script[1:]
		if !b.kind.Happens(c) {
			b.kind = ""
		}
		return b
	}
	for _, p := range t.plans {
		if p.covers(c) {
			b.kind, b.hold = p.draw(c, at), p.Hold
			break
		}
	}
	return b
}

// draw gives each kind its share of [0, 1), and returns the kind whose share contains at.
func (p Plan) draw(c Call, at float64) Kind {
	for _, k := range Kinds() {
		if !k.Happens(c) {
			continue
		}
		if at < p.Rates[k] {
			return k
		}
		at -= p.Rates[k]
	}
	return ""
}

// fire counts a fault that has happened.
func (b *breaking) fire(c Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fired[Fault{c, b.kind}]++
}

// The errors of a caller that gets no response, or only a part of one.
var (
	errTimeout net.Error = timeout{}
	errReset             = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	errClosed            = io.EOF              // The connection closes before the response.
	errCut               = io.ErrUnexpectedEOF // The connection closes within the response.
)

type timeout struct{}

func (timeout) Error() string   { return "no answer in time" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// carryOut carries out the decision on a call.
func (b *breaking) carryOut(r request) (answer, error) {
	switch b.kind {
	case "":
		return b.pass(r, r.body)
	case TimeoutBefore:
		b.fire(r.call)
		return answer{}, b.wait(r.Context())
	case InternalBefore, SlowDown, Throughput, Throttling, Conflict:
		b.fire(r.call)
		return refusal(r.call, b.kind), nil
	case PartlyFailed:
		return b.partlyFail(r)
	case Unprocessed:
		return b.leaveUnprocessed(r)
	}
	got, err := b.pass(r, r.body)
	if err != nil {
		return answer{}, err
	}
	b.fire(r.call)
	switch {
	case b.kind == TimeoutAfter:
		return answer{}, b.wait(r.Context())
	case b.kind == InternalAfter:
		return refusal(r.call, b.kind), nil
	case len(got.body) > 0 && b.kind == Reset:
		got.end = errReset
		return got, nil
	case len(got.body) > 0 && b.kind == Truncated:
		got.end = errCut
		return got, nil
	case b.kind == Reset:
		reset(r.Context())
		return answer{}, errReset
	}
	return answer{}, errClosed // a response without a body cannot end half-way through it
}

// wait lets a caller wait for a response that never arrives, and returns the time-out error.
func (b *breaking) wait(ctx context.Context) error {
	if b.hold > 0 {
		timer := time.NewTimer(b.hold)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	return errTimeout
}
