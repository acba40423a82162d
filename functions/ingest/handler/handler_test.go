package handler_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/ingest/handler"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

var update = flag.Bool("update", false, "write the golden files anew")

var errLost = errors.New("lost on the way")

// prepared compiles the views once for all tests: worlds share what never changes.
var prepared = sync.OnceValues(func() (*simulation.Kit, error) { return simulation.Prepare(simulation.Views) })

var newCodec = sync.OnceValues(func() (*event.Codec, error) { return event.NewCodec(8 << 20) })

// station is the handler over a world in memory.
type station struct {
	*simulation.World
	*handler.Handler
	codec *event.Codec
}

func newStation(t testing.TB) *station {
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
	return &station{w, &handler.Handler{Ingest: w.Ingest, Log: slog.New(slog.DiscardHandler)}, codec}
}

// captured is a request as API Gateway sends it.
func captured(t testing.TB, name string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var r events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(name, err)
	}
	return r
}

// request is one with another body, as API Gateway sends bodies that are not text.
func request(contentType, contentEncoding string, body []byte) events.APIGatewayV2HTTPRequest {
	r := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST /v1/events", RawPath: "/v1/events", Headers: map[string]string{},
		Body: base64.StdEncoding.EncodeToString(body), IsBase64Encoded: true,
	}
	for name, value := range map[string]string{"content-type": contentType, "content-encoding": contentEncoding} {
		if value != "" {
			r.Headers[name] = value
		}
	}
	return r
}

