package handler_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/anabranch/anabranch/shared/api/openapi/contract"
	"github.com/anabranch/anabranch/shared/event"
)

func gzipped(t testing.TB, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// streamed returns a zstd frame without its content size.
func streamed(t testing.TB, body []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, options...)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(body) > 0; body = body[min(len(body), 1<<16):] {
		if _, err := w.Write(body[:min(len(body), 1<<16)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// framed returns a zstd frame with its content size.
func framed(t testing.TB, body []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(body, nil)
}

func good(id int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"good-%d","source":"s","type":"t","data":{"x":%d}}`, id, id)
}

// with returns a good event whose data has the member x.
func with(x string) string {
	return `{"specversion":"1.0","id":"bad","source":"s","type":"t","data":{"x":` + x + `}}`
}

// sized returns a good event of n bytes.
func sized(n int) string {
	e := with(`""`)
	return strings.Replace(e, `""`, `"`+strings.Repeat("y", n-len(e))+`"`, 1)
}

// nested returns a value that makes its event n levels deep: the event, its data, and arrays.
func nested(n int) string { return strings.Repeat("[", n-2) + strings.Repeat("]", n-2) }

// TestBadEvent checks that a bad event is rejected with the error and its place, and kept unchanged. The events beside
// it are accepted.
func TestBadEvent(t *testing.T) {
	const required = "; specversion, id, source and type are required"
	attribute := func(name, text string) string {
		members := map[string]string{"specversion": `"1.0"`, "id": `"bad"`, "source": `"s"`, "type": `"t"`}
		members[name] = text
		var all []string
		for _, n := range []string{"specversion", "id", "source", "type", "time", "stamp", "Upper"} {
			if members[n] != "" {
				all = append(all, fmt.Sprintf("%q:%s", n, members[n]))
			}
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	for _, c := range []struct {
		name, event string
		want        event.Rejection
	}{
		{"broken JSON", `{"specversion":"1.0","id":"bad",`, event.Rejection{
			Code:   event.MalformedJSON,
			ID:     "bad",
			Detail: "byte 32 of the line: need a member's name in double quotes, got the end",
		}},
		{
			"no JSON",
			`<event/>`,
			event.Rejection{Code: event.MalformedJSON, Detail: "byte 0 of the line: need a value, got '<'"},
		},
		{
			"no object",
			`[1]`,
			event.Rejection{Code: event.MalformedJSON, Detail: "an event must be a JSON object; this is an array"},
		},
		{"two events on a line", good(8) + " " + good(9), event.Rejection{
			Code: event.MalformedJSON, ID: "good-8", Detail: "byte 75 of the line: need nothing after the event, got '{'",
		}},
		{"invalid UTF-8", with("\"\xff\""), event.Rejection{
			Code: event.InvalidUTF8, ID: "bad", Pointer: "/data/x", Detail: "the string is not valid UTF-8",
		}},
		{"half a surrogate pair", with(`"\ud834"`), event.Rejection{
			Code:    event.InvalidUTF8,
			ID:      "bad",
			Pointer: "/data/x",
			Detail:  `the string has a \u escape for half of a surrogate pair; both halves are needed`,
		}},
		{"a duplicate key", with(`{"a/b":1,"c":2,"a\u002fb":3}`), event.Rejection{
			Code:    event.DuplicateKey,
			ID:      "bad",
			Pointer: "/data/x/a~1b",
			Detail:  `the object has the member "a/b" twice; names must be unique`,
		}},
		{"a duplicate attribute", `{"specversion":"1.0","id":"bad","source":"s","type":"t","id":"other"}`, event.Rejection{
			Code:    event.DuplicateKey,
			ID:      "bad",
			Pointer: "/id",
			Detail:  `the object has the member "id" twice; names must be unique`,
		}},
		{"33 levels", with(nested(33)), event.Rejection{
			Code:    event.LimitExceeded,
			ID:      "bad",
			Pointer: "/data/x" + strings.Repeat("/0", 30),
			Detail:  "objects and arrays are nested too deeply; the maximum is 32",
		}},
		{"a number of 41 characters", with(strings.Repeat("1", 41)), event.Rejection{
			Code: event.LimitExceeded, ID: "bad", Pointer: "/data/x",
			Detail: "the number " + strings.Repeat("1", 41) +
				" exceeds a limit: the maximum is 40 characters, with exponents from -324 to 308",
		}},
		{"an exponent of 309", with("1e309"), event.Rejection{
			Code: event.LimitExceeded, ID: "bad", Pointer: "/data/x",
			Detail: "the number 1e309 exceeds a limit: the maximum is 40 characters, with exponents from -324 to 308",
		}},
		{
			"no id",
			attribute("id", ""),
			event.Rejection{Code: event.MissingAttribute, Pointer: "/id", Detail: "the event has no id" + required},
		},
		{"no source", attribute("source", ""), event.Rejection{
			Code: event.MissingAttribute, ID: "bad", Pointer: "/source", Detail: "the event has no source" + required,
		}},
		{
			"no type",
			attribute("type", ""),
			event.Rejection{
				Code: event.MissingAttribute, ID: "bad", Pointer: "/type", Detail: "the event has no type" + required,
			},
		},
		{"no specversion", attribute("specversion", ""), event.Rejection{
			Code: event.MissingAttribute, ID: "bad", Pointer: "/specversion", Detail: "the event has no specversion" + required,
		}},
		{"null as source", attribute("source", "null"), event.Rejection{
			Code: event.MissingAttribute, ID: "bad", Pointer: "/source", Detail: "the event has no source" + required,
		}},
		{
			"an empty id",
			attribute("id", `""`),
			event.Rejection{Code: event.InvalidAttribute, Pointer: "/id", Detail: "the attribute must not be empty"},
		},
		{
			"an empty source",
			attribute("source", `""`),
			event.Rejection{
				Code: event.InvalidAttribute, ID: "bad", Pointer: "/source", Detail: "the attribute must not be empty",
			},
		},
		{
			"an empty type",
			attribute("type", `""`),
			event.Rejection{
				Code: event.InvalidAttribute, ID: "bad", Pointer: "/type", Detail: "the attribute must not be empty",
			},
		},
		{"a number as id", attribute("id", `1`), event.Rejection{
			Code: event.InvalidAttribute, Pointer: "/id", Detail: "the attribute must be a string; this is a number",
		}},
		{"another specversion", attribute("specversion", `"0.3"`), event.Rejection{
			Code:    event.InvalidAttribute,
			ID:      "bad",
			Pointer: "/specversion",
			Detail:  `unknown CloudEvents version "0.3"; the supported version is "1.0"`,
		}},
		{"a time that is none", attribute("time", `"yesterday"`), event.Rejection{
			Code: event.InvalidAttribute, ID: "bad", Pointer: "/time",
			Detail: `"yesterday" is not an RFC 3339 time in the years 0000 to 9999; an example is "2015-05-17T10:05:03Z"`,
		}},
		{"February 30", attribute("time", `"2015-02-30T00:00:00Z"`), event.Rejection{
			Code: event.InvalidAttribute, ID: "bad", Pointer: "/time",
			Detail: `"2015-02-30T00:00:00Z" has day 30; 2015-02 has the days 01 to 28`,
		}},
		{"a stamp", attribute("stamp", `"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"`), event.Rejection{
			Code:    event.InvalidAttribute,
			ID:      "bad",
			Pointer: "/stamp",
			Detail:  "the name stamp is reserved: ingest adds this member itself; leave it out",
		}},
		{"an attribute's name in capitals", attribute("Upper", `1`), event.Rejection{
			Code:    event.InvalidAttribute,
			ID:      "bad",
			Pointer: "/Upper",
			Detail:  `invalid attribute name "Upper": must be 1 to 64 characters of a-z and 0-9`,
		}},
		{"256 KB and a byte", sized(256<<10 + 1), event.Rejection{
			Code: event.TooLarge, ID: "bad", Detail: "the event has 262145 bytes; the maximum is 262144",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			c.want.Index = 1
			response := s.call(t, request("application/x-ndjson", "", []byte(good(1)+"\n"+c.event+"\n"+good(2)+"\n")))
			check(t, ok(`{"accepted":2,"rejected":[`+marshal(t, c.want)+`]}`), response)
			if diff := cmp.Diff([]string{good(1), good(2)}, s.archived(t)); diff != "" {
				t.Error("archived (-want +got):", diff)
			}
			s.checkRejected(t, c.want, c.event)
		})
	}
}

func marshal(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkRejected checks that one event is kept unchanged under rejected/, with the reason.
func (s *fixture) checkRejected(t testing.TB, want event.Rejection, original string) {
	t.Helper()
	objects := s.objects(t, "rejected/")
	if len(objects) != 1 || strings.Count(objects[0], "\n") != 1 {
		t.Fatalf("rejected events kept: %.200q", objects)
	}
	var kept struct {
		event.Rejection
		Original string `json:"original"`
		Bytes    []byte `json:"original_base64"`
	}
	if err := json.Unmarshal([]byte(objects[0]), &kept); err != nil {
		t.Fatal(err)
	}
	if kept.Rejection != want {
		t.Errorf("kept with the reason %+v, want %+v", kept.Rejection, want)
	}
	if kept.Original+string(kept.Bytes) != original {
		t.Errorf("kept as %.200q, want %.200q", kept.Original+string(kept.Bytes), original)
	}
}

// TestJustGood checks that ingest accepts, unchanged, events just within the limits and events that only later layers
// may skip.
func TestJustGood(t *testing.T) {
	for _, c := range []struct{ name, event string }{
		{"32 levels", with(nested(32))},
		{"a number of 40 characters", with(strings.Repeat("1", 40))},
		{"256 KB", sized(256 << 10)},
		{"a number outside the decimals", with("1e300")},
		{"more decimals than there are", with("0.0000000000000000000000000000001")},
		{"a value of 3 KB", with(`"` + strings.Repeat("k", 3000) + `"`)},
		{"an id of 128 bytes", strings.Replace(good(1), "good-1", strings.Repeat("i", 128), 1)},
		{"any text", with(`"\u0000 \\ \" \ud834\udd1e <&> ` + "\u2028" + `"`)},
		{
			"a time with fraction and offset",
			strings.Replace(good(1), `"type"`, `"time":"2015-05-17t10:05:03.123456789+23:59","type"`, 1),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			check(t, ok(`{"accepted":1,"rejected":[]}`), s.call(t, request("application/cloudevents+json", "", []byte(c.event))))
			if diff := cmp.Diff([]string{c.event}, s.archived(t)); diff != "" {
				t.Error("archived (-want +got):", diff)
			}
		})
	}
}

const (
	structuredType = "application/cloudevents+json"
	batchType      = "application/cloudevents-batch+json"
	linesType      = "application/x-ndjson"
)

const notPacked = "malformed request: compressed data corrupt: the body is not gzip; pack it, or leave " +
	"content-encoding out"

// TestBody checks the response to a body as a whole. Nothing of a refused body is kept.
func TestBody(t *testing.T) {
	malformed := func(detail string) string {
		return problem(400, `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/malformed_request.md","status":400,"code":"malformed_request","title":"Bad Request","detail":`+marshal(t, detail)+`}`)
	}
	tooLarge := func(detail string) string {
		return problem(
			413,
			`{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/request_too_large.md","status":413,"code":"request_too_large","title":"Request Entity Too Large","detail":`+marshal(
				t, "request too large: "+detail,
			)+`}`,
		)
	}
	const most = "the maximum of the decoded body is 4194304 bytes: decoded data too large: "
	none := ok(`{"accepted":0,"rejected":[]}`)
	many := strings.Repeat(good(1)+"\n", 1001)
	array := "[" + strings.Repeat(good(1)+",", 1000) + good(1) + "]"
	huge := []byte(strings.Repeat(" ", 4<<20-len(good(1))) + good(1))
	for _, c := range []struct {
		name, contentType, encoding string
		body                        []byte
		want                        string
	}{
		{"an empty array", batchType, "", []byte(" [ ] "), none},
		{"no lines", linesType, "", nil, none},
		{"blank lines", linesType, "", []byte("\n\r\n \n"), none},
		{
			"no event", structuredType, "", nil,
			malformed("malformed request: malformed body: byte 0 (line 1): need '{': the body is one event, got the end"),
		},
		{
			"an array for an event", structuredType, "", []byte("[]"),
			malformed("malformed request: malformed body: byte 0 (line 1): need '{': the body is one event (an array is " +
				"application/cloudevents-batch+json), got '['"),
		},
		{
			"an event for an array", batchType, "", []byte(good(1)),
			malformed("malformed request: malformed body: byte 0 (line 1): need '[': the body is an array of events (one " +
				"event is application/cloudevents+json), got '{'"),
		},
		{
			"broken JSON in an array", batchType, "", []byte("[" + good(1) + ",\n{]"),
			malformed("malformed request: malformed body: byte 78 (line 2): need a member's name in double quotes, got ']'"),
		},
		{
			"something after the array", batchType, "", []byte("[" + good(1) + "]x"),
			malformed("malformed request: malformed body: byte 76 (line 1): need nothing after the array of events, got 'x'"),
		},
		{
			"a byte order mark", structuredType, "", []byte("\xef\xbb\xbf" + good(1)),
			malformed(
				"malformed request: malformed body: byte 0 (line 1): need '{': the body is one event, got a byte order mark",
			),
		},
		{
			"1,001 lines",
			linesType,
			"",
			[]byte(many),
			tooLarge("too many events: the maximum for one body is 1000; split them over several requests"),
		},
		{
			"1,001 events in an array",
			batchType,
			"",
			[]byte(array),
			tooLarge("too many events: the maximum for one body is 1000; split them over several requests"),
		},
		{
			"1,000 lines",
			linesType,
			"gzip",
			gzipped(t, []byte(strings.Repeat(good(1)+"\n", 1000))),
			ok(`{"accepted":1000,"rejected":[]}`),
		},
		{"4 MB", linesType, "", huge, ok(`{"accepted":1,"rejected":[]}`)},
		{
			"4 MB and a byte",
			linesType,
			"",
			append([]byte(" "), huge...),
			tooLarge(most + "4194305 bytes; the maximum is 4194304"),
		},
		{"4 MB, gzip", linesType, "gzip", gzipped(t, huge), ok(`{"accepted":1,"rejected":[]}`)},
		{
			"4 MB and a byte, gzip",
			linesType,
			"gzip",
			gzipped(t, append([]byte(" "), huge...)),
			tooLarge(most + "more than 4194304 bytes"),
		},
		{"4 MB, zstd", linesType, "zstd", framed(t, huge), ok(`{"accepted":1,"rejected":[]}`)},
		{
			"4 MB and a byte, zstd",
			linesType,
			"zstd",
			framed(t, append([]byte(" "), huge...)),
			tooLarge(most + "a zstd frame of 4194305 bytes; the maximum is 4194304"),
		},
		{
			"4 MB and a byte, zstd of no known size",
			linesType,
			"zstd",
			streamed(t, append([]byte(" "), huge...)),
			tooLarge(most + "more than 4194304 bytes"),
		},
		{
			"4 MB and a byte, in two zstd frames", linesType, "zstd",
			append(framed(t, huge[:2<<20]), framed(t, append([]byte(" "), huge[2<<20:]...))...),
			tooLarge(most + "more than 4194304 bytes"),
		},
		{
			"a zstd window of 16 MB", linesType, "zstd", streamed(t, make([]byte, 20<<20), zstd.WithWindowSize(16<<20)),
			tooLarge(most + "the zstd window is above the maximum of 8388608 bytes"),
		},
		{
			"several gzip members",
			linesType,
			"gzip",
			append(gzipped(t, []byte(good(1)+"\n")), gzipped(t, []byte(good(2)))...),
			ok(`{"accepted":2,"rejected":[]}`),
		},
		{
			"not gzip",
			linesType,
			"gzip",
			[]byte(good(1)),
			malformed(notPacked),
		},
		{"nothing as gzip", linesType, "gzip", nil, malformed(notPacked)},
		{"not zstd", linesType, "zstd", []byte(good(1)), malformed(strings.Replace(notPacked, "gzip", "zstd", 1))},
		{"nothing as zstd", linesType, "zstd", nil, malformed(strings.Replace(notPacked, "gzip", "zstd", 1))},
		{"gzip as zstd", linesType, "zstd", gzipped(t, []byte(good(1))), malformed(
			strings.Replace(notPacked, "gzip", "zstd", 1))},
		{"zstd as gzip", linesType, "gzip", framed(t, []byte(good(1))), malformed(notPacked)},
		{
			"truncated gzip", linesType, "gzip", gzipped(t, []byte(good(1)))[:40],
			malformed("malformed request: compressed data corrupt: the gzip data ends too early; send the whole body"),
		},
		{
			"gzip without its checksum", linesType, "gzip",
			bytes.TrimSuffix(gzipped(t, []byte(good(1))), gzipped(t, []byte(good(1)))[len(gzipped(t, []byte(good(1))))-8:]),
			malformed("malformed request: compressed data corrupt: the gzip data ends too early; send the whole body"),
		},
		{
			"garbage after gzip", linesType, "gzip", append(gzipped(t, []byte(good(1))), "garbage, more than a header"...),
			malformed("malformed request: compressed data corrupt: the gzip data is damaged, or something else follows it " +
				"(gzip: invalid header)"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			check(t, c.want, s.call(t, request(c.contentType, c.encoding, c.body)))
			if !strings.HasPrefix(c.want, "200") && len(s.objects(t, "events/dt=")) != 0 {
				t.Error("a part of the refused body is kept")
			}
		})
	}
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"truncated zstd", framed(t, []byte(good(1)))[:40]},
		{"garbage after zstd", append(framed(t, []byte(good(1))), "garbage"...)},
		{"zstd with another checksum", corrupted(framed(t, []byte(good(1))))},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			response := s.call(t, request(linesType, "zstd", c.body))
			want := `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/malformed_request.md","status":400,"code":"malformed_request","title":"Bad Request","detail":"malformed request: compressed ` +
				`data corrupt: zstd`
			if response.StatusCode != 400 || !strings.HasPrefix(response.Body, want) || len(s.objects(t, "events/dt=")) != 0 {
				t.Error(responseText(response))
			}
		})
	}
}

