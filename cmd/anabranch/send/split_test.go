package send_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/cmd/anabranch/send"
)

// tester is a test, a fuzz target or a rapid check.
type tester interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

// packings are the ways to store a text.
var packings = map[string]func(tester, string) []byte{
	"plain": func(_ tester, text string) []byte { return []byte(text) },
	"gzip":  gzipped,
	"zstd":  zstdPacked,
	"two gzip members": func(t tester, text string) []byte {
		return append(gzipped(t, text[:len(text)/2]), gzipped(t, text[len(text)/2:])...)
	},
	"zstd behind a skippable frame": func(t tester, text string) []byte {
		return append([]byte{0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'h', 'i'}, zstdPacked(t, text)...)
	},
}

func gzipped(t tester, text string) []byte {
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

func zstdPacked(t tester, text string) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(text), nil)
}

// counting is a source in memory that counts how often it was opened and closed.
type counting struct{ opened, closed int }

func (c *counting) source(name string, stored []byte) send.Source {
	return send.Source{Name: name, Size: int64(len(stored)), Open: func() (io.ReadCloser, error) {
		c.opened++
		return &closing{bytes.NewReader(stored), c}, nil
	}}
}

type closing struct {
	io.Reader
	of *counting
}

func (c *closing) Close() error { c.of.closed++; return nil }

// drain reads every batch, up to the error that ends them.
func drain(s *send.Splitter) (batches []send.Batch, err error) {
	for {
		b, err := s.Next()
		if err != nil {
			return batches, err
		}
		batches = append(batches, b)
	}
}

// expected returns what the splitter should read from a text. It computes it the simple way, whole in memory.
type expected struct {
	Origin  send.Origin
	Text    string
	TooLong bool
}

func reference(name, text string, limit int) (all []expected) {
	rows := strings.Split(text, "\n")
	if rows[len(rows)-1] == "" {
		rows = rows[:len(rows)-1]
	}
	for i, row := range rows {
		row = strings.TrimSuffix(row, "\r")
		e := expected{Origin: send.Origin{Name: name, Line: int64(i + 1)}, TooLong: len(row) > limit}
		if e.Text = strings.Trim(row, " \t\r"); e.TooLong {
			e.Text = ""
		}
		if e.TooLong || e.Text != "" {
			all = append(all, e)
		}
	}
	return all
}

// seen returns the content of the batches, in order.
func seen(t tester, batches []send.Batch) (all []expected) {
	for _, b := range batches {
		texts := strings.Split(string(b.Body), "\n")
		if len(texts) != len(b.Origins)+1 || texts[len(b.Origins)] != "" {
			t.Fatalf("%d origins for %d lines", len(b.Origins), len(texts)-1)
		}
		long := b.TooLong
		for i, origin := range b.Origins {
			for len(long) > 0 && long[0].Before == i {
				all, long = append(all, expected{Origin: long[0].Origin, TooLong: true}), long[1:]
			}
			all = append(all, expected{Origin: origin, Text: texts[i]})
		}
		for _, u := range long {
			all = append(all, expected{Origin: u.Origin, TooLong: true})
		}
	}
	return all
}

