package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// events returns n lines with the ids e0001 and up.
func events(n int) (text string, ids []string) {
	var b strings.Builder
	for i := range n {
		id := fmt.Sprintf("e%04d", i+1)
		ids = append(ids, id)
		fmt.Fprintf(&b, `{"id":%q,"padding":"%d"}`+"\n", id, i*i)
	}
	return b.String(), ids
}

func file(t testing.TB, name string, content []byte) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(t testing.TB, text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdPacked(t testing.TB, text string) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(text), nil)
}

func TestSendInputs(t *testing.T) {
	text, ids := events(1234)
	inputs := map[string]func(*session) string{
		"ndjson":    func(*session) string { return file(t, "e.ndjson", []byte(text)) },
		"gzip":      func(*session) string { return file(t, "e.ndjson.gz", gzipped(t, text)) },
		"zstd":      func(*session) string { return file(t, "e.ndjson.zst", zstdPacked(t, text)) },
		"stdin":     func(s *session) string { s.stdin = strings.NewReader(text); return "-" },
		"stdinGzip": func(s *session) string { s.stdin = bytes.NewReader(gzipped(t, text)); return "-" },
		"stdinZstd": func(s *session) string { s.stdin = bytes.NewReader(zstdPacked(t, text)); return "-" },
	}
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			server, s := newFakeServer(t), newSession()
			s.do(t, exitOK, "send", input(s), "--url", server.URL)
			if diff := cmp.Diff(ids, server.ids()); diff != "" {
				t.Error(diff)
			}
			if server.asked() != 3 {
				t.Errorf("%d requests, want 3", server.asked())
			}
			if s.err.Len() > 0 {
				t.Errorf("stderr of a run without errors or a terminal: %s", &s.err)
			}
			sums(t, s, "accepted 1234", "rejected 0", "requests 3", "retries 0", "seconds 0.000")
		})
	}

	t.Run("Several", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		half := strings.Index(text, `{"id":"e0600"`)
		s.stdin = strings.NewReader(text[half:])
		s.do(
			t,
			exitOK,
			"send",
			file(t, "a.gz", gzipped(t, text[:half])),
			"-",
			"--batch=1000",
			"--concurrency=1",
			"--url",
			server.URL,
		)
		if diff := cmp.Diff(ids, server.arrived()); diff != "" {
			t.Error("not in order: " + diff)
		}
	})

	t.Run("Nothing", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		s.do(t, exitOK, "send", "-", "--url", server.URL)
		if sums(t, s, "accepted 0", "requests 0"); server.asked() != 0 {
			t.Error("asked the server for nothing")
		}
		says(t, &s.err, "stdin has no events: it is empty, or all its lines are blank\n")
	})

	t.Run("OneOfThemIsEmpty", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		blank, packed := file(t, "blank", []byte("\n \r\n\n")), file(t, "packed", gzipped(t, ""))
		s.do(t, exitOK, "send", blank, file(t, "e.ndjson", []byte(text)), packed, "--url", server.URL)
		says(t, &s.err, blank+" has no events", packed+" has no events")
		if sums(t, s, "accepted 1234"); strings.Count(s.err.String(), "\n") != 2 {
			t.Errorf("stderr: %s", &s.err)
		}
	})
}

// TestSendSample sends the whole sample.
func TestSendSample(t *testing.T) {
	server, s := newFakeServer(t), newSession()
	s.do(t, exitOK, "send", "../../localstack/sample/web-requests.ndjson.gz", "--url", server.URL)
	ids := server.ids()
	if len(slices.Compact(ids)) != 9999 {
		t.Errorf("%d identities arrived, want 9999", len(slices.Compact(ids)))
	}
	sums(t, s, "accepted 9999", "requests 20")
}

