package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/view"
)

// TestSkipsOfTop checks the reasons that only values and weights of top, first and last have.
func TestSkipsOfTop(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct{ data, want string }{
		{`{"page":"` + long + `","cost":1}`, `top [{"value":"` + long + `","weight":1}]; last "` + long + `"; `},
		{`{"page":"` + long + `x","cost":1}`,
			`top [] without 1; last null without 1; aggregates.top too large 1; aggregates.last too large 1; `},
		{`{"page":"a","cost":-1}`, `top [] without 1; last "a"; aggregates.top negative 1; `},
		{`{"page":"a","cost":0}`, `top []; last "a"; `},
		{`{"page":"a"}`, `top [] without 1; last "a"; aggregates.top missing 1; `},
	} {
		p, fields := compile(t, view.Definition{Name: "shop", Window: time.Hour, Aggregates: []view.Aggregate{
			{Name: "top", Expr: "top(data.page, 3, data.cost)"},
			{Name: "last", Expr: "last(data.page)"},
		}})
		d := p.NewDelta()
		b := scan(t, fields, eventWith(`"data":`+c.data))
		d.Fold(b, allRows(b))
		if diff := cmp.Diff(c.want, valuesOf(p, d)); diff != "" {
			t.Errorf("%.40s (-want +got):\n%s", c.data, diff)
		}
	}
}
