// Package wiretest breaks every call of an adapter in every way in which it can break, and checks the contract of the
// adapter: an operation takes effect or returns an error, and it never reports an effect that it did not have.
//
// The test of an adapter describes the operations; this package knows none. It works like the crash tests of the
// layers: it runs an operation once, counts the requests, and then breaks each of them in turn.
package wiretest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/localstack/wire"
)

// Attempts is the number of attempts for which the SDK must be configured. A lasting fault breaks as many requests in a
// row.
const Attempts = 3

// Site is one operation of an adapter, in one situation.
type Site struct {
	Name string // for example "put over another"

	// Prepare makes state that no other try has touched, and an adapter with its own client. A client of the SDK remembers
	// its failed retries, so a shared client would make tries depend on each other.
	Prepare func(t *testing.T) Try
}

// Try is an operation that runs once.
type Try struct {
	// Do is the operation.
	Do func(ctx context.Context) error

	// Want is the error of Do if nothing breaks, or if the next attempt repairs the fault. nil means success.
	Want error
	// Lost is the error of Do if the write took effect and its response was lost: the next attempt finds the effect of the
	// first. nil means success.
	Lost error
	// Fails holds the error of Do for each kind of fault that the next attempt does not repair.
	Fails map[wire.Kind]error

	// Check tests, with nothing broken, that the effects and the results of Do match its contract for err, the error that
	// Do returned.
	Check func(t *testing.T, err error)
}

// Run breaks every request of every site twice: once so that the next attempt succeeds, and once in all attempts. The
// test fails if a kind of fault can happen to a call but never did.
func Run(t *testing.T, transport *wire.Transport, sites []Site) {
	t.Helper()
	fired := map[wire.Fault]int{}
	for _, site := range sites {
		t.Run(site.Name, func(t *testing.T) {
			for fault, n := range (runner{transport, site}).all(t) {
				fired[fault] += n
			}
		})
	}
	transport.Heal()
	t.Logf("faults by call:\n%s", table(fired))
}

type runner struct {
	*wire.Transport
	site Site
}

// all runs a site with every fault, and returns the faults that happened.
func (r runner) all(t *testing.T) map[wire.Fault]int {
	calls := r.healthy(t)
	fired := map[wire.Fault]int{} // without the resource: each try may have its own table
	for n := range calls.Sum(nil).Requests {
		for _, kind := range wire.Kinds() {
			if !slices.ContainsFunc(calls.Calls(), kind.Happens) {
				continue
			}
			for _, times := range []int{1, Attempts} {
				for fault, count := range r.broken(t, int(n), kind, times) {
					fault.Resource = ""
					fired[fault] += count
				}
			}
		}
	}
	for _, call := range calls.Calls() {
		call.Resource = ""
		for _, kind := range wire.Kinds() {
			if kind.Happens(call) && fired[wire.Fault{Call: call, Kind: kind}] == 0 {
				t.Errorf("the fault %q never happened to %s", kind, call)
			}
		}
	}
	return fired
}

// healthy runs the operation with nothing broken, and returns its requests.
func (r runner) healthy(t *testing.T) wire.Counts {
	r.Heal()
	try := r.site.Prepare(t)
	r.Reset()
	if err := try.Do(t.Context()); !errors.Is(err, try.Want) {
		t.Fatalf("error with nothing broken: %v, want %v", err, try.Want)
	}
	calls := r.Counts()
	try.Check(t, try.Want)
	if calls.Sum(nil).Requests == 0 {
		t.Fatal("the operation made no request, so nothing can break")
	}
	return calls
}

// broken runs the operation with request n, counted from 0, and the times-1 requests after it broken. It returns the
// faults that happened.
func (r runner) broken(t *testing.T, n int, kind wire.Kind, times int) map[wire.Fault]int {
	try := r.site.Prepare(t)
	script := make([]wire.Kind, n, n+times)
	for range times {
		script = append(script, kind)
	}
	r.Reset()
	r.Script(script...)
	err := try.Do(t.Context())
	fired := r.Faults()
	r.Heal()
	if problem := problemWith(try, kind, times, err, fired); problem != "" {
		t.Errorf("%q of request %d, %d times: error %v, %s", kind, n+1, times, err, problem)
	}
	try.Check(t, err)
	return fired
}

// problemWith describes what is wrong with the error. It returns "" if the error is right.
func problemWith(try Try, kind wire.Kind, times int, err error, fired map[wire.Fault]int) string {
	want, known := try.Fails[kind]
	switch {
	case len(fired) == 0: // the fault can happen only to other requests of the operation
		want = try.Want
	case kind == wire.Truncated && times == 1:
		// The SDK does not treat a body that ends early as a connection error, and returns an error without another attempt.
		// Both this error and the result of another attempt are right.
		if err == nil && try.Want != nil {
			return "want an error"
		}
		return ""
	case kind == wire.PartlyFailed || kind == wire.Unprocessed:
		return "" // Check tests the result
	case known:
		if err == nil || !errors.Is(err, want) {
			return "want " + want.Error()
		}
		return ""
	case times == Attempts && err == nil:
		return "want an error"
	case times == Attempts && !statusComes(kind) && (is(err, try.Want) || is(err, try.Lost)):
		return "want an error that leaves open whether the call took effect"
	case times == Attempts:
		return ""
	case kind.AfterEffect() && writes(fired):
		want = try.Lost
	default:
		want = try.Want
	}
	if (err == nil) != (want == nil) || !errors.Is(err, want) {
		return "want " + text(want)
	}
	return ""
}

// statusComes reports whether the caller gets the status of the response, although not its whole body.
func statusComes(k wire.Kind) bool { return k == wire.Reset || k == wire.Truncated }

// is is errors.Is, but no error matches a nil target.
func is(err, target error) bool { return target != nil && errors.Is(err, target) }

func text(err error) string {
	if err == nil {
		return "none"
	}
	return err.Error()
}

// writes reports whether one of the broken calls is a write.
func writes(fired map[wire.Fault]int) bool {
	for fault := range fired {
		if strings.HasPrefix(fault.Operation, "Put") || strings.HasPrefix(fault.Operation, "Send") {
			return true
		}
	}
	return false
}

// table formats how often each kind of fault happened to each call.
func table(fired map[wire.Fault]int) string {
	byCall := map[wire.Call]map[wire.Kind]int{}
	for fault, n := range fired {
		if byCall[fault.Call] == nil {
			byCall[fault.Call] = map[wire.Kind]int{}
		}
		byCall[fault.Call][fault.Kind] += n
	}
	var b strings.Builder
	for _, call := range slices.SortedFunc(maps.Keys(byCall), wire.Call.Compare) {
		b.WriteString(call.String())
		for _, kind := range wire.Kinds() {
			if n := byCall[call][kind]; n > 0 {
				b.WriteString("; " + string(kind) + " " + strconv.Itoa(n))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
