package expression_test

import (
	"fmt"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// benchRows is a batch as large as folds use.
const benchRows = 512

func benchEvents(n int) []string {
	events := make([]string, n)
	for i := range events {
		events[i] = eventWith(fmt.Sprintf(`"data":{"client":"83.149.9.%d","method":"GET","path":"/page/%d","status":%d,"bytes":%d,"price":%d.25}`,
			i%256, i%40, 200+100*(i%4), 1000+i, i%90))
	}
	return events
}

// BenchmarkWhere reports the time of one evaluation.
func BenchmarkWhere(b *testing.B) {
	for _, c := range []struct{ name, where string }{
		{"two closures", `type == "web.request" && data.status < 400`},
		{"three closures", `type == "web.request" && data.status < 400 && data.method in ["GET", "HEAD"]`},
		{"a closure and the interpreter", `data.status < 400 && data.path.matches("^/page/1")`},
		{"interpreter", `data.path.matches("^/page/1")`},
	} {
		b.Run(c.name, func(b *testing.B) {
			where, fields := filter(b, c.where)
			benchPredicate(b, where, fields)
		})
	}
	b.Run("two terms in the interpreter", func(b *testing.B) {
		where, fields, err := expression.InterpretFilter(`type == "web.request" && data.status < 400`)
		if err != nil {
			b.Fatal(err)
		}
		benchPredicate(b, where, fields)
	})
}

func benchPredicate(b *testing.B, where func(*event.Batch, int) expression.Truth, fields *event.Fields) {
	batch := scan(b, fields, benchEvents(benchRows)...)
	b.ReportAllocs()
	matched := 0
	row := 0
	for b.Loop() {
		if where(batch, row) == expression.IsTrue {
			matched++
		}
		row = (row + 1) % benchRows
	}
	if b.N > benchRows && matched == 0 {
		b.Fatal("no event matched")
	}
}

// BenchmarkKey reports the time of one key.
func BenchmarkKey(b *testing.B) {
	for _, expr := range []string{`data.path`, `data.status < 400 ? "good" : "bad"`, `data.path + "?"`} {
		b.Run(expr, func(b *testing.B) {
			value, fields := key(b, expr)
			batch := scan(b, fields, benchEvents(benchRows)...)
			var text []byte
			b.ReportAllocs()
			row := 0
			for b.Loop() {
				var got expression.Truth
				if text, got = value(batch, row, text[:0]); got != expression.IsTrue {
					b.Fatal("no key")
				}
				row = (row + 1) % benchRows
			}
		})
	}
}

// BenchmarkArgument reports the time of one batch of 512 rows.
func BenchmarkArgument(b *testing.B) {
	for _, expr := range []string{"sum(data.bytes)", "sum(data.price)", "sum(data.bytes * data.price + 0.5)"} {
		b.Run(expr, func(b *testing.B) {
			value, fields := argument(b, expr)
			batch := scan(b, fields, benchEvents(benchRows)...)
			rows, out := make([]int32, benchRows), make([]aggregate.Decimal, benchRows)
			for i := range rows {
				rows[i] = int32(i)
			}
			b.ReportAllocs()
			for b.Loop() {
				value(batch, rows, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
			for i := range out {
				if !out[i].OK {
					b.Fatalf("row %d has no number", i)
				}
			}
		})
	}
}

// BenchmarkDecode makes the interpreter's value of an object with all kinds of members.
func BenchmarkDecode(b *testing.B) {
	text := []byte(`{"client":"83.149.9.216","path":"/a","status":200,"price":1.25,"tags":["a","\u00e9"],"n":{"x":null,"y":true}}`)
	batch, v := &event.Batch{Data: text}, event.Value{End: uint32(len(text)), Kind: event.Object}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := expression.Decode(batch, v); !ok {
			b.Fatal("not JSON")
		}
	}
}
