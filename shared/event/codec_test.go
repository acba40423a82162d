package event_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
)

func newCodec(t testing.TB, max int) *event.Codec {
	t.Helper()
	codec, err := event.NewCodec(max)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// The three lines below, compressed by the zstd and gzip commands.
const (
	goldenLines = `{"specversion":"1.0","id":"a","source":"/s","type":"t","stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"}` + "\n" +
		`{"specversion":"1.0","id":"b","source":"/s","type":"t","stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-1"}` + "\n" +
		`{"specversion":"1.0","id":"c","source":"/s","type":"t","stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-2"}` + "\n"
	goldenZstd = "KLUv/WQdAFUDAGKGFhlQdw4TVuKkYPsU5kcuTC+cEQejHpzMlBNCwHiiUgwYPwOIeAxHaapDKiaEmlZEF8RKmIbO9+92ZXz5/L69" +
		"Yb48Ht631fs6fPnr/Uy7/BTo+1yn" +
		"Yc+C1V58MQQABJIA8QgS+8QwRAHDbZjF"
	goldenGzip = "H4sIAAAAAAACA6tWKi5ITS5LLSrOzM9TslIy1DNQ0lHKTAEyE4GM4vzSouRUIEe/GMgrqSwAsUtAEiWJuQVAtoGhl4tFlJmTYWCU" +
		"QbhZmHGIaaSXpbeJr5GfroFS" +
		"LVc1buOTKDTeEL/xyRQabwQ0HgBWSq2jHQEAAA=="
)

func fromBase64(t testing.TB, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCodecGolden(t *testing.T) {
	got, err := newCodec(t, 1<<20).Decompress([]byte("before "), fromBase64(t, goldenZstd))
	if err != nil || string(got) != "before "+goldenLines {
		t.Errorf("Decompress = %q, %v", got, err)
	}
	for encoding, body := range map[string]string{"zstd": goldenZstd, "gzip": goldenGzip} {
		if got, err := event.Inflate(encoding, fromBase64(t, body), len(goldenLines)); err != nil ||
			string(got) != goldenLines {
			t.Errorf("Inflate(%s) = %q, %v", encoding, got, err)
		}
	}
}

func TestCodecRoundTrip(t *testing.T) {
	codec := newCodec(t, 1<<20)
	rapid.Check(t, func(t *rapid.T) {
		lines := []byte(strings.Repeat(rapid.String().Draw(t, "line"), rapid.IntRange(0, 300).Draw(t, "times")))
		before := []byte(rapid.String().Draw(t, "before"))
		compressed := codec.Compress(bytes.Clone(before), lines)
		if !bytes.HasPrefix(compressed, before) || !bytes.Equal(compressed[len(before):], codec.Compress(nil, lines)) {
			t.Fatal("Compress did not append the same bytes")
		}
		decoded, err := codec.Decompress(bytes.Clone(before), compressed[len(before):])
		if err != nil || !bytes.Equal(decoded, append(before, lines...)) {
			t.Fatalf("%d bytes, %v; want %d", len(decoded), err, len(before)+len(lines))
		}
	})
}

func TestCodecOfNothing(t *testing.T) {
	codec := newCodec(t, 1<<20)
	data := codec.Compress(nil, nil)
	if decoded, err := codec.Decompress(nil, data); len(data) == 0 || err != nil || len(decoded) != 0 {
		t.Errorf("no lines: %d bytes compressed, %d decoded, %v", len(data), len(decoded), err)
	}
}

func TestCodecChecksTheContent(t *testing.T) {
	codec := newCodec(t, 1<<20)
	// zstd stores random bytes as they are, so only the checksum can find the change.
	data := codec.Compress(nil, []byte("\x00\x9f\x31 not compressible"))
	data[len(data)-8] ^= 1
	if _, err := codec.Decompress(nil, data); !errors.Is(err, event.ErrCorrupt) {
		t.Errorf("error %v; want ErrCorrupt", err)
	}
}

// TestDecompressBehindMuch checks that the maximum is that of one call: what dst holds does not count. Speed appends
// all records of an invocation to one batch.
func TestDecompressBehindMuch(t *testing.T) {
	const max = 1 << 16
	codec := newCodec(t, max)
	lines := bytes.Repeat([]byte("some lines\n"), max/11)
	for name, data := range map[string][]byte{
		"with its size": codec.Compress(nil, lines), "without its size": streamed(t, lines),
		"two frames": append(codec.Compress(nil, lines[:11000]), codec.Compress(nil, lines[11000:])...),
	} {
		for _, room := range []int{0, 10, 1 << 20} {
			before := make([]byte, 9<<20, 9<<20+room)
			before[0], before[len(before)-1] = 1, 2
			got, err := codec.Decompress(before, data)
			if err != nil || !bytes.Equal(got, append(before, lines...)) {
				t.Errorf("%s, %d bytes of room: %d bytes, %v; want %d", name, room, len(got), err, len(before)+len(lines))
			}
		}
	}
}

func TestDecompressErrors(t *testing.T) {
	const max = 1 << 16
	codec := newCodec(t, max)
	atMax, aboveMax := codec.Compress(nil, make([]byte, max)), codec.Compress(nil, make([]byte, max+1))
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"OK", atMax, nil},
		{"OK without a size", streamed(t, make([]byte, max)), nil},
		{"OK with a large window", streamed(t, make([]byte, max), zstd.WithWindowSize(8<<20)), nil},
		{"OK in two frames", append(codec.Compress(nil, make([]byte, max/2)), codec.Compress(nil, make([]byte, max/2))...),
			nil},
		{"ErrTooLarge", aboveMax, event.ErrTooLarge},
		{"ErrTooLarge without a size", streamed(t, make([]byte, max+1)), event.ErrTooLarge},
		{"ErrTooLarge in two frames", append(bytes.Clone(atMax), codec.Compress(nil, []byte("x"))...), event.ErrTooLarge},
		{"ErrTooLarge: 20 MB", streamed(t, make([]byte, 20<<20)), event.ErrTooLarge},
		{"ErrTooLarge: 20 MB, with its size", codec.Compress(nil, make([]byte, 20<<20)), event.ErrTooLarge},
		{"ErrTooLarge: window", streamed(t, make([]byte, 99), zstd.WithWindowSize(16<<20)), event.ErrTooLarge},
		{"ErrTooLarge: a size that is not there", []byte("\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00"),
			event.ErrTooLarge},
		{"ErrCorrupt: empty", nil, event.ErrCorrupt},
		{"ErrCorrupt: not zstd", []byte("not zstd at all"), event.ErrCorrupt},
		{"ErrCorrupt: gzip", fromBase64(t, goldenGzip), event.ErrCorrupt},
		{"ErrCorrupt: cut in the header", atMax[:5], event.ErrCorrupt},
		{"ErrCorrupt: cut", atMax[:len(atMax)-5], event.ErrCorrupt},
		{"ErrCorrupt: cut in the checksum", atMax[:len(atMax)-1], event.ErrCorrupt},
		{"ErrCorrupt: something after it", append(bytes.Clone(atMax), "x"...), event.ErrCorrupt},
		{"ErrCorrupt: something long after it", append(bytes.Clone(atMax), "something long"...), event.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := []byte("before")
			decoded, err := codec.Decompress(before, test.data)
			if !errors.Is(err, test.want) || err != nil && string(decoded) != "before" {
				t.Errorf("%d bytes, error %v; want %v", len(decoded), err, test.want)
			}
			if inflated, err := event.Inflate("zstd", test.data, max); !errors.Is(err, test.want) || err == nil &&
				len(inflated) != max {
				t.Errorf("Inflate: %d bytes, error %v; want %v", len(inflated), err, test.want)
			}
		})
	}
}

