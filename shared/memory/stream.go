package memory

import (
	"bytes"
	"context"
	"crypto/md5" // Kinesis maps keys to shards by MD5; nothing here is secret
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// Shard describes one shard of a Stream to its reader.
type Shard struct {
	ID      string
	Parents []string
	Closed  bool // the shard takes no more records
}

// StreamRecord is a record as the stream stores it.
type StreamRecord struct {
	stream.Record
	Arrival time.Time
}

type shard struct {
	Shard
	from, to *big.Int       // hash range, half-open
	records  []StreamRecord // in order of sequence number
}

// Stream is a stream of several shards in memory that follows Kinesis's rules. A record goes to the open shard whose
// range contains its hash key. Sequence numbers grow along a shard and from parent to child. A closed shard can be read
// to its end.
type Stream struct {
	Hook Hook
	Now  func() time.Time // gives the arrival of records; nil gives the zero time

	mu     sync.Mutex
	shards []*shard
	last   int64 // the number in the last sequence number assigned
}

var _ stream.Publisher = (*Stream)(nil)

var hashEnd = new(big.Int).Lsh(big.NewInt(1), 128)

// NewStream returns a stream of n open shards that share the hash range evenly.
func NewStream(n int) *Stream {
	s := &Stream{}
	edge := func(i int) *big.Int {
		e := new(big.Int).Mul(hashEnd, big.NewInt(int64(i)))
		return e.Div(e, big.NewInt(int64(n)))
	}
	for i := range n {
		s.open(edge(i), edge(i+1))
	}
	return s
}

func (s *Stream) open(from, to *big.Int, parents ...*shard) {
	id := fmt.Sprintf("shardId-%012d", len(s.shards))
	added := &shard{Shard: Shard{ID: id}, from: from, to: to}
	for _, p := range parents {
		p.Closed = true
		added.Parents = append(added.Parents, p.ID)
	}
	s.shards = append(s.shards, added)
}

// Publish implements stream.Publisher.
func (s *Stream) Publish(ctx context.Context, entries []stream.Entry) ([]int, error) {
	return nil, s.Hook.apply("stream.Publish", "", func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, e := range entries {
			if len(e.Data) > stream.MaxRecord {
				return fmt.Errorf("record has %d bytes, maximum is %d", len(e.Data), stream.MaxRecord)
			}
		}
		for _, e := range entries {
			s.put(e.Lane.String(), e.Lane.ExplicitHashKey(), e.Data)
		}
		return nil
	})
}

// PutRecord puts a record with any partition key, as another writer of the stream could.
func (s *Stream) PutRecord(partitionKey string, data []byte) {
	hash := md5.Sum([]byte(partitionKey))
	s.put(partitionKey, new(big.Int).SetBytes(hash[:]).String(), data)
}

func (s *Stream) put(partitionKey, hashKey string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash, _ := new(big.Int).SetString(hashKey, 10)
	for _, sh := range s.shards {
		if sh.Closed || hash.Cmp(sh.from) < 0 || hash.Cmp(sh.to) >= 0 {
			continue
		}
		s.last++
		record := StreamRecord{Record: stream.Record{
			PartitionKey: partitionKey,
			Sequence:     event.Sequence(fmt.Sprintf("4954%052d", s.last)),
			Data:         bytes.Clone(data),
		}}
		if s.Now != nil {
			record.Arrival = s.Now()
			record.Put = event.MillisOf(record.Arrival)
		}
		sh.records = append(sh.records, record)
		return
	}
}

// Shards returns all shards, parents before children.
func (s *Stream) Shards() []Shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Shard, len(s.shards))
	for i, sh := range s.shards {
		all[i] = sh.Shard
		all[i].Parents = slices.Clone(sh.Parents)
	}
	return all
}

// ErrNoShard means that the stream has no such shard, or that the shard is not open.
var ErrNoShard = errors.New("no such open shard")

// Read returns up to limit records of a shard after the given sequence number, in order. ended says that the shard is
// closed and has no more records. Errors: ErrNoShard.
func (s *Stream) Read(id string, after event.Sequence, limit int) (records []StreamRecord, ended bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.find(id)
	if sh == nil {
		return nil, false, fmt.Errorf("%s: %w", id, ErrNoShard)
	}
	rest := sh.records[sh.after(after):]
	n := min(len(rest), limit)
	for _, r := range rest[:n] {
		r.Data = bytes.Clone(r.Data)
		records = append(records, r)
	}
	return records, sh.Closed && n == len(rest), nil
}

// after counts the records up to and including the given sequence number.
func (sh *shard) after(s event.Sequence) int {
	return sort.Search(len(sh.records), func(i int) bool { return sh.records[i].Sequence.Compare(s) > 0 })
}

// Trim removes a shard's records up to and including the given one, as retention does.
func (s *Stream) Trim(id string, through event.Sequence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.find(id); sh != nil {
		sh.records = slices.Delete(sh.records, 0, sh.after(through))
	}
}

// Split closes an open shard and opens two that share its range. Errors: ErrNoShard.
func (s *Stream) Split(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.find(id)
	if sh == nil || sh.Closed {
		return fmt.Errorf("split %s: %w", id, ErrNoShard)
	}
	middle := new(big.Int).Add(sh.from, sh.to)
	middle.Rsh(middle, 1)
	s.open(sh.from, middle, sh)
	s.open(middle, sh.to, sh)
	return nil
}

// Merge closes two open shards whose ranges touch, and opens one over both ranges. Errors: ErrNoShard.
func (s *Stream) Merge(left, right string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, r := s.find(left), s.find(right)
	if l == nil || r == nil || l.Closed || r.Closed || l.to.Cmp(r.from) != 0 {
		return fmt.Errorf("merge %s and %s: %w", left, right, ErrNoShard)
	}
	s.open(l.from, r.to, l, r)
	return nil
}

func (s *Stream) find(id string) *shard {
	for _, sh := range s.shards {
		if sh.ID == id {
			return sh
		}
	}
	return nil
}
