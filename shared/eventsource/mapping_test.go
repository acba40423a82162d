package eventsource_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/google/go-cmp/cmp"
)

func sequence(i int) eventsource.Sequence { return eventsource.Sequence(fmt.Sprint(100_000 + i)) }

func TestSequenceCompare(t *testing.T) {
	want := []eventsource.Sequence{"0", "9", "10", "49590338271490256608559692538361571095921575989136588898",
		"49590338271490256608559692538361571095921575989136588899", eventsource.Sequence("1" + strings.Repeat("0", 128))}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, eventsource.Sequence.Compare)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if c := want[2].Compare("10"); c != 0 {
		t.Errorf("10 compared with 10 is %d", c)
	}
}

// TestBadInput checks that an error says what is wrong, where, and what would be right, and that nothing changes.
func TestBadInput(t *testing.T) {
	read := func(shard, text string) func(*eventsource.Mapping) error {
		return func(m *eventsource.Mapping) error {
			return m.Read(eventsource.ShardID(shard), records(text, start), false, start)
		}
	}
	finish := func(id eventsource.InvocationID, r eventsource.Result) func(*eventsource.Mapping) error {
		return func(m *eventsource.Mapping) error { _, err := m.Finished(id, r, start); return err }
	}
	list := func(shards ...eventsource.Shard) func(*eventsource.Mapping) error {
		return func(m *eventsource.Mapping) error { return m.Shards(shards) }
	}
	for _, c := range []struct {
		name string
		do   func(*eventsource.Mapping) error
		want string
		is   error
	}{
		{"unknown shard", read("s9", ""), `read "s9": unknown shard`, eventsource.ErrUnknownShard},
		{"a child before its parent", read("s1", ""), "s1: its parents [s0] are not drained", nil},
		{"after the end", read("s2", "a9"), "1 records after the end", nil},
		{"before the position", read("s0", "a4 a3"),
			"record 1: sequence number 3 is out of order, want one at AFTER_SEQUENCE_NUMBER 4", nil},
		{"read already", read("s0", "a1"), "record 0: sequence number 1 is out of order", nil},
		{"no sequence number", read("s0", "a"), "record 0: sequence number \"\" has 0 characters, want 1 to 129", nil},
		{"no digit", read("s0", "a4 a5x"), `record 1: sequence number "5x": character 1 is 'x'`, nil},
		{"too long", read("s0", "a"+strings.Repeat("9", 130)), "has 130 characters", nil},
		{"unknown invocation", finish(7, success), "invocation 7: unknown invocation", eventsource.ErrUnknownInvocation},
		{"no outcome", finish(1, eventsource.Result{}), "invocation 1: outcome 0 is none, want Returned", nil},
		{"no such outcome", finish(1, eventsource.Result{Outcome: 5}), "invocation 1: outcome 5 is none", nil},
		{"a shard without a name", list(eventsource.Shard{}), "a shard has no name", nil},
		{"a shard that is its own parent", list(eventsource.Shard{ID: "s5", Parents: []eventsource.ShardID{"s5"}}),
			"s5 is its own ancestor", nil},
		{"a circle of shards", list(eventsource.Shard{ID: "s5", Parents: []eventsource.ShardID{"s6"}},
			eventsource.Shard{ID: "s6", Parents: []eventsource.ShardID{"s0", "s5"}}), "s5 is its own ancestor", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, settings())
			s.list("s0", "s1 < s0", "s2")
			s.read("s0", "a1 a2")
			s.end("s2", "")
			s.starts("s0: a1 a2")
			before := s.m.Snapshot()
			err := c.do(s.m)
			if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if diff := cmp.Diff(before, s.m.Snapshot()); diff != "" {
				t.Errorf("snapshot (-before +after):\n%s", diff)
			}
			s.starts()
			s.finish("s0: a1 a2", success)
			s.checkpoint("s0", "after 2")
		})
	}
}

func TestFinishedTwice(t *testing.T) {
	s := newScript(t, settings())
	s.list("s0")
	s.read("s0", "a1")
	s.starts("s0: a1")
	id := s.running["s0: a1"]
	s.finish("s0: a1", success)
	if _, err := s.m.Finished(id, crash, s.now); !errors.Is(err, eventsource.ErrUnknownInvocation) {
		t.Errorf("the second answer gives %v, want ErrUnknownInvocation", err)
	}
}

