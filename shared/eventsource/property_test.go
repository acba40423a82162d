package eventsource_test

import (
	"math/bits"
	"slices"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
	"pgregory.net/rapid"
)

// TestEveryRecordIsDeliveredInOrder checks the mapping under resharding, failures of all kinds, throttling and
// restarts. Every record is processed successfully at least once or given up by a rule, in order per key. Batches keep
// their limits, no key is in two running batches, and a child shard never comes before its parent. The order of
// listings does not matter.
func TestEveryRecordIsDeliveredInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.list()
		do := func(f func()) func(*rapid.T) { return func(*rapid.T) { f() } }
		put := func() {
			for range rapid.IntRange(1, 8).Draw(t, "puts") {
				w.put()
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": do(put), "put more": do(put), "split": do(w.split), "merge": do(w.merge), "list": do(w.list),
			"poll": do(w.poll), "poll more": do(w.poll), "poll again": do(w.poll), "invoke": do(func() { w.invoke() }),
			"finish": do(w.finish), "finish more": do(w.finish), "finish again": do(w.finish), "pass": do(w.pass),
			"restart": do(w.restart),
		})
		w.drain()
	})
}

// drain lets everything succeed, to the end of the stream.
func (w *world) drain() {
	w.list()
	for range 100_000 {
		happened := 0
		for _, p := range w.m.Polls() {
			happened += w.answer(p, p.Limit)
		}
		happened += w.invoke() + len(w.running)
		for len(w.running) > 0 {
			w.settle(0, success)
		}
		at, timed := w.m.Wake(w.now)
		if happened == 0 && !timed {
			w.checkDrained()
			return
		}
		if happened == 0 {
			w.now = at
		}
	}
	w.Fatalf("the stream is not drained")
}

// TestPoisonIsIsolated checks functions that fail on bad records, with no retry allowed. One sets a bad record aside
// when it is the first of its batch, and reports where it stands: it needs one more invocation per bad record. The
// other one crashes unless the bad record is alone in its batch: each bad record is delivered at most log2(n) + 1
// times. No record is given up.
func TestPoisonIsIsolated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "records")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(n, 5), rapid.ID[int]).Draw(t, "bad")
		reports := rapid.Bool().Draw(t, "the function reports")
		m, err := eventsource.New(settings(attempts(0), bisecting, reporting, func(s *eventsource.Settings) {
			s.BatchSize = n
		}))
		if err != nil {
			t.Fatal(err)
		}
		deliveries := make([]int, n)
		invoked := 0
		function := func(records []eventsource.Record) eventsource.Result {
			done := success
			for k, r := range records {
				i := int(r.Data[0])
				deliveries[i]++
				if slices.Contains(bad, i) && len(records) > 1 && (k > 0 || !reports) && done.Outcome == eventsource.Returned &&
					done.Failures == nil {
					done = crash
					if reports {
						done = partial(r.Sequence)
					}
				}
			}
			return done
		}
		var list []eventsource.Record
		for i := range n {
			list = append(list, eventsource.Record{PartitionKey: "a", Sequence: sequence(i), Data: []byte{byte(i)},
				Arrival: start})
		}
		must(t, m.Shards([]eventsource.Shard{{ID: "s0"}}))
		must(t, m.Read("s0", list, true, start))
		for now := start; ; now = now.Add(time.Second) {
			invocations, _ := m.Invocations(now)
			if len(invocations) == 0 {
				break
			}
			gaveUp, err := m.Finished(invocations[0].ID, function(invocations[0].Records), now)
			must(t, err)
			if len(gaveUp) > 0 {
				t.Fatalf("given up: %v", labels(gaveUp))
			}
			invoked++
		}
		if reports && invoked > 1+len(bad) {
			t.Fatalf("%d invocations for %d bad records, want one more than that", invoked, len(bad))
		}
		most := bits.Len(uint(n-1)) + 1
		for _, i := range bad {
			if !reports && deliveries[i] > most {
				t.Fatalf("bad record %d of %d was delivered %d times, want at most %d", i, n, deliveries[i], most)
			}
		}
		if p, _ := m.Checkpoint("s0"); p.Sequence != sequence(n-1) || p.From != eventsource.AfterSequence {
			t.Fatalf("checkpoint %v after %d invocations, want after %s", p, invoked, sequence(n-1))
		}
	})
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
