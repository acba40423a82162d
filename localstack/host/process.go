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

// process is one running bootstrap. Lambda calls it an execution environment.
type process struct {
	arn     string
	timeout time.Duration
	command *exec.Cmd
	server  *http.Server // the Runtime API, which serves only this process
	output  *output
	started time.Time

	calls     chan *call    // gives a call to the process when it asks for work
	first     sync.Once     // runs at the first request for work
	ready     chan struct{} // closed at the first request for work
	coldStart time.Duration // time from started to the first request for work
	dead      chan struct{} // closed when the process has ended
	exited    chan struct{} // closed after dead, when the log has all output and the Runtime API is closed
	how       string        // how the process ended: "exit status 1", "signal: killed"; valid after dead is closed

	idleSince time.Time // guarded by the mutex of the pool

	mu      sync.Mutex
	current *call  // the call that the process has taken and not answered
	request string // the id of the last call that the process took
	initial error  // the error of its initialisation that the process reported
}

// start starts a process of the function. It does not wait until the process is ready: hand does.
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
	err = errors.Join(err, write.Close()) // the process has its own copy
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
		p.kill() // without its Runtime API, the process would wait for ever
	}
}

// wait waits until the process ends, and then closes dead and exited.
func (p *process) wait() {
	if err := p.command.Wait(); err != nil {
		p.how = err.Error()
	} else {
		p.how = "exit status 0"
	}
	close(p.dead)
	p.output.drain()
	p.output.end()
	_ = p.server.Close() // an error changes nothing: the only client has ended
	close(p.exited)
}

func (p *process) id() int { return p.command.Process.Pid }

// kill ends the process, frozen or not, and returns when it has ended.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it fails only if the process has ended already
	<-p.dead
}

// hand gives the process a call as soon as the process asks for one. A new process must ask within patience, and a
// process that has answered must ask within 10 s.
//
// Errors: a *FunctionError if the process ended before it asked, or did not ask in time; hand kills it then.
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

// atWork returns the call that the process has taken and not answered, or nil.
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
