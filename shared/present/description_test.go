package present_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
)

// TestAggregatesOfDescription checks that a description says which aggregates are exact, and which are numbers.
func TestAggregatesOfDescription(t *testing.T) {
	want := []present.Aggregate{
		{Name: "n", Expr: "count()", Exact: true, Number: true},
		{Name: "spread", Expr: "quantiles(data.amount)", Number: true},
		{Name: "best", Expr: "top(data.item, 3)"},
		{Name: "earliest", Expr: "first(data.item)", Exact: true},
		{Name: "latest", Expr: "last(data.item)", Exact: true},
	}
	program := servingtest.New(t).Define(t, func(d *view.Definition) {
		d.Aggregates = nil
		for _, a := range want {
			d.Aggregates = append(d.Aggregates, view.Aggregate{Name: a.Name, Expr: a.Expr})
		}
	})
	got := present.NewDescription(serving.Description{Program: program}).Aggregates
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got):", diff)
	}
}
