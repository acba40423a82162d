package eventsource_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// worldKeys are the partition keys. A shard holds a range of them by index, as Kinesis shards hold ranges of hashes.
const worldKeys = "abcdefgh"

// world is a stream that reshards, a function that fails, and a mapping between them that restarts at times. It checks
// the rules at every step. A twin mapping gets the same inputs, but listings in another order, and must give the same
// answers.
type world struct {
	*rapid.T
	settings eventsource.Settings
	m, twin  *eventsource.Mapping
	now      time.Time

	shards   []*worldShard
	puts     int
	running  []eventsource.Invocation
	resolved map[eventsource.Sequence]bool // delivered successfully, or given up
	first    map[string]eventsource.Sequence
}

type worldShard struct {
	eventsource.Shard
	low, high int // half-open range of keys
	records   []eventsource.Record
	closed    bool
}

func newWorld(t *rapid.T) *world {
	w := &world{T: t, settings: drawSettings(t), now: start, resolved: map[eventsource.Sequence]bool{},
		first: map[string]eventsource.Sequence{}}
	w.open(0, 3)
	w.open(3, len(worldKeys))
	w.m, w.twin = w.build(), w.build()
	return w
}

func drawSettings(t *rapid.T) eventsource.Settings {
	return settings(func(s *eventsource.Settings) {
		s.BatchSize = rapid.IntRange(1, 6).Draw(t, "BatchSize")
		s.MaximumBatchingWindow = rapid.SampledFrom([]time.Duration{0, 700 * time.Millisecond}).Draw(t,
			"MaximumBatchingWindow")
		s.ParallelizationFactor = rapid.IntRange(1, 10).Draw(t, "ParallelizationFactor")
		s.BisectBatchOnFunctionError = rapid.Bool().Draw(t, "Bisect")
		s.ReportBatchItemFailures = rapid.Bool().Draw(t, "Report")
		s.MaximumRetryAttempts = rapid.SampledFrom([]int{eventsource.NoLimit, 0, 1, 3}).Draw(t, "MaximumRetryAttempts")
		s.MaximumRecordAge = rapid.SampledFrom([]time.Duration{eventsource.NoLimit, 2 * time.Second}).Draw(t,
			"MaximumRecordAge")
		s.MaxPayload = rapid.SampledFrom([]int{1, 1500, eventsource.MaxLambdaPayload}).Draw(t, "MaxPayload")
	})
}

func (w *world) build() *eventsource.Mapping {
	m, err := eventsource.New(w.settings)
	w.must(err)
	return m
}

func (w *world) must(err error) {
	if err != nil {
		w.Fatalf("%v", err)
	}
}

// same compares the answers of the mapping and its twin.
func same[V any](w *world, what string, a, b V) {
	if diff := cmp.Diff(a, b); diff != "" {
		w.Fatalf("%s (-mapping +twin):\n%s", what, diff)
	}
}

func (w *world) open(low, high int, parents ...*worldShard) {
	s := &worldShard{low: low, high: high}
	// so names of children do not always sort after those of their parents
	s.ID = eventsource.ShardID(fmt.Sprintf("s%d", (len(w.shards)*7)%1009))
	for _, p := range parents {
		p.closed = true
		s.Parents = append(s.Parents, p.ID)
	}
	w.shards = append(w.shards, s)
}

func (w *world) openShards() []*worldShard {
	list := slices.DeleteFunc(slices.Clone(w.shards), func(s *worldShard) bool { return s.closed })
	slices.SortFunc(list, func(a, b *worldShard) int { return a.low - b.low })
	return list
}

func (w *world) shard(id eventsource.ShardID) *worldShard {
	return w.shards[slices.IndexFunc(w.shards, func(s *worldShard) bool { return s.ID == id })]
}

func (w *world) put() {
	key := rapid.IntRange(0, len(worldKeys)-1).Draw(w.T, "key")
	for _, s := range w.openShards() {
		if s.low <= key && key < s.high {
			jitter := time.Duration(rapid.IntRange(0, 500).Draw(w.T, "jitter")) * time.Millisecond
			s.records = append(s.records, eventsource.Record{
				PartitionKey: worldKeys[key : key+1], Sequence: sequence(w.puts), Data: make([]byte, w.puts%50),
				Arrival: w.now.Add(-jitter),
			})
			w.puts++
		}
	}
}

func (w *world) split() {
	s := rapid.SampledFrom(w.openShards()).Draw(w.T, "shard")
	if s.high-s.low > 1 {
		middle := rapid.IntRange(s.low+1, s.high-1).Draw(w.T, "middle")
		w.open(s.low, middle, s)
		w.open(middle, s.high, s)
	}
}

func (w *world) merge() {
	if list := w.openShards(); len(list) > 1 {
		i := rapid.IntRange(0, len(list)-2).Draw(w.T, "left")
		w.open(list[i].low, list[i+1].high, list[i], list[i+1])
	}
}

