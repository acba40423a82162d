// Package host runs Lambda functions on this machine as AWS Lambda does: it runs each built `bootstrap` as a process
// behind the Runtime API. Local development and the end-to-end tests use it. It needs neither Docker nor an account.
//
// The package localstack/host/trigger (HTTP, stream, queue, schedule) invokes functions through it. The host keeps the
// promises that functions rely on: one call at a time per process, a warm pool up to a limit and throttling above it, a
// deadline that kills, an environment without the host's own variables. On request it also injects faults that Lambda
// shows now and then: see Fault, Kill, Freeze.
//
// It knows nothing of Anabranch. It does not limit memory, temporary disk or the network, does not freeze idle
// processes, does not repeat a slow initialisation, and has no extensions. Functions run with the rights of the host.
//
// Source: AWS Lambda Developer Guide, custom runtimes: runtimes-api, lambda-runtime-environment, configuration-envvars,
// gettingstarted-limits.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/anabranch/anabranch/localstack/host/emf"
)

// Settings of a host. The zero value works.
type Settings struct {
	Region    string // AWS region of all functions; "" means "us-east-1"
	Account   string // AWS account, twelve digits, part of ARNs; "" means "000000000000"
	Endpoint  string // AWS_ENDPOINT_URL of all functions, for example "http://127.0.0.1:4566"; "" means AWS itself
	AccessKey string // AWS access key of all functions; "" means "test"
	SecretKey string // AWS secret key of all functions; "" means "test"

	// LogDir is a directory for the output of the functions. The host appends to "<function>.log". "" keeps no output.
	LogDir string
	// Log receives every line of output, one at a time. It may call Kill and Freeze, and must not call Invoke. nil for
	// none.
	Log func(Line)

	Idle time.Duration // the host ends a process after this time without work; 0 means 5 min
	Init time.Duration // longest time from a process's start to its first request for work; 0 means 10 s, as on Lambda
}

// Line is one line of a function's output, both stdout and stderr.
type Line struct {
	Function  string
	Process   int    // the process's id
	RequestID string // id of the call under way; "" before the first call
	Text      []byte // the line without its line end; valid only during the call of Log
}

// Host runs functions. It is safe for concurrent use.
type Host struct {
	settings Settings
	metrics  *emf.Sums

	mu     sync.Mutex
	pools  map[string]*pool
	added  []*pool // all there ever were: a replaced one may still have processes
	faults func(Call) Fault
	under  int           // calls under way, also those that nobody waits for any more
	quiet  chan struct{} // closed when there are none
	closed bool

	logging sync.Mutex    // held while Settings.Log is called
	asking  sync.Mutex    // held while faults is called
	done    chan struct{} // closed by Close
	reaping chan struct{} // closed when the reaper has ended
}

// New makes a host without functions. Close it.
func New(s Settings) (*Host, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	s.Region = cmp.Or(s.Region, "us-east-1")
	s.Account = cmp.Or(s.Account, "000000000000")
	s.AccessKey = cmp.Or(s.AccessKey, "test")
	s.SecretKey = cmp.Or(s.SecretKey, "test")
	s.Idle = cmp.Or(s.Idle, 5*time.Minute)
	s.Init = cmp.Or(s.Init, 10*time.Second)
	if s.Idle < 0 || s.Init < 0 {
		return nil, fmt.Errorf("host: Idle is %s and Init %s, want no negative time", s.Idle, s.Init)
	}
	if s.LogDir != "" {
		if err := os.MkdirAll(s.LogDir, 0o755); err != nil {
			return nil, fmt.Errorf("host: %w", err)
		}
	}
	h := &Host{
		settings: s, metrics: &emf.Sums{}, pools: map[string]*pool{},
		quiet: make(chan struct{}), done: make(chan struct{}), reaping: make(chan struct{}),
	}
	close(h.quiet)
	go h.reapNowAndThen()
	return h, nil
}

