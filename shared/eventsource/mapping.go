// Package eventsource models how AWS Lambda reads a Kinesis stream, the event source mapping, as a state machine over
// values.
//
// A mapping lies between stream and function. It says which shards to poll, cuts the records into batches, says which
// batches to invoke the function with, and takes the results: success, partial response, error, throttle. A driver
// carries out the polls and invocations: `anabranch dev` over an in-memory stream, the local Lambda host over the real
// Kinesis API, the simulator over both at their worst. After each input a driver calls Invocations, then Polls, then
// Wake.
//
// The package has no clock, goroutine, I/O or randomness. The time is an argument, effects are results, and the same
// inputs give the same results. It does not know what records mean, how a function runs, or where the driver stores
// discarded records and snapshots. It does not model tumbling windows, filters, enhanced fan-out or AT_TIMESTAMP. The
// driver models the stream's retention: it does not return records that the stream no longer has.
//
// Where AWS documents nothing, the choice is ours, and a comment marks it as "ours". The speed layer must be right
// whatever is chosen there.
package eventsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// These are errors of the inputs. A call that returns an error does not change the mapping.
var (
	ErrUnknownShard      = errors.New("unknown shard")
	ErrUnknownInvocation = errors.New("unknown invocation")
)

// InvocationID identifies one invocation within one Mapping: 1, 2, 3, ...
type InvocationID uint64

// Poll asks the driver for at most Limit records of a shard, in order, beginning at From. It stays open until the
// driver answers with Read.
type Poll struct {
	Shard ShardID
	From  Position
	Limit int // 1 to 10,000, as GetRecords allows
}

// Invocation asks the driver to invoke the function with one batch of one shard. Records has at least one record, in
// order; the driver must not change them. The driver answers with Finished.
type Invocation struct {
	ID      InvocationID
	Shard   ShardID
	Records []Record
}

// Condition says why records were discarded, in the words of the on-failure destination.
type Condition string

// The conditions AWS documents for streams.
const (
	RetryAttemptsExhausted Condition = "RetryAttemptsExhausted"
	RecordAgeExceeded      Condition = "RecordAgeExceeded"
)

// Discarded holds records of one shard, in order, that the mapping will not deliver again. A driver with an on-failure
// destination sends them there before it stores a later snapshot.
type Discarded struct {
	Shard     ShardID
	Condition Condition
	Records   []Record
	// InvokeCount is approximateInvokeCount: the number of failed invocations since the batch last made progress, without
	// throttled ones. It may be 0 when the age was exceeded.
	InvokeCount int
	// Last is the outcome of the last invocation; the zero Outcome when the age was exceeded. AWS reports functionError
	// only for FunctionError.
	Last Outcome
}

// Mapping is one event source mapping. It is not safe for concurrent use.
type Mapping struct {
	settings   Settings
	shards     []*shard // by name
	discovered bool     // a listing was seen
	running    map[InvocationID]flight
	lastID     InvocationID
}

type flight struct {
	shard  *shard
	worker *worker
}

// New returns a mapping without shards. Errors: those of Settings.Validate.
func New(settings Settings) (*Mapping, error) {
	if err := settings.Validate(); err != nil {
		return nil, fmt.Errorf("event source mapping: %w", err)
	}
	return &Mapping{settings: settings, running: map[InvocationID]flight{}}, nil
}

// Shards takes a listing of shards. A driver may repeat it, in any order; shards that it leaves out stay known. The
// first listing must be complete. The mapping reads its shards from StartingPosition, and shards of later listings from
// TrimHorizon, because all their records are new. The mapping does not read a shard until every known parent is
// drained: read to its end, and all its batches done. (AWS does not document that a child waits; it is assumed.)
//
// The parents in the first listing of a shard count. Errors: a shard without a name; a shard that is its own ancestor.
func (m *Mapping) Shards(list []Shard) error {
	if err := m.validateListing(list); err != nil {
		return err
	}
	from := TrimHorizon
	if !m.discovered {
		from = m.settings.StartingPosition
	}
	for _, s := range list {
		if m.find(s.ID) == nil {
			m.add(newShard(s, Position{From: from}, m.settings))
		}
	}
	m.discovered = true
	return nil
}

func (m *Mapping) validateListing(list []Shard) error {
	parents := map[ShardID][]ShardID{}
	for _, s := range m.shards {
		parents[s.id] = s.parents
	}
	for _, s := range list {
		if s.ID == "" {
			return errors.New("list shards: a shard has no name, want one")
		}
		if _, known := parents[s.ID]; !known {
			parents[s.ID] = s.Parents
		}
	}
	for _, s := range list {
		if descends(s.ID, s.ID, parents, map[ShardID]bool{}) {
			return fmt.Errorf("list shards: %s is its own ancestor, so it could never be read", s.ID)
		}
	}
	return nil
}