// TestDiscardedLast checks what the on-failure destination gets about the last invocation.
func TestDiscardedLast(t *testing.T) {
	for _, r := range []eventsource.Result{crash, malformed, partial("1")} {
		s := newScript(t, settings(reporting, attempts(0)))
		s.list("s0")
		s.read("s0", "a1")
		s.starts("s0: a1")
		gaveUp, err := s.m.Finished(s.running["s0: a1"], r, s.now)
		want := []eventsource.Discarded{{Shard: "s0", Condition: eventsource.RetryAttemptsExhausted,
			Records:     records("a1", start),
			InvokeCount: 1, Last: r.Outcome}}
		if diff := cmp.Diff(want, gaveUp); err != nil || diff != "" {
			t.Errorf("error %v, given up (-want +got):\n%s", err, diff)
		}
	}
}

const goldenSnapshot = `{"discovered":true,"shards":[` +
	`{"id":"s0","position":{"from":"AFTER_SEQUENCE_NUMBER","sequence":"2"},"drained":true},` +
	`{"id":"s1","parents":["s0"],"position":{"from":"AT_SEQUENCE_NUMBER","sequence":"4"}},` +
	`{"id":"s2","parents":["s0"],"position":{"from":"TRIM_HORIZON"}}]}`

// TestSnapshot checks that a restored mapping continues from its snapshot, even with other settings. The bytes of a
// snapshot never change.
func TestSnapshot(t *testing.T) {
	s := newScript(t, settings())
	s.list("s0", "s1 < s0", "s2 < s0")
	s.end("s0", "a1 a2")
	s.starts("s0: a1 a2")
	s.finish("s0: a1 a2", success)
	s.read("s1", "b3 b4 b5 b6")
	s.starts("s1: b3 b4 b5")
	s.finish("s1: b3 b4 b5", crash)
	s.after(longEnough)
	s.starts("s1: b3 b4 b5")
	s.finish("s1: b3 b4 b5", success)
	s.starts("s1: b6")
	if got := marshal(t, s.m.Snapshot()); !strings.Contains(got, `"AT_SEQUENCE_NUMBER","sequence":"6"`) {
		t.Errorf("snapshot %s, want s1 at 6", got)
	}

	var stored eventsource.Snapshot
	if err := json.Unmarshal([]byte(goldenSnapshot), &stored); err != nil {
		t.Fatal(err)
	}
	m, err := eventsource.Restore(settings(func(s *eventsource.Settings) { s.BatchSize = 2 }), stored)
	if err != nil {
		t.Fatal(err)
	}
	if got := marshal(t, m.Snapshot()); got != goldenSnapshot {
		t.Errorf("snapshot\n%s, want\n%s", got, goldenSnapshot)
	}
	restored := &script{t: t, m: m, now: s.now, running: map[string]eventsource.InvocationID{}}
	restored.polls("s1 at 4", "s2 TRIM_HORIZON")
	restored.list("s3")
	restored.polls("s1 at 4", "s2 TRIM_HORIZON", "s3 TRIM_HORIZON")
	restored.read("s1", "b4 b5 b6")
	restored.starts("s1: b4 b5")
}

func TestRestoreErrors(t *testing.T) {
	at := func(id string, p eventsource.Position, parents ...eventsource.ShardID) eventsource.ShardSnapshot {
		return eventsource.ShardSnapshot{ID: eventsource.ShardID(id), Position: p, Parents: parents}
	}
	begin := eventsource.Position{From: eventsource.TrimHorizon}
	for _, c := range []struct {
		name   string
		shards []eventsource.ShardSnapshot
		want   string
	}{
		{"twice", []eventsource.ShardSnapshot{at("s0", begin), at("s0", begin)}, "s0 is listed twice"},
		{"no name", []eventsource.ShardSnapshot{at("", begin)}, "no name"},
		{"no position", []eventsource.ShardSnapshot{at("s0", eventsource.Position{})}, `shard "s0": position "" is unknown`},
		{"no number", []eventsource.ShardSnapshot{at("s0", eventsource.Position{From: eventsource.AtSequence})}, `shard "s0": sequence number ""`},
		{"a number too many", []eventsource.ShardSnapshot{at("s0",
			eventsource.Position{From: eventsource.Latest, Sequence: "1"})}, "want none"},
		{"a circle", []eventsource.ShardSnapshot{at("s0", begin, "s1"), at("s1", begin, "s0")}, "its own ancestor"},
	} {
		_, err := eventsource.Restore(settings(), eventsource.Snapshot{Discovered: true, Shards: c.shards})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	_, err := eventsource.Restore(settings(), eventsource.Snapshot{Shards: []eventsource.ShardSnapshot{at("s0", begin)}})
	if err == nil || !strings.Contains(err.Error(), "discovered") {
		t.Errorf("shards without a listing: error %v", err)
	}
	if _, err := eventsource.Restore(eventsource.Settings{}, eventsource.Snapshot{}); err == nil {
		t.Error("settings that cannot run are restored")
	}
}

func marshal(t interface{ Fatal(...any) }, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
