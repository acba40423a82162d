package eventsource_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

func reporting(s *eventsource.Settings) { s.ReportBatchItemFailures = true }
func bisecting(s *eventsource.Settings) { s.BisectBatchOnFunctionError = true }

func attempts(n int) func(*eventsource.Settings) {
	return func(s *eventsource.Settings) { s.MaximumRetryAttempts = n }
}

// TestFailures checks what happens to a batch that failed.
func TestFailures(t *testing.T) {
	const ms = time.Millisecond
	runRules(t, []rule{
		{"a failed batch is retried whole, and blocks its shard", settings(), func(s *script) {
			s.list("s0", "s1")
			s.read("s0", "a1 b2 c3 d4")
			s.starts("s0: a1 b2 c3")
			s.finish("s0: a1 b2 c3", crash)
			s.read("s1", "a5")
			s.starts("s1: a5")
			s.wakes(100 * ms)
			s.starts("s0: a1 b2 c3")
		}},
		{"retries wait twice as long each time, at most 10 s (ours)", settings(), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			s.starts("s0: a1")
			for _, wait := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
				s.finish("s0: a1", crash)
				s.starts()
				s.wakes(wait * ms)
				s.starts("s0: a1")
			}
		}},
		{"MaximumRetryAttempts -1: retried for ever", settings(), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			s.starts("s0: a1")
			for range 1000 {
				s.finish("s0: a1", crash)
				s.after(10 * time.Second)
				s.starts("s0: a1")
			}
		}},
		{"MaximumRetryAttempts 1: given up after the retry, and the shard continues", settings(attempts(1)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2 a3 a4")
			s.starts("s0: a1 a2 a3")
			s.finish("s0: a1 a2 a3", crash)
			s.starts()
			s.wakes(100 * ms)
			s.starts("s0: a1 a2 a3")
			s.finish("s0: a1 a2 a3", crash, "RetryAttemptsExhausted s0: a1 a2 a3 (2)")
			s.checkpoint("s0", "at 4")
			s.starts("s0: a4")
		}},
		{"responses are ignored unless ReportBatchItemFailures is set", settings(), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2 a3 a4")
			s.starts("s0: a1 a2 a3")
			s.finish("s0: a1 a2 a3", partial("2"))
			s.starts("s0: a4")
			s.finish("s0: a4", malformed)
			s.checkpoint("s0", "after 4")
		}},
		{"a partial response: everything from the number on is retried", settings(reporting), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 b2 a3 a4")
			s.starts("s0: a1 b2 a3")
			s.finish("s0: a1 b2 a3", partial("2"))
			s.checkpoint("s0", "at 2")
			s.starts("s0: b2 a3")
		}},
		{"the lowest of several failures counts", settings(reporting), func(s *script) {
			s.list("s0")
			s.read("s0", "a9 a10 a11")
			s.starts("s0: a9 a10 a11")
			s.finish("s0: a9 a10 a11", partial("11", "10"))
			s.starts("s0: a10 a11")
		}},
		{"an itemIdentifier that is not in the batch is a complete failure", settings(reporting), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2 a4")
			s.starts("s0: a1 a2 a4")
			s.finish("s0: a1 a2 a4", partial("2", "3"))
			s.starts()
			s.wakes(100 * ms)
			s.starts("s0: a1 a2 a4")
		}},
		{"a bad response is a complete failure", settings(reporting), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2")
			s.starts("s0: a1 a2")
			s.finish("s0: a1 a2", malformed)
			s.starts()
			s.wakes(100 * ms)
			s.starts("s0: a1 a2")
		}},
		{"the count of retries starts again after progress (recorded: BatchSize 3, 3 retries, record 5 poison)",
			settings(reporting, attempts(3)),
			func(s *script) {
				s.list("s0")
				s.read("s0", "a3 a4 a5")
				s.starts("s0: a3 a4 a5")
				s.finish("s0: a3 a4 a5", partial("5"))
				for _, wait := range []time.Duration{100 * ms, 200 * ms, 400 * ms} {
					s.starts("s0: a5")
					s.finish("s0: a5", partial("5"))
					s.starts()
					s.wakes(wait)
				}
				s.starts("s0: a5")
				s.finish("s0: a5", partial("5"), "RetryAttemptsExhausted s0: a5 (4)")
			}},
		{"progress resets the count of retries", settings(reporting, attempts(1)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2")
			s.starts("s0: a1 a2")
			s.finish("s0: a1 a2", partial("1"))
			s.after(longEnough)
			s.starts("s0: a1 a2")
			s.finish("s0: a1 a2", partial("2"))
			s.starts("s0: a2")
			s.finish("s0: a2", partial("2"))
			s.after(longEnough)
			s.starts("s0: a2")
			s.finish("s0: a2", partial("2"), "RetryAttemptsExhausted s0: a2 (2)")
		}},
		{"bisect: two halves, in order, at once", settings(bisecting, func(s *eventsource.Settings) {
			s.BatchSize = 5
		}), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2 a3 a4 a5 a6")
			s.starts("s0: a1 a2 a3 a4 a5")
			s.finish("s0: a1 a2 a3 a4 a5", crash)
			s.starts("s0: a1 a2")
			s.finish("s0: a1 a2", crash)
			s.starts("s0: a1")
			s.finish("s0: a1", success)
			s.starts("s0: a2")
			s.finish("s0: a2", crash)
			s.starts()
			s.checkpoint("s0", "at 2")
			s.wakes(100 * ms)
			s.starts("s0: a2")
			s.finish("s0: a2", success)
			s.starts("s0: a3 a4 a5")
			s.finish("s0: a3 a4 a5", success)
			s.starts("s0: a6")
		}},
		{"bisect: splitting does not use up retries", settings(bisecting, attempts(0)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 a2 a3")
			s.starts("s0: a1 a2 a3")
			s.finish("s0: a1 a2 a3", crash)
			s.starts("s0: a1")
			s.finish("s0: a1", crash, "RetryAttemptsExhausted s0: a1 (1)")
			s.starts("s0: a2 a3")
			s.finish("s0: a2 a3", crash)
			s.starts("s0: a2")
			s.finish("s0: a2", success)
			s.starts("s0: a3")
		}},
		{"bisect: splitting does not reset the count of retries (ours)",
			settings(bisecting, reporting, attempts(1)), func(s *script) {
				s.list("s0")
				s.read("s0", "a1 a2 a3")
				s.starts("s0: a1 a2 a3")
				s.finish("s0: a1 a2 a3", partial("1"))
				s.after(longEnough)
				s.starts("s0: a1 a2 a3")
				s.finish("s0: a1 a2 a3", crash)
				s.starts("s0: a1")
				s.finish("s0: a1", crash, "RetryAttemptsExhausted s0: a1 (2)")
				s.starts("s0: a2 a3")
				s.finish("s0: a2 a3", partial("2"), "RetryAttemptsExhausted s0: a2 a3 (2)")
			}},
		{"bisect with partial responses: a function error makes halves, a partial response cuts at its number",
			settings(bisecting, reporting),
			func(s *script) {
				s.list("s0")
				s.read("s0", "a1 a2 a3")
				s.starts("s0: a1 a2 a3")
				s.finish("s0: a1 a2 a3", partial("2"))
				s.starts("s0: a2 a3")
				s.finish("s0: a2 a3", partial("2"))
				s.starts()
				s.wakes(100 * ms)
				s.starts("s0: a2 a3")
				s.finish("s0: a2 a3", crash)
				s.starts("s0: a2")
			}},
		{"bisect: a response that is a complete failure makes halves too (ours)", settings(bisecting, reporting),
			func(s *script) {
				s.list("s0")
				s.read("s0", "a1 a2")
				s.starts("s0: a1 a2")
				s.finish("s0: a1 a2", partial("7"))
				s.starts("s0: a1")
			}},
		{"a throttled batch is retried without counting, and its shard waits", settings(parallel(2), attempts(0)),
			func(s *script) {
				s.list("s0", "s1")
				s.read("s0", "a1")
				s.starts("s0: a1")
				for _, wait := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
					s.finish("s0: a1", throttle)
					s.starts()
					s.wakes(wait * ms)
					s.starts("s0: a1")
				}
				s.finish("s0: a1", throttle)
				s.read("s0", "d2")
				s.read("s1", "a3")
				s.starts("s1: a3")
				s.wakes(10 * time.Second)
				s.starts("s0: d2", "s0: a1")
			}},
		{"batches throttled together make the shard wait once", settings(parallel(2)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1 d2")
			s.starts("s0: d2", "s0: a1")
			s.finish("s0: a1", throttle)
			s.after(50 * ms)
			s.finish("s0: d2", throttle)
			s.starts()
			s.wakes(50 * ms)
			s.starts("s0: d2", "s0: a1")
		}},
		{"an invocation that is not throttled resets the throttling delay", settings(), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			for _, step := range []struct {
				eventsource.Result
				wait time.Duration
			}{{throttle, 100}, {throttle, 200}, {crash, 100}, {throttle, 100}} {
				s.starts("s0: a1")
				s.finish("s0: a1", step.Result)
				s.starts()
				s.wakes(step.wait * ms)
			}
		}},
		{"a batch that waits for a throttled shard continues to fill", settings(parallel(2)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			s.starts("s0: a1")
			s.finish("s0: a1", throttle)
			s.read("s0", "d2")
			s.starts()
			s.read("s0", "d3 d4")
			s.starts()
			s.wakes(100 * ms)
			s.starts("s0: d2 d3 d4", "s0: a1")
		}},
		{"ParallelizationFactor 2: a failing batch blocks its own keys only", settings(parallel(2)), func(s *script) {
			s.list("s0")
			s.read("s0", "a1")
			s.starts("s0: a1")
			s.finish("s0: a1", crash)
			s.read("s0", "a2 b3 d4") // b goes to the worker on which a fails
			s.starts("s0: b3 d4")
			s.finish("s0: b3 d4", success)
			s.starts()
			s.wakes(100 * ms)
			s.starts("s0: a1")
			s.finish("s0: a1", success)
			s.starts("s0: a2")
			s.sleeps()
		}},
	})
}