func (s *station) call(t testing.TB, r events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	t.Helper()
	response, err := s.Handle(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// told is a response as it goes over the wire.
func told(r events.APIGatewayV2HTTPResponse) string {
	text := fmt.Sprintln(r.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		text += name + ": " + r.Headers[name] + "\n"
	}
	if len(r.Cookies) > 0 || len(r.MultiValueHeaders) > 0 || r.IsBase64Encoded {
		text += fmt.Sprintf("and more: %+v\n", r)
	}
	return text + "\n" + r.Body
}

// ok and problem are the responses of the two kinds, but for their bodies' text.
func ok(body string) string {
	return "200\ncache-control: no-store\ncontent-type: application/json\nx-content-type-options: nosniff\n\n" + body
}

func problem(status int, body string) string {
	retry := ""
	if status == 503 {
		retry = "retry-after: 1\n"
	}
	return fmt.Sprintf(
		"%d\ncache-control: no-store\ncontent-type: application/problem+json\n%sx-content-type-options: nosniff\n\n%s",
		status, retry, body,
	)
}

func check(t testing.TB, want string, r events.APIGatewayV2HTTPResponse) {
	t.Helper()
	if diff := cmp.Diff(want, told(r)); diff != "" {
		t.Error("response (-want +got):", diff)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got): %s", path, diff)
	}
}

// objects are the texts of the objects under a prefix, in order.
func (s *station) objects(t testing.TB, prefix archive.Key) []string {
	t.Helper()
	listed, _, err := s.Archive.List(context.Background(), prefix, prefix+"\xff", 1000)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, o := range listed {
		body, _, err := s.Archive.Get(context.Background(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.codec.Decompress(nil, body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

// archived are the events in the archive, without their stamps.
func (s *station) archived(t testing.TB) []string {
	t.Helper()
	all := []string{}
	for _, text := range s.objects(t, archive.FirstEvent) {
		for line := range strings.Lines(text) {
			all = append(all, line[:strings.LastIndex(line, `,"stamp":"`)]+"}")
		}
	}
	return all
}

// TestCaptured: requests as API Gateway sends them, with what is answered, and what is then durable.
func TestCaptured(t *testing.T) {
	line := func(i int) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"req-%05d","source":"//semicomplete.com/web","type":"web.request",`+
			`"time":"2015-05-17T10:05:03Z",`+
			`"data":{"path":"/<%d>","bytes":%d.50}}`, i, i, i*100)
	}
	for _, c := range []struct {
		name     string
		archived []string
		rejected int
	}{
		{"plain", []string{`{"specversion":"1.0","id":"req-00001","source":"//semicomplete.com/web","type":"web.request",` +
			`"time":"2015-05-17T10:05:03Z",` +
			`"data":{"client":"83.149.9.216","method":"GET","path":"/presentations/","status":200,"bytes":203023}}`}, 0},
		{"gzip", []string{line(1), line(2), line(4)}, 1},
		{"zstd", []string{line(1), line(2)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStation(t)
			golden(t, c.name+".http", told(s.call(t, captured(t, c.name+".json"))))
			if diff := cmp.Diff(c.archived, s.archived(t)); diff != "" {
				t.Error("archived (-want +got):", diff)
			}
			if got := len(s.objects(t, "rejected/")); got != c.rejected {
				t.Errorf("%d rejected objects, want %d", got, c.rejected)
			}
		})
	}
}

// TestHeaders: what the headers of a request may be. API Gateway gives their names in lower case, and joins those that
// come twice by commas.
func TestHeaders(t *testing.T) {
	const structured = `{"specversion":"1.0","id":"1","source":"s","type":"t"}`
	good := ok(`{"accepted":1,"rejected":[]}`)
	mediaType := func(detail string) string {
		return problem(
			415,
			`{"status":415,"code":"unsupported_media_type","title":"Unsupported Media Type","detail":"unsupported media `+
				`type: `+detail+`"}`,
		)
	}
	contentType := func(given string) string {
		return mediaType(
			`content type ` + given +
				`; send application/cloudevents+json, application/cloudevents-batch+json or application/x-ndjson, in UTF-8`,
		)
	}
	encoding := func(given string) string {
		return mediaType(`unsupported content encoding: ` + given + `; use exactly one of identity, gzip and zstd`)
	}
	for _, c := range []struct {
		name                         string
		contentType, contentEncoding string
		body                         []byte
		want                         string
	}{
		{"structured", "application/cloudevents+json", "", []byte(structured), good},
		{"batched", "application/cloudevents-batch+json", "", []byte("[" + structured + "]"), good},
		{"lines", "application/x-ndjson", "", []byte(structured + "\n"), good},
		{
			"in other letters, with a charset", "Application/X-NDJSON; Charset=\"UTF-8\"", "GZIP",
			gzipped(t, []byte(structured)), good,
		},
		{"identity", "application/x-ndjson", "identity", []byte(structured), good},
		{"another JSON", "application/json", "", []byte(structured), contentType(`\"application/json\"`)},
		{"no content type", "", "", []byte(structured), contentType(`\"\"`)},
		{
			"two content types",
			"application/x-ndjson,application/json",
			"",
			[]byte(structured),
			contentType(`\"application/x-ndjson,application/json\"`),
		},
		{
			"another charset",
			"application/x-ndjson; charset=latin1",
			"",
			[]byte(structured),
			contentType(`\"application/x-ndjson; charset=latin1\"`),
		},
		{
			"a long content type", "application/" + strings.Repeat("x", 9000), "", []byte(structured),
			contentType(`\"application/` + strings.Repeat("x", 68) + `\"`),
		},
		{"another encoding", "application/x-ndjson", "br", []byte(structured), encoding(`\"br\"`)},
		{"two encodings", "application/x-ndjson", "gzip,zstd", gzipped(t, []byte(structured)), encoding(`\"gzip,zstd\"`)},
		{
			"one encoding twice",
			"application/x-ndjson",
			"gzip, gzip",
			gzipped(t, gzipped(t, []byte(structured))),
			encoding(`\"gzip, gzip\"`),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStation(t)
			check(t, c.want, s.call(t, request(c.contentType, c.contentEncoding, c.body)))
			if kept := len(s.archived(t)) == 1; kept != (c.want == good) {
				t.Errorf("kept is %v", kept)
			}
		})
	}
}

// TestFailures: an event is acknowledged once it is durable, in time; until then the client is asked to send it again.
func TestFailures(t *testing.T) {
	unavailable := problem(503, `{"status":503,"code":"unavailable","title":"Service Unavailable","detail":`+
		`"events could not be made durable in time; send them again as they are"}`)
	body := []byte(`{"specversion":"1.0","id":"1","source":"s","type":"t"}` + "\n" + "not JSON")
	for _, c := range []struct {
		name  string
		fails func(*station)
	}{
		{"the archive fails", func(s *station) {
			s.Archive.Hook = func(call memory.Call) memory.Fault {
				return memory.Fault{Err: fmt.Errorf("secret bucket: %w", errLost)}
			}
		}},
		{"the archive answers after the deadline", func(s *station) {
			s.Archive.Hook = func(call memory.Call) memory.Fault {
				s.Wait(simulation.CommitWithin)
				return memory.Fault{}
			}
		}},
		{"the archive's clock is ahead", func(s *station) {
			s.Archive.Now = func() time.Time { return s.Clock.Add(simulation.ClockMargin + time.Second + time.Millisecond) }
		}},
		{"the archive's clock is behind", func(s *station) {
			s.Archive.Now = func() time.Time { return s.Clock.Add(-simulation.ClockMargin - time.Second - time.Millisecond) }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStation(t)
			var log bytes.Buffer
			s.Log = slog.New(slog.NewTextHandler(&log, nil))
			c.fails(s)
			check(t, unavailable, s.call(t, request("application/x-ndjson", "", body)))
			if !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("the operator is told: %s", log.String())
			}
			s.Archive.Hook, s.Archive.Now = nil, func() time.Time { return s.Clock }
			if rejected := s.objects(t, "rejected/"); len(rejected) != 0 {
				t.Errorf("rejected events of a request that is not acknowledged are kept: %q", rejected)
			}
			// The client sends the same again.
			response := s.call(t, request("application/x-ndjson", "", body))
			if response.StatusCode != 200 || !strings.HasPrefix(response.Body, `{"accepted":1,`) {
				t.Errorf("sent again: %s", told(response))
			}
		})
	}
	t.Run("the stream and the queue fail: the events are durable all the same", func(t *testing.T) {
		s := newStation(t)
		hook := func(memory.Call) memory.Fault { return memory.Fault{Err: errLost} }
		s.Stream.Hook, s.Queue.Hook = hook, hook
		check(
			t, ok(`{"accepted":1,"rejected":[]}`),
			s.call(t, request("application/x-ndjson", "", body[:bytes.IndexByte(body, '\n')])),
		)
	})
}