// TestSplitProperty checks that every line that is not blank is sent exactly once, in order, in a request within the
// limits, and knows its origin.
func TestSplitProperty(t *testing.T) {
	names := []string{"plain", "gzip", "zstd", "two gzip members", "zstd behind a skippable frame"}
	piece := rapid.OneOf(
		rapid.StringMatching(
			`[a-z{}" ]{0,12}`,
		),
		rapid.StringMatching(`[a-z]{10,40}`),
		rapid.SampledFrom([]string{"", " ", "\t", "\r", "a\rb", "x"}),
	)
	ends := rapid.SampledFrom([]string{"\n", "\n", "\r\n", "\n\n"})
	rapid.Check(t, func(t *rapid.T) {
		limits := send.Limits{
			Events:     rapid.IntRange(1, 6).Draw(t, "events"),
			EventBytes: rapid.IntRange(1, 25).Draw(t, "event bytes"),
		}
		limits.Bytes = limits.EventBytes + rapid.IntRange(1, 60).Draw(t, "room")
		var opened counting
		var sources []send.Source
		var want []expected
		var stored int64
		for i := range rapid.IntRange(0, 4).Draw(t, "sources") {
			var text strings.Builder
			for _, p := range rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces") {
				text.WriteString(p + ends.Draw(t, "end"))
			}
			text.WriteString(piece.Draw(t, "last"))
			name := fmt.Sprint("file", i)
			packed := packings[rapid.SampledFrom(names).Draw(t, "packing")](t, text.String())
			stored += int64(len(packed))
			sources = append(sources, opened.source(name, packed))
			want = append(want, reference(name, text.String(), limits.EventBytes)...)
		}

		batches, err := drain(send.NewSplitter(sources, limits))
		if err != io.EOF {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, seen(t, batches)); diff != "" {
			t.Fatal(diff)
		}
		for i, b := range batches {
			if len(b.Origins) > limits.Events || len(b.Body) > limits.Bytes || len(b.TooLong) > limits.Events {
				t.Fatalf("batch %d has %d events, %d bytes, %d too long", i, len(b.Origins), len(b.Body), len(b.TooLong))
			}
			if i > 0 && len(b.Body) > 0 && len(batches[i-1].Origins) < limits.Events &&
				len(batches[i-1].TooLong) < limits.Events {
				first, _, _ := bytes.Cut(b.Body, []byte{'\n'})
				if len(batches[i-1].Body)+len(first)+1 <= limits.Bytes && len(b.TooLong) == 0 {
					t.Fatalf("batch %d was cut although the next line fits", i-1)
				}
			}
			if i > 0 && b.Read < batches[i-1].Read || b.Read > stored {
				t.Fatalf("batch %d says %d of %d bytes were read", i, b.Read, stored)
			}
		}
		if opened.opened != len(sources) || opened.closed != len(sources) {
			t.Fatalf("%d of %d sources opened, %d closed", opened.opened, len(sources), opened.closed)
		}
	})
}

func TestSplitAtTheLimits(t *testing.T) {
	long := strings.Repeat("x", 256<<10)
	tests := map[string]struct {
		text    string
		origins []int // number of origins of each batch
		tooLong int
	}{
		"EventOfExactlyTheLimit": {long + "\n" + long + "\r\n" + long, []int{3}, 0},
		"OneByteMore":            {long + "x\na\n" + long + "x\r\n", []int{1}, 2},
		"ManyEvents":             {strings.Repeat("{}\n", 2001), []int{1000, 1000, 1}, 0},
		"ManyBytes":              {strings.Repeat(long+"\n", 31), []int{15, 15, 1}, 0},
		"Blank":                  {"\n \n\r\n\t\n", nil, 0},
		"Empty":                  {"", nil, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var opened counting
			batches, err := drain(send.NewSplitter([]send.Source{opened.source("f", []byte(test.text))}, send.ServerLimits()))
			if err != io.EOF {
				t.Fatal(err)
			}
			var origins []int
			tooLong := 0
			for _, b := range batches {
				origins = append(origins, len(b.Origins))
				tooLong += len(b.TooLong)
				if len(b.Body) >= 4_000_000 {
					t.Errorf("a body of %d bytes", len(b.Body))
				}
			}
			if diff := cmp.Diff(test.origins, origins); diff != "" || tooLong != test.tooLong {
				t.Errorf("%d too long, want %d; events per batch: %s", tooLong, test.tooLong, diff)
			}
		})
	}
}

