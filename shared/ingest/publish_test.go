package ingest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/stream"
)

// laneLines returns the archived lines of a request by lane, in archive order: what the stream must get.
func laneLines(t testing.TB, s *fixture) map[event.Lane]string {
	t.Helper()
	all := map[event.Lane]string{}
	for line := range strings.Lines(s.stored(t, s.puts[len(s.puts)-1])) {
		var e struct{ Source, ID string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		id, _ := s.Layout.HashKey.Identity([]byte(e.Source), []byte(e.ID), nil)
		all[s.Layout.Lane(id)] += line
	}
	return all
}

// published returns the lines of the records by lane, in the order of the records.
func published(t testing.TB, s *fixture, records []stream.Entry) map[event.Lane]string {
	t.Helper()
	all := map[event.Lane]string{}
	for _, e := range records {
		if len(e.Data) > stream.MaxRecord {
			t.Fatalf("a record of %d bytes, more than %d", len(e.Data), stream.MaxRecord)
		}
		all[e.Lane] += s.decompressed(t, e.Data)
	}
	return all
}

// incompressible returns n bytes of text that zstd hardly makes smaller.
func incompressible(random *rand.Rand, n int) string {
	text := make([]byte, 0, n+12)
	for len(text) < n {
		text = base64.RawURLEncoding.AppendEncode(text, binary.LittleEndian.AppendUint64(nil, random.Uint64()))
	}
	return string(text[:n])
}

// TestLaneSplits checks that a lane's lines that do not fit into one record go into several, in order, each within the
// stream's maximum.
func TestLaneSplits(t *testing.T) {
	for _, c := range []struct {
		name          string
		events, bytes int // bytes of one line
		records       int
	}{
		{"one record just full", 5, 206_387, 1}, // at most 1,031,936 bytes, so what zstd may add fits too
		{"a byte a line more", 5, 206_388, 2},
		{"16 events of 250 KB", 16, 250_000, 4},
		{"1,000 events of 4 KB", 1000, 4_000, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			s.Layout.Lanes = 1
			random := rand.New(rand.NewPCG(1, 1))
			events := make([]string, c.events)
			for i := range events {
				events[i] = fmt.Sprintf(`{"specversion":"1.0","id":"%03d","source":"s","type":"t","data":""}`, i)
				fill := incompressible(random, c.bytes-len(events[i])-len(`,"stamp":"01M82HY2RA0000000000000001-0"`)-len("\n"))
				events[i] = strings.TrimSuffix(events[i], `"}`) + fill + `"}`
			}
			if answer, err := s.send(events...); err != nil || answer.Accepted != c.events {
				t.Fatal(answer, err)
			}
			if len(s.stream.calls) != 1 || len(s.stream.calls[0]) != c.records {
				t.Errorf("%d records in %d calls, want %d in one", len(s.stream.taken()), len(s.stream.calls), c.records)
			}
			if diff := cmp.Diff(laneLines(t, s), published(t, s, s.stream.taken())); diff != "" {
				t.Error("the records' lines are not the archive's")
			}
		})
	}
}

// TestOneFrame checks that the record of a request in one lane holds the object's bytes, and that later requests, which
// reuse memory, do not change it.
func TestOneFrame(t *testing.T) {
	s := newFixture(t)
	s.Layout.Lanes = 1
	for n := 20; n > 0; n -= 5 {
		if _, err := s.send(visits(n)...); err != nil {
			t.Fatal(err)
		}
	}
	records := s.stream.taken()
	if len(records) != len(s.puts) {
		t.Fatalf("%d records of %d requests", len(records), len(s.puts))
	}
	for i, key := range s.puts {
		body, _, err := s.archive.Get(context.Background(), key)
		if err != nil || !bytes.Equal(body, records[i].Data) {
			t.Errorf("request %d: the record and the object differ, %v", i, err)
		}
		if lines := strings.Count(s.stored(t, key), "\n"); lines != 20-5*i {
			t.Errorf("request %d: %d lines", i, lines)
		}
	}
}