func descends(child, ancestor ShardID, parents map[ShardID][]ShardID, seen map[ShardID]bool) bool {
	for _, p := range parents[child] {
		if p == ancestor {
			return true
		}
		if seen[p] {
			continue
		}
		seen[p] = true
		if descends(p, ancestor, parents, seen) {
			return true
		}
	}
	return false
}

// Polls returns the polls of the shards that want records, ordered by shard name. A shard has at most one poll. It has
// none while its buffer is full or its parents are not drained. A driver must not run two polls of a shard at once; it
// chooses how often it polls (Lambda: once a second).
func (m *Mapping) Polls() []Poll {
	var polls []Poll
	for _, s := range m.shards {
		if limit := s.room(m.settings); limit > 0 && m.readable(s) {
			polls = append(polls, Poll{Shard: s.id, From: s.next, Limit: limit})
		}
	}
	return polls
}

func (m *Mapping) readable(s *shard) bool {
	for _, id := range s.parents {
		if parent := m.find(id); parent != nil && !parent.drained() {
			return false
		}
	}
	return true
}

// Read takes the answer to a poll: the records found, in order, which may be none. ended says that the shard is closed
// and has no more records.
//
// Errors: ErrUnknownShard; a shard whose parents are not drained; an invalid sequence number; records out of order,
// before the position of the poll, or after the end of the shard.
func (m *Mapping) Read(id ShardID, records []Record, ended bool, now time.Time) error {
	s := m.find(id)
	if s == nil {
		return fmt.Errorf("read %q: %w", id, ErrUnknownShard)
	}
	if !m.readable(s) {
		return fmt.Errorf("read %s: its parents %v are not drained, want them drained first", id, s.parents)
	}
	if err := s.validateRead(records); err != nil {
		return fmt.Errorf("read %s: %w", id, err)
	}
	s.append(records, now, m.settings)
	s.ended = s.ended || ended
	return nil
}

// Invocations returns the batches to start now, and the records discarded because of their age. It returns each batch
// once; the batch counts as running until Finished. At most ParallelizationFactor batches of a shard run at once, and
// no partition key is in two of them.
func (m *Mapping) Invocations(now time.Time) ([]Invocation, []Discarded) {
	var started []Invocation
	var gaveUp []Discarded
	for _, s := range m.shards {
		if !s.due(now) {
			continue
		}
		gaveUp = append(gaveUp, s.prepare(now, m.settings)...)
		for i := range s.workers {
			if w := &s.workers[i]; s.startable(w, now) {
				m.lastID++
				m.running[m.lastID] = flight{shard: s, worker: w}
				started = append(started, Invocation{ID: m.lastID, Shard: s.id, Records: w.start(m.lastID)})
			}
		}
		s.schedule(m.settings)
	}
	return started, gaveUp
}

// Finished takes the result of one invocation, and returns the records discarded because of it.
//
// Errors: ErrUnknownInvocation: the invocation was finished before, or belongs to another Mapping; a Result without a
// valid Outcome.
func (m *Mapping) Finished(id InvocationID, result Result, now time.Time) ([]Discarded, error) {
	f, ok := m.running[id]
	if !ok {
		return nil, fmt.Errorf("finish invocation %d: %w", id, ErrUnknownInvocation)
	}
	if result.Outcome < Returned || result.Outcome > Throttled {
		return nil, fmt.Errorf("finish invocation %d: outcome %d is none, want Returned, BadResponse, FunctionError or "+
			"Throttled", id, result.Outcome)
	}
	delete(m.running, id)
	return f.shard.finish(f.worker, result, now, m.settings), nil
}

// Wake returns when to call Invocations next: when a batching window closes, a wait before a retry ends, or a record
// that waits for its retry grows too old. It returns now if inputs came since the last call of Invocations, and never
// an earlier time. It returns false if nothing will be due without a further input.
func (m *Mapping) Wake(now time.Time) (time.Time, bool) {
	var earliest time.Time
	found := false
	for _, s := range m.shards {
		if at, ok := s.wake(now); ok && (!found || at.Before(earliest)) {
			earliest, found = at, true
		}
	}
	return earliest, found
}

func (m *Mapping) find(id ShardID) *shard {
	if i, ok := m.search(id); ok {
		return m.shards[i]
	}
	return nil
}

func (m *Mapping) add(s *shard) {
	i, _ := m.search(s.id)
	m.shards = slices.Insert(m.shards, i, s)
}

func (m *Mapping) search(id ShardID) (int, bool) {
	return slices.BinarySearchFunc(m.shards, id, func(s *shard, id ShardID) int {
		return strings.Compare(string(s.id), string(id))
	})
}
