package serving_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/view"
)

// BenchmarkTopTen answers for the ten best of 5,000 keys, each with a day of hours in one base item, from stores in
// memory. It reports the time per item, which the aim bounds by 3 us beside the store.
func BenchmarkTopTen(b *testing.B) {
	const keys = 5000
	s := newPageViews(b)
	s.Hook(nil)
	s.p = s.Define(b, func(d *view.Definition) {
		d.Key = []view.KeyField{{Field: "path", Expr: "data.user"}, {Field: "status", Expr: "data.user"}}
		d.Aggregates = []view.Aggregate{{Name: "bytes", Expr: "sum(data.amount)"}, {Name: "views", Expr: "count()"}}
	})
	s.serve(b)
	for n := range keys {
		amounts := make([]amount, 24)
		for hour := range amounts {
			at := time.Date(2026, 11, 21, hour, 30, 0, 0, time.UTC)
			amounts[hour] = amount{at.Format(time.RFC3339), fmt.Sprint(n * 7919 % keys)}
		}
		s.base(b, fmt.Sprintf("/path/%d", n), "200", horizon, amounts...)
	}
	s.MaxKeys, s.Parallel = keys, runner.Parallel(4)
	for _, question := range []string{
		"step=all order=-bytes limit=10", "group_by= step=all", "order=-bytes limit=10 step=1d",
	} {
		b.Run(question, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.ask(question); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*keys), "us/item")
		})
	}
}
