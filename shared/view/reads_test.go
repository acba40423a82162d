package view_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

func TestReads(t *testing.T) {
	for _, c := range []struct {
		where  string
		fields []event.Path
		types  []string
	}{
		{``, nil, nil},
		{`type == "a"`, nil, []string{"a"}},
		{`"a" == type && data.x == 1`, []event.Path{{"data", "x"}}, []string{"a"}},
		{`data.x == 1 && type in ["a", "b"]`, []event.Path{{"data", "x"}}, []string{"a", "b"}},
		{`type == "a" || type == "b"`, nil, nil},
		{`type != "a"`, nil, nil},
		{`!(type == "a")`, nil, nil},
		{`type in [subject]`, nil, nil},
		{`data.x == data["y z"].w && data.x > 1`, []event.Path{{"data", "x"}, {"data", "y z", "w"}}, nil},
		{`ext.tenant == "a" && ext["b"] == 1`, []event.Path{{"tenant"}, {"b"}}, nil},
		{`has(data.x) && data.x == 1 && data.y == 2`, []event.Path{{"data", "y"}}, nil},
		{`has(ext.tenant) ? ext.tenant == "a" : false`, nil, nil},
		{`data.list.exists(i, i.x == data.y)`, []event.Path{{"data", "list"}, {"data", "y"}}, nil},
		{`size(data) > 1 && time > timestamp("2020-01-01T00:00:00Z")`, nil, nil},
		{`data.x ==`, nil, nil},
	} {
		fields, types := counting(c.where).Reads()
		if diff := cmp.Diff(c.fields, fields); diff != "" {
			t.Errorf("%s: fields %s", c.where, diff)
		}
		if diff := cmp.Diff(c.types, types); diff != "" {
			t.Errorf("%s: types %s", c.where, diff)
		}
	}
	d := keyed(`has(data.k) ? data.k : "none"`)
	d.Aggregates = []view.Aggregate{
		{Name: "a", Expr: "sum(data.x * ext.weight - data.x)"}, {Name: "k", Expr: "max(data.k)"},
		{Name: "c", Expr: "count(data.status > 5 && has(data.k))"}, {Name: "p", Expr: "sum(data.x, data.paid)"},
	}
	fields, _ := d.Reads()
	want := []event.Path{{"data", "x"}, {"weight"}, {"data", "status"}, {"data", "paid"}}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}