// corrupted returns data with another last byte.
func corrupted(data []byte) []byte {
	data[len(data)-1]++
	return data
}

// TestBase64Flag checks that the flag alone decides whether a body is base64.
func TestBase64Flag(t *testing.T) {
	s := newFixture(t)
	r := captured(t, "plain.json")
	r.IsBase64Encoded = true
	check(t, problem(400, `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/malformed_request.md","status":400,"code":"malformed_request","title":"Bad Request",`+
		`"detail":"body is not valid base64: illegal base64 data at input byte 0"}`), s.call(t, r))
	r = captured(t, "gzip.json")
	r.IsBase64Encoded = false
	check(t, problem(400, `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/malformed_request.md","status":400,"code":"malformed_request","title":"Bad Request",`+
		`"detail":"malformed request: compressed data corrupt: `+
		`the body is not gzip; pack it, or leave content-encoding out"}`), s.call(t, r))
	if kept := s.archived(t); len(kept) != 0 {
		t.Errorf("kept %q", kept)
	}
}

// TestAllRejected checks the response if all events are rejected.
func TestAllRejected(t *testing.T) {
	s := newFixture(t)
	response := s.call(t, request(batchType, "", []byte(`[1,{"id":"a"}]`)))
	check(t, problem(422, `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/no_event_accepted.md","status":422,"code":"no_event_accepted","title":"Unprocessable Entity",`+
		`"detail":"every event is invalid; the member rejected gives the reasons",`+
		`"accepted":0,"rejected":[{"index":0,"code":"malformed_json","detail":"an event must be a JSON object; this is a `+
		`number"},`+
		`{"index":1,"id":"a","code":"missing_attribute","pointer":"/specversion","detail":"the event has no specversion; `+
		`specversion, id, source and type are required"}]}`),
		response)
	if objects := s.objects(t, "events/dt="); len(objects) != 0 {
		t.Errorf("archived %q", objects)
	}
	if objects := s.objects(t, "rejected/"); len(objects) != 1 || strings.Count(objects[0], "\n") != 2 {
		t.Errorf("kept as rejected: %q", objects)
	}
}