func TestSendRejections(t *testing.T) {
	text, _ := events(4)
	text += `{"id":"bad one","reject":"no_type"}` + "\n\n" + `{"id":` + "\n" + strings.Repeat(
		"x",
		300<<10,
	) + "\n" + `{"id":"\u001b[2J","reject":"no_type"}`

	t.Run("Some", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		name := file(t, "e.ndjson", []byte(text))
		s.do(t, exitRejected, "send", name, "--url", server.URL)
		want := strings.ReplaceAll(`FILE:5: bad one no_type /reject rejected on request
FILE:7: - malformed - not JSON
FILE:8: - too_large - the line has 307200 bytes, the maximum is 262144; not sent
FILE:9: \x1b[2J no_type /reject rejected on request
`, "FILE", name)
		if diff := cmp.Diff(want, s.err.String()); diff != "" {
			t.Error(diff)
		}
		sums(t, s, "accepted 4", "rejected 4", "malformed 1", "no_type 2", "too_large 1", "requests 1")
	})

	t.Run("All", func(t *testing.T) { // 422 is a valid answer
		server, s := newFakeServer(t), newSession()
		s.stdin = strings.NewReader(strings.Repeat(`{"specversion":"1.0","id":"a","reject":"no_type"}`+"\n", 30))
		s.do(t, exitRejected, "send", "-", "--batch=7", "--url", server.URL)
		sums(t, s, "accepted 0", "rejected 30", "requests 5", "retries 0")
		if says(t, &s.err, "stdin:1: a no_type", "stdin:20: a no_type", "and 10 more (--verbose names all)\n"); strings.Count(
			s.err.String(),
			"stdin:",
		) != 20 {
			t.Errorf("not 20 of 30 named:\n%s", &s.err)
		}
	})

	t.Run("Verbose", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		s.stdin = strings.NewReader(strings.Repeat(`{"specversion":"1.0","id":"a","reject":"no_type"}`+"\n", 30))
		s.do(t, exitRejected, "send", "-", "--verbose", "--url", server.URL)
		if says(t, &s.err, "stdin:30: a"); strings.Count(s.err.String(), "\n") != 30 {
			t.Errorf("not 30 of 30 named:\n%s", &s.err)
		}
	})
}

