package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/stream"
)

// tb holds the methods that testing.T and rapid.T share and these helpers need.
type tb interface {
	Context() context.Context
	Helper()
	Fatalf(format string, args ...any)
}

func lanesOf(count int) []event.Lane {
	lanes := make([]event.Lane, count)
	for n := range lanes {
		lanes[n] = event.Lane{Layout: 1, Count: count, N: n}
	}
	return lanes
}

// publish puts one record into each lane.
func publish(t tb, s *memory.Stream, lanes []event.Lane, text string) {
	t.Helper()
	var entries []stream.Entry
	for _, lane := range lanes {
		entries = append(entries, stream.Entry{Lane: lane, Data: []byte(text)})
	}
	if failed, err := s.Publish(t.Context(), entries); err != nil || len(failed) > 0 {
		t.Fatalf("publish: failed %v, error %v", failed, err)
	}
}

// shardRecords reads a shard to its end.
func shardRecords(t tb, s *memory.Stream, id string) []memory.StreamRecord {
	t.Helper()
	records, _, err := s.Read(id, "", 1<<30)
	if err != nil {
		t.Fatalf("read %s: %v", id, err)
	}
	return records
}

func ids(s *memory.Stream) []string {
	var all []string
	for _, shard := range s.Shards() {
		all = append(all, shard.ID)
	}
	return all
}

