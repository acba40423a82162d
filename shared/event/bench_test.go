package event_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/event"
)

// perEvent reports ns/event for a benchmark whose operation takes n events.
func perEvent(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkValidate(b *testing.B) {
	const n = 1000
	body := sampleBody(n)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		validated, err := event.Validate(event.Lines, body, event.DefaultLimits())
		if err != nil || len(validated.Accepted) != n {
			b.Fatal(err, validated.Rejected)
		}
	}
	perEvent(b, n)
}

// BenchmarkIngest measures what ingest does to each event: validate, stamp, compress.
func BenchmarkIngest(b *testing.B) {
	const n = 1000
	body := sampleBody(n)
	codec, err := event.NewCodec(8 << 20)
	if err != nil {
		b.Fatal(err)
	}
	request := testRequest(b)
	var lines, compressed []byte
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		validated, err := event.Validate(event.Lines, body, event.DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		lines = lines[:0]
		for i, a := range validated.Accepted {
			lines = event.AppendLine(lines, a.JSON, event.Stamp{Request: request, Index: i})
		}
		compressed = codec.Compress(compressed[:0], lines)
	}
	perEvent(b, n)
}

func BenchmarkScan(b *testing.B) {
	const n = 1000
	lines := acceptedLines(b, sampleBody(n))
	for _, bench := range []struct {
		name  string
		paths []event.Path
	}{
		{"three fields", []event.Path{{"data", "path"}, {"data", "status"}, {"data", "bytes"}}},
		{"where key and sum", []event.Path{{"type"}, {"data", "status"}, {"data", "path"}, {"data", "bytes"}}},
		{"to the last field", []event.Path{{"data", "client"}, {"data", "path"}, {"data", "agent"}}},
		{"a missing field", []event.Path{{"subject"}}},
		{"none", nil},
	} {
		b.Run(bench.name, func(b *testing.B) {
			fields := event.NewFields(bench.paths)
			var batch event.Batch
			b.SetBytes(int64(len(lines)))
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				if err := fields.Scan(lines, &batch); err != nil {
					b.Fatal(err)
				}
			}
			perEvent(b, n)
		})
	}
}

func BenchmarkDecompress(b *testing.B) {
	const n = 1000
	lines := acceptedLines(b, sampleBody(n))
	codec, err := event.NewCodec(8 << 20)
	if err != nil {
		b.Fatal(err)
	}
	data := codec.Compress(nil, lines)
	var decoded []byte
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	for b.Loop() {
		if decoded, err = codec.Decompress(decoded[:0], data); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, n)
}

func BenchmarkInflate(b *testing.B) {
	body := sampleBody(100)
	codec, err := event.NewCodec(8 << 20)
	if err != nil {
		b.Fatal(err)
	}
	data := codec.Compress(nil, body)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Inflate("zstd", data, 4<<20); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseTime compares ParseTime with the standard library's parser, which accepts more forms.
func BenchmarkParseTime(b *testing.B) {
	for _, text := range []string{"2015-05-17T10:05:03Z", "2015-05-17T10:05:03.25+02:00"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := event.ParseTime([]byte(text)); !ok {
					b.Fatal("refused")
				}
			}
		})
		b.Run(text+" by time.Parse", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkIdentity(b *testing.B) {
	key := event.HashKey{1, 2, 3}
	source, id := []byte("//semicomplete.com/web"), []byte("req-00001")
	var scratch []byte
	b.ReportAllocs()
	for b.Loop() {
		_, scratch = key.Identity(source, id, scratch)
	}
}