func TestTooLongLineIsNamed(t *testing.T) {
	var opened counting
	source := opened.source("f.ndjson", []byte("{}\n"+strings.Repeat("x", 300<<10)+"\n{}\n"))
	b, err := send.NewSplitter([]send.Source{source}, send.ServerLimits()).Next()
	if err != nil {
		t.Fatal(err)
	}
	want := []send.Unsent{
		{Before: 1, Rejection: send.Rejection{Origin: send.Origin{Name: "f.ndjson", Line: 2}, Code: send.TooLarge,
			Detail: "the line has 307200 bytes, the maximum is 262144; not sent"}},
	}
	if diff := cmp.Diff(want, b.TooLong); diff != "" {
		t.Error(diff)
	}
	if b.TooLong[0].Origin.String() != "f.ndjson:2" || len(b.Origins) != 2 || b.Origins[1].Line != 3 {
		t.Errorf("%v, %v", b.TooLong, b.Origins)
	}
}

// endless returns x until it has returned n bytes.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	n := min(len(p), e.left)
	for i := range n {
		p[i] = 'x'
	}
	if e.left -= n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestMemoryIsBounded checks that the splitter reads a line without end but does not keep it.
func TestMemoryIsBounded(t *testing.T) {
	const size = 128 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	batches, err := drain(send.NewSplitter([]send.Source{send.Stream("stdin", &endless{size})}, send.ServerLimits()))
	runtime.ReadMemStats(&after)
	if err != io.EOF || len(batches) != 1 || len(batches[0].TooLong) != 1 || batches[0].Read != size {
		t.Fatalf("%v, %+v", err, batches)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes allocated for a line of %d", used, size)
	}
}

func TestInputErrors(t *testing.T) {
	broken := errors.New("disk on fire")
	many := gzipped(t, strings.Repeat(`{"a":"b"}`+"\n", 100_000))
	tests := map[string]struct {
		source send.Source
		line   bool // whether lines precede the error
		says   string
	}{
		"CannotOpen": {
			send.Source{Name: "f", Open: func() (io.ReadCloser, error) { return nil, broken }},
			false,
			"read f: disk on fire",
		},
		"CannotRead": {
			send.Stream("f", io.MultiReader(strings.NewReader("{}\n{}\n{}"), fail{broken})),
			true,
			"read f: after line 2: disk on fire",
		},
		"BadGzipHeader": {
			send.Stream("f", strings.NewReader("\x1f\x8bnothing of the kind")),
			false,
			"the gzip data is damaged, or something else follows it (gzip: invalid header)",
		},
		"OnlyTheMark":   {send.Stream("f", strings.NewReader("\x1f\x8b")), false, "the gzip data ends too early"},
		"HalfAHeader":   {send.Stream("f", bytes.NewReader(many[:9])), false, "the gzip data ends too early"},
		"OnlyAHeader":   {send.Stream("f", bytes.NewReader(many[:10])), false, "the gzip data ends too early"},
		"TruncatedGzip": {send.Stream("f", bytes.NewReader(many[:len(many)-20])), true, "the gzip data ends too early"},
		"NoChecksum":    {send.Stream("f", bytes.NewReader(many[:len(many)-8])), true, "the gzip data ends too early"},
		"WrongChecksum": {send.Stream("f", bytes.NewReader(flipped(many, len(many)-7))), true, "the gzip data is damaged"},
		"DamagedGzip":   {send.Stream("f", bytes.NewReader(flipped(many, 12))), false, "the gzip data is damaged"},
		"TruncatedZstd": {
			send.Stream("f", bytes.NewReader(zstdPacked(t, "{}\n")[:8])), false, "the zstd data ends too early",
		},
		"OnlyTheZstdMark": {send.Stream("f", strings.NewReader("\x28\xb5\x2f\xfd")), false, "the zstd data ends too early"},
		"DamagedZstd": {
			send.Stream("f", bytes.NewReader(flipped(zstdPacked(t, "{}\n"), 6))), false, "the zstd data is damaged",
		},
		"PackedOnADiskThatFails": {
			send.Stream("f", io.MultiReader(bytes.NewReader(many[:20]), fail{broken})), false, "read f: disk on fire",
		},
		"TrailingGarbage": {
			send.Stream("f", io.MultiReader(bytes.NewReader(gzipped(t, "{}\n")), strings.NewReader("garbage that is no gzip"))),
			true,
			"after line 1",
		},
		"FirstReadFails": {send.Stream("f", fail{broken}), false, "disk on fire"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var opened counting
			splitter := send.NewSplitter([]send.Source{test.source, opened.source("g", []byte("{}\n"))}, send.ServerLimits())
			batches, err := drain(splitter)
			var input *send.InputError
			if !errors.As(err, &input) || input.Name != "f" || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("%v, want an InputError of f that says %q", err, test.says)
			}
			if test.line != (input.Line > 0) || test.line != (len(batches) > 0) {
				t.Errorf("line %d after %d batches", input.Line, len(batches))
			}
			if _, again := splitter.Next(); again != err {
				t.Errorf("then %v, want the same error for good", again)
			}
			if opened.opened > 0 {
				t.Error("went on with the next source")
			}
			if lines := seen(t, batches); int64(len(lines)) != input.Line {
				t.Errorf("%d lines before an error after line %d", len(lines), input.Line)
			}
		})
	}
}