// TestStreamBringsTheArchive checks that each archived line is in one record of its lane, in archive order, whatever
// events come.
func TestStreamBringsTheArchive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newFixture(t)
		s.Layout.Lanes = rapid.IntRange(1, 8).Draw(rt, "lanes")
		var events []string
		for i, id := range rapid.SliceOfN(rapid.StringMatching(`[a-zü"]{1,4}`), 1, 60).Draw(rt, "ids") {
			events = append(
				events,
				fmt.Sprintf(`{ "specversion" : "1.0", "id":%q, "source":"s\u00fc","type":"t","data":%d}`, id, i),
			)
		}
		if answer, err := s.send(events...); err != nil || answer.Accepted != len(events) {
			rt.Fatal(answer, err)
		}
		if diff := cmp.Diff(laneLines(t, s), published(t, s, s.stream.taken())); diff != "" {
			rt.Error("lines by lane (-archived +published):", diff)
		}
		lanes := map[event.Lane]int{}
		for _, e := range s.stream.taken() {
			if lanes[e.Lane]++; lanes[e.Lane] > 1 {
				rt.Errorf("lane %s has several records of few lines", e.Lane)
			}
		}
	})
}

// TestPublishAgain checks that only the records that the stream did not take are sent again. Those that it never takes
// are queued, and the answer does not wait for the queue.
func TestPublishAgain(t *testing.T) {
	down := publication{err: errLost}
	// The lanes occur in the order four to one.
	const one, two, three, four = "1.4.3", "1.4.1", "1.4.2", "1.4.0"
	for _, c := range []struct {
		name    string
		answers []publication
		calls   [][]string // lanes of the entries of each call
		queued  []string   // lanes of the queued request; nil: none
	}{
		{"all taken", nil, [][]string{{four, three, two, one}}, nil},
		{"some fail once", []publication{{failed: []int{0, 2}}}, [][]string{{four, three, two, one}, {four, two}}, nil},
		{
			"fewer and fewer", []publication{{failed: []int{1, 2, 3}}, {failed: []int{2}}},
			[][]string{{four, three, two, one}, {three, two, one}, {one}}, nil,
		},
		{
			"one keeps failing", []publication{{failed: []int{2}}, {failed: []int{0}}, {failed: []int{0}}},
			[][]string{{four, three, two, one}, {two}, {two}}, []string{two},
		},
		{
			"an answer is lost: any of them may have failed", []publication{down},
			[][]string{{four, three, two, one}, {four, three, two, one}}, nil,
		},
		{
			"some fail, then an answer is lost", []publication{{failed: []int{1, 3}}, down},
			[][]string{{four, three, two, one}, {three, one}, {three, one}}, nil,
		},
		{
			"the stream is down", []publication{down, down, down},
			[][]string{{four, three, two, one}, {four, three, two, one}, {four, three, two, one}},
			[]string{four, three, two, one},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			s.stream.answers = c.answers
			answer, err := s.send(visits(10)...)
			if want := (ingest.Answer{Accepted: 10, Rejected: []event.Rejection{}}); err != nil || !cmp.Equal(want, answer) {
				t.Errorf("answer is %+v, %v; the events are durable", answer, err)
			}
			var calls [][]string
			for _, call := range s.stream.calls {
				var lanes []string
				for _, e := range call {
					lanes = append(lanes, e.Lane.String())
				}
				calls = append(calls, lanes)
			}
			if diff := cmp.Diff(c.calls, calls); diff != "" {
				t.Error("lanes published (-want +got):", diff)
			}
			var want []stream.Republish
			if c.queued != nil {
				want = []stream.Republish{{Object: string(s.puts[0]), Lanes: c.queued}}
			}
			if diff := cmp.Diff(want, append([]stream.Republish(nil), s.queue.Take(10)...)); diff != "" {
				t.Error("queued (-want +got):", diff)
			}
		})
	}
}

