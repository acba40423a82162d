package eventsource

import (
	"fmt"
	"hash/crc32"
	"time"
)

const (
	maxPoll = 10_000 // records of one GetRecords call
	// buffered is the least room of a shard for records that are not in batches: one full poll. This is ours.
	buffered = maxPoll
)

// shard is the state of one shard: the position of the next poll, the waiting records, and the running batches.
type shard struct {
	id       ShardID
	parents  []ShardID
	envelope envelope

	next  Position // where the next poll begins
	ended bool

	pending []entry // records that are read but not yet in a batch, in order
	bytes   int     // of event JSON in pending
	keys    map[string]*partition
	workers []worker
	choices []choice // scratch, one per worker

	throttles int       // number of throttles in a row
	paused    time.Time // no batch starts before this time, because the function was throttled

	changed bool      // inputs came since the last schedule
	timed   bool      // work will be due by time alone, at dueAt
	dueAt   time.Time // when work is due, if timed
}

// entry is a record that waits to be put into a batch.
type entry struct {
	record Record
	key    *partition
	size   int       // in event JSON, with its comma
	read   time.Time // when it came, for the batching window
	taken  bool
}

// choice is what an idle worker would take: indices into pending.
type choice struct {
	at   []int
	size int
	full bool // BatchSize or MaxPayload is reached
}

func newShard(s Shard, next Position, settings Settings) *shard {
	return &shard{
		id:       s.ID,
		parents:  append([]ShardID(nil), s.Parents...),
		envelope: newEnvelope(settings.Source, s.ID),
		next:     next,
		keys:     map[string]*partition{},
		workers:  make([]worker, settings.ParallelizationFactor),
		choices:  make([]choice, settings.ParallelizationFactor),
	}
}

// drained says whether the shard was read to its end and every record is finished.
func (s *shard) drained() bool { return s.ended && len(s.keys) == 0 }

// room returns how many records may be read now.
func (s *shard) room(settings Settings) int {
	batches := settings.ParallelizationFactor + 1
	if s.ended || s.bytes >= batches*settings.MaxPayload {
		return 0
	}
	return min(max(buffered, batches*settings.BatchSize)-len(s.pending), maxPoll)
}

func (s *shard) validateRead(records []Record) error {
	if s.ended && len(records) > 0 {
		return fmt.Errorf("%d records after the end of the shard, want none", len(records))
	}
	position := s.next
	for i := range records {
		sequence := records[i].Sequence
		if err := validateSequence(sequence); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if !position.admits(sequence) {
			return fmt.Errorf("record %d: sequence number %s is out of order, want one at %s %s", i, sequence, position.From,
				position.Sequence)
		}
		position = Position{From: AfterSequence, Sequence: sequence}
	}
	return nil
}

func (s *shard) append(records []Record, now time.Time, settings Settings) {
	for i := range records {
		r := records[i]
		key := s.partition(r.PartitionKey, settings.ParallelizationFactor)
		key.unfinished++
		size := s.envelope.size(&r)
		s.bytes += size
		s.pending = append(s.pending, entry{record: r, key: key, size: size, read: now})
		s.next = Position{From: AfterSequence, Sequence: r.Sequence}
	}
	s.changed = s.changed || len(records) > 0
}

// partition finds or creates the partition of a key. AWS does not document which keys share a batch. That a hash of the
// key decides is ours.
func (s *shard) partition(name string, workers int) *partition {
	if key, ok := s.keys[name]; ok {
		return key
	}
	home := crc32.ChecksumIEEE([]byte(name)) % uint32(workers)
	key := &partition{name: name, home: int(home)}
	s.keys[name] = key
	return key
}

// prepare gives idle workers their batches and trims records that are too old. Trimming frees workers and keys, so it
// repeats until there is nothing to trim.
func (s *shard) prepare(now time.Time, settings Settings) []Discarded {
	var gaveUp []Discarded
	for {
		s.form(now, settings)
		old := s.trim(now, settings)
		if len(old) == 0 {
			return gaveUp
		}
		gaveUp = append(gaveUp, old...)
	}
}

// form makes a batch for every idle worker whose choice is due.
func (s *shard) form(now time.Time, settings Settings) {
	seen := s.choose(settings)
	formed := false
	for i := range s.choices {
		if c := &s.choices[i]; len(c.at) > 0 && !s.dueTime(c, settings).After(now) {
			s.workers[i].batches = append(s.workers[i].batches, s.take(c.at))
			formed = true
		}
	}
	if formed {
		s.compact(seen)
	}
}

// choose assigns waiting records to the idle workers, each up to a full batch, and returns how many entries it looked
// at. One key goes to one worker, and a key that is in a batch goes to none. So each key keeps its order, whichever
// worker takes it.
func (s *shard) choose(settings Settings) (seen int) {
	open := 0
	for i := range s.choices {
		s.choices[i] = choice{at: s.choices[i].at[:0], size: perEvent}
		if s.workers[i].idle() {
			open++
		}
	}
	for ; seen < len(s.pending) && open > 0; seen++ {
		e := &s.pending[seen]
		i := s.workerFor(e.key)
		if e.key.taken > 0 || !s.workers[i].idle() || s.choices[i].full {
			continue
		}
		c := &s.choices[i]
		if len(c.at) == 0 || c.size+e.size <= settings.MaxPayload {
			c.at = append(c.at, seen)
			c.size += e.size
			c.full = len(c.at) == settings.BatchSize || c.size >= settings.MaxPayload
		} else {
			c.full = true
		}
		if c.full {
			open--
		}
	}
	return seen
}

// workerFor returns the key's home worker or, while that one is failing, the next worker that is not. So a failing
// batch blocks only its own keys, until they fill the room of the shard. This is ours. Callers call it only while some
// worker is idle, and so not failing.
func (s *shard) workerFor(key *partition) int {
	at := key.home
	for s.workers[at].failing {
		at = (at + 1) % len(s.workers)
	}
	return at
}

// dueTime returns when a choice becomes a batch: a full one at once, another one when the window since the reading of
// its first record has passed; neither before the shard's pause ends.
func (s *shard) dueTime(c *choice, settings Settings) time.Time {
	if c.full {
		return s.paused
	}
	return later(s.paused, s.pending[c.at[0]].read.Add(settings.MaximumBatchingWindow))
}

func (s *shard) take(at []int) *batch {
	b := &batch{records: make([]Record, len(at)), keys: make([]*partition, len(at))}
	for i, p := range at {
		e := &s.pending[p]
		b.records[i], b.keys[i] = e.record, e.key
		e.key.taken++
		e.taken = true
		s.bytes -= e.size
	}
	return b
}

// compact closes the gaps that take left among the first seen entries: it moves the remaining ones next to the rest.
func (s *shard) compact(seen int) {
	to := seen
	for i := seen - 1; i >= 0; i-- {
		if !s.pending[i].taken {
			to--
			s.pending[to] = s.pending[i]
		}
	}
	clear(s.pending[:to])
	s.pending = s.pending[to:]
}

// startable says whether the worker's batch may start now.
func (s *shard) startable(w *worker, now time.Time) bool {
	b := w.waiting()
	return b != nil && !now.Before(s.paused) && !now.Before(b.ready)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
