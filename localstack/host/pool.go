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
	processes map[*process]struct{} // all that have not ended
	idle      []*process            // those that wait for work; the one used last is at the end
	frozen    map[*process]*call    // stopped in the middle of a call
	working   int                   // calls that count against the concurrency
	retired   bool                  // no process is kept
	calls     int                   // that Faults was asked about
	stats     Stats
}

// Stats count what became of the calls of a function since it was added.
type Stats struct {
	Calls      int             // handed to a process, second copies among them
	Failed     int             // of those: errors of the function, crashes, time-outs
	Throttled  int             // not handed to any
	ColdStarts []time.Duration // of each new process, from its start to its first request for work
	Processes  int             // now, all
	Idle       int             // of those: waiting for work
	Frozen     int             // of those: stopped by Freeze or a Fault, not yet thawed
	Killed     int             // processes killed by Kill or a Fault
	Stopped    int             // processes frozen by Freeze or a Fault
	Lost       int             // answers lost by a Fault
	Doubled    int             // calls delivered twice by a Fault
	Delayed    int             // calls delayed by a Fault
}

func newPool(h *Host, spec Function, log *logFile) *pool {
	return &pool{host: h, spec: spec, log: log, processes: map[*process]struct{}{}, frozen: map[*process]*call{}}
}

// Stats of a function; zero for one that is not known.
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

// admit takes one place of the function's concurrency, until leave.
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

// take returns the warm process that was used last, as Lambda seems to, or starts one.
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
	if closed { // killAll may have come before this process was known
		proc.kill()
	}
	return proc, nil
}

// forget drops a process as soon as it has ended.
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

// end kills processes, and returns when they are forgotten.
func (p *pool) end(processes ...*process) {
	for _, proc := range processes {
		proc.kill()
		<-proc.exited
		p.drop(proc)
	}
}

// release gives back a process that has answered. It may still be on its way to ask for more: whoever takes it waits for that.
func (p *pool) release(proc *process) {
	p.mu.Lock()
	keep := !p.retired
	select {
	case <-proc.exited: // forget has dropped it, or is about to
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

// dropIdle ends idle processes.
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

// reap ends the processes that have been idle since before a time.
func (p *pool) reap(before time.Time) {
	p.dropIdle(func(proc *process) bool { return proc.idleSince.Before(before) })
}

// retire keeps the pool from having processes without work.
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