// TestQueuedOnce checks that several records of one lane that fail make one request for the lane.
func TestQueuedOnce(t *testing.T) {
	s := newFixture(t)
	s.Layout.Lanes = 1
	s.stream.answers = []publication{{err: errLost}, {err: errLost}, {err: errLost}}
	var events []string
	for i := range 10 {
		events = append(
			events,
			fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"s","type":"t","data":%q}`, i, strings.Repeat("x", 250_000)),
		)
	}
	if _, err := s.send(events...); err != nil {
		t.Fatal(err)
	}
	if n := len(s.stream.calls[0]); n != 3 {
		t.Fatalf("%d records, want 3", n)
	}
	want := []stream.Republish{{Object: string(s.puts[0]), Lanes: []string{"1.1.0"}}}
	if diff := cmp.Diff(want, s.queue.Take(10)); diff != "" {
		t.Error("queued (-want +got):", diff)
	}
}

// TestQueueDown checks that events are acknowledged when neither the stream nor the queue takes anything, since they
// are durable.
func TestQueueDown(t *testing.T) {
	s := newFixture(t)
	s.stream.answers = []publication{{err: errLost}, {err: errLost}, {err: errLost}}
	s.queue.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errLost} }
	if answer, err := s.send(visits(3)...); err != nil || answer.Accepted != 3 {
		t.Errorf("answer is %+v, %v", answer, err)
	}
}

// TestRepublish checks that exactly the archived lines of the named lanes are published, byte for byte.
func TestRepublish(t *testing.T) {
	s := newFixture(t)
	events := visits(50)
	for i := range events {
		events[i] = strings.Replace(events[i], `"n":1`, `"n": 1.50, "t":"\u00fc<&>"`, 1)
	}
	if _, err := s.send(events...); err != nil {
		t.Fatal(err)
	}
	all, key := laneLines(t, s), string(s.puts[0])
	for _, c := range []struct {
		name  string
		lanes []string
	}{
		{"one lane", []string{"1.4.2"}},
		{"two", []string{"1.4.3", "1.4.0"}},
		{"one lane named twice", []string{"1.4.1", "1.4.1"}},
		{"all", s.republisher.Lanes()},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.stream.calls = nil
			if err := s.republisher.Republish(context.Background(), stream.Republish{Object: key, Lanes: c.lanes}); err != nil {
				t.Fatal(err)
			}
			want := map[event.Lane]string{}
			for _, name := range c.lanes {
				lane, err := event.ParseLane(name)
				if err != nil {
					t.Fatal(err)
				}
				want[lane] = all[lane]
			}
			if diff := cmp.Diff(want, published(t, s, s.stream.taken())); diff != "" {
				t.Error("lines by lane (-archived +published):", diff)
			}
		})
	}
	t.Run("a lane without lines", func(t *testing.T) {
		s := newFixture(t)
		if _, err := s.send(visits(1)...); err != nil {
			t.Fatal(err)
		}
		s.stream.calls = nil
		for _, lane := range s.republisher.Lanes() {
			request := stream.Republish{Object: string(s.puts[0]), Lanes: []string{lane}}
			if err := s.republisher.Republish(context.Background(), request); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(s.stream.taken()); n != 1 {
			t.Errorf("%d records of one event, lane by lane", n)
		}
		for _, call := range s.stream.calls {
			if len(call) == 0 {
				t.Error("a call of the stream with no records: Kinesis refuses it")
			}
		}
	})
}

func TestRepublishErrors(t *testing.T) {
	s := newFixture(t)
	if _, err := s.send(visits(10)...); err != nil {
		t.Fatal(err)
	}
	key := string(s.puts[0])
	put := func(id string, body []byte) string {
		key := "events/dt=2026-11-22/slot=211500/" + id + ".ndjson.zst"
		if _, err := s.archive.Put(context.Background(), archiveKey(key), body); err != nil {
			t.Fatal(err)
		}
		return key
	}
	for _, c := range []struct {
		name    string
		request stream.Republish
		detail  string
	}{
		{"no object", stream.Republish{Lanes: s.republisher.Lanes()}, `invalid events key ""`},
		{
			"another object of the archive",
			stream.Republish{Object: "events/_layouts/1.json", Lanes: s.republisher.Lanes()},
			`invalid events key "events/_layouts/1.json"`,
		},
		{
			"an unknown object",
			stream.Republish{Object: strings.Replace(key, "01M", "01N", 1), Lanes: s.republisher.Lanes()},
			"01N82HY2RA0000000000000001.ndjson.zst: the archive has no such object",
		},
		{"no lane's name", stream.Republish{Object: key, Lanes: []string{"1.4.0", "4"}}, `lane "4"`},
		{"no lanes", stream.Republish{Object: key}, "no lanes"},
		{"a lane of another layout", stream.Republish{Object: key, Lanes: []string{"1.4.0", "2.8.5"}}, "lane 2.8.5"},
		{
			"an object that is not zstd",
			stream.Republish{
				Object: put("01M82HY2RA0000000000000009", []byte("lines")),
				Lanes:  s.republisher.Lanes(),
			},
			"corrupt",
		},
		{
			"an object of other lines",
			stream.Republish{
				Object: put("01M82HY2RA0000000000000008", s.codec.Compress(nil, []byte("{}\n"))),
				Lanes:  s.republisher.Lanes(),
			},
			"line 1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.stream.calls = nil
			err := s.republisher.Republish(context.Background(), c.request)
			if err == nil || !errorIs(err, ingest.ErrCannotRepublish) || !strings.Contains(err.Error(), c.detail) {
				t.Errorf("error is %v, want ErrCannotRepublish that tells of %s", err, c.detail)
			}
			if len(s.stream.calls) != 0 {
				t.Errorf("published %v", s.stream.calls)
			}
		})
	}
	// Without the right to list the bucket, S3 answers 403 for a missing object.
	for at, want := range map[string]error{strings.Replace(key, "01M", "01N", 1): ingest.ErrNoObject, key: errLost} {
		t.Run("the archive refuses a Get", func(t *testing.T) {
			s.archive.Hook = func(c memory.Call) memory.Fault {
				if c.Name == "archive.Get" {
					return memory.Fault{Err: errLost}
				}
				return memory.Fault{}
			}
			defer func() { s.archive.Hook = s.hook }()
			request := stream.Republish{Object: at, Lanes: s.republisher.Lanes()}
			if err := s.republisher.Republish(context.Background(), request); !errorIs(err, want) ||
				errorIs(err, ingest.ErrCannotRepublish) != errorIs(err, ingest.ErrNoObject) ||
				!strings.Contains(err.Error(), at) {
				t.Errorf("%s: error is %v, want %v", at, err, want)
			}
		})
	}
	t.Run("the archive fails", func(t *testing.T) {
		s.archive.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errLost} }
		defer func() { s.archive.Hook = s.hook }()
		request := stream.Republish{Object: key, Lanes: s.republisher.Lanes()}
		if err := s.republisher.Republish(context.Background(), request); !errorIs(err, errLost) ||
			errorIs(err, ingest.ErrCannotRepublish) {
			t.Errorf("error is %v, want that of the archive, to be tried again", err)
		}
	})
	for _, answers := range [][]publication{
		{{err: errLost}, {err: errLost}, {err: errLost}},
		{{failed: []int{1}}, {failed: []int{0}}, {failed: []int{0}}},
	} {
		t.Run("the stream fails", func(t *testing.T) {
			s.stream.calls, s.stream.answers = nil, answers
			err := s.republisher.Republish(context.Background(), stream.Republish{Object: key, Lanes: s.republisher.Lanes()})
			if err == nil || errorIs(err, ingest.ErrCannotRepublish) || strings.Contains(err.Error(), "%!") {
				t.Errorf("error is %v, want one that says what is left, to be tried again", err)
			}
			if n := len(s.stream.calls); n != tries {
				t.Errorf("%d calls of the stream, want %d", n, tries)
			}
		})
	}
}