// Add adds a function, or replaces it. The processes of a replaced function end once they have finished their calls.
//
// Errors: those of Function.Validate; a log file that cannot be opened; ErrClosed.
func (h *Host) Add(f Function) error {
	f = f.defaults()
	if err := f.Validate(); err != nil {
		return fmt.Errorf("add function %q: %w", f.Name, err)
	}
	path, err := filepath.Abs(f.Bootstrap)
	if err != nil {
		return fmt.Errorf("add function %s: %w", f.Name, err)
	}
	f.Bootstrap = path
	log, err := h.openLog(f.Name)
	if err != nil {
		return fmt.Errorf("add function %s: %w", f.Name, err)
	}
	old, err := h.put(newPool(h, f, log))
	if err != nil {
		return fmt.Errorf("add function %s: %w", f.Name, errors.Join(err, log.close()))
	}
	if old != nil {
		old.retire()
	}
	return nil
}

func (h *Host) put(p *pool) (old *pool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	old = h.pools[p.spec.Name]
	h.pools[p.spec.Name] = p
	h.added = append(h.added, p)
	return old, nil
}

// Invoke runs a function as a synchronous invocation does, and returns its answer. The payload and the answer are JSON
// of at most 6 MB.
//
// Errors: ErrUnknown, ErrPayload, ErrClosed: the function did not run; do not retry. ErrThrottled: it did not run;
// retry later. *FunctionError: it returned an error, crashed, or exceeded its time. ErrLost: it answered, and a Fault
// lost the answer. When ctx ends, Invoke returns the error of ctx, and the function continues, as on AWS.
func (h *Host) Invoke(ctx context.Context, name string, payload []byte) ([]byte, error) {
	p, err := h.find(name)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	response, err := p.invoke(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	return response, nil
}

func (h *Host) find(name string) (*pool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.pools[name]
	switch {
	case h.closed:
		return nil, ErrClosed
	case !ok:
		return nil, ErrUnknown
	}
	return p, nil
}

// begin counts a call as under way until end. Close waits for it.
func (h *Host) begin() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	if h.under == 0 {
		h.quiet = make(chan struct{})
	}
	h.under++
	return nil
}

func (h *Host) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.under--; h.under == 0 {
		close(h.quiet)
	}
}

// silence is closed when the calls that are under way now, and those begun before they ended, have ended.
func (h *Host) silence() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.quiet
}

func (h *Host) isDone() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

func (h *Host) all() []*pool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.added)
}

// Metrics returns the sums of the metrics that the functions wrote in the embedded metric format. When Invoke returns,
// they include everything that its call wrote.
func (h *Host) Metrics() *emf.Sums { return h.metrics }

// Idle waits until no call is under way. This includes calls for which Invoke no longer waits: a second copy, or a call
// whose caller has left. It ignores frozen processes.
func (h *Host) Idle(ctx context.Context) error {
	select {
	case <-h.silence():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("calls are still under way: %w", ctx.Err())
	}
}

// Reap ends the processes that have had no work for Settings.Idle at the given time. The host calls it regularly; tests
// call it to avoid the wait.
func (h *Host) Reap(now time.Time) {
	for _, p := range h.all() {
		p.reap(now.Add(-h.settings.Idle))
	}
}

func (h *Host) reapNowAndThen() {
	defer close(h.reaping)
	ticker := time.NewTicker(max(h.settings.Idle/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			h.Reap(now)
		case <-h.done:
			return
		}
	}
}

// Close kills every process, waits until all processes have ended and all calls have returned, and closes the logs.
// Calls under way fail.
func (h *Host) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	h.mu.Unlock()
	close(h.done)
	<-h.reaping
	pools := h.all()
	for _, p := range pools {
		p.retire()
		p.killAll()
	}
	<-h.silence()
	var errs []error
	for _, p := range pools {
		errs = append(errs, p.log.close())
	}
	return errors.Join(errs...)
}