// TestSendOtherForms checks that send stops at a file of which the server accepts nothing, and says what it looks like
// and how to send it.
func TestSendOtherForms(t *testing.T) {
	const (
		wrapped = ` 'foreach inputs as $e (0; . + 1; ` +
			`{specversion: "1.0", id: "\(.)", source: "NAME", type: "KIND", data: DATA})'`
		csv = "date,item,price\n" + "2026-03-01,lamp,12.50\n"
	)
	many := func(line string) string { return strings.Repeat(line, 2000) }
	wrap := func(kind, data string) string {
		return strings.NewReplacer("KIND", kind, "DATA", data).Replace(wrapped) + " | anabranch send -"
	}
	for name, c := range map[string]struct{ text, like, how string }{
		"sales.csv": {many(csv), "CSV.", "cat FILE | mlr --icsv --ojsonl cat | jq -cn" + wrap("sales", "$e")},
		"eu.csv": {
			many("datum;preis\n1.3.;12,50\n"), "CSV with semicolons",
			"mlr --icsv --ifs ';' --ojsonl cat | jq -cn",
		},
		"sales.tsv":  {many("a\tb\n1\t2\n"), "columns with tabs", "cat FILE | mlr --itsv --ojsonl cat | jq -cn"},
		"quoted.csv": {many("a,b\n\"x, y\",2\n"), "CSV.", "mlr --icsv"},
		"array.json": {
			"[\n" + many("  {\n    \"id\": \"a\",\n\"n\": 1\n  },\n") + "{}]", "a JSON array",
			"cat FILE | jq -c '.[]' | anabranch send -",
		},
		"line.json": {
			"[" + many(`{"id":"a"},`) + "{}]", "a JSON array",
			"cat FILE | jq -c '.[]' | anabranch send -",
		},
		"huge.json": {"[" + strings.Repeat(many(`{"id":"a"},`), 20) + "{}]", "a JSON array", "jq -c '.[]'"},
		"pretty.json": {
			many("{\n  \"n\": 1\n}\n"), "JSON over several lines",
			"cat FILE | jq -c . | anabranch send -",
		},
		"orders.ndjson": {
			many(`{"reject":"no","n":1}` + "\n"), "lines of JSON that are no CloudEvents",
			"cat FILE | jq -cn" + wrap("orders", "$e"),
		},
		"mark.ndjson": {"\ufeff" + many(`{"reject":"no","b":2}`+"\n"), "lines of JSON", "cat FILE | jq -cn"},
		"access.log": {
			many("127.0.0.1 GET /\n"), "lines of text",
			"cat FILE | jq -cnR" + wrap("access", "{line: $e}"),
		},
		"page.html": {many("<html>\n"), "XML or HTML", "write each element as one CloudEvent"},
		"utf16.ndjson": {
			"\xff\xfe" + many("{\x00}\x00\n\x00"), "UTF-16 text",
			"cat FILE | iconv -f UTF-16 -t UTF-8 | anabranch send -",
		},
		"book.xlsx":  {"PK\x03\x04" + many("\x00\n"), "a ZIP archive, or a workbook", "save the sheet as CSV"},
		"a.bz2":      {"BZh9" + many("1\n"), "a file of bzip2", "cat FILE | bunzip2 -c | anabranch send -"},
		"a.parquet":  {"PAR1" + many("\x01\n"), "Parquet", "export its records as lines of JSON"},
		"random.bin": {many("\xfe\x00\x81\n"), "binary data", "export its records as lines of JSON"},
		"elf":        {"\x7fELF" + many("\x02\n"), "binary data", "export its records"},
		"utf16le": {
			many("{\x00}\x00\n\x00"), "UTF-16 text",
			"cat FILE | iconv -f UTF-16LE -t UTF-8 | anabranch send -",
		},
		"utf16be": {
			many("\x00{\x00}\x00\n"), "UTF-16 text",
			"cat FILE | iconv -f UTF-16BE -t UTF-8 | anabranch send -",
		},
		"utf32":    {"\xff\xfe\x00\x00" + many("{\x00\x00\x00\n\x00\x00\x00"), "UTF-32 text", "iconv -f UTF-32 -t UTF-8"},
		"old.json": {many("{\"reject\":\"\xe9\"}\n"), "text that is not UTF-8", "cat FILE | iconv -f WINDOWS-1252 -t UTF-8"},
		"a.json-seq": {
			many("\x1e{\"reject\":\"no\"}\n"), "a JSON text sequence (RFC 7464)",
			`cat FILE | tr -d '\036' | jq -c . | anabranch send -`,
		},
		"pretty.json-seq": {many("\x1e{\n\"n\": 1\n}\n"), "a JSON text sequence", `tr -d '\036' | jq -c .`},
		"a.7z":            {"7z\xbc\xaf\x27\x1c" + many("\x00\n"), "a 7-Zip archive", "unpack it"},
		"a.tar": {
			"a" + strings.Repeat("\x00", 256) + "ustar" + many("\x00\n"), "a tar archive",
			"cat FILE | tar -xOf -",
		},
		"a.lz4":  {"\x04\"M\x18" + many("a\n"), "a file of lz4", "cat FILE | lz4 -dc"},
		"a.sz":   {"\xff\x06\x00\x00sNaPpY" + many("a\n"), "a file of Snappy", "pack it with gzip or zstd"},
		"a.avro": {"Obj\x01" + many("a\n"), "Avro", "export its records"},
		"a.db":   {"SQLite format 3\x00" + many("a\n"), "a SQLite database", "export its records"},
		"a.pdf":  {"%PDF-1.7\n" + many("a\n"), "a PDF", "export its records"},
		"strings.ndjson": {
			many(`"{\"id\":1}"` + "\n"), "JSON within strings",
			"cat FILE | jq -c fromjson | anabranch send -",
		},
		"trail.json": {
			`{"reject":[` + many(`{"a":1},`) + "{}]}", "an object around an array",
			`cat FILE | jq -c '.["reject"][]' | anabranch send -`,
		},
		"pretty-trail.json": {
			"{\n  \"it's\": [\n" + many("{\"a\":\n1},\n") + "{}]}", "an object around an array",
			`cat FILE | jq -c '.["it'\''s"][]' | anabranch send -`,
		},
		"joined.json": {
			many(`{"reject":"no"}{"reject":"no"}` + "\n"), "several objects on a line",
			"cat FILE | jq -c . | anabranch send -",
		},
		"one-line.json": {many(`{"a":1}`), "several objects on a line", "jq -c ."},
		"mac.ndjson":    {many("{\"a\":1}\r"), "several objects on a line", "jq -c ."},
		"commas.json": {
			many(`{"specversion":"1.0"},` + "\n"), "objects with commas between them",
			`cat FILE | sed 's/,[[:space:]]*$//' | anabranch send -`,
		},
		"events.txt": {
			many("event: a\ndata: {}\n\n"), "server-sent events",
			`cat FILE | sed -n 's/^data: *//p' | anabranch send -`,
		},
		"data.txt": {many("data: {}\n\n"), "server-sent events", "sed -n"},
	} {
		t.Run(name, func(t *testing.T) {
			server, s := newFakeServer(t), newSession()
			path := file(t, name, []byte(c.text))
			s.do(t, exitRejected, "send", path, "--url", server.URL)
			says(t, &s.err, path+" looks like "+c.like, strings.NewReplacer("FILE", path, "NAME", path).Replace(c.how))
			if server.asked() > 1 || strings.Count(s.err.String(), "\n") > 10 {
				t.Errorf("%d requests:\n%s", server.asked(), &s.err)
			}
			if strings.Count(c.text, "\n") > 500 {
				says(t, &s.err, "anabranch: "+path+
					": the server accepted none of the first 500 lines, so send stopped there\n")
			}
		})
	}

	t.Run("Packed", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		path := file(t, "it's a.csv.gz", gzipped(t, many(csv)))
		s.do(t, exitRejected, "send", path, "--url", server.URL)
		says(t, &s.err, "    gzip -dc '"+strings.ReplaceAll(path, "'", `'\''`)+"' | mlr", `it_s_a.csv.gz", type: "it_s_a"`)
	})
	t.Run("PackedTwice", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		path := file(t, "twice.gz", gzipped(t, string(gzipped(t, many(csv)))))
		s.do(t, exitRejected, "send", path, "--url", server.URL)
		says(t, &s.err, path+" looks like gzip within", "    gzip -dc "+path+" | gzip -dc | anabranch send -\n")
	})
	t.Run("Piped", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		s.stdin = bytes.NewReader(zstdPacked(t, "["+many("\n")))
		s.do(t, exitRejected, "send", "-", "--url", server.URL)
		says(t, &s.err, "stdin looks like a JSON array", "    ... | zstd -dc | jq -c '.[]' | anabranch send -\n")
	})
	t.Run("TheSecondFile", func(t *testing.T) { // what came before is sent, what comes behind is not
		server, s := newFakeServer(t), newSession()
		text, ids := events(1200)
		good, bad := file(t, "good.ndjson", []byte(text)), file(t, "bad.csv", []byte(many(csv)))
		s.do(t, exitRejected, "send", good, bad, good, "--url", server.URL)
		if diff := cmp.Diff(ids, server.ids()); diff != "" {
			t.Error(diff)
		}
		says(t, &s.err, bad+" looks like CSV", "so send stopped there; 1200 events were acknowledged")
	})
	t.Run("SmallFiles", func(t *testing.T) { // each fits into a request: nothing is left to stop
		server, s := newFakeServer(t), newSession()
		good, bad := file(t, "good.ndjson", []byte(`{"id":"a"}`)), file(t, "bad.csv", []byte(csv))
		s.do(t, exitRejected, "send", bad, good, bad, "--url", server.URL)
		if sums(t, s, "accepted 1", "rejected 4"); strings.Count(s.err.String(), " looks like CSV") != 2 {
			t.Errorf("%s", &s.err)
		}
	})
	t.Run("FewEvents", func(t *testing.T) { // the first of them may be rejected by accident
		server, s := newFakeServer(t), newSession()
		text, _ := events(3)
		s.stdin = strings.NewReader(`{"specversion":"1.0","id":"x","reject":"no_type"}` + "\n" + text)
		s.do(t, exitRejected, "send", "-", "--batch=1", "--url", server.URL)
		if sums(t, s, "accepted 3", "rejected 1"); strings.Contains(s.err.String(), "looks like") {
			t.Errorf("%s", &s.err)
		}
	})
	t.Run("ManyEvents", func(t *testing.T) { // all for the same reason: their form is right, so nothing is said of it
		server, s := newFakeServer(t), newSession()
		s.stdin = strings.NewReader(many(`{"specversion":"1.0","id":"x","reject":"no_type"}` + "\n"))
		s.do(t, exitRejected, "send", "-", "--url", server.URL)
		says(t, &s.err, "stdin:20: x no_type", "and 480 more", "none of the first 500 lines, so send stopped there\n")
		if server.asked() != 1 || strings.Contains(s.err.String(), "looks like") {
			t.Errorf("%d requests:\n%s", server.asked(), &s.err)
		}
	})
}

