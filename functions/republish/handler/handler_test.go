package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/functions/republish/handler"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/stream"
)

// The messages of the captured event. The first and the third name lanes of an object in the archive; the object of the
// second is missing.
const (
	first = "059f36b4-87a3-44ab-83d2-661975830a7d"
	third = "b8c6a3a4-1f5f-4d0c-9a58-1b0c7c3f3b11"
)

func captured(t testing.TB) events.SQSEvent {
	t.Helper()
	text, err := os.ReadFile("testdata/sqs.json")
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// prepared compiles the views once, because all worlds share them.
var prepared = sync.OnceValues(func() (*simulation.Kit, error) { return simulation.Prepare(simulation.Views) })

var newCodec = sync.OnceValues(func() (*event.Codec, error) { return event.NewCodec(8 << 20) })

// fixture is the handler over a world whose archive has the object of the captured messages, and whose stream is empty.
type fixture struct {
	*simulation.World
	*handler.Handler
	codec *event.Codec
	lines map[string]string // of the object, by lane
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	kit, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	s := &fixture{
		w, &handler.Handler{Republisher: w.Republisher, Log: slog.New(slog.DiscardHandler)}, codec, map[string]string{},
	}
	request, err := ulid.ParseStrict("01KDVDQ5J8EPTJ6MMCDPTWG9D0")
	if err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for i := range 40 {
		id := fmt.Sprint(i)
		line := event.AppendLine(nil, []byte(
			`{"specversion":"1.0","id":"`+id+`","source":"shop","type":"t","data":{"n":1.50,"t":"\u00fc<"}}`,
		),
			event.Stamp{Request: request, Index: i})
		identity, _ := w.Ingest.Layout.HashKey.Identity([]byte("shop"), []byte(id), nil)
		s.lines[w.Ingest.Layout.Lane(identity).String()] += string(line)
		lines = append(lines, line...)
	}
	key := archive.EventsKey(w.Ingest.Layout.Slot.Of(event.Stamp{Request: request}), request)
	if _, err := w.Archive.Put(context.Background(), key, codec.Compress(nil, lines)); err != nil {
		t.Fatal(err)
	}
	return s
}

// objectOf returns the object that a message names.
func objectOf(t testing.TB, body string) string {
	t.Helper()
	var request stream.Republish
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		t.Fatal(err)
	}
	return request.Object
}

// published returns the lines in the stream, by lane.
func (s *fixture) published(t testing.TB) map[string]string {
	t.Helper()
	shards, err := s.Records()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, records := range shards {
		for _, r := range records {
			text, err := s.codec.Decompress(nil, r.Data)
			if err != nil {
				t.Fatal(err)
			}
			all[r.PartitionKey] += string(text)
		}
	}
	return all
}

func (s *fixture) checkPublished(t testing.TB, lanes ...string) {
	t.Helper()
	want := map[string]string{}
	for _, lane := range lanes {
		want[lane] = s.lines[lane]
	}
	if diff := cmp.Diff(want, s.published(t)); diff != "" {
		t.Error("lines by lane (-archived +published):", diff)
	}
}

// respond calls the handler, and returns its response as Lambda passes it to the event source mapping.
func (s *fixture) respond(t testing.TB, e events.SQSEvent) string {
	t.Helper()
	response, err := s.Handle(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func failed(messages ...string) string {
	all := []string{}
	for _, m := range messages {
		all = append(all, `{"itemIdentifier":"`+m+`"}`)
	}
	return `{"batchItemFailures":[` + strings.Join(all, ",") + `]}`
}

// TestCaptured checks that the handler republishes the named lanes, and only those, byte for byte. The message whose
// object is missing does not hold back the others, and does not come again: the log names the object.
func TestCaptured(t *testing.T) {
	s := newFixture(t)
	var log strings.Builder
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	if got := s.respond(t, captured(t)); got != failed() {
		t.Errorf("response is %s, want %s", got, failed())
	}
	if object := objectOf(t, captured(t).Records[1].Body); !strings.Contains(log.String(), object) ||
		!strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("the log does not name %s:\n%s", object, log.String())
	}
	s.checkPublished(t, "1.4.0", "1.4.2", "1.4.3")
}

// TestMessages checks what happens to messages with various contents.
func TestMessages(t *testing.T) {
	const object = `"object":"events/dt=2026-01-01/slot=000100/01KDVDQ5J8EPTJ6MMCDPTWG9D0.ndjson.zst"`
	for _, c := range []struct {
		name, body string
		lanes      []string // published; nil: the message is named
	}{
		{"one lane", `{` + object + `,"lanes":["1.4.1"]}`, []string{"1.4.1"}},
		{
			"all lanes",
			`{` + object + `,"lanes":["1.4.0","1.4.1","1.4.2","1.4.3"]}`,
			[]string{"1.4.0", "1.4.1", "1.4.2", "1.4.3"},
		},
		{"no JSON", `republish`, nil},
		{"nothing", ``, nil},
		{"an array", `[]`, nil},
		{"an unknown member", `{` + object + `,"lanes":["1.4.1"],"shard":1}`, nil},
		{"something after it", `{` + object + `,"lanes":["1.4.1"]}{}`, nil},
		{"no object", `{"lanes":["1.4.1"]}`, nil},
		{"no lanes", `{` + object + `}`, nil},
		{"lanes that are none", `{` + object + `,"lanes":["1.4.1","all"]}`, nil},
		{"another object", `{"object":"events/_layouts/1.json","lanes":["1.4.1"]}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			e := captured(t)
			e.Records = e.Records[:1]
			e.Records[0].Body = c.body
			want := failed()
			if c.lanes == nil {
				want = failed(first)
			}
			if got := s.respond(t, e); got != want {
				t.Errorf("response is %s, want %s", got, want)
			}
			s.checkPublished(t, c.lanes...)
		})
	}
}

// TestStreamFails checks that the handler reports the messages whose records the stream refuses, and republishes them
// when they arrive again.
func TestStreamFails(t *testing.T) {
	s := newFixture(t)
	s.Stream.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errors.New("lost on the way")} }
	if got := s.respond(t, captured(t)); got != failed(first, third) {
		t.Errorf("response is %s", got)
	}
	s.checkPublished(t)
	s.Stream.Hook = nil
	if got := s.respond(t, captured(t)); got != failed() {
		t.Errorf("delivered again: response is %s", got)
	}
	s.checkPublished(t, "1.4.0", "1.4.2", "1.4.3")
}

// TestNoMessages checks that the response to an event without messages reports none.
func TestNoMessages(t *testing.T) {
	if got := newFixture(t).respond(t, events.SQSEvent{}); got != failed() {
		t.Errorf("response is %s", got)
	}
}
