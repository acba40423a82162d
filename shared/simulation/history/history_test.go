package history_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anabranch/anabranch/shared/simulation/history"
)

var (
	seeds = flag.Int("seeds", 24, "how many histories TestHistories plays")
	first = flag.Uint64("first", 1, "the seed of the first history of TestHistories")
	seed  = flag.Uint64("seed", 1, "the seed of the history that TestHistory plays")
	kappa = flag.Bool("kappa", false, "whether TestHistory plays a history of TestLambdaIsKappa")
	lapse = flag.Bool("expiring", false, "whether TestHistory plays a history of TestExpiring")
)

// TestHistory plays one history. With -v it prints the trace.
func TestHistory(t *testing.T) {
	play := history.Run
	if *kappa {
		play = history.RunKappa
	}
	if *lapse {
		play = history.RunExpiring
	}
	result, err := play(*seed)
	if testing.Verbose() {
		fmt.Printf("%s\n%s", result.Trace, result.Faults)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d copies, %d runs, %d calls, %d faults, %d looks, %s", result.Events, result.Copies, result.Runs,
		result.Calls,
		result.Faults.Total(), result.Looks, result.Virtual)
}

// TestHistories plays many histories, on all processors.
func TestHistories(t *testing.T) {
	var (
		lock   sync.Mutex
		sum    history.Result
		failed int
		ends   int
		steps  [len(sum.ExactSteps)]int
	)
	each(*seeds, func(i int) {
		result, err := history.Run(*first + uint64(i))
		lock.Lock()
		defer lock.Unlock()
		sum.Faults.Add(result.Faults)
		sum.Calls, sum.Looks, sum.Runs = sum.Calls+result.Calls, sum.Looks+result.Looks, sum.Runs+result.Runs
		sum.Events, sum.Copies, sum.Pages = sum.Events+result.Events, sum.Copies+result.Copies, sum.Pages+result.Pages
		if result.Kappa {
			ends++
		}
		for v, n := range result.ExactSteps {
			steps[v] += n
		}
		if err == nil {
			return
		}
		if failed++; failed <= 20 {
			t.Error(describe(err))
		}
	})
	n := *seeds
	if average := sum.Faults.Total() / n; average < 100 {
		t.Errorf("%d faults a history, want at least 100", average)
	}
	t.Logf("%d histories from seed %d on: %d violated; %d end with a Kappa view; "+
		"each on average %d events, %d copies, %d runs, %d calls, %d faults, %d looks, %d pages\n%s",
		n, *first, failed, ends, sum.Events/n, sum.Copies/n, sum.Runs/n, sum.Calls/n, sum.Faults.Total()/n, sum.Looks/n,
		sum.Pages/n, sum.Faults)
	t.Logf("exact rows of steps, by view: %v", steps)
	if n >= 24 && (steps[0] == 0 || steps[2] == 0) {
		t.Errorf("exact rows of steps, by view: %v; want some of the users and of the marks", steps)
	}
	const enough = 500 // so many histories must meet every kind of fault
	if missing := sum.Faults.Missing(); len(missing) > 0 && n >= enough {
		t.Errorf("kinds of faults that never fired: %v", missing)
	}
}

// TestLambdaIsKappa plays histories in which views are Kappa, change between Lambda and Kappa, or change from Kappa to
// Kappa. Each history ends with a replay of all views. The replayed states must equal the fold byte for byte, and the
// answers must equal the plain fold. Lambda views give the same answers unless copies of an event are further apart
// than the speed window.
func TestLambdaIsKappa(t *testing.T) {
	var (
		lock                       sync.Mutex
		failed, ends, alike, twins int
		pages                      int
		faults                     history.Counts
	)
	n := max(*seeds/4, min(*seeds, 40)) // each takes as long as several histories of TestHistories
	each(n, func(i int) {
		result, err := history.RunKappa(*first + uint64(i))
		lock.Lock()
		defer lock.Unlock()
		for n, is := range map[*int]bool{&ends: result.Kappa, &alike: result.Alike, &twins: result.Twins} {
			if is {
				*n++
			}
		}
		pages += result.Pages
		faults.Add(result.Faults)
		if err != nil {
			if failed++; failed <= 20 {
				t.Error(describe(err))
			}
		}
	})
	t.Logf("%d histories from seed %d on: %d violated; %d end with a Kappa view, "+
		"%d of these views answer as a Lambda view does; all twins do in %d; %d pages equal the fold", n, *first, failed,
		ends, alike, twins, pages)
	for _, kind := range []history.Fault{
		history.LambdaToKappa, history.KappaToLambda, history.KappaToKappa, history.Replayed, history.ReplayWaited,
		history.LeftToLive, history.ReplayTwice,
		history.OperatorSwitches, history.OperatorRollsBack, history.OperatorDrops, history.OperatorAbandons,
		history.OperatorRebuilds, history.Audited,
	} {
		t.Logf("%10d  %s", faults[kind], kind)
	}
	const enough = 10 // so many histories must show each of these
	if n >= enough && (ends == 0 || alike == 0 || twins == 0 || pages == 0 || faults[history.LambdaToKappa] == 0) {
		t.Error("the histories do not show what they should")
	}
}