// TestSendSkipsByteOrderMarks checks that the mark with which some programs begin a file is not part of its first
// event.
func TestSendSkipsByteOrderMarks(t *testing.T) {
	const mark = "\ufeff"
	text, ids := events(3)
	server, s := newFakeServer(t), newSession()
	s.stdin = strings.NewReader(mark + `{"id":"from stdin"}`)
	s.do(t, exitOK, "send", file(t, "a", []byte(mark+text)), file(t, "b.gz", gzipped(t, mark+`{"id":"packed"}`)),
		file(t, "c", []byte(mark)), file(t, "d", []byte(mark+"\r\n"+`{"id":"after a blank line"}`)),
		"-", "--url", server.URL)
	want := append([]string{"after a blank line"}, append(ids, "from stdin", "packed")...)
	if diff := cmp.Diff(want, server.ids()); diff != "" {
		t.Error(diff)
	}
	long := `{"id":"` + strings.Repeat("x", 256<<10-9) + `"}` // as long as a line may be, without the mark
	server, s = newFakeServer(t), newSession()
	s.do(t, exitOK, "send", file(t, "long", []byte(mark+long)), "--url", server.URL)
}

// TestSendRetries checks that transient faults cost attempts, but no event is lost or changed.
func TestSendRetries(t *testing.T) {
	text, ids := events(1000)
	server, s := newFakeServer(t), newSession()
	server.faults = []http.HandlerFunc{status(503, "Retry-After", "5"), reset, server.swallowed, status(429), status(502)}
	s.stdin = strings.NewReader(text)
	s.do(t, exitOK, "send", "-", "--concurrency=1", "--url", server.URL)
	if diff := cmp.Diff(ids, slices.Compact(server.ids())); diff != "" {
		t.Error(diff)
	}
	for i := range 5 {
		if !bytes.Equal(server.request(0), server.request(i+1)) {
			t.Errorf("attempt %d has other bytes", i+2)
		}
	}
	ms := time.Millisecond
	if diff := cmp.Diff([]time.Duration{5000 * ms, 250 * ms, 500 * ms, 1000 * ms, 2000 * ms}, s.waits); diff != "" {
		t.Error(diff)
	}
	sums(t, s, "accepted 1000", "requests 2", "retries 5", "seconds 8.750", "events/s 114")
	if says(t, &s.err, "503 Service Unavailable; trying again in 5s (further attempts are only counted)\n"); strings.Count(
		s.err.String(),
		"\n",
	) != 1 {
		t.Errorf("more than one line:\n%s", &s.err)
	}
}

