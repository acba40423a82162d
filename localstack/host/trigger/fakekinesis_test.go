package trigger_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// fakeKinesis is a stream in memory that splits and merges as Kinesis does: parent shards end, but stay readable.
type fakeKinesis struct {
	mu       sync.Mutex
	shards   []*fakeShard
	sequence int
	pageSize int                     // maximum number of shards on a page of a listing; 0: no maximum
	page     int                     // maximum number of records in an answer; 0: as many as requested
	fail     func(call string) error // called before each request; nil: nothing fails
	expired  int                     // the first so many iterators have expired
	given    int                     // number of iterators returned so far
	polls    map[string]int
}

type fakeShard struct {
	id         string
	parents    []string
	begin, end int // half-open range of places of keys
	closed     bool
	records    []types.Record
}

// places is the number of places for keys. place returns the place of a key, which is a digit.
const places = 1000

func place(key string) int { return int(key[0]-'0') * places / 10 }

func newFakeKinesis(shards int) *fakeKinesis {
	f := &fakeKinesis{polls: map[string]int{}}
	for i := range shards {
		f.add(i*places/shards, (i+1)*places/shards)
	}
	return f
}

// add adds a shard. The caller holds f.mu, unless f is not shared yet.
func (f *fakeKinesis) add(begin, end int, parents ...string) {
	f.shards = append(
		f.shards, &fakeShard{id: fmt.Sprintf("shardId-%012d", len(f.shards)), parents: parents, begin: begin, end: end},
	)
}

// put appends a record to the open shard of its key.
func (f *fakeKinesis) put(key, data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	home := slices.IndexFunc(
		f.shards, func(s *fakeShard) bool { return !s.closed && s.begin <= place(key) && place(key) < s.end },
	)
	s := f.shards[home]
	f.sequence++
	s.records = append(s.records, types.Record{
		PartitionKey: &key, Data: []byte(data), SequenceNumber: aws.String("4965" + fmt.Sprintf("%052d", f.sequence)),
		ApproximateArrivalTimestamp: aws.Time(time.Now()),
	})
}

// split replaces a shard by two open ones; merge replaces two neighbouring shards by one.
func (f *fakeKinesis) split(at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	parent := f.shards[at]
	parent.closed = true
	middle := (parent.begin + parent.end) / 2
	f.add(parent.begin, middle, parent.id)
	f.add(middle, parent.end, parent.id)
}

func (f *fakeKinesis) merge(one, two int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	low, high := f.shards[one], f.shards[two]
	low.closed, high.closed = true, true
	f.add(low.begin, high.end, low.id, high.id)
}

// forget deletes the first shard, as when the retention of a closed shard ends.
func (f *fakeKinesis) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shards = f.shards[1:]
}

func (f *fakeKinesis) failing(call string) error {
	if f.fail == nil {
		return nil
	}
	return f.fail(call)
}

func (f *fakeKinesis) find(id string) *fakeShard {
	if i := slices.IndexFunc(f.shards, func(s *fakeShard) bool { return s.id == id }); i >= 0 {
		return f.shards[i]
	}
	return nil
}

func (f *fakeKinesis) ListShards(
	_ context.Context, in *kinesis.ListShardsInput, _ ...func(*kinesis.Options),
) (*kinesis.ListShardsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.failing("list"); err != nil {
		return nil, err
	}
	from := 0
	if in.NextToken != nil {
		if in.StreamName != nil {
			return nil, &types.InvalidArgumentException{
				Message: aws.String("NextToken and StreamName cannot be provided together"),
			}
		}
		from, _ = strconv.Atoi(*in.NextToken)
	}
	out := &kinesis.ListShardsOutput{}
	for i := from; i < len(f.shards); i++ {
		if f.pageSize > 0 && i == from+f.pageSize {
			out.NextToken = aws.String(strconv.Itoa(i))
			break
		}
		s := f.shards[i]
		entry := types.Shard{ShardId: &s.id}
		if len(s.parents) > 0 {
			entry.ParentShardId = &s.parents[0]
		}
		if len(s.parents) > 1 {
			entry.AdjacentParentShardId = &s.parents[1]
		}
		out.Shards = append(out.Shards, entry)
	}
	return out, nil
}

func (f *fakeKinesis) GetShardIterator(
	_ context.Context, in *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options),
) (*kinesis.GetShardIteratorOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.failing("iterator"); err != nil {
		return nil, err
	}
	s := f.find(*in.ShardId)
	if s == nil {
		return nil, &types.ResourceNotFoundException{Message: aws.String("no shard " + *in.ShardId)}
	}
	at := 0
	switch in.ShardIteratorType {
	case types.ShardIteratorTypeLatest:
		at = len(s.records)
	case types.ShardIteratorTypeAtSequenceNumber, types.ShardIteratorTypeAfterSequenceNumber:
		for at < len(s.records) && *s.records[at].SequenceNumber < *in.StartingSequenceNumber {
			at++
		}
		if in.ShardIteratorType == types.ShardIteratorTypeAfterSequenceNumber &&
			at < len(s.records) && *s.records[at].SequenceNumber == *in.StartingSequenceNumber {
			at++
		}
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: f.iterator(s, at)}, nil
}

func (f *fakeKinesis) iterator(s *fakeShard, at int) *string {
	f.given++
	return aws.String(fmt.Sprintf("%s %d %d", s.id, at, f.given))
}

func (f *fakeKinesis) GetRecords(
	_ context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options),
) (*kinesis.GetRecordsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.failing("records"); err != nil {
		return nil, err
	}
	var id string
	var at, given int
	if _, err := fmt.Fscan(strings.NewReader(*in.ShardIterator), &id, &at, &given); err != nil {
		return nil, &types.InvalidArgumentException{Message: aws.String("iterator " + *in.ShardIterator)}
	}
	if given <= f.expired {
		return nil, &types.ExpiredIteratorException{Message: aws.String("iterator " + *in.ShardIterator)}
	}
	s := f.find(id)
	if s == nil {
		return nil, &types.ResourceNotFoundException{Message: aws.String("no shard " + id)}
	}
	f.polls[id]++
	until := min(len(s.records), at+int(*in.Limit))
	if f.page > 0 {
		until = min(until, at+f.page)
	}
	out := &kinesis.GetRecordsOutput{
		Records: s.records[at:until:until], MillisBehindLatest: aws.Int64(int64(len(s.records) - until)),
	}
	if !s.closed || until < len(s.records) {
		out.NextShardIterator = f.iterator(s, until)
	}
	return out, nil
}