// TestMemory checks that the memory for a request stays within a fixed bound, whatever its body contains or claims. The
// bodies of this test try to take far more.
func TestMemory(t *testing.T) {
	const megabyte = 1 << 20
	zeros := make([]byte, 64*megabyte)
	bomb := streamed(t, zeros)
	frame := framed(t, zeros)
	gzipBomb := bytes.Repeat(gzipped(t, zeros[:4*megabyte]), 16) // members one after another are one body
	random := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name, contentType, encoding string
		body                        []byte
		status                      int
		most                        uint64 // megabytes
	}{
		{"a gzip bomb of 64 MB", linesType, "gzip", gzipBomb, 413, 24},
		{"a zstd bomb of 64 MB", linesType, "zstd", bomb, 413, 96},
		{"64 zstd frames of 4 MB", linesType, "zstd", bytes.Repeat(framed(t, zeros[:4*megabyte]), 64), 413, 96},
		{
			"64 zstd frames of 4 MB without their size", linesType, "zstd", bytes.Repeat(streamed(t, zeros[:4*megabyte]), 64),
			413, 96,
		},
		{"a zstd bomb that says so", linesType, "zstd", frame, 413, 4},
		{
			"a zstd frame that claims a petabyte", linesType, "zstd",
			[]byte("\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x04\x00\x01\x00\x00"), 413, 4,
		},
		{"4 MB of brackets", structuredType, "gzip", gzipped(t, bytes.Repeat([]byte("["), 4*megabyte)), 400, 24},
		{"4 MB of objects in objects", linesType, "gzip", gzipped(t, bytes.Repeat([]byte(`{"a":`), 4*megabyte/5)), 422, 128},
		{"4 MB of quotes", linesType, "gzip", gzipped(t, bytes.Repeat([]byte(`"`), 4*megabyte)), 422, 128},
		{"4 MB of line ends", linesType, "gzip", gzipped(t, bytes.Repeat([]byte("\n"), 4*megabyte)), 200, 24},
		{"4 MB of short lines", linesType, "gzip", gzipped(t, bytes.Repeat([]byte("x\n"), 2*megabyte)), 413, 24},
		{"4 MB of white space in 16 events", linesType, "gzip", gzipped(t, spacious(16, 4*megabyte)), 200, 48},
		{"4 MB of member names", linesType, "gzip", gzipped(t, named(random, 16, 4*megabyte)), 422, 128},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			r := request(c.contentType, c.encoding, c.body)
			allocated, response := allocatedBy(t, s, r)
			contract.Check(t, r, response)
			if response.StatusCode != c.status {
				t.Errorf("response is %.300s", responseText(response))
			}
			if allocated > c.most*megabyte {
				t.Errorf("%d MB allocated; maximum is %d", allocated/megabyte, c.most)
			}
			t.Logf("%d KB in, %.1f MB allocated", len(r.Body)>>10, float64(allocated)/megabyte)
		})
	}
}

// allocatedBy returns how many bytes the handler alone allocates for a request, without the checks of the test.
func allocatedBy(
	t *testing.T, s *fixture, r events.APIGatewayV2HTTPRequest,
) (uint64, events.APIGatewayV2HTTPResponse) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	response, err := s.Handle(context.Background(), r)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	return after.TotalAlloc - before.TotalAlloc, response
}

// spacious returns n good events with white space between all tokens.
func spacious(n, size int) []byte {
	var out []byte
	for i := range n {
		e := good(i)
		pad := strings.Repeat(" ", (size/n-len(e)-1)/8)
		out = append(out, strings.ReplaceAll(e, `,"`, pad+`,`+pad+`"`)...)
		out = append(out, '\n')
	}
	return out
}

// named returns n events of many members, whose names are all different.
func named(random *rand.Rand, n, size int) []byte {
	var out []byte
	for range n {
		out = append(out, '{')
		for end := len(out) + size/n - 32; len(out) < end; {
			out = fmt.Appendf(out, `"%x":1,`, random.Uint32())
		}
		out = append(out, `"z":1}`+"\n"...)
	}
	return out
}