func TestSendVerboseNamesEveryRetry(t *testing.T) {
	server, s := newFakeServer(t, status(503), status(503)), newSession()
	s.stdin = strings.NewReader(`{"id":"a"}`)
	s.do(t, exitOK, "send", "-", "--verbose", "--url", server.URL)
	if strings.Count(s.err.String(), "trying again in") != 2 {
		t.Errorf("not two lines:\n%s", &s.err)
	}
}

func TestSendGivesUp(t *testing.T) {
	text, _ := events(1500)
	const safe = "you can safely send everything again now: copies of an event count once"

	t.Run("ServerFails", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { server.respond(w, server.request(0)) })
		server.faults = append(
			[]http.HandlerFunc{ok},
			slices.Repeat([]http.HandlerFunc{fixed(500, "text/plain", "boom")}, 8)...)
		s.stdin = strings.NewReader(text)
		s.do(t, exitUnreachable, "send", "-", "--concurrency=1", "--url", server.URL)
		says(
			t,
			&s.err,
			"anabranch: gave up after 8 attempts: 500 Internal Server Error: boom; 500 events were acknowledged; "+safe,
		)
		sums(t, s, "accepted 500", "requests 2", "retries 7")
	})

	t.Run("NobodyListens", func(t *testing.T) {
		server, s := newFakeServer(t), newSession()
		server.Close()
		s.stdin = strings.NewReader(text)
		s.do(t, exitUnreachable, "send", "-", "--url", server.URL)
		says(t, &s.err, "gave up after 8 attempts", "0 events were acknowledged", safe, `start one with "anabranch dev"`)
		sums(t, s, "accepted 0")
	})

	t.Run("RefusedWhole", func(t *testing.T) {
		server, s := newFakeServer(
			t,
			fixed(401, "application/problem+json", `{"title":"Unauthorized","detail":"no key"}`),
		), newSession()
		s.stdin = strings.NewReader(text)
		s.do(t, exitUnreachable, "send", "-", "--concurrency=1", "--url", server.URL)
		if says(t, &s.err, "anabranch: this server requires a key: set --key or ANABRANCH_KEY (401 Unauthorized: no key); "+
			"0 events"); server.asked() != 1 {
			t.Errorf("asked %d times", server.asked())
		}
	})

	t.Run("Slow", func(t *testing.T) { // an attempt that never ends before its deadline
		held := make(chan struct{})
		server, s := newFakeServer(
			t,
			func(_ http.ResponseWriter, r *http.Request) { close(held); <-r.Context().Done() },
		), newSession()
		first := true
		s.deadline = func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			if first {
				first = false
				go func() { <-held; cancel() }()
			}
			return ctx, cancel
		}
		s.stdin = strings.NewReader(`{"id":"a"}`)
		s.do(t, exitOK, "send", "-", "--url", server.URL)
		sums(t, s, "accepted 1", "retries 1")
	})
}

