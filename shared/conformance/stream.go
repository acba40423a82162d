package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// Publisher is the suite of stream.Publisher. Beside the publisher, open returns a function that reads all records of
// the stream, each once, and those of a lane in the order of their delivery.
func Publisher(t *testing.T, open func(t *testing.T) (stream.Publisher, func(t *testing.T) []stream.Record)) {
	t.Helper()
	runAll(t, func(t *testing.T) published {
		p, read := open(t)
		return published{Publisher: p, read: read}
	}, []subtest[published]{
		{"Publish writes entries with any bytes under their lanes' names", publishBytes},
		{"Publish without entries writes nothing", publishNothing},
		{"Publish writes more entries than a stream takes at once", publishMany},
		{"Publish: writing an entry again makes a second record", publishAgain},
		{"Publish is safe for concurrent use, and within a lane sequence numbers increase", publishAtOnce},
		{"The caller owns what it passes", publishOwned},
		{"A call with an ended ctx returns an error, and publishing again is harmless", publishCancelled},
	})
}

// published is a publisher, and a function that reads its stream.
type published struct {
	stream.Publisher
	read func(t *testing.T) []stream.Record
}

// ownLane returns lane n of a layout that no other subtest uses.
func ownLane(t *testing.T, n int) event.Lane {
	return event.Lane{Layout: int(ownNumber(t)%1_000_000_000) + 1, Count: 16, N: n}
}

// publish publishes the entries, and publishes those that failed again, as a caller would.
func (p published) publish(t *testing.T, entries []stream.Entry) error {
	const tries = 20
	for range tries {
		failed, err := p.Publish(t.Context(), entries)
		if err != nil || len(failed) == 0 {
			return err
		}
		var again []stream.Entry
		for _, i := range failed {
			again = append(again, entries[i])
		}
		entries = again
	}
	return fmt.Errorf("%d entries failed %d times", len(entries), tries)
}

// lane returns the data of one lane. It checks that sequence numbers increase.
func (p published) lane(t *testing.T, l event.Lane) [][]byte {
	t.Helper()
	var (
		all  [][]byte
		last event.Sequence
	)
	for _, r := range p.read(t) {
		if r.PartitionKey != l.String() {
			continue
		}
		if r.Sequence.Compare(last) <= 0 {
			t.Errorf("lane %s: record %s comes after %s", l, r.Sequence, last)
		}
		last = r.Sequence
		all = append(all, r.Data)
	}
	return all
}

// want compares the data of a lane with the data that was published to it, in any order.
func (p published) want(t *testing.T, l event.Lane, data ...[]byte) {
	t.Helper()
	got := slices.SortedFunc(slices.Values(p.lane(t, l)), bytes.Compare)
	want := slices.SortedFunc(slices.Values(data), bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("lane %s holds %s; want %s", l, sizes(got), sizes(want))
	}
}

// sizes describes data that is too long to print.
func sizes(all [][]byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records", len(all))
	for _, data := range all[:min(len(all), 20)] {
		fmt.Fprintf(&b, ", %d bytes %.20q", len(data), data)
	}
	return b.String()
}

func publishBytes(t *testing.T, p published) {
	data := [][]byte{{}, {0}, []byte("\xff\x00\n"), noise(1, 10_000), noise(2, stream.MaxRecord)}
	var entries []stream.Entry
	for n, d := range data {
		entries = append(entries, stream.Entry{Lane: ownLane(t, n), Data: d})
	}
	wantNoError(t, "publish", p.publish(t, entries))
	for n, d := range data {
		p.want(t, ownLane(t, n), d)
	}
}

func publishNothing(t *testing.T, p published) {
	for _, entries := range [][]stream.Entry{nil, {}} {
		if failed, err := p.Publish(t.Context(), entries); err != nil || len(failed) > 0 {
			t.Errorf("failed %v, error %v", failed, err)
		}
	}
}

func publishMany(t *testing.T, p published) {
	const n = 1100 // Kinesis takes 500 at once
	var (
		entries []stream.Entry
		want    [16][][]byte
	)
	for i := range n {
		data := fmt.Appendf(nil, "record %d", i)
		entries = append(entries, stream.Entry{Lane: ownLane(t, i%16), Data: data})
		want[i%16] = append(want[i%16], data)
	}
	wantNoError(t, "publish", p.publish(t, entries))
	for lane, data := range want {
		p.want(t, ownLane(t, lane), data...)
	}
}

func publishAgain(t *testing.T, p published) {
	entry := stream.Entry{Lane: ownLane(t, 1), Data: []byte("again")}
	wantNoError(t, "publish", p.publish(t, []stream.Entry{entry}))
	wantNoError(t, "publish again", p.publish(t, []stream.Entry{entry}))
	wantNoError(t, "publish twice in one call", p.publish(t, []stream.Entry{entry, entry}))
	p.want(t, entry.Lane, entry.Data, entry.Data, entry.Data, entry.Data)
}

