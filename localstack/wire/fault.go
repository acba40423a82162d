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

// Kind is a way in which a call goes wrong. The zero Kind is none.
type Kind string

// The kinds, in the order in which a draw goes through them.
const (
	TimeoutBefore  Kind = "time-out before the effect" // the request never reaches the service
	TimeoutAfter   Kind = "time-out after the effect"  // the service did it; no answer comes
	Dropped        Kind = "answer dropped"             // the service did it; the connection closes without an answer
	Reset          Kind = "reset in the answer"        // the service did it; the connection is reset half-way through the answer
	Truncated      Kind = "answer cut short"           // the service did it; the connection closes half-way through the answer
	InternalBefore Kind = "500 before the effect"      // the service says that it failed, and did
	InternalAfter  Kind = "500 after the effect"       // the service says that it failed, but did it
	SlowDown       Kind = "503 slow down"              // S3
	Throughput     Kind = "throughput exceeded"        // DynamoDB, Kinesis: ProvisionedThroughputExceededException
	Throttling     Kind = "throttled"                  // every service but S3
	Conflict       Kind = "409 conflict"               // S3: a conditional put while another put of the key is in flight
	PartlyFailed   Kind = "partly failed"              // Kinesis, PutRecords: some records are put, others answered as failed
	Unprocessed    Kind = "unprocessed"                // DynamoDB, BatchGetItem and BatchWriteItem: some are done, others handed back
)

// Kinds are all kinds.
func Kinds() []Kind {
	return []Kind{
		TimeoutBefore, TimeoutAfter, Dropped, Reset, Truncated, InternalBefore, InternalAfter, SlowDown, Throughput, Throttling, Conflict,
		PartlyFailed, Unprocessed,
	}
}

// AfterEffect says whether the service did what it was asked for although the caller does not hear of it.
func (k Kind) AfterEffect() bool {
	return k == TimeoutAfter || k == Dropped || k == Reset || k == Truncated || k == InternalAfter
}

// Happens says whether a call can go wrong in this way.
//
// Source: S3 API Reference, error responses; DynamoDB Developer Guide, error handling; Kinesis API Reference, PutRecords; docs of each service's
// common errors.
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

// Fault is a call that went wrong.
type Fault struct {
	Call
	Kind Kind
}

// Plan is what is to be broken by chance.
type Plan struct {
	Rates map[Kind]float64 // the share of the calls that a kind hits, of those to which it can happen; together at most 1

	Services, Operations, Resources []string // which calls; an empty list: all. Requests that are not to AWS are never broken

	// How long a time-out keeps the caller waiting, unless it goes away before. 0: not at all; the error says time-out at once.
	Hold time.Duration
}

// Evenly is a Plan in which each kind hits the same share of the calls.
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
			return fmt.Errorf("no kind of fault is called %q", k)
		}
		if !(rate >= 0 && rate <= 1) {
			return fmt.Errorf("rate of %q is %v; want 0 to 1", k, rate)
		}
		sum += rate
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("the rates sum up to %v; want at most 1", sum)
	}
	return nil
}

func (p Plan) covers(c Call) bool {
	has := func(all []string, one string) bool { return len(all) == 0 || slices.Contains(all, one) }
	return c.Service != "" && has(p.Services, c.Service) && has(p.Operations, c.Operation) && has(p.Resources, c.Resource)
}

// Break breaks calls by chance from now on, instead of what was to be broken until now: each by the first plan that covers it.
//
// Errors: a rate that is none, with its kind; nothing has changed then.
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

// Script breaks the next calls to AWS in this order, whatever the plans say; the zero Kind lets one pass. A kind that cannot happen to its call lets
// it pass too, and does not fire. Time-outs keep nobody waiting. It takes the place of a script that is not at its end.
func (t *Transport) Script(kinds ...Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.script = slices.Clone(kinds)
}

// Heal breaks nothing any more.
func (t *Transport) Heal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plans, t.script = nil, nil
}

// breaking is one call's fate.
type breaking struct {
	*Transport
	kind   Kind
	hold   time.Duration
	chance *rand.Rand // what the fault's details are drawn from
}

// decide draws a call's fate. As many numbers are drawn for each call to AWS, so that one call's fate does not depend on that of those before.
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

// draw finds the kind whose share of [0, 1) at lies in.
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

// fire notes that the fault has happened.
func (b *breaking) fire(c Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fired[Fault{c, b.kind}]++
}

// What a caller meets when nothing, or only a part, comes back.
var (
	errTimeout net.Error = timeout{}
	errReset             = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	errClosed            = io.EOF              // before the answer
	errCut               = io.ErrUnexpectedEOF // within it
)

type timeout struct{}

func (timeout) Error() string   { return "no answer in time" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// carryOut does to a call what was decided.
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
	return answer{}, errClosed // an answer without a body cannot end in it
}

// wait keeps a caller waiting for an answer that does not come.
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
