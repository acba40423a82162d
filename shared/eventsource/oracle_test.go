package eventsource_test

import (
	"slices"

	"github.com/anabranch/anabranch/shared/eventsource"
)

// checkStart checks the rules for a batch that starts.
func (w *world) checkStart(i eventsource.Invocation) {
	text := label(i.Shard, i.Records)
	size := eventsource.EventSize(w.settings.Source, i.Shard, i.Records)
	if n := len(i.Records); n == 0 || n > w.settings.BatchSize || n > 1 && size > w.settings.MaxPayload {
		w.Fatalf("batch %q has %d records and %d bytes, want up to %d and %d", text, n, size, w.settings.BatchSize,
			w.settings.MaxPayload)
	}
	if !slices.IsSortedFunc(i.Records, func(a, b eventsource.Record) int { return a.Sequence.Compare(b.Sequence) }) {
		w.Fatalf("batch %q is not in order", text)
	}
	beside := 1
	for _, other := range w.running {
		if other.Shard != i.Shard {
			continue
		}
		beside++
		for _, r := range other.Records {
			if slices.ContainsFunc(i.Records, func(own eventsource.Record) bool { return own.PartitionKey == r.PartitionKey }) {
				w.Fatalf("batch %q started while %q runs: both have key %s", text, label(other.Shard, other.Records),
					r.PartitionKey)
			}
		}
	}
	if beside > w.settings.ParallelizationFactor {
		w.Fatalf("%d batches of %s run, want at most %d", beside, i.Shard, w.settings.ParallelizationFactor)
	}
	for _, parent := range w.shard(i.Shard).Parents {
		for _, r := range w.shard(parent).records {
			if !w.resolved[r.Sequence] {
				w.Fatalf("batch %q started before record %s of its parent %s is done", text, r.Sequence, parent)
			}
		}
	}
}

func (w *world) giveUp(list []eventsource.Discarded) {
	for _, d := range list {
		limit := w.settings.MaximumRetryAttempts
		for _, r := range d.Records {
			old := w.settings.MaximumRecordAge != eventsource.NoLimit &&
				!w.now.Before(r.Arrival.Add(w.settings.MaximumRecordAge))
			tried := limit != eventsource.NoLimit && d.InvokeCount == limit+1
			if d.Condition == eventsource.RecordAgeExceeded && !old || d.Condition == eventsource.RetryAttemptsExhausted &&
				!tried {
				w.Fatalf("given up without reason: %v", labels(list))
			}
			w.resolved[r.Sequence] = true
		}
	}
}

// delivered returns how many records from the front count as processed. It is a second, plain implementation of the
// documented rules.
func (w *world) delivered(records []eventsource.Record, r eventsource.Result) int {
	if r.Outcome == eventsource.FunctionError || r.Outcome == eventsource.Throttled {
		return 0
	}
	if !w.settings.ReportBatchItemFailures {
		return len(records)
	}
	if r.Outcome == eventsource.BadResponse || slices.Contains(r.Failures, "1") {
		return 0
	}
	for n, record := range records {
		if slices.Contains(r.Failures, record.Sequence) {
			return n
		}
	}
	return len(records)
}

// deliver records successfully processed records. For each key, they must be processed for the first time in order.
func (w *world) deliver(records []eventsource.Record) {
	for _, r := range records {
		if w.resolved[r.Sequence] {
			continue
		}
		w.resolved[r.Sequence] = true
		if last := w.first[r.PartitionKey]; r.Sequence.Compare(last) < 0 {
			w.Fatalf("record %s of key %s is first processed after %s", r.Sequence, r.PartitionKey, last)
		}
		w.first[r.PartitionKey] = r.Sequence
	}
}

func (w *world) checkDrained() {
	polls := w.m.Polls()
	for _, s := range w.shards {
		for _, r := range s.records {
			if !w.resolved[r.Sequence] {
				w.Fatalf("record %s of %s was never processed", r.Sequence, s.ID)
			}
		}
		if n := len(s.records); n > 0 {
			want := eventsource.Position{From: eventsource.AfterSequence, Sequence: s.records[n-1].Sequence}
			if got, _ := w.m.Checkpoint(s.ID); got != want {
				w.Fatalf("checkpoint of %s is %v, want %v", s.ID, got, want)
			}
		}
		if polled := slices.ContainsFunc(polls, func(p eventsource.Poll) bool {
			return p.Shard == s.ID
		}); polled == s.closed {
			w.Fatalf("shard %s is closed: %t, polled: %t", s.ID, s.closed, polled)
		}
	}
}
