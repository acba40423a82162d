package proof_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

// BenchmarkFold folds the real requests by path and day, with one aggregate in each sub-benchmark. The view of "none"
// has only count(). Each other view has one more aggregate, which costs the difference. The condition holds for 220 of
// the 9,999 requests.
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
}

// BenchmarkMergePage decodes and merges stored pages, each of one section and its days of the real requests, as a query
// does with each item that it reads.
func BenchmarkMergePage(b *testing.B) {
	f := request(24*time.Hour, view.KeyField{Field: "section", Expr: `data.path.split("/")[1]`})
	requests := realRequests(b)
	for _, names := range [][]string{exactNames, sketchNames, topNames} {
		for _, name := range names {
			b.Run(name, func(b *testing.B) {
				set := compile(b, view.Definition{Name: "v", Key: f.key, Window: f.window,
					Aggregates: []view.Aggregate{{Name: name, Expr: f.expression(name, "")}}})
				p, pages, bytes := set.Programs[0], states{}, 0
				for at, page := range encoded(folded(p, batches(b, set, requests))) {
					if at.Key != view.SkippedKey {
						pages[at] = page
						bytes += len(page)
					}
				}
				windows := p.NewWindows()
				for b.Loop() {
					windows.Reset()
					for at, page := range pages {
						if err := windows.MergePage(at.Page, page, nil); err != nil {
							b.Fatal(err)
						}
					}
				}
				items := float64(len(pages))
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(b.N)/items, "us/item")
				b.ReportMetric(float64(bytes)/items, "B/item")
			})
		}
	}
}
