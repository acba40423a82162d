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

// Fault is what goes wrong with a call. The zero Fault: nothing. With Twice, Stop is about the first copy.
type Fault struct {
	Delay     time.Duration // the call is delivered only after this time
	ColdStart bool          // idle processes are ended first, so that the call goes to a new one
	Twice     bool          // two processes get the call, the second above the limit if need be; the first answer counts
	Stop      Stop
	After     time.Duration // KillRunning, FreezeRunning: from when the process took the call. One that has answered by then is spared
}

// Stop is how a call comes to nothing. The zero value: it does not.
type Stop int

const (
	// KillRunning kills the process (SIGKILL) in the middle of the call: some of what the function does is done. The caller gets TypeExited.
	KillRunning Stop = iota + 1
	// KillAnswered kills the process when it has answered, and nobody gets the answer: all is done. The caller gets TypeExited.
	KillAnswered
	// FreezeRunning freezes the process (SIGSTOP) in the middle of the call, and gives it up: the caller gets TypeTimedOut at once. After Thaw it goes
	// on, and does the rest long after others have: a zombie.
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

// Break sets what goes wrong with calls from now on; nil: nothing. It is asked about one call at a time, so it may count, or draw from a seed.
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

// Kill kills (SIGKILL) each process of a function that is in the middle of a call, and returns how many, when they are dead. Their callers get
// TypeExited. Who calls it while holding back the answer to something the function has asked for knows how far the function has come.
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

// Freeze freezes (SIGSTOP) each process of a function that is in the middle of a call, gives it up, and returns how many. Their callers get
// TypeTimedOut at once. See Thaw.
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

// Thaw lets the frozen processes of a function go on, and waits until each has answered, which nobody gets, or ended; then it kills them. It returns
// how many have answered. To the function its deadline is the one it was given: past it, its context has ended.
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
