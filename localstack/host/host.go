// Package host runs Lambda functions on this machine as AWS Lambda would: built `bootstrap` binaries, each a process of its own behind the Runtime
// API. It is for local development and for end-to-end tests; no Docker, no account.
//
// Its place is between what invokes functions (localstack/host/trigger: HTTP, stream, queue, schedule) and the binaries that are deployed. It keeps
// the promises that the functions rely on: one call at a time per process, a warm pool up to a limit and throttling above it, a deadline that kills,
// an environment without anything of ours. And it breaks, when told to, what Lambda breaks now and then: see Fault, Kill, Freeze.
//
// It knows nothing of Anabranch. Memory, temporary disk and the network are not limited, idle processes are not frozen, initialisation that takes
// too long is not tried again, extensions do not exist. Functions run with the rights of whoever starts the host.
//
// Source: AWS Lambda Developer Guide, custom runtimes: runtimes-api, lambda-runtime-environment, configuration-envvars, gettingstarted-limits.
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

// Settings of a host. The zero Settings do.
type Settings struct {
	Region    string // of all functions; "": "us-east-1"
	Account   string // twelve digits, part of names; "": "000000000000"
	Endpoint  string // AWS_ENDPOINT_URL of all functions, for example "http://127.0.0.1:4566"; "": none is set, and the SDK calls AWS
	AccessKey string // "": "test"
	SecretKey string // "": "test"

	LogDir string     // a directory for the output of functions, "<function>.log" each; it is appended to. "": none is kept
	Log    func(Line) // gets every line of output, one at a time; it may call Kill and Freeze, and must not call Invoke. nil: nobody does

	Idle time.Duration // how long a process may have nothing to do before it is ended; 0: 5 min
	Init time.Duration // how long a process may take from its start to its first request for work; 0: 10 s, as Lambda
}

// Line is one line of a function's output, both stdout and stderr.
type Line struct {
	Function  string
	Process   int    // the process's id
	RequestID string // of the call that was under way; "" before the first one
	Text      []byte // without its end; valid during the call
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

// Add makes a function known, or replaces one: its processes end, as soon as what they have begun is done.
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

// Invoke runs a function, as a synchronous invocation does, and returns what it answered. payload is JSON, at most 6 MB, and so is the answer.
//
// Errors: ErrUnknown; ErrPayload; ErrThrottled: the function was not run; a *FunctionError: it returned an error, crashed, or took too long;
// ErrLost, by a Fault; ErrClosed. When ctx ends, Invoke returns its error, and the function goes on: on AWS, too, nobody stops it.
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

// begin counts a call as under way, until end: Close waits for it.
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

// Metrics are the sums of what the functions wrote in the embedded metric format. What a call wrote is in them when Invoke returns.
func (h *Host) Metrics() *emf.Sums { return h.metrics }

// Idle returns when no call is under way, also none that Invoke no longer waits for: a second copy, or one whose caller has left. Frozen processes do
// not count.
func (h *Host) Idle(ctx context.Context) error {
	select {
	case <-h.silence():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("calls are still under way: %w", ctx.Err())
	}
}

// Reap ends processes that at the given time have had nothing to do for Settings.Idle. The host does it by itself; tests need not wait for that.
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

// Close kills every process, waits until all have ended and all calls have returned, and closes the logs. Calls under way fail.
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
