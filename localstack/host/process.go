package host

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// process is one running bootstrap: what Lambda calls an execution environment.
type process struct {
	arn     string
	timeout time.Duration
	command *exec.Cmd
	server  *http.Server // the Runtime API of this process alone
	output  *output
	started time.Time

	calls     chan *call    // to the process, when it asks for work
	first     sync.Once     // it asks
	ready     chan struct{} // closed when it has asked for the first time
	coldStart time.Duration // from started to then
	dead      chan struct{} // closed when it has ended
	exited    chan struct{} // closed when in addition all it wrote is in the log, and its Runtime API is closed
	how       string        // it ended: "exit status 1", "signal: killed"; read after dead is closed

	idleSince time.Time // guarded by the pool

	mu      sync.Mutex
	current *call  // taken and not answered
	request string // the id of the last call that was taken
	initial error  // what it said of its initialisation
}

// start starts a process of the function. It is not ready yet: hand waits for that.
func (p *pool) start() (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start Runtime API: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", p.spec.Bootstrap, err), listener.Close())
	}
	proc := &process{
		arn: p.host.ARN(p.spec.Name), timeout: p.spec.Timeout,
		calls: make(chan *call), ready: make(chan struct{}), dead: make(chan struct{}), exited: make(chan struct{}),
	}
	proc.output = &output{pipe: read, emit: func(text []byte) {
		p.emit(Line{Function: p.spec.Name, Process: proc.id(), RequestID: proc.lastRequest(), Text: text})
	}}
	proc.command = &exec.Cmd{
		Path: p.spec.Bootstrap, Args: []string{p.spec.Bootstrap}, Dir: filepath.Dir(p.spec.Bootstrap),
		Env:    p.host.environment(p.spec, listener.Addr().String(), newStream(time.Now())),
		Stdout: write, Stderr: write,
	}
	apart(proc.command)
	proc.server = &http.Server{Handler: proc.runtimeAPI()}
	proc.started = time.Now()
	err = proc.command.Start()
	err = errors.Join(err, write.Close()) // the process has its own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", p.spec.Bootstrap, err), listener.Close(), read.Close())
	}
	go proc.serve(listener)
	go proc.output.follow()
	go proc.wait()
	return proc, nil
}

func (p *process) serve(listener net.Listener) {
	if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		p.kill() // without its Runtime API the process would wait for ever
	}
}

// wait notices at once that the process has ended.
func (p *process) wait() {
	if err := p.command.Wait(); err != nil {
		p.how = err.Error()
	} else {
		p.how = "exit status 0"
	}
	close(p.dead)
	p.output.drain()
	p.output.end()
	_ = p.server.Close() // its listener is gone either way, and nobody is left to talk to
	close(p.exited)
}

func (p *process) id() int { return p.command.Process.Pid }

// kill ends the process, if it has not ended yet, and returns when it has. A frozen one ends, too.
func (p *process) kill() {
	_ = p.command.Process.Kill() // of a child of ours it fails only when the child has ended
	<-p.dead
}

// hand gives the process a call as soon as it asks for one, which a new process is to do within a time, and one that has answered within 10 s.
//
// Errors: a *FunctionError: the process ended before it did, or did not ask in time and was killed.
func (p *process) hand(c *call, patience time.Duration) error {
	if p.wasReady() {
		patience = 10 * time.Second
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case p.calls <- c:
		return nil
	case <-p.exited:
	case <-timer.C:
		p.kill()
		<-p.exited
		return timedOut(c.id, patience)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.initial != nil {
		return p.initial
	}
	return exited(c.id, p.how)
}

func (p *process) wasReady() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

// atWork is the call that the process has taken and not answered.
func (p *process) atWork() *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

func (p *process) lastRequest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.request
}
