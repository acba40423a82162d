package eventsource_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/google/go-cmp/cmp"
)

// longEnough is a time after which every retry is due.
const longEnough = 10 * time.Second

// start is the time at which every script begins. Records arrive at that time unless a script says otherwise.
var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// script tells a mapping what happens, and checks its answers. A record is written "a1", partition key and sequence
// number; a batch "s0: a1 b2"; a batch that was given up "RetryAttemptsExhausted s0: a1 (4)", with the number of
// invocations.
type script struct {
	t       testing.TB
	m       *eventsource.Mapping
	now     time.Time
	running map[string]eventsource.InvocationID
}

// settings returns the settings of the scripts: small batches of any size in bytes, without a window, one at a time.
func settings(changes ...func(*eventsource.Settings)) eventsource.Settings {
	s := eventsource.Defaults()
	s.Source = source
	s.StartingPosition = eventsource.TrimHorizon
	s.BatchSize = 3
	for _, change := range changes {
		change(&s)
	}
	return s
}

func newScript(t testing.TB, s eventsource.Settings) *script {
	t.Helper()
	m, err := eventsource.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return &script{t: t, m: m, now: start, running: map[string]eventsource.InvocationID{}}
}

// list lists shards: "s1 < s0" is a child of s0, "s2 < s0 s1" the child of both.
func (s *script) list(shards ...string) {
	s.t.Helper()
	var list []eventsource.Shard
	for _, text := range shards {
		id, parents, _ := strings.Cut(text, " < ")
		shard := eventsource.Shard{ID: eventsource.ShardID(id)}
		for _, p := range strings.Fields(parents) {
			shard.Parents = append(shard.Parents, eventsource.ShardID(p))
		}
		list = append(list, shard)
	}
	if err := s.m.Shards(list); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) read(shard, text string) { s.t.Helper(); s.answer(shard, records(text, s.now), false) }
func (s *script) end(shard, text string)  { s.t.Helper(); s.answer(shard, records(text, s.now), true) }

// readAged reads records that arrived the given time ago.
func (s *script) readAged(shard, text string, age time.Duration) {
	s.t.Helper()
	s.answer(shard, records(text, s.now.Add(-age)), false)
}

func (s *script) answer(shard string, list []eventsource.Record, ended bool) {
	s.t.Helper()
	if err := s.m.Read(eventsource.ShardID(shard), list, ended, s.now); err != nil {
		s.t.Fatal(err)
	}
}

func records(text string, arrival time.Time) []eventsource.Record {
	var list []eventsource.Record
	for _, word := range strings.Fields(text) {
		list = append(list, eventsource.Record{
			PartitionKey: word[:1], Sequence: eventsource.Sequence(word[1:]), Data: []byte(word), Arrival: arrival,
		})
	}
	return list
}

func label(shard eventsource.ShardID, list []eventsource.Record) string {
	text := string(shard) + ":"
	for _, r := range list {
		text += " " + r.PartitionKey + string(r.Sequence)
	}
	return text
}

func labels(gaveUp []eventsource.Discarded) []string {
	var out []string
	for _, d := range gaveUp {
		out = append(out, fmt.Sprintf("%s %s (%d)", d.Condition, label(d.Shard, d.Records), d.InvokeCount))
	}
	return out
}

// starts checks which batches start now. No record may be given up.
func (s *script) starts(want ...string) { s.t.Helper(); s.startsAfterGivingUp(nil, want...) }

func (s *script) startsAfterGivingUp(wantGivenUp []string, want ...string) {
	s.t.Helper()
	invocations, gaveUp := s.m.Invocations(s.now)
	var got []string
	for _, i := range invocations {
		text := label(i.Shard, i.Records)
		got = append(got, text)
		s.running[text] = i.ID
	}
	s.equal("started", want, got)
	s.equal("given up", wantGivenUp, labels(gaveUp))
}

// finish ends a running batch with a result, and checks which records are given up.
func (s *script) finish(batch string, r eventsource.Result, wantGivenUp ...string) {
	s.t.Helper()
	id, ok := s.running[batch]
	if !ok {
		s.t.Fatalf("%q is not running, only %v", batch, s.running)
	}
	delete(s.running, batch)
	gaveUp, err := s.m.Finished(id, r, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.equal("given up", wantGivenUp, labels(gaveUp))
}

func (s *script) after(d time.Duration) { s.now = s.now.Add(d) }

// wakes checks that Wake returns the time after d, and moves the clock there.
func (s *script) wakes(d time.Duration) {
	s.t.Helper()
	at, ok := s.m.Wake(s.now)
	if !ok || !at.Equal(s.now.Add(d)) {
		s.t.Fatalf("Wake is %v, %t, want %v, which is in %s", at, ok, s.now.Add(d), d)
	}
	s.now = at
}

func (s *script) sleeps() {
	s.t.Helper()
	if at, ok := s.m.Wake(s.now); ok {
		s.t.Fatalf("Wake is %v, want nothing due by time", at)
	}
}

// polls checks which shards are polled and from where, such as "s0 after 7" or "s1 TRIM_HORIZON".
func (s *script) polls(want ...string) {
	s.t.Helper()
	var got []string
	for _, p := range s.m.Polls() {
		got = append(got, string(p.Shard)+" "+place(p.From))
	}
	s.equal("polled", want, got)
}

func (s *script) checkpoint(shard, want string) {
	s.t.Helper()
	p, ok := s.m.Checkpoint(eventsource.ShardID(shard))
	if !ok || place(p) != want {
		s.t.Fatalf("checkpoint of %s is %q, %t, want %q", shard, place(p), ok, want)
	}
}

func place(p eventsource.Position) string {
	switch p.From {
	case eventsource.AtSequence:
		return "at " + string(p.Sequence)
	case eventsource.AfterSequence:
		return "after " + string(p.Sequence)
	}
	return string(p.From)
}

func (s *script) equal(what string, want, got []string) {
	s.t.Helper()
	if len(want) == 0 && len(got) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

var (
	success   = eventsource.Result{Outcome: eventsource.Returned}
	crash     = eventsource.Result{Outcome: eventsource.FunctionError}
	malformed = eventsource.Result{Outcome: eventsource.BadResponse}
	throttle  = eventsource.Result{Outcome: eventsource.Throttled}
)

func partial(failures ...eventsource.Sequence) eventsource.Result {
	return eventsource.Result{Outcome: eventsource.Returned, Failures: failures}
}
