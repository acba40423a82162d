package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxPayload is the largest event of a synchronous invocation, and maxResponse the largest answer, in bytes.
//
// Source: AWS Lambda Developer Guide, Lambda quotas; the numbers are those of its error messages.
const (
	maxPayload  = 6 << 20
	maxResponse = maxPayload + 100
)

// call is one delivery of an event to one process.
type call struct {
	id      string // the request id: a second copy has the same
	trace   string
	payload []byte

	deadline chan time.Time // gets the deadline once the process has taken the call
	answer   chan answer    // gets what the process has answered
	frozen   chan struct{}  // closed when the process was frozen
}

type answer struct {
	response []byte
	err      error
}

func newCall(id, trace string, payload []byte) *call {
	return &call{
		id: id, trace: trace, payload: payload,
		deadline: make(chan time.Time, 1), answer: make(chan answer, 1), frozen: make(chan struct{}),
	}
}

func (c *call) isFrozen() bool {
	select {
	case <-c.frozen:
		return true
	default:
		return false
	}
}

func validatePayload(payload []byte) error {
	if len(payload) > maxPayload {
		return fmt.Errorf("%w: %d bytes; maximum is %d", ErrPayload, len(payload), maxPayload)
	}
	if !json.Valid(payload) {
		return fmt.Errorf("%w: %d bytes that are not JSON", ErrPayload, len(payload))
	}
	return nil
}

// invoke delivers an event, twice if a Fault says so, and waits for the first answer.
func (p *pool) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if err := validatePayload(payload); err != nil {
		return nil, err
	}
	id, trace := newRequestID(), newTrace(time.Now())
	fault := p.fault(id, payload)
	if err := p.delay(ctx, fault.Delay); err != nil {
		return nil, err
	}
	if fault.ColdStart {
		p.dropIdle(everyone)
	}
	if !p.admit() {
		return nil, ErrThrottled
	}
	answers := make(chan answer, 2)
	p.begin(newCall(id, trace, payload), fault, answers, p.leave)
	if fault.Twice {
		p.count(func(s *Stats) { s.Doubled++ })
		p.begin(newCall(id, trace, payload), Fault{}, answers, func() {})
	}
	select {
	case a := <-answers:
		return a.response, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) delay(ctx context.Context, delay time.Duration) error {
	if delay == 0 {
		return nil
	}
	p.count(func(s *Stats) { s.Delayed++ })
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.host.done:
		return ErrClosed
	}
}

// begin starts a call. The call continues even if its caller no longer waits.
func (p *pool) begin(c *call, fault Fault, answers chan<- answer, leave func()) {
	if err := p.host.begin(); err != nil {
		leave()
		answers <- answer{err: err}
		return
	}
	go func() {
		defer p.host.end()
		began := time.Now()
		a := p.run(c, fault)
		var failed *FunctionError
		if errors.As(a.err, &failed) {
			p.count(func(s *Stats) { s.Failed++ })
		}
		p.log.report(c.id, time.Since(began), a.err)
		leave()
		answers <- a
	}()
}

// run hands a call to a process, and waits until the call or the process has ended.
func (p *pool) run(c *call, fault Fault) answer {
	for {
		proc, err := p.take()
		if err != nil {
			return answer{err: err}
		}
		cold := !proc.wasReady()
		if err := proc.hand(c, p.host.settings.Init); err == nil {
			p.count(func(s *Stats) {
				s.Calls++
				if cold {
					s.ColdStarts = append(s.ColdStarts, proc.coldStart)
				}
			})
			return p.await(proc, c, fault)
		} else if p.drop(proc); cold || p.host.isDone() {
			return answer{err: err}
		}
		// A warm process ended while idle, before it took the call. Take another one, as Lambda does.
	}
}

// await waits until a call that a process has taken ends.
func (p *pool) await(proc *process, c *call, fault Fault) answer {
	deadline := time.NewTimer(time.Until(<-c.deadline))
	defer deadline.Stop()
	strike := fault.strike()
	for {
		select {
		case a := <-c.answer:
			if c.isFrozen() { // its answer was on its way when it was; it is Thaw's to see
				c.answer <- a
				return answer{err: timedOut(c.id, p.spec.Timeout)}
			}
			return p.answered(proc, c, a, fault)
		case <-c.frozen:
			return answer{err: timedOut(c.id, p.spec.Timeout)}
		case <-strike:
			strike = nil
			if err := p.strike(proc, c, fault); err != nil {
				p.end(proc)
				return answer{err: err}
			}
		case <-deadline.C:
			p.end(proc)
			return answer{err: timedOut(c.id, p.spec.Timeout)}
		case <-proc.exited:
			p.drop(proc)
			select {
			case a := <-c.answer: // both have happened: it answered, then it ended
				return p.answered(proc, c, a, fault)
			default:
				return answer{err: exited(c.id, proc.how)}
			}
		}
	}
}

// answered returns the answer, unless a fault discards it. The log then has everything that the function wrote before.
func (p *pool) answered(proc *process, c *call, a answer, fault Fault) answer {
	proc.output.drain()
	switch fault.Stop {
	case KillAnswered:
		p.end(proc)
		p.count(func(s *Stats) { s.Killed++ })
		return answer{err: exited(c.id, proc.how)}
	case LoseAnswer:
		p.count(func(s *Stats) { s.Lost++ })
		a = answer{err: ErrLost}
	}
	p.release(proc)
	return a
}

// newRequestID is a random UUID, version 4.
func newRequestID() string {
	var b [16]byte
	random(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newTrace is a trace header of X-Ray, not sampled.
//
// Source: AWS X-Ray Developer Guide, xray-concepts, tracing header.
func newTrace(now time.Time) string {
	var b [20]byte
	random(b[:])
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", now.Unix(), b[:12], b[12:])
}

// newStream is the name of a process's log stream.
func newStream(now time.Time) string {
	var b [16]byte
	random(b[:])
	return now.UTC().Format("2006/01/02/") + "[$LATEST]" + hex.EncodeToString(b[:])
}

// random fills b with random bytes. crypto/rand never returns an error: it ends the process instead.
func random(b []byte) { _, _ = rand.Read(b) }
