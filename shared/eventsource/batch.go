package eventsource

import (
	"slices"
	"time"
)

// The waits before a retry are ours (AWS documents none): 100 ms, doubled at each further failure without progress, at
// most 10 s.
const (
	firstWait = 100 * time.Millisecond
	longWait  = 10 * time.Second
)

// wait returns how long to wait after the given number of failures, counted from 1.
func wait(failures int) time.Duration {
	const doublings = 7 // 100 ms * 2^7 is above longWait
	return min(firstWait<<min(failures-1, doublings), longWait)
}

// partition is a partition key of a shard, for as long as the shard holds unfinished records of it.
type partition struct {
	name       string
	home       int // the worker that takes its records, as long as none is failing
	unfinished int // records waiting or taken
	taken      int // records in batches: while there are any, none of the waiting may be taken, or order would break
}

// batch is records of one shard that are, or were, delivered together, in order.
type batch struct {
	records []Record
	keys    []*partition // of each record
	failed  int          // failed invocations since the last progress: what MaximumRetryAttempts counts
	ready   time.Time    // not to be started before
	running InvocationID // 0: not running
}

// verdict is the effect of a result on a batch.
type verdict struct {
	done     int  // records from the front that are finished
	complete bool // the batch failed as a whole; if false and records are left, the first of them failed
}

// applyRules applies Lambda's rules for responses. An itemIdentifier that is not in the batch is a complete failure.
//
// Source: AWS Lambda Developer Guide, services-kinesis-batchfailurereporting; for an itemIdentifier that is not in the
// batch, recorded behaviour (localstack/localstack, item_identifier_not_present_failure, validated against AWS).
func (b *batch) applyRules(r Result, report bool) verdict {
	switch {
	case r.Outcome == FunctionError:
		return verdict{complete: true}
	case !report:
		return verdict{done: len(b.records)}
	case r.Outcome == BadResponse:
		return verdict{complete: true}
	}
	lowest := len(b.records)
	for _, id := range r.Failures {
		at, found := slices.BinarySearchFunc(b.records, id, func(r Record, id Sequence) int { return r.Sequence.Compare(id) })
		if !found {
			return verdict{complete: true}
		}
		lowest = min(lowest, at)
	}
	return verdict{done: lowest}
}

// halves splits a batch of at least two records. Both halves keep the batch's count of failures: splitting neither uses
// up retries nor gives them back.
func (b *batch) halves() (first, second *batch) {
	middle := len(b.records) / 2
	first = &batch{records: b.records[:middle:middle], keys: b.keys[:middle:middle], failed: b.failed}
	second = &batch{records: b.records[middle:], keys: b.keys[middle:], failed: b.failed}
	return first, second
}

// expired returns how many records at the front have reached the age. Arrival is not ordered, so younger records may
// hide older ones; AWS trims only the front.
func (b *batch) expired(now time.Time, age time.Duration) int {
	n := 0
	for n < len(b.records) && !now.Before(b.records[n].Arrival.Add(age)) {
		n++
	}
	return n
}

// worker is one of the ParallelizationFactor places in which a batch of a shard can run.
type worker struct {
	batches []*batch // the current batch and, after a split, the following ones, in order; empty when idle
	// failing says that an invocation failed without progress, and its records are not finished yet. Other keys go to
	// other workers meanwhile.
	failing bool
}

func (w *worker) idle() bool { return len(w.batches) == 0 }

// waiting returns the batch to start next; nil while one is running or there is none.
func (w *worker) waiting() *batch {
	if w.idle() || w.batches[0].running != 0 {
		return nil
	}
	return w.batches[0]
}

// start marks the waiting batch as running, and returns its records.
func (w *worker) start(id InvocationID) []Record {
	b := w.batches[0]
	b.running = id
	return slices.Clip(b.records)
}

// replace replaces the current batch by the given ones, or by none.
func (w *worker) replace(batches ...*batch) {
	w.batches = append(batches, w.batches[1:]...)
	if w.idle() {
		w.failing = false
	}
}