// flipped returns a copy with one byte changed.
func flipped(packed []byte, at int) []byte {
	changed := bytes.Clone(packed)
	changed[at] ^= 0xff
	return changed
}

type fail struct{ err error }

func (f fail) Read([]byte) (int, error) { return 0, f.err }

func TestFile(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.ndjson")
	if err := os.WriteFile(good, []byte("{}\n{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := send.File(good)
	if err != nil || source.Name != good || source.Size != 5 {
		t.Fatalf("%+v, %v", source, err)
	}
	batches, err := drain(send.NewSplitter([]send.Source{source}, send.ServerLimits()))
	if err != io.EOF || len(batches) != 1 || string(batches[0].Body) != "{}\n{}\n" || batches[0].Read != 5 {
		t.Errorf("%v, %+v", err, batches)
	}
	for name, bad := range map[string]string{"Missing": filepath.Join(dir, "none"), "Folder": dir} {
		t.Run(name, func(t *testing.T) {
			if _, err := send.File(bad); err == nil || !strings.Contains(err.Error(), bad) {
				t.Errorf("%v, want an error that names %s", err, bad)
			}
		})
	}
}

// TestClose checks that the splitter closes a source that is only partly read.
func TestClose(t *testing.T) {
	var opened counting
	limits := send.ServerLimits()
	limits.Events = 1
	s := send.NewSplitter([]send.Source{opened.source("f", zstdPacked(t, "{}\n{}\n"))}, limits)
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil || opened.closed != 1 {
			t.Errorf("%v, closed %d times", err, opened.closed)
		}
	}
}

// FuzzSplit checks that for any input, the splitter neither loses, joins nor invents a line, and fails only with
// InputError.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("{}\n\r\n {\"a\":1} \r\n" + strings.Repeat("x", 70)))
	f.Add(gzipped(f, "{}\n{}\n"))
	f.Add(zstdPacked(f, "{}\n{}\n"))
	f.Fuzz(func(t *testing.T, stored []byte) {
		limits := send.Limits{Events: 3, Bytes: 80, EventBytes: 64}
		batches, err := drain(send.NewSplitter([]send.Source{send.Stream("f", bytes.NewReader(stored))}, limits))
		var input *send.InputError
		if err != io.EOF && !errors.As(err, &input) {
			t.Fatal(err)
		}
		lines := seen(t, batches)
		for i, line := range lines {
			if len(line.Text) > limits.EventBytes || i > 0 && line.Origin.Line <= lines[i-1].Origin.Line {
				t.Fatalf("%+v after %+v", line, lines[max(0, i-1)])
			}
		}
		packed := bytes.HasPrefix(stored, []byte{0x1f, 0x8b}) || len(stored) > 3 && (stored[3] == 0xfd || stored[3] == 0x18)
		if !packed {
			if diff := cmp.Diff(reference("f", string(stored), limits.EventBytes), lines); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
