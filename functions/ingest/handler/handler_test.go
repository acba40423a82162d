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
	"github.com/anabranch/anabranch/shared/api/openapi/contract"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

var update = flag.Bool("update", false, "write the golden files anew")

var errLost = errors.New("lost on the way")

// prepared compiles the views once, because all worlds share them.
var prepared = sync.OnceValues(func() (*simulation.Kit, error) { return simulation.Prepare(simulation.Views) })

var newCodec = sync.OnceValues(func() (*event.Codec, error) { return event.NewCodec(8 << 20) })

// fixture is the handler over a world whose stores are in memory.
type fixture struct {
	*simulation.World
	*handler.Handler
	codec *event.Codec
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
	return &fixture{w, &handler.Handler{Ingest: w.Ingest, Log: slog.New(slog.DiscardHandler)}, codec}
}

// captured returns a request that was captured from API Gateway.
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

// request returns a request with another body, encoded as API Gateway encodes binary bodies.
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

func (s *fixture) call(t testing.TB, r events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	t.Helper()
	response, err := s.Handle(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	contract.Check(t, r, response)
	return response
}

// responseText returns the status, headers and body of a response as one text.
func responseText(r events.APIGatewayV2HTTPResponse) string {
	text := fmt.Sprintln(r.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		text += name + ": " + r.Headers[name] + "\n"
	}
	if len(r.Cookies) > 0 || len(r.MultiValueHeaders) > 0 || r.IsBase64Encoded {
		text += fmt.Sprintf("and more: %+v\n", r)
	}
	return text + "\n" + r.Body
}

// ok returns the text of a successful response with the given body, and problem that of an error.
func ok(body string) string {
	return "200\ncache-control: no-store\ncontent-type: application/json\nvary: accept-encoding\n" +
		"x-content-type-options: nosniff\n\n" + body
}

func problem(status int, body string) string {
	retry := ""
	if status == 503 {
		retry = "retry-after: 1\n"
	}
	return fmt.Sprintf(
		"%d\ncache-control: no-store\ncontent-type: application/problem+json\n%svary: accept-encoding\n"+
			"x-content-type-options: nosniff\n\n%s",
		status, retry, body,
	)
}

func check(t testing.TB, want string, r events.APIGatewayV2HTTPResponse) {
	t.Helper()
	if diff := cmp.Diff(want, responseText(r)); diff != "" {
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

// objects returns the text of each object under a prefix, in the order of the keys.
func (s *fixture) objects(t testing.TB, prefix archive.Key) []string {
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

// archived returns the events in the archive, without their stamps.
func (s *fixture) archived(t testing.TB) []string {
	t.Helper()
	all := []string{}
	for _, text := range s.objects(t, archive.FirstEvent) {
		for line := range strings.Lines(text) {
			all = append(all, line[:strings.LastIndex(line, `,"stamp":"`)]+"}")
		}
	}
	return all
}

// TestCaptured sends requests captured from API Gateway, and checks the responses and what is then durable.
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
			s := newFixture(t)
			golden(t, c.name+".http", responseText(s.call(t, captured(t, c.name+".json"))))
			if diff := cmp.Diff(c.archived, s.archived(t)); diff != "" {
				t.Error("archived (-want +got):", diff)
			}
			if got := len(s.objects(t, "rejected/")); got != c.rejected {
				t.Errorf("%d rejected objects, want %d", got, c.rejected)
			}
		})
	}
}

// TestHeaders checks which headers a request may have. API Gateway writes their names in lower case, and joins the
// values of a repeated header by commas.
func TestHeaders(t *testing.T) {
	const structured = `{"specversion":"1.0","id":"1","source":"s","type":"t"}`
	good := ok(`{"accepted":1,"rejected":[]}`)
	mediaType := func(detail string) string {
		return problem(
			415,
			`{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/unsupported_media_type.md","status":415,"code":"unsupported_media_type","title":"Unsupported Media Type","detail":"unsupported media `+
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
		{"a charset in other letters", "application/x-ndjson; charset=Utf-8", "", []byte(structured), good},
		{"a charset without its dash", "application/cloudevents+json;CHARSET=uTF8", "", []byte(structured), good},
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
			s := newFixture(t)
			check(t, c.want, s.call(t, request(c.contentType, c.contentEncoding, c.body)))
			if kept := len(s.archived(t)) == 1; kept != (c.want == good) {
				t.Errorf("kept is %v", kept)
			}
		})
	}
}

// TestFailures checks that an event is acknowledged only if it became durable in time. Otherwise the response asks the
// client to retry.
func TestFailures(t *testing.T) {
	unavailable := problem(503, `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/unavailable.md","status":503,"code":"unavailable","title":"Service Unavailable","detail":`+
		`"events could not be made durable in time; send them again as they are"}`)
	body := []byte(`{"specversion":"1.0","id":"1","source":"s","type":"t"}` + "\n" + "not JSON")
	for _, c := range []struct {
		name  string
		fails func(*fixture)
	}{
		{"the archive fails", func(s *fixture) {
			s.Archive.Hook = func(call memory.Call) memory.Fault {
				return memory.Fault{Err: fmt.Errorf("secret bucket: %w", errLost)}
			}
		}},
		{"the archive answers after the deadline", func(s *fixture) {
			s.Archive.Hook = func(call memory.Call) memory.Fault {
				s.Wait(simulation.CommitWithin)
				return memory.Fault{}
			}
		}},
		{"the archive's clock is ahead", func(s *fixture) {
			s.Archive.Now = func() time.Time { return s.Clock.Add(simulation.ClockMargin + time.Second + time.Millisecond) }
		}},
		{"the archive's clock is behind", func(s *fixture) {
			s.Archive.Now = func() time.Time { return s.Clock.Add(-simulation.ClockMargin - time.Second - time.Millisecond) }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			var log bytes.Buffer
			s.Log = slog.New(slog.NewTextHandler(&log, nil))
			c.fails(s)
			check(t, unavailable, s.call(t, request("application/x-ndjson", "", body)))
			if !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("unexpected log: %s", log.String())
			}
			s.Archive.Hook, s.Archive.Now = nil, func() time.Time { return s.Clock }
			if rejected := s.objects(t, "rejected/"); len(rejected) != 0 {
				t.Errorf("rejected events of an unacknowledged request are kept: %q", rejected)
			}
			// The client sends the same request again.
			response := s.call(t, request("application/x-ndjson", "", body))
			if response.StatusCode != 200 || !strings.HasPrefix(response.Body, `{"accepted":1,`) {
				t.Errorf("response to the second request: %s", responseText(response))
			}
		})
	}
	t.Run("the stream and the queue fail, but the events are durable", func(t *testing.T) {
		s := newFixture(t)
		hook := func(memory.Call) memory.Fault { return memory.Fault{Err: errLost} }
		s.Stream.Hook, s.Queue.Hook = hook, hook
		check(
			t, ok(`{"accepted":1,"rejected":[]}`),
			s.call(t, request("application/x-ndjson", "", body[:bytes.IndexByte(body, '\n')])),
		)
	})
}
