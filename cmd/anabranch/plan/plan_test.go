package plan_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/cmd/anabranch/plan"
	"github.com/anabranch/anabranch/shared/view"
)

// of returns a definition of a view; another where is another definition.
func of(name, where string) view.Definition {
	return view.Definition{Name: view.Name(name), Where: where, Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}}}
}

func hash(d view.Definition) string { return string(d.Hash()) }

// TestCompare checks what happens to a view in each state that a server can have it in.
func TestCompare(t *testing.T) {
	d, old := of("v", "data.a == 1"), of("v", "data.a == 2")
	described := d
	described.Description = "another text"
	generations := func(state string, definitions ...view.Definition) (all []plan.Generation) {
		for _, g := range definitions {
			all = append(all, plan.Generation{Definition: hash(g), State: state})
		}
		return all
	}
	for name, c := range map[string]struct {
		served []plan.Served
		want   plan.Change
	}{
		"nothing there": {nil, plan.Change{View: "v", Kind: plan.New, Builds: true, Note: "it answers once it is built"}},
		"the same": {[]plan.Served{{Name: "v", Serving: hash(described), Generations: generations("serving", d)}},
			plan.Change{View: "v", Kind: plan.Unchanged}},
		"another definition": {[]plan.Served{{Name: "v", Serving: hash(old), Generations: generations("serving", old)}},
			plan.Change{View: "v", Kind: plan.Changed, Builds: true,
				Note: "the old definition answers until the new one is built"}},
		"retained": {[]plan.Served{{Name: "v", Serving: hash(old), Generations: generations("retained", d)}},
			plan.Change{View: "v", Kind: plan.Changed,
				Note: "the server still has its numbers, and goes back to them without a build"}},
		"being built": {[]plan.Served{{Name: "v", Serving: hash(old), Generations: generations("building", d)}},
			plan.Change{View: "v", Kind: plan.Changed, Note: "the server is building it already"}},
		"being dropped": {[]plan.Served{{Name: "v", Serving: hash(old), Generations: generations("dropping", d)}},
			plan.Change{View: "v", Kind: plan.Changed, Builds: true,
				Note: "the old definition answers until the new one is built"}},
		"retired, the same": {
			[]plan.Served{{Name: "v", Retired: true, Serving: hash(d), Generations: generations("serving", d)}},
			plan.Change{View: "v", Kind: plan.Changed, Note: "it is retired, and comes back without a build"}},
	} {
		if diff := cmp.Diff([]plan.Change{c.want}, plan.Compare([]view.Definition{described}, c.served)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	got := plan.Compare([]view.Definition{d},
		[]plan.Served{{Name: "z"}, {Name: "b", Retired: true}, {Name: "v"}, {Name: "a"}})
	var kinds []string
	for _, c := range got {
		kinds = append(kinds, c.View+" "+string(c.Kind))
	}
	if diff := cmp.Diff([]string{"v changed", "a retired", "b unchanged", "z retired"}, kinds); diff != "" {
		t.Error(diff)
	}
}

// TestEstimate checks the bounds against numbers computed by hand from the prices of docs/cost.md.
func TestEstimate(t *testing.T) {
	changes := []plan.Change{
		{Builds: true, Items: fold.Items{Count: 100, Bytes: 5000, WriteUnits: 200}},
		{Builds: true, Items: fold.Items{Count: 1, Bytes: 50, WriteUnits: 1}},
		{Items: fold.Items{Count: 7, Bytes: 7, WriteUnits: 7}}, // unchanged
	}
	e, err := plan.Of(changes, plan.Archive{Objects: 1_000_000, Events: 10_000_000}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if e.Reads != 2_000_000 || e.From.Items != (fold.Items{Count: 101, Bytes: 5050, WriteUnits: 201}) ||
		e.To.Items != (fold.Items{Count: 1_010_000, Bytes: 50_500_000, WriteUnits: 2_010_000}) {
		t.Errorf("%+v", e)
	}
	// 2 million GET at $0.40 a million; 0.6 ms of 2 GB each at $13.33 a million GB-seconds; then write units at $0.625.
	reads := 2*0.40 + 2*2*0.6/1000*13.33
	for _, c := range []struct{ got, want float64 }{
		{e.From.Dollars, reads + 201*0.625/1e6}, {e.To.Dollars, reads + 2.01*0.625},
		{e.From.Seconds, 1200 + 201.0/4000}, {e.To.Seconds, 1200 + 2_010_000.0/4000},
	} {
		if math.Abs(c.got-c.want) > 1e-9*c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	if small, err := plan.Of(changes, plan.Archive{Objects: 1, Events: 10}, 1000); err != nil || small.To != small.From {
		t.Errorf("a sample larger than the archive: %+v, %v", small, err)
	}
	none, err := plan.Of(changes[2:], plan.Archive{Objects: 5, Events: 10}, 0)
	if err != nil || none != (plan.Estimate{}) {
		t.Errorf("nothing is built: %+v, %v", none, err)
	}
}
