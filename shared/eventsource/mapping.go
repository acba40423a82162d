// Package eventsource is the way AWS Lambda reads a Kinesis stream, the event source mapping, as a state machine over values.
//
// Its place is between stream and function: it says which shards to poll, cuts what was read into batches, says which batches to invoke the
// function with, and takes the answers: success, partial response, error, throttle. A driver does what it says: `anabranch dev` over an
// in-memory stream, the local Lambda host over the real Kinesis API, the simulator over both at their worst. After each input a driver calls
// Invocations, then Polls, then Wake.
//
// It has no clock, goroutine, I/O or randomness: the time is an argument, effects are results, the same inputs give the same results. It does
// not know what records mean, how a function is run, or where given-up records and snapshots are kept. Not modelled: tumbling windows,
// filters, enhanced fan-out, AT_TIMESTAMP. A stream's retention is the driver's: what it no longer has it does not return.
//
// Where AWS says nothing, the choice is ours and marked "ours" beside it; the speed layer must be right whatever is chosen there.
package eventsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors of the inputs. After any error the mapping is as it was before.
var (
	ErrUnknownShard      = errors.New("unknown shard")
	ErrUnknownInvocation = errors.New("unknown invocation")
)

// InvocationID names one invocation, within one Mapping: 1, 2, 3, ...
type InvocationID uint64

// Poll asks for records of a shard: at most Limit of them, in order, beginning at From. It stands until it is answered by Read.
type Poll struct {
	Shard ShardID
	From  Position
	Limit int // 1 to 10,000, as GetRecords allows
}

// Invocation asks for the function to be invoked with one batch of one shard; Records are in order, at least one. It is answered by Finished.
// The records must not be changed.
type Invocation struct {
	ID      InvocationID
	Shard   ShardID
	Records []Record
}

// Condition says why records were given up, in the words of the on-failure destination.
type Condition string

// The conditions AWS documents for streams.
const (
	RetryAttemptsExhausted Condition = "RetryAttemptsExhausted"
	RecordAgeExceeded      Condition = "RecordAgeExceeded"
)

// Discarded is what was given up: records of one shard, in order, that will not be delivered again. A driver that has an on-failure
// destination sends it there before it keeps a snapshot taken after it.
type Discarded struct {
	Shard     ShardID
	Condition Condition
	Records   []Record
	// InvokeCount is approximateInvokeCount: failed invocations since the batch last made progress, throttled ones not counted. It may be 0
	// when the age was exceeded.
	InvokeCount int
	// Last is how the last invocation ended; no outcome when the age was exceeded. AWS reports functionError only for FunctionError.
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

// New makes a mapping that knows no shard yet. The error is that of Settings.Validate.
func New(settings Settings) (*Mapping, error) {
	if err := settings.Validate(); err != nil {
		return nil, fmt.Errorf("event source mapping: %w", err)
	}
	return &Mapping{settings: settings, running: map[InvocationID]flight{}}, nil
}

// Shards takes a listing. It may be repeated, in any order; shards not in it stay known. The first must be complete: its shards are read from
// StartingPosition, shards met later from TrimHorizon, since all they hold is new. A shard is not read before each of its parents that is
// known is drained: read to its end, all its batches done. (AWS: that a child waits is not documented, and assumed.)
//
// Parents count as they were listed first. Errors: a shard without a name, or one that is its own ancestor.
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
			return errors.New("list shards: a shard has no name")
		}
		if _, known := parents[s.ID]; !known {
			parents[s.ID] = s.Parents
		}
	}
	for _, s := range list {
		if descends(s.ID, s.ID, parents, map[ShardID]bool{}) {
			return fmt.Errorf("list shards: %s is its own ancestor, it could never be read", s.ID)
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

// Polls says which shards want records, by name. A shard has at most one poll; one whose buffer is full, or whose parents are not drained,
// has none. A driver polls each at most once at a time, in the rhythm it likes (Lambda: once a second).
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

// Read takes the answer of a poll: the records found, in order, and whether the shard is closed and has no more. No records is an answer too.
//
// Errors: ErrUnknownShard; a shard whose parents are not drained; a sequence number that is none; records out of order, behind the
// position polled for, or after the end.
func (m *Mapping) Read(id ShardID, records []Record, ended bool, now time.Time) error {
	s := m.find(id)
	if s == nil {
		return fmt.Errorf("read %q: %w", id, ErrUnknownShard)
	}
	if !m.readable(s) {
		return fmt.Errorf("read %s: its parents %v are not drained, want no read before", id, s.parents)
	}
	if err := s.validateRead(records); err != nil {
		return fmt.Errorf("read %s: %w", id, err)
	}
	s.append(records, now, m.settings)
	s.ended = s.ended || ended
	return nil
}

// Invocations says which batches are to be started now, and what is given up for its age. Each batch is reported once; the mapping takes it
// for running until Finished. At most ParallelizationFactor batches of a shard run at once, and no partition key is in two of them.
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

// Finished takes the answer of one invocation, and says what is given up for it.
//
// Errors: ErrUnknownInvocation: it was answered before, or belongs to another Mapping; a Result without Outcome.
func (m *Mapping) Finished(id InvocationID, result Result, now time.Time) ([]Discarded, error) {
	f, ok := m.running[id]
	if !ok {
		return nil, fmt.Errorf("finish invocation %d: %w", id, ErrUnknownInvocation)
	}
	if result.Outcome < Returned || result.Outcome > Throttled {
		return nil, fmt.Errorf("finish invocation %d: outcome %d is none, want Returned, BadResponse, FunctionError or Throttled", id, result.Outcome)
	}
	delete(m.running, id)
	return f.shard.finish(f.worker, result, now, m.settings), nil
}

// Wake says when something will be due by time alone: a batching window closes, a wait before a retry ends, a record that waits for its retry
// grows too old. It is now if inputs came since the last call of Invocations, never earlier, and false if nothing is due without a further
// input.
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