// TestEngines plays histories in which a release with a newer version of the engine is deployed, and now and then the
// one before again. Each generation must answer by the rules of its own version, also while the other one is built.
func TestEngines(t *testing.T) {
	var (
		lock   sync.Mutex
		faults history.Counts
	)
	n := max(*seeds/8, 3)
	each(n, func(i int) {
		result, err := history.Run((*first/10+uint64(i))*10 + 7)
		lock.Lock()
		defer lock.Unlock()
		faults.Add(result.Faults)
		if err != nil {
			t.Error(describe(err))
		}
	})
	t.Logf("%d histories: %d deployments, %d switches between the versions of the engine, %d of them within Kappa", n,
		faults[history.DefinitionChanged], faults[history.EngineSwitched], faults[history.KappaToKappa])
	if faults[history.EngineSwitched] == 0 {
		t.Error("no generation of another version ever served")
	}
}

// TestExpiring plays histories in which speed stands still for longer than the stream keeps its records. What the
// stream drops must come back: through batch, and where a view has the stream alone, through the sweep; or the view
// says that it lacks events.
func TestExpiring(t *testing.T) {
	var (
		lock   sync.Mutex
		faults history.Counts
		met    = map[history.Fault]int{}
	)
	n := max(*seeds/4, 12)
	kinds := []history.Fault{history.Expired, history.BegunExpired, history.PassedOver, history.BroughtBack}
	each(n, func(i int) {
		result, err := history.RunExpiring(*first + uint64(i))
		lock.Lock()
		defer lock.Unlock()
		faults.Add(result.Faults)
		for _, kind := range kinds {
			if result.Faults[kind] > 0 {
				met[kind]++
			}
		}
		if err != nil {
			t.Error(describe(err))
		}
	})
	for _, kind := range kinds {
		t.Logf("%10d  %s, in %d of %d histories", faults[kind], kind, met[kind], n)
		if met[kind] == 0 {
			t.Errorf("never: %s", kind)
		}
	}
	if met[history.Expired] < n/3 {
		t.Errorf("records expire in %d of %d histories, want at least a third", met[history.Expired], n)
	}
}

// TestReleases plays histories in which functions of two releases run at once. They differ in settings, in a stored
// format or in the newest engine.
func TestReleases(t *testing.T) {
	var (
		lock   sync.Mutex
		faults history.Counts
	)
	n := max(*seeds/8, 8)
	each(n, func(i int) {
		seed := (*first/20+uint64(i))*20 + 3
		if i%4 == 3 {
			seed += 4 // with two engines
		}
		result, err := history.Run(seed)
		lock.Lock()
		defer lock.Unlock()
		faults.Add(result.Faults)
		if err != nil {
			t.Error(describe(err))
		}
	})
	for _, kind := range []history.Fault{history.OlderRelease, history.FormatRefused, history.EngineRefused} {
		t.Logf("%10d  %s", faults[kind], kind)
		if faults[kind] == 0 {
			t.Errorf("never: %s", kind)
		}
	}
}

// TestTheSameTwice plays up to 100 histories twice, the second time in the opposite order. Equal seeds must have equal
// traces, byte for byte.
func TestTheSameTwice(t *testing.T) {
	n := min(100, (*seeds+1)/2)
	traces := make([][32]byte, n)
	play := func(i int) [32]byte {
		result, err := history.Run(*first + uint64(i))
		if err != nil {
			t.Error(err)
		}
		return sha256.Sum256(result.Trace)
	}
	each(n, func(i int) { traces[i] = play(i) })
	distinct := map[[32]byte]bool{}
	for _, trace := range traces {
		distinct[trace] = true
	}
	if len(distinct) != n {
		t.Errorf("%d seeds have %d traces", n, len(distinct))
	}
	each(n, func(i int) {
		if i = n - 1 - i; play(i) != traces[i] {
			t.Errorf("seed %d has two traces", *first+uint64(i))
		}
	})
}

// each calls do for 0 to n-1, on all processors.
func each(n int, do func(int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	group.Wait()
}

func describe(err error) string {
	var failure *history.Failure
	if !errors.As(err, &failure) {
		return err.Error()
	}
	trace := failure.Trace
	for n := 0; n < 10; n++ {
		if at := bytes.LastIndexByte(trace, '\n'); at >= 0 {
			trace = trace[:at]
		}
	}
	return failure.Error() + "\n..." + string(failure.Trace[len(trace):])
}
