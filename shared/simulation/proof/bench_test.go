package proof_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/anabranch/anabranch/shared/view"
)

// BenchmarkFold folds the real requests by path and day, with one aggregate in each sub-benchmark. The view of "none"
// has only count(). Each other view has one more aggregate, which costs the difference. The condition holds for 220 of
// the 9,999 requests. Those of "lines" are the same requests with an array of three elements each.
func BenchmarkFold(b *testing.B) {
	f := request(day, view.KeyField{Field: "path", Expr: "data.path"})
	requests := realRequests(b)
	run := func(name, expression string) {
		b.Run(name, func(b *testing.B) {
			d := view.Definition{Name: "v", Key: f.key, Window: f.window}
			d.Aggregates = []view.Aggregate{{Name: "n", Expr: "count()"}}
			if expression != "" {
				d.Aggregates = append(d.Aggregates, view.Aggregate{Name: "a", Expr: expression})
			}
			set := compile(b, d)
			all := batches(b, set, requests)
			b.ReportAllocs()
			for b.Loop() {
				folded(set.Programs[0], all)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(requests)), "ns/event")
		})
	}
	run("none", "")
	for _, names := range [][]string{exactNames, sketchNames, topNames} {
		for _, name := range names {
			run(name, f.expression(name, ""))
			run(name+"_if", f.expression(name, "data.status >= 400"))
		}
	}
	for i, r := range requests {
		requests[i] = bytes.Replace(r, []byte(`"data":{`), []byte(`"data":{"lines":[{"price":1.10,"pieces":3},`+
			`{"price":0.05,"pieces":2},{"price":19.99,"pieces":1}],`), 1)
	}
	run("lines/none", "")
	run("lines/sum", "sum(data.lines.map(l, l.price * l.pieces))")
}

// BenchmarkMergePage decodes and merges stored pages. Each page is of one section and its days of the real requests.
// "apart" gives each page windows of its own, as a query of one key does. "together" merges all pages into the same
// windows, as a query of many keys does.
func BenchmarkMergePage(b *testing.B) {
	f := request(day, view.KeyField{Field: "section", Expr: `data.path.split("/")[1]`})
	requests := realRequests(b)
	for _, name := range slices.Concat(exactNames, sketchNames, topNames) {
		set := compile(b, view.Definition{Name: "v", Key: f.key, Window: f.window,
			Aggregates: []view.Aggregate{{Name: name, Expr: f.expression(name, "")}}})
		p := set.Programs[0]
		pages := encoded(folded(p, batches(b, set, requests)))
		b.Run(name+"/apart", func(b *testing.B) { mergePages(b, p, pages, true) })
		b.Run(name+"/together", func(b *testing.B) { mergePages(b, p, pages, false) })
	}
}

func mergePages(b *testing.B, p *view.Program, pages states, apart bool) {
	windows, bytes, items := p.NewWindows(), 0, 0
	for b.Loop() {
		windows.Reset()
		bytes, items = 0, 0
		for at, page := range pages {
			if at.Key == view.SkippedKey {
				continue
			}
			if apart {
				windows.Reset()
			}
			if err := windows.MergePage(at.Page, page, nil); err != nil {
				b.Fatal(err)
			}
			bytes += len(page)
			items++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(b.N)/float64(items), "us/item")
	b.ReportMetric(float64(bytes)/float64(items), "B/item")
}