func (w *world) list() {
	var list []eventsource.Shard
	for _, s := range w.shards {
		list = append(list, s.Shard)
	}
	w.must(w.m.Shards(list))
	slices.Reverse(list)
	w.must(w.twin.Shards(list))
}

// poll answers one poll with some of the records that are there.
func (w *world) poll() {
	polls := w.m.Polls()
	same(w, "polls", polls, w.twin.Polls())
	if len(polls) > 0 {
		p := rapid.SampledFrom(polls).Draw(w.T, "poll")
		w.answer(p, rapid.IntRange(0, 8).Draw(w.T, "records"))
	}
}

// answer answers a poll with up to most records. It returns the number of records, plus one for the end of a shard.
func (w *world) answer(p eventsource.Poll, most int) int {
	s := w.shard(p.Shard)
	from := slices.IndexFunc(s.records, func(r eventsource.Record) bool {
		c := r.Sequence.Compare(p.From.Sequence)
		return p.From.From == eventsource.TrimHorizon || c > 0 || c == 0 && p.From.From == eventsource.AtSequence
	})
	if from < 0 {
		from = len(s.records)
	}
	to := min(len(s.records), from+most, from+p.Limit)
	ended := s.closed && to == len(s.records)
	w.must(w.m.Read(p.Shard, s.records[from:to], ended, w.now))
	w.must(w.twin.Read(p.Shard, s.records[from:to], ended, w.now))
	if ended {
		return to - from + 1
	}
	return to - from
}

// invoke starts the invocations that are due, and returns how many things happened.
func (w *world) invoke() int {
	started, gaveUp := w.m.Invocations(w.now)
	alsoStarted, alsoGaveUp := w.twin.Invocations(w.now)
	same(w, "invocations", started, alsoStarted)
	same(w, "given up", gaveUp, alsoGaveUp)
	w.giveUp(gaveUp)
	for _, i := range started {
		w.checkStart(i)
		w.running = append(w.running, i)
	}
	return len(started) + len(gaveUp)
}

// finish ends one running invocation.
func (w *world) finish() {
	if len(w.running) == 0 {
		return
	}
	at := rapid.IntRange(0, len(w.running)-1).Draw(w.T, "invocation")
	records := w.running[at].Records
	some := func() eventsource.Sequence { return rapid.SampledFrom(records).Draw(w.T, "failed").Sequence }
	switch rapid.SampledFrom(strings.Fields("success success partial partial two unknown malformed crash throttle")).Draw(
		w.T, "answer") {
	case "success":
		w.settle(at, success)
	case "partial":
		w.settle(at, partial(some()))
	case "two":
		w.settle(at, partial(some(), some()))
	case "unknown":
		w.settle(at, partial(some(), "1"))
	case "malformed":
		w.settle(at, malformed)
	case "crash":
		w.settle(at, crash)
	case "throttle":
		w.settle(at, throttle)
	}
}

func (w *world) settle(at int, r eventsource.Result) {
	i := w.running[at]
	w.running = slices.Delete(w.running, at, at+1)
	w.deliver(i.Records[:w.delivered(i.Records, r)])
	gaveUp, err := w.m.Finished(i.ID, r, w.now)
	w.must(err)
	alsoGaveUp, err := w.twin.Finished(i.ID, r, w.now)
	w.must(err)
	same(w, "given up", gaveUp, alsoGaveUp)
	w.giveUp(gaveUp)
}

// pass lets time go by. Nothing may happen before the time of Wake, and something must happen then.
func (w *world) pass() {
	w.invoke()
	at, timed := w.m.Wake(w.now)
	alsoAt, alsoTimed := w.twin.Wake(w.now)
	same(w, "wake", fmt.Sprint(at, timed), fmt.Sprint(alsoAt, alsoTimed))
	if timed && !at.After(w.now) {
		w.Fatalf("Wake is %v right after Invocations at %v", at, w.now)
	}
	idle := time.Duration(rapid.IntRange(0, 3000).Draw(w.T, "milliseconds")) * time.Millisecond
	if timed && !w.now.Add(idle).Before(at) {
		w.now = at
		if w.invoke() == 0 {
			w.Fatalf("nothing happens at %v, when Wake said", at)
		}
		return
	}
	w.now = w.now.Add(idle)
	if n := w.invoke(); n > 0 {
		w.Fatalf("%d things happen at %v, Wake said %v, %t", n, w.now, at, timed)
	}
}

// restart loses the mapping and all running invocations. Each of these may have succeeded all the same.
func (w *world) restart() {
	for _, i := range w.running {
		if rapid.Bool().Draw(w.T, "succeeded unheard") {
			w.deliver(i.Records)
		}
	}
	w.running = nil
	w.settings = drawSettings(w.T)
	snapshot := w.m.Snapshot()
	same(w, "snapshot", snapshot, w.twin.Snapshot())
	var stored eventsource.Snapshot
	w.must(json.Unmarshal([]byte(marshal(w, snapshot)), &stored))
	var err error
	w.m, err = eventsource.Restore(w.settings, stored)
	w.must(err)
	w.twin, err = eventsource.Restore(w.settings, stored)
	w.must(err)
}