// TestSendInterrupted checks that after Ctrl-C the open request finishes, and the summary counts it.
func TestSendInterrupted(t *testing.T) {
	text, ids := events(1500)
	server, s := newFakeServer(t), newSession()
	ctx, cancel := context.WithCancel(t.Context())
	server.faults = []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		server.respond(w, server.request(0))
	}}
	s.stdin = strings.NewReader(text)
	if code := s.run(ctx, []string{"send", "-", "--concurrency=1", "--url", server.URL}); code != exitUnreachable {
		t.Errorf("exit code %d, want %d", code, exitUnreachable)
	}
	if diff := cmp.Diff(ids[:500], server.ids()); diff != "" {
		t.Error(diff)
	}
	sums(t, s, "accepted 500", "requests 1")
	says(t, &s.err, "stopping; waiting for the open requests", "interrupted; 500 events were acknowledged")
}

func TestSendUnreadable(t *testing.T) {
	text, _ := events(600)
	missing := filepath.Join(t.TempDir(), "none.ndjson")

	t.Run("FoundBeforeAnythingIsSent", func(t *testing.T) {
		for name, bad := range map[string]string{"Missing": missing, "Folder": t.TempDir()} {
			t.Run(name, func(t *testing.T) {
				server, s := newFakeServer(t), newSession()
				s.do(t, exitUsage, "send", file(t, "e.ndjson", []byte(text)), bad, "--url", server.URL)
				if says(t, &s.err, bad); name == "Folder" {
					says(t, &s.err, "name the files in it: anabranch send "+bad+"/*")
				}
				if server.asked() != 0 {
					t.Error("sent something")
				}
			})
		}
	})

	t.Run("Truncated", func(t *testing.T) { // whole lines are sent; the cut line is not
		server, s := newFakeServer(t), newSession()
		packed := gzipped(t, text)
		s.do(t, exitUsage, "send", file(t, "e.ndjson.gz", packed[:len(packed)-30]), "--url", server.URL)
		accepted := len(server.ids())
		says(t, &s.err, fmt.Sprintf("after line %d: the gzip data ends too early: the file was cut short; copy or download "+
			"it again; %d events were acknowledged", accepted, accepted))
		if accepted == 0 || accepted >= 600 {
			t.Errorf("%d events accepted", accepted)
		}
	})

	t.Run("StdinTwice", func(t *testing.T) {
		s := newSession()
		s.do(t, exitUsage, "send", "-", "-")
		says(t, &s.err, "standard input can be read only once")
	})
}

// TestSendProgress checks that on a terminal, a bar shows count, rate and time left, and leaves nothing behind.
// Elsewhere there is none.
func TestSendProgress(t *testing.T) {
	text, _ := events(3000)
	server, s := newFakeServer(t), newSession()
	s.terminal, s.now = true, ticking()
	s.do(t, exitOK, "send", file(t, "e.ndjson", []byte(text)), "--batch=100", "--url", server.URL)
	says(t, &s.err, "accepted", "% |", "/s)", "[0s:")
	if tail := s.err.String()[strings.LastIndex(s.err.String()[:s.err.Len()-1], "\r")+1:]; strings.TrimSpace(tail) != "" {
		t.Errorf("leaves %q behind", tail)
	}

	s = newSession() // an empty file has no bar and is no error
	s.terminal, s.now = true, ticking()
	empty := file(t, "empty.ndjson", nil)
	s.do(t, exitOK, "send", empty, "--url", server.URL)
	if _, rest, _ := strings.Cut(s.err.String(), empty); strings.Count(rest, "\n") != 1 || strings.Contains(rest, "%") {
		t.Errorf("a bar for an empty file: %q", &s.err)
	}

	s = newSession()
	s.terminal, s.now = true, ticking()
	s.stdin = strings.NewReader(text + `{"id":"x","reject":"no_type"}`)
	s.do(t, exitRejected, "send", "-", "--batch=100", "--url", server.URL)
	says(t, &s.err, "accepted", "/s)", "\rstdin:3001: x no_type")
}

// ticking returns a clock that advances a second with each reading.
func ticking() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}