func publishAtOnce(t *testing.T, p published) {
	var (
		errs [racers]error
		want [4][][]byte
	)
	record := func(i, n, lane int) []byte { return fmt.Appendf(nil, "racer %d, call %d, lane %d", i, n, lane) }
	race(func(i int) {
		for n := range 5 {
			var entries []stream.Entry
			for lane := range want {
				entries = append(entries, stream.Entry{Lane: ownLane(t, lane), Data: record(i, n, lane)})
			}
			errs[i] = errors.Join(errs[i], p.publish(t, entries))
		}
	})
	wantNoError(t, "publish", errors.Join(errs[:]...))
	for lane := range want {
		for i := range racers {
			for n := range 5 {
				want[lane] = append(want[lane], record(i, n, lane))
			}
		}
		p.want(t, ownLane(t, lane), want[lane]...)
	}
}

func publishOwned(t *testing.T, p published) {
	data := []byte("the caller's")
	wantNoError(t, "publish", p.publish(t, []stream.Entry{{Lane: ownLane(t, 1), Data: data}}))
	spoil(data)
	p.want(t, ownLane(t, 1), []byte("the caller's"))
}

func publishCancelled(t *testing.T, p published) {
	entries := []stream.Entry{{Lane: ownLane(t, 1), Data: []byte("once or twice")}}
	if _, err := p.Publish(cancelled(t), entries); err == nil {
		t.Error("publish with an ended ctx returned no error")
	}
	wantNoError(t, "publish again", p.publish(t, entries))
	got := p.lane(t, entries[0].Lane)
	if len(got) < 1 || len(got) > 2 || slices.ContainsFunc(got, func(d []byte) bool {
		return string(d) != "once or twice"
	}) {
		t.Errorf("the stream holds %s", sizes(got))
	}
}

// Queue is the suite of stream.Queue. Beside the queue, open returns a function that takes the requests which were
// enqueued and not taken yet, in any order, and perhaps more than once.
func Queue(t *testing.T, open func(t *testing.T) (stream.Queue, func(t *testing.T) []stream.Republish)) {
	t.Helper()
	runAll(t, func(t *testing.T) queued {
		q, take := open(t)
		return queued{Queue: q, take: take}
	}, []subtest[queued]{
		{"Enqueue makes the request durable; it is delivered at least once", queueDelivers},
		{"Enqueue is safe for concurrent use", queueAtOnce},
		{"The caller owns what it passes", queueOwned},
		{"A call with an ended ctx returns an error, and enqueueing again is harmless", queueCancelled},
	})
}

// queued is a queue, and a function that takes from it.
type queued struct {
	stream.Queue
	take func(t *testing.T) []stream.Republish
}

// wantOwn compares the subtest's own requests with those delivered, without repetitions.
func (q queued) wantOwn(t *testing.T, want []stream.Republish) {
	t.Helper()
	byObject := func(a, b stream.Republish) int { return strings.Compare(a.Object, b.Object) }
	var got []stream.Republish
	for _, r := range q.take(t) {
		if strings.HasPrefix(r.Object, own(t)+"/") {
			got = append(got, r)
		}
	}
	slices.SortFunc(got, byObject)
	got = slices.CompactFunc(got, func(a, b stream.Republish) bool { return cmp.Equal(a, b) })
	slices.SortFunc(want, byObject)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

// request returns a request that no other subtest makes.
func request(t *testing.T, n int, lanes ...string) stream.Republish {
	return stream.Republish{Object: fmt.Sprintf("%s/%04d.ndjson.zst", own(t), n), Lanes: lanes}
}

func queueDelivers(t *testing.T, q queued) {
	q.wantOwn(t, nil)
	var want []stream.Republish
	for i := range 25 { // SQS gives 10 at once
		r := request(t, i, "1.4.0", fmt.Sprintf("1.4.%d", i%3+1))
		wantNoError(t, "enqueue", q.Enqueue(t.Context(), r))
		want = append(want, r)
	}
	every := request(t, 100)
	for n := range 64 {
		every.Lanes = append(every.Lanes, event.Lane{Layout: 1, Count: 64, N: n}.String())
	}
	wantNoError(t, "enqueue with many lanes", q.Enqueue(t.Context(), every))
	q.wantOwn(t, append(want, every))
}

func queueAtOnce(t *testing.T, q queued) {
	var errs [racers]error
	race(func(i int) { errs[i] = q.Enqueue(t.Context(), request(t, i, "1.4.0")) })
	wantNoError(t, "enqueue", errors.Join(errs[:]...))
	var want []stream.Republish
	for i := range racers {
		want = append(want, request(t, i, "1.4.0"))
	}
	q.wantOwn(t, want)
}

func queueOwned(t *testing.T, q queued) {
	r := request(t, 1, "1.4.0", "1.4.1")
	wantNoError(t, "enqueue", q.Enqueue(t.Context(), r))
	r.Lanes[0] = "spoilt"
	q.wantOwn(t, []stream.Republish{request(t, 1, "1.4.0", "1.4.1")})
}

func queueCancelled(t *testing.T, q queued) {
	r := request(t, 1, "1.4.0")
	if err := q.Enqueue(cancelled(t), r); err == nil {
		t.Error("enqueue with an ended ctx returned no error")
	}
	wantNoError(t, "enqueue again", q.Enqueue(t.Context(), r))
	q.wantOwn(t, []stream.Republish{r})
}
