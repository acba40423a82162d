package host

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Call is a call as a fault sees it, before it is delivered.
type Call struct {
	Function  string
	N         int // 1, 2, 3, ... since the function was added; throttled calls count
	RequestID string
	Payload   []byte // not to be changed
}

// Fault says what goes wrong with a call. The zero value means nothing does. With Twice, Stop applies to the first
// copy.
type Fault struct {
	Delay     time.Duration // the host delivers the call only after this time
	ColdStart bool          // the host ends idle processes first, so that the call goes to a new one
	Twice     bool          // two processes get the call, the second even above the limit; the first answer counts
	Stop      Stop          // how the call fails

	// After is the time from the start of the call to KillRunning or FreezeRunning. Nothing happens if the process has
	// answered by then.
	After time.Duration
}

// Stop says how a call fails. The zero value means that it does not.
type Stop int

const (
	// KillRunning kills the process (SIGKILL) in the middle of the call, with some of its work done. The caller gets
	// TypeExited.
	KillRunning Stop = iota + 1
	// KillAnswered kills the process after it has answered, with all of its work done, and discards the answer. The
	// caller gets TypeExited.
	KillAnswered
	// FreezeRunning freezes the process (SIGSTOP) in the middle of the call. The caller gets TypeTimedOut at once. After
	// Thaw the process continues as a zombie, and does the rest of its work late.
	FreezeRunning
	// LoseAnswer loses the answer. The process lives on; the caller gets ErrLost.
	LoseAnswer
)

// strike fires when a process is to be stopped in the middle of its call; nil: never.
func (f Fault) strike() <-chan time.Time {
	if f.Stop == KillRunning || f.Stop == FreezeRunning {
		return time.After(f.After)
	}
	return nil
}

// Break sets the function that chooses the fault of each later call; nil means no faults. The host asks it about one
// call at a time, so it may count calls or draw from a seed.
func (h *Host) Break(faults func(Call) Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = faults
}

func (p *pool) fault(id string, payload []byte) Fault {
	p.host.asking.Lock() // first, so that the numbers are asked about in order
	defer p.host.asking.Unlock()
	p.mu.Lock()
	p.calls++
	n := p.calls
	p.mu.Unlock()
	p.host.mu.Lock()
	faults := p.host.faults
	p.host.mu.Unlock()
	if faults == nil {
		return Fault{}
	}
	return faults(Call{Function: p.spec.Name, N: n, RequestID: id, Payload: payload})
}

func (p *pool) strike(proc *process, c *call, f Fault) error {
	if f.Stop == KillRunning {
		p.killRunning(proc, c)
		return nil
	}
	_, err := p.freeze(proc, c)
	return err
}

// Kill kills (SIGKILL) each process of a function that is in the middle of a call, waits until they are dead, and
// returns how many there were. Their callers get TypeExited. To kill a function at a known point, call Kill while you
// hold back the answer to a request that the function has sent.
func (h *Host) Kill(name string) (int, error) {
	p, err := h.find(name)
	if err != nil {
		return 0, fmt.Errorf("kill %s: %w", name, err)
	}
	n := 0
	for proc, c := range p.busy() {
		if p.killRunning(proc, c) {
			n++
		}
	}
	return n, nil
}

// Freeze freezes (SIGSTOP) each process of a function that is in the middle of a call, and returns how many there were.
// Their callers get TypeTimedOut at once. See Thaw.
func (h *Host) Freeze(name string) (int, error) {
	p, err := h.find(name)
	if err != nil {
		return 0, fmt.Errorf("freeze %s: %w", name, err)
	}
	n := 0
	for proc, c := range p.busy() {
		froze, err := p.freeze(proc, c)
		if err != nil {
			return n, fmt.Errorf("freeze %s: %w", name, err)
		}
		if froze {
			n++
		}
	}
	return n, nil
}

// Thaw resumes the frozen processes of a function, waits until each has answered or ended, and then kills them. It
// discards their answers, and returns how many have answered. Their deadlines do not move: a function that resumes
// after its deadline finds that its context has ended.
func (h *Host) Thaw(ctx context.Context, name string) (answered int, err error) {
	p, err := h.find(name)
	if err != nil {
		return 0, fmt.Errorf("thaw %s: %w", name, err)
	}
	p.mu.Lock()
	frozen := p.frozen
	p.frozen = map[*process]*call{}
	p.mu.Unlock()
	var errs []error
	for proc := range frozen {
		errs = append(errs, resume(proc.command.Process))
	}
	for proc, c := range frozen {
		select {
		case <-c.answer:
			answered++
		case <-proc.exited:
			answered += len(c.answer) // it may have answered before
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("process %d has not ended its call: %w", proc.id(), ctx.Err()))
		}
		p.end(proc)
	}
	if err := errors.Join(errs...); err != nil {
		return answered, fmt.Errorf("thaw %s: %w", name, err)
	}
	return answered, nil
}

// busy are the processes in the middle of a call, frozen ones left out.
func (p *pool) busy() map[*process]*call {
	p.mu.Lock()
	defer p.mu.Unlock()
	busy := map[*process]*call{}
	for proc := range p.processes {
		if c := proc.atWork(); c != nil && p.frozen[proc] == nil {
			busy[proc] = c
		}
	}
	return busy
}

// killRunning kills a process, unless it has answered the call, and reports whether it did.
func (p *pool) killRunning(proc *process, c *call) bool {
	proc.mu.Lock()
	struck := proc.current == c
	if struck {
		proc.current = nil // an answer on its way comes too late
	}
	proc.mu.Unlock()
	if struck {
		proc.kill()
		p.count(func(s *Stats) { s.Killed++ })
	}
	return struck
}

// freeze freezes a process, unless it has answered the call, and reports whether it did.
func (p *pool) freeze(proc *process, c *call) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen[proc] != nil {
		return false, nil
	}
	proc.mu.Lock() // so that an answer comes before, or finds the call frozen
	defer proc.mu.Unlock()
	if proc.current != c {
		return false, nil
	}
	if err := stop(proc.command.Process); err != nil {
		return false, fmt.Errorf("freeze process %d: %w", proc.id(), err)
	}
	p.frozen[proc] = c
	p.stats.Stopped++
	close(c.frozen)
	return true, nil
}