// streamed returns a zstd frame that does not contain the size of its content.
func streamed(t testing.TB, content []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, append(options, zstd.WithSingleSegment(false))...)
	if err != nil {
		t.Fatal(err)
	}
	// Written in two pieces, since the header of a frame with one piece has the size.
	for _, piece := range [][]byte{content[:len(content)/2], content[len(content)/2:]} {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestInflateGzip(t *testing.T) {
	const max = 1 << 16
	atMax := gzipped(t, make([]byte, max))
	for _, test := range []struct {
		name string
		body []byte
		want error
	}{
		{"OK", atMax, nil},
		{"OK in two members", append(gzipped(t, make([]byte, max/2)), gzipped(t, make([]byte, max/2))...), nil},
		{"ErrTooLarge", gzipped(t, make([]byte, max+1)), event.ErrTooLarge},
		{"ErrTooLarge in two members", append(bytes.Clone(atMax), gzipped(t, []byte("x"))...), event.ErrTooLarge},
		{"ErrTooLarge: 20 MB", gzipped(t, make([]byte, 20<<20)), event.ErrTooLarge},
		{"ErrCorrupt: empty", nil, event.ErrCorrupt},
		{"ErrCorrupt: not gzip", []byte("not gzip at all"), event.ErrCorrupt},
		{"ErrCorrupt: zstd", fromBase64(t, goldenZstd), event.ErrCorrupt},
		{"ErrCorrupt: cut", atMax[:len(atMax)-9], event.ErrCorrupt},
		{"ErrCorrupt: cut in the checksum", atMax[:len(atMax)-1], event.ErrCorrupt},
		{"ErrCorrupt: another checksum", append(bytes.Clone(atMax[:len(atMax)-8]), "\x00\x00\x00\x00\x00\x00\x01\x00"...),
			event.ErrCorrupt},
		{"ErrCorrupt: something after it", append(bytes.Clone(atMax), "x"...), event.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			inflated, err := event.Inflate("gzip", test.body, max)
			if !errors.Is(err, test.want) || (err == nil) != (len(inflated) == max) {
				t.Errorf("%d bytes, error %v; want %v", len(inflated), err, test.want)
			}
		})
	}
}