func TestLanesSpreadEvenlyOverShards(t *testing.T) {
	for _, test := range []struct {
		shards, lanes int
		want          []int // lanes per shard
	}{
		{1, 4, []int{4}}, {2, 4, []int{2, 2}}, {4, 4, []int{1, 1, 1, 1}}, {3, 4, []int{2, 1, 1}}, {4, 16, []int{4, 4, 4, 4}},
		{3, 2, []int{1, 1, 0}},
		{5, 4096, []int{820, 819, 819, 819, 819}},
	} {
		t.Run(fmt.Sprintf("%d shards, %d lanes", test.shards, test.lanes), func(t *testing.T) {
			s := memory.NewStream(test.shards)
			publish(t, s, lanesOf(test.lanes), "data")
			var got []int
			for _, id := range ids(s) {
				got = append(got, len(shardRecords(t, s, id)))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("lanes per shard (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPutRecordByMD5 checks hashes as Kinesis computes them. MD5("a") = 0cc1..., MD5("b") = 92eb..., MD5("c") =
// 4a8a..., MD5("") = d41d...
func TestPutRecordByMD5(t *testing.T) {
	s := memory.NewStream(4) // a quarter of the hashes each: first digits 0-3, 4-7, 8-b, c-f
	for _, key := range []string{"a", "b", "c", ""} {
		s.PutRecord(key, []byte("data of "+key))
	}
	var got [][]string
	for _, id := range ids(s) {
		var keys []string
		for _, r := range shardRecords(t, s, id) {
			keys = append(keys, r.PartitionKey)
			if string(r.Data) != "data of "+r.PartitionKey || !r.Arrival.IsZero() {
				t.Errorf("record %+v", r)
			}
		}
		got = append(got, keys)
	}
	if diff := cmp.Diff([][]string{{"a"}, {"c"}, {"b"}, {""}}, got); diff != "" {
		t.Errorf("keys by shard (-want +got):\n%s", diff)
	}
}

func TestRecordsCarryTheirArrival(t *testing.T) {
	s := memory.NewStream(1)
	s.Now = now
	publish(t, s, lanesOf(1), "data")
	if got := shardRecords(t, s, ids(s)[0])[0].Arrival; !got.Equal(instant) {
		t.Errorf("arrival %s, want %s", got, instant)
	}
}

func TestPublishRefusesALargeRecordAndPutsNone(t *testing.T) {
	s := memory.NewStream(1)
	entries := []stream.Entry{{Lane: lane0, Data: []byte("small")}, {Lane: lane0, Data: make([]byte, stream.MaxRecord+1)}}
	if _, err := s.Publish(t.Context(), entries); err == nil {
		t.Error("no error")
	}
	if got := shardRecords(t, s, ids(s)[0]); len(got) > 0 {
		t.Errorf("%d records were put", len(got))
	}
}

func TestReadLimitsAndEnd(t *testing.T) {
	s := memory.NewStream(1)
	id := ids(s)[0]
	for n := range 5 {
		publish(t, s, lanesOf(1), fmt.Sprint(n))
	}
	all := shardRecords(t, s, id)
	check := func(after event.Sequence, limit int, want []memory.StreamRecord, wantEnded bool) {
		t.Helper()
		got, ended, err := s.Read(id, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || ended != wantEnded {
			t.Errorf("read after %q, limit %d: ended %t, want %t (-want +got):\n%s", after, limit, ended, wantEnded, diff)
		}
	}
	check("", 5, all, false)
	check("", 2, all[:2], false)
	check(all[1].Sequence, 2, all[2:4], false)
	check(all[4].Sequence, 2, nil, false)
	check("1", 1, all[:1], false) // a sequence number that no record has
	check(event.Sequence("1"+string(all[4].Sequence)), 1, nil, false)
	if err := s.Split(id); err != nil {
		t.Fatal(err)
	}
	check("", 4, all[:4], false)
	check("", 5, all, true)
	check(all[3].Sequence, 1, all[4:], true)
	check(all[4].Sequence, 1, nil, true)
	check(all[3].Sequence, 0, nil, false)
	check(all[4].Sequence, 0, nil, true)
}

func TestReadGivesBytesOfTheCallers(t *testing.T) {
	s := memory.NewStream(1)
	publish(t, s, lanesOf(1), "data")
	first := shardRecords(t, s, ids(s)[0])
	first[0].Data[0], first[0].PartitionKey = 'X', "spoilt"
	if got := shardRecords(t, s, ids(s)[0])[0]; string(got.Data) != "data" || got.PartitionKey != "1.1.0" {
		t.Errorf("the record became %+v", got)
	}
	if err := s.Split(ids(s)[0]); err != nil {
		t.Fatal(err)
	}
	s.Shards()[1].Parents[0] = "spoilt"
	if got := s.Shards()[1].Parents[0]; got != ids(s)[0] {
		t.Errorf("the parent became %s", got)
	}
}

func TestTrim(t *testing.T) {
	s := memory.NewStream(1)
	id := ids(s)[0]
	for n := range 4 {
		publish(t, s, lanesOf(1), fmt.Sprint(n))
	}
	all := shardRecords(t, s, id)
	for _, test := range []struct {
		through event.Sequence
		want    []memory.StreamRecord
	}{{"", all}, {"1", all}, {all[1].Sequence, all[2:]}, {all[0].Sequence, all[2:]}, {all[3].Sequence, nil}} {
		s.Trim(id, test.through)
		if diff := cmp.Diff(test.want, shardRecords(t, s, id)); diff != "" {
			t.Errorf("after trim through %q (-want +got):\n%s", test.through, diff)
		}
	}
	s.Trim("no shard", all[0].Sequence)
	publish(t, s, lanesOf(1), "later")
	if got := shardRecords(t, s, id); len(got) != 1 || got[0].Sequence.Compare(all[3].Sequence) <= 0 {
		t.Errorf("after trim the next record is %+v; want a sequence number above %s", got, all[3].Sequence)
	}
}

func TestSplitAndMergeRefuse(t *testing.T) {
	s := memory.NewStream(3)
	shards := ids(s)
	if err := s.Split(shards[0]); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"split of a closed shard":       s.Split(shards[0]),
		"split of no shard":             s.Split("none"),
		"merge with a closed shard":     s.Merge(shards[0], shards[1]),
		"merge of shards apart":         s.Merge(ids(s)[3], shards[1]),
		"merge in the wrong order":      s.Merge(shards[2], shards[1]),
		"merge of a shard with itself":  s.Merge(shards[1], shards[1]),
		"merge with no shard":           s.Merge(shards[1], "none"),
		"read of no shard":              readError(s, "none"),
		"merge of the last and nothing": s.Merge(shards[2], ""),
	} {
		if !errors.Is(err, memory.ErrNoShard) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if got := len(s.Shards()); got != 5 {
		t.Errorf("%d shards, want 5: the refused calls changed something", got)
	}
}

func readError(s *memory.Stream, id string) error {
	_, _, err := s.Read(id, "", 1)
	return err
}

func TestSplitAndMergeNameTheirParents(t *testing.T) {
	s := memory.NewStream(2)
	if err := errors.Join(s.Split("shardId-000000000001"),
		s.Merge("shardId-000000000000", "shardId-000000000002")); err != nil {
		t.Fatal(err)
	}
	want := []memory.Shard{
		{ID: "shardId-000000000000", Closed: true},
		{ID: "shardId-000000000001", Closed: true},
		{ID: "shardId-000000000002", Closed: true, Parents: []string{"shardId-000000000001"}},
		{ID: "shardId-000000000003", Parents: []string{"shardId-000000000001"}},
		{ID: "shardId-000000000004", Parents: []string{"shardId-000000000000", "shardId-000000000002"}},
	}
	if diff := cmp.Diff(want, s.Shards()); diff != "" {
		t.Errorf("shards (-want +got):\n%s", diff)
	}
}

func TestAClosedShardTakesNoMore(t *testing.T) {
	s := memory.NewStream(2)
	lanes := lanesOf(8)
	publish(t, s, lanes, "before")
	if err := errors.Join(s.Split(ids(s)[0]), s.Merge(ids(s)[3], ids(s)[1])); err != nil {
		t.Fatal(err)
	}
	publish(t, s, lanes, "after")
	var got [][]string
	for _, id := range ids(s) {
		var texts []string
		for _, r := range shardRecords(t, s, id) {
			texts = append(texts, r.PartitionKey+" "+string(r.Data))
		}
		got = append(got, texts)
	}
	want := [][]string{
		{"1.8.0 before", "1.8.1 before", "1.8.2 before", "1.8.3 before"},
		{"1.8.4 before", "1.8.5 before", "1.8.6 before", "1.8.7 before"},
		{"1.8.0 after", "1.8.1 after"},
		nil, // closed before anything came
		{"1.8.2 after", "1.8.3 after", "1.8.4 after", "1.8.5 after", "1.8.6 after", "1.8.7 after"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records by shard (-want +got):\n%s", diff)
	}
}

// TestStreamAsAModel publishes, splits and merges at random. No record may be lost or doubled. Sequence numbers must
// increase along a shard and from parent to child. So a reader that reads parents before children reads a lane in the
// order in which it was written.
func TestStreamAsAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := memory.NewStream(rapid.IntRange(1, 4).Draw(t, "shards"))
		lanes := lanesOf(rapid.IntRange(1, 9).Draw(t, "lanes"))
		written := map[string][]string{}
		text := 0
		pick := func(t *rapid.T) memory.Shard { return rapid.SampledFrom(s.Shards()).Draw(t, "shard") }
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				text++
				publish(t, s, lanes, fmt.Sprint(text))
				for _, lane := range lanes {
					written[lane.String()] = append(written[lane.String()], fmt.Sprint(text))
				}
			},
			"put": func(t *rapid.T) {
				text++
				key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "key")
				s.PutRecord(key, []byte(fmt.Sprint(text)))
				written[key] = append(written[key], fmt.Sprint(text))
			},
			"split": func(t *rapid.T) {
				shard := pick(t)
				if err := s.Split(shard.ID); errors.Is(err, memory.ErrNoShard) != shard.Closed {
					t.Fatalf("split %+v: %v", shard, err)
				}
			},
			"merge": func(t *rapid.T) {
				left, right := pick(t), pick(t)
				if err := s.Merge(left.ID, right.ID); err == nil && (left.Closed || right.Closed) {
					t.Fatalf("merged %+v and %+v", left, right)
				}
			},
			"": func(t *rapid.T) { checkStream(t, s, written) },
		})
	})
}

func checkStream(t *rapid.T, s *memory.Stream, written map[string][]string) {
	got := map[string][]string{}
	last := map[string]event.Sequence{} // of a shard
	for _, shard := range s.Shards() {
		for _, parent := range shard.Parents {
			above, known := last[parent]
			if !known {
				t.Fatalf("%s is listed before its parent %s", shard.ID, parent)
			}
			last[shard.ID] = maxSequence(last[shard.ID], above)
		}
		last[shard.ID] = maxSequence(last[shard.ID], "")
		for _, r := range shardRecords(t, s, shard.ID) {
			if r.Sequence.Compare(last[shard.ID]) <= 0 {
				t.Fatalf("record %s comes after %s", r.Sequence, last[shard.ID])
			}
			last[shard.ID] = r.Sequence
			got[r.PartitionKey] = append(got[r.PartitionKey], string(r.Data))
		}
	}
	if diff := cmp.Diff(written, got); diff != "" {
		t.Fatalf("records by key (-want +got):\n%s", diff)
	}
}

func maxSequence(a, b event.Sequence) event.Sequence {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}
