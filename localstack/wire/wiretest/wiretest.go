// Package wiretest breaks every call of an adapter in every way in which it can break, and holds the adapter to its contract: an operation does
// what it says, or fails; it never says that it did what it did not do.
//
// An adapter's test describes its operations; this package knows none. It works as the crash tests of the layers do: run once, count the requests,
// then break each of them in turn.
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

// Attempts are how often the SDK must try in all: a lasting fault breaks as many requests in a row.
const Attempts = 3

// Site is one operation of an adapter, in one situation.
type Site struct {
	Name string // for example "put over another"

	// Prepare makes state that no other try has touched, and an adapter with a client of its own: the SDK's clients remember how many of their
	// retries came to nothing.
	Prepare func(t *testing.T) Try
}

// Try is the operation, to be run once.
type Try struct {
	Do func(ctx context.Context) error

	Want  error               // of Do when nothing breaks, or what breaks is mended by another attempt
	Lost  error               // of Do when its write was done and the answer was lost; it is tried again, and meets itself
	Fails map[wire.Kind]error // of Do where a single fault of this kind is not mended

	// Check looks, on a healthy wire, whether what Do left behind, and what it read, is what its contract says for the error it returned.
	Check func(t *testing.T, err error)
}

// Run breaks every request of every site: once, so that the next attempt goes through, and lastingly. A pair of a call and a kind of fault that can
// happen to it but did not, fails the test.
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

// all runs a site's every fault, and returns those that fired.
func (r runner) all(t *testing.T) map[wire.Fault]int {
	calls := r.healthy(t)
	fired := map[wire.Fault]int{} // by service and operation: each try may have a table of its own
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
				t.Errorf("%s never met %q", call, kind)
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
		t.Fatalf("with nothing broken: error %v, want %v", err, try.Want)
	}
	calls := r.Counts()
	try.Check(t, try.Want)
	if calls.Sum(nil).Requests == 0 {
		t.Fatal("it made no request: nothing can break")
	}
	return calls
}

// broken runs the operation with its n-th request broken, and as many of those behind it as make up times.
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

// problemWith says what is wrong with the error, "" when nothing is.
func problemWith(try Try, kind wire.Kind, times int, err error, fired map[wire.Fault]int) string {
	want, known := try.Fails[kind]
	switch {
	case len(fired) == 0: // another of the operation's requests can meet it
		want = try.Want
	case kind == wire.Truncated && times == 1:
		// The SDK does not take a body that ends early for a trouble of the connection, and gives up where it should not need to: an error is right,
		// and so is what another attempt brings.
		if err == nil && try.Want != nil {
			return "want an error"
		}
		return ""
	case kind == wire.PartlyFailed || kind == wire.Unprocessed:
		return "" // an answer that Check has to do with
	case known:
		if err == nil || !errors.Is(err, want) {
			return "want " + want.Error()
		}
		return ""
	case times == Attempts && err == nil:
		return "want that it fails"
	case times == Attempts && !statusComes(kind) && (is(err, try.Want) || is(err, try.Lost)):
		return "which says more than anybody knows"
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

// statusComes says whether the caller hears what the service made of the call, if not all of it.
func statusComes(k wire.Kind) bool { return k == wire.Reset || k == wire.Truncated }

// is is errors.Is for an error that may be none, which nothing is.
func is(err, target error) bool { return target != nil && errors.Is(err, target) }

func text(err error) string {
	if err == nil {
		return "none"
	}
	return err.Error()
}

// writes says whether what was broken was a write.
func writes(fired map[wire.Fault]int) bool {
	for fault := range fired {
		if strings.HasPrefix(fault.Operation, "Put") || strings.HasPrefix(fault.Operation, "Send") {
			return true
		}
	}
	return false
}

// table prints how often each call met each kind.
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