func TestInflateEncodings(t *testing.T) {
	for _, encoding := range []string{"", "identity", "Identity"} {
		if got, err := event.Inflate(encoding, []byte("body"), 4); err != nil || string(got) != "body" {
			t.Errorf("Inflate(%q) = %q, %v", encoding, got, err)
		}
		if _, err := event.Inflate(encoding, []byte("body"), 3); !errors.Is(err, event.ErrTooLarge) {
			t.Errorf("Inflate(%q): error %v; want ErrTooLarge", encoding, err)
		}
	}
	for _, encoding := range []string{"GZIP", "x-gzip", " gzip "} {
		if got, err := event.Inflate(encoding, gzipped(t, []byte("body")), 4); err != nil || string(got) != "body" {
			t.Errorf("Inflate(%q) = %q, %v", encoding, got, err)
		}
	}
	for _, encoding := range []string{"gzip, gzip", "gzip,zstd", "identity, gzip", "br", "deflate", "compress", "*",
		"aws-chunked", strings.Repeat("x", 9999)} {
		_, err := event.Inflate(encoding, gzipped(t, []byte("body")), 99)
		if !errors.Is(err, event.ErrEncoding) || len(err.Error()) > 200 {
			t.Errorf("Inflate(%.40q): error %.300v; want ErrEncoding", encoding, err)
		}
	}
}

func TestCodecConcurrentUse(t *testing.T) {
	codec := newCodec(t, 1<<20)
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			lines := bytes.Repeat([]byte{byte('a' + n), '\n'}, 1000+n)
			for range 20 {
				decoded, err := codec.Decompress(nil, codec.Compress(nil, lines))
				if err != nil || !bytes.Equal(decoded, lines) {
					t.Errorf("%d bytes, %v", len(decoded), err)
				}
			}
		})
	}
	wait.Wait()
}

func FuzzDecompress(f *testing.F) {
	f.Add(fromBase64(f, goldenZstd))
	f.Add(streamed(f, []byte("some text, some text, some text")))
	f.Add([]byte("\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00"))
	codec := newCodec(f, 1<<12)
	f.Fuzz(func(t *testing.T, data []byte) {
		decoded, err := codec.Decompress(nil, data)
		if err != nil && !errors.Is(err, event.ErrTooLarge) && !errors.Is(err, event.ErrCorrupt) {
			t.Errorf("error %v", err)
		}
		if len(decoded) > 1<<12 || err != nil && len(decoded) > 0 {
			t.Errorf("%d bytes, error %v", len(decoded), err)
		}
	})
}

func FuzzInflate(f *testing.F) {
	f.Add("gzip", fromBase64(f, goldenGzip))
	f.Add("zstd", fromBase64(f, goldenZstd))
	f.Add("", []byte("x"))
	f.Add("gzip, gzip", []byte("x"))
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		inflated, err := event.Inflate(encoding, body, 1<<12)
		if err != nil && !errors.Is(err, event.ErrTooLarge) && !errors.Is(err, event.ErrCorrupt) &&
			!errors.Is(err, event.ErrEncoding) {
			t.Errorf("error %v", err)
		}
		if len(inflated) > 1<<12 || err != nil && inflated != nil {
			t.Errorf("%d bytes, error %v", len(inflated), err)
		}
	})
}
