package host

import (
	"slices"
	"sync"
	"time"
)

// pool holds the processes of one function.
type pool struct {
	host *Host
	spec Function
	log  *logFile

	mu        sync.Mutex
	processes map[*process]struct{} // all processes that have not ended
	idle      []*process            // the processes without a call; the one that worked last is at the end
	frozen    map[*process]*call    // the processes that are stopped in the middle of a call
	working   int                   // the number of calls that count against the concurrency
	retired   bool                  // the pool keeps no idle process
	calls     int                   // the number of calls for which Faults has been asked
	stats     Stats
}

// Stats counts the calls and the processes of a function since it was added.
type Stats struct {
	Calls      int             // Calls given to a process, duplicates included.
	Failed     int             // Calls that ended with an error of the function, a crash or a time-out.
	Throttled  int             // Calls refused because the function was at its concurrency.
	ColdStarts []time.Duration // Time of each new process from its start to its first request for work.
	Processes  int             // Processes that run now.
	Idle       int             // Processes that now wait for work.
	Frozen     int             // Processes that Freeze or a Fault has stopped, and that are not yet thawed.
	Killed     int             // Processes that Kill or a Fault has killed.
	Stopped    int             // Processes that Freeze or a Fault has stopped, thawed ones included.
	Lost       int             // Answers that a Fault has lost.
	Doubled    int             // Calls that a Fault has delivered twice.
	Delayed    int             // Calls that a Fault has delayed.
}

func newPool(h *Host, spec Function, log *logFile) *pool {
	return &pool{host: h, spec: spec, log: log, processes: map[*process]struct{}{}, frozen: map[*process]*call{}}
}

// Stats returns the Stats of a function, or the zero Stats if the host does not know the function.
func (h *Host) Stats(name string) Stats {
	p, err := h.find(name)
	if err != nil {
		return Stats{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.ColdStarts = slices.Clone(s.ColdStarts)
	s.Processes, s.Idle, s.Frozen = len(p.processes), len(p.idle), len(p.frozen)
	return s
}

func (p *pool) count(change func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
}

// admit takes one place of the function's concurrency until leave. It returns false if no place is free.
func (p *pool) admit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.working == p.spec.Concurrency {
		p.stats.Throttled++
		return false
	}
	p.working++
	return true
}

func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.working--
}

// take returns the idle process that worked last, as Lambda seems to do, or starts a new process.
func (p *pool) take() (proc *process, err error) {
	p.mu.Lock()
	if last := len(p.idle) - 1; last >= 0 {
		proc, p.idle = p.idle[last], p.idle[:last]
	}
	p.mu.Unlock()
	if proc != nil {
		return proc, nil
	}
	if proc, err = p.start(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.processes[proc] = struct{}{}
	closed := p.host.isDone()
	p.mu.Unlock()
	go p.forget(proc)
	if closed { // killAll may have run before this process was in the map
		proc.kill()
	}
	return proc, nil
}

// forget drops a process when it ends.
func (p *pool) forget(proc *process) {
	<-proc.exited
	p.drop(proc)
}

func (p *pool) drop(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.processes, proc)
	delete(p.frozen, proc)
	p.idle = slices.DeleteFunc(p.idle, func(other *process) bool { return other == proc })
}

// end kills processes and drops them.
func (p *pool) end(processes ...*process) {
	for _, proc := range processes {
		proc.kill()
		<-proc.exited
		p.drop(proc)
	}
}

// release makes a process that has answered idle. The process may not yet have asked for its next call; hand waits for
// that.
func (p *pool) release(proc *process) {
	p.mu.Lock()
	keep := !p.retired
	select {
	case <-proc.exited: // forget drops it
		keep = false
	default:
	}
	if keep {
		proc.idleSince = time.Now()
		p.idle = append(p.idle, proc)
	}
	p.mu.Unlock()
	if !keep {
		proc.kill()
	}
}

// dropIdle ends the idle processes for which the function returns true.
func (p *pool) dropIdle(which func(*process) bool) {
	p.mu.Lock()
	var old []*process
	p.idle = slices.DeleteFunc(p.idle, func(proc *process) bool {
		drop := which(proc)
		if drop {
			old = append(old, proc)
		}
		return drop
	})
	p.mu.Unlock()
	p.end(old...)
}

func everyone(*process) bool { return true }

// reap ends the processes that became idle before a time.
func (p *pool) reap(before time.Time) {
	p.dropIdle(func(proc *process) bool { return proc.idleSince.Before(before) })
}

// retire ends the idle processes, and makes the pool end each other process after its call.
func (p *pool) retire() {
	p.mu.Lock()
	p.retired = true
	p.mu.Unlock()
	p.dropIdle(everyone)
}

// killAll ends every process, and waits until all have ended.
func (p *pool) killAll() {
	p.mu.Lock()
	var all []*process
	for proc := range p.processes {
		all = append(all, proc)
	}
	p.mu.Unlock()
	p.end(all...)
}
