package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
)

const (
	commitWithin = 10 * time.Second
	clockMargin  = 30 * time.Second
	tries        = 3
)

// fixture is an Ingest with everything around it in memory, a clock that stands still, and a record of each call.
type fixture struct {
	*ingest.Ingest
	republisher *ingest.Republisher
	clock       time.Time
	archive     *memory.Archive
	stream      *publisher
	queue       *memory.Queue
	codec       *event.Codec

	puts []archive.Key                      // every call, also those that fail
	put  func(archive.Key) memory.Fault     // what happens to a put; nil: it works
	made func(time.Time) (ulid.ULID, error) // as NewRequest
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	codec, err := event.NewCodec(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	length, err := slot.NewLength(5 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s := &fixture{
		clock: time.Date(
			2026, 11, 22, 21, 17, 30, 250_000_000, time.UTC,
		), stream: &publisher{}, queue: &memory.Queue{}, codec: codec,
	}
	s.archive = &memory.Archive{Now: s.now, Hook: s.hook}
	var made byte
	s.made = func(arrival time.Time) (ulid.ULID, error) {
		made++
		var id ulid.ULID
		return id, errors.Join(id.SetTime(ulid.Timestamp(arrival)), id.SetEntropy([]byte{9: made}))
	}
	s.Ingest = &ingest.Ingest{
		Archive: s.archive, Stream: s.stream, Queue: s.queue, Codec: codec,
		Layout: archive.Layout{
			Number:  1,
			Slot:    length,
			Lanes:   4,
			HashKey: event.HashKey{1, 2, 3},
		}, Limits: event.DefaultLimits(),
		MaxBody: 4 << 20, CommitWithin: commitWithin, ClockMargin: clock.Margin(clockMargin), Tries: tries,
		Now: s.now, NewRequest: func(arrival time.Time) (ulid.ULID, error) { return s.made(arrival) },
		Log: slog.New(slog.DiscardHandler),
	}
	s.republisher = &ingest.Republisher{
		Archive: s.archive, Stream: s.stream, Codec: codec, Layout: s.Layout, MaxAge: time.Hour, Tries: tries, Now: s.now,
	}
	return s
}

func (s *fixture) now() time.Time { return s.clock }

func (s *fixture) hook(call memory.Call) memory.Fault {
	if call.Name != "archive.Put" {
		return memory.Fault{}
	}
	s.puts = append(s.puts, archive.Key(call.Key))
	if s.put != nil {
		return s.put(archive.Key(call.Key))
	}
	return memory.Fault{}
}

// send sends events, one JSON text each.
func (s *fixture) send(events ...string) (ingest.Answer, error) {
	return s.Accept(
		context.Background(), ingest.Request{ContentType: "application/x-ndjson", Body: []byte(strings.Join(events, "\n"))},
	)
}

// stored is what an object holds, decompressed.
func (s *fixture) stored(t testing.TB, key archive.Key) string {
	t.Helper()
	body, _, err := s.archive.Get(context.Background(), key)
	if err != nil {
		t.Fatal(key, err)
	}
	return s.decompressed(t, body)
}

func (s *fixture) decompressed(t testing.TB, data []byte) string {
	t.Helper()
	text, err := s.codec.Decompress(nil, data)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// publisher is a stream that records what it gets, and answers as a test tells it to.
type publisher struct {
	answers []publication // of the first calls; later ones take everything
	calls   [][]stream.Entry
}

type publication struct {
	failed []int
	err    error
}

func (p *publisher) Publish(ctx context.Context, entries []stream.Entry) ([]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.calls = append(p.calls, slices.Clone(entries))
	if n := len(p.calls) - 1; n < len(p.answers) {
		return p.answers[n].failed, p.answers[n].err
	}
	return nil, nil
}

// taken are the entries that the stream took.
func (p *publisher) taken() []stream.Entry {
	var all []stream.Entry
	for n, call := range p.calls {
		for i, e := range call {
			if n >= len(p.answers) || p.answers[n].err == nil && !slices.Contains(p.answers[n].failed, i) {
				all = append(all, e)
			}
		}
	}
	return all
}

// visits are n good events of 79 bytes each.
func visits(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"specversion":"1.0","id":"%04d","source":"shop","type":"visit","data":{"n":1}}`, i)
	}
	return all
}

// TestCost checks the size of what a request stores. A line is its event and about 40 bytes of stamp. How well lines
// compress depends on the compressor.
func TestCost(t *testing.T) {
	for _, c := range []struct {
		events  int
		puts    int // requests to the archive
		calls   int // requests to the stream
		records int // in them: the lanes that the events fall into
		lines   int // bytes archived, and streamed
		stored  int // the most that they may have compressed, archived and streamed together
	}{
		{events: 0, puts: 0, calls: 0, records: 0, lines: 0, stored: 0},
		{events: 1, puts: 1, calls: 1, records: 1, lines: 119, stored: 300},
		{events: 10, puts: 1, calls: 1, records: 4, lines: 1190, stored: 1000},
		{events: 1000, puts: 1, calls: 1, records: 4, lines: 120890, stored: 10000},
	} {
		t.Run(fmt.Sprint(c.events), func(t *testing.T) {
			s := newFixture(t)
			answer, err := s.send(visits(c.events)...)
			if err != nil || answer.Accepted != c.events || len(answer.Rejected) != 0 {
				t.Fatalf("answer is %+v, %v", answer, err)
			}
			if len(s.puts) != c.puts || len(s.stream.calls) != c.calls || len(s.stream.taken()) != c.records {
				t.Errorf("%d puts, %d calls of the stream with %d records; want %d, %d, %d",
					len(s.puts), len(s.stream.calls), len(s.stream.taken()), c.puts, c.calls, c.records)
			}
			var archived, streamed, stored int
			for _, key := range s.puts {
				archived += len(s.stored(t, key))
				body, _, err := s.archive.Get(context.Background(), key)
				if err != nil {
					t.Fatal(err)
				}
				stored += len(body)
			}
			for _, e := range s.stream.taken() {
				streamed += len(s.decompressed(t, e.Data))
				stored += len(e.Data)
			}
			if archived != c.lines || streamed != c.lines {
				t.Errorf("%d bytes of lines archived and %d streamed, want %d", archived, streamed, c.lines)
			}
			if stored > c.stored {
				t.Errorf("%d bytes stored, want at most %d", stored, c.stored)
			}
			t.Logf("%d bytes stored", stored)
			if left := s.queue.Take(1); len(left) != 0 {
				t.Errorf("queued: %v", left)
			}
		})
	}
}

// TestKeys checks the exact keys and contents of the objects that requests leave.
func TestKeys(t *testing.T) {
	s := newFixture(t)
	good := visits(3)
	for _, events := range [][]string{{good[0], `{"no":"event"}`, good[1]}, {"not JSON"}, {}, {good[2]}} {
		if _, err := s.send(events...); err != nil {
			t.Fatal(err)
		}
		s.clock = s.clock.Add(2*time.Minute + 29*time.Second + 750*time.Millisecond) // to 21:20:00 and on
	}
	const day = "dt=2026-11-22/"
	ids := []string{"01M82HY2RA0000000000000001", "01M82J2N000000000000000002", "01M82JBSFC0000000000000004"}
	want := []archive.Key{
		archive.Key("events/" + day + "slot=211500/" + ids[0] + ".ndjson.zst"),
		archive.Key("rejected/" + day + ids[0] + ".ndjson.zst"),
		archive.Key("rejected/" + day + ids[1] + ".ndjson.zst"),
		archive.Key("events/" + day + "slot=212000/" + ids[2] + ".ndjson.zst"),
	}
	if diff := cmp.Diff(want, s.puts); diff != "" {
		t.Fatal("keys (-want +put):", diff)
	}
	stamped := func(event, request string, index int) string {
		return strings.TrimSuffix(event, "}") + fmt.Sprintf(`,"stamp":"%s-%d"}`+"\n", request, index)
	}
	for key, text := range map[archive.Key]string{
		want[0]: stamped(good[0], ids[0], 0) + stamped(good[1], ids[0], 1),
		want[1]: `{"index":1,"code":"missing_attribute","pointer":"/specversion","detail":"the event has no specversion; specversion, id, source and type` +
			` are required","original":"{\"no\":\"event\"}"}` + "\n",
		want[2]: `{"index":0,"code":"malformed_json","detail":"byte 0 of the line: need a value, got 'n'","original":"not JSON"}` + "\n",
		want[3]: stamped(good[2], ids[2], 0),
	} {
		if diff := cmp.Diff(text, s.stored(t, key)); diff != "" {
			t.Errorf("%s (-want +stored): %s", key, diff)
		}
	}
}

// TestRejectedWhole checks that a rejected event is stored as it was sent, byte for byte, whatever its bytes.
func TestRejectedWhole(t *testing.T) {
	for _, original := range []string{
		`{"specversion":"1.0" , "id":"<&>"}`, "{\"id\":\"a\xff\"}", "\x00\x01", `{"a":1,"a":2}`, "{\"a\":\"\u2028\"}", `{"stamp":"x"}`,
	} {
		s := newFixture(t)
		answer, err := s.send(original)
		if err != nil || len(answer.Rejected) != 1 {
			t.Fatalf("%q: %+v, %v", original, answer, err)
		}
		var kept struct {
			event.Rejection
			Original string `json:"original"`
			Bytes    []byte `json:"original_base64"`
		}
		if err := json.Unmarshal([]byte(s.stored(t, s.puts[0])), &kept); err != nil {
			t.Fatal(err)
		}
		if kept.Bytes == nil {
			kept.Bytes = []byte(kept.Original)
		}
		if !bytes.Equal(kept.Bytes, []byte(original)) {
			t.Errorf("%q is kept as %q", original, kept.Bytes)
		}
		if diff := cmp.Diff(answer.Rejected[0], kept.Rejection); diff != "" {
			t.Errorf("%q: reason (-answered +kept): %s", original, diff)
		}
	}
}

// TestRejectedNotKept checks that a failure to store rejected events fails nothing else, since the client's answer
// names them.
func TestRejectedNotKept(t *testing.T) {
	s := newFixture(t)
	s.put = func(key archive.Key) memory.Fault {
		if strings.HasPrefix(string(key), "rejected/") {
			return memory.Fault{Err: errLost}
		}
		return memory.Fault{}
	}
	answer, err := s.send(visits(1)[0], "not JSON")
	if err != nil || answer.Accepted != 1 || len(answer.Rejected) != 1 {
		t.Errorf("answer is %+v, %v", answer, err)
	}
}

var errLost = errors.New("lost on the way")
