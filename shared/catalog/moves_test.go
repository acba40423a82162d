package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// life is a view with generations of the definitions, in the states; the ids are the definitions', too.
func life(serving string, generations ...catalog.Generation) catalog.View {
	for i := range generations {
		generations[i].ID = viewstore.Generation(generations[i].Definition)
	}
	return catalog.View{Name: "v", Revision: 5, Serving: viewstore.Generation(serving), Generations: generations}
}

func in(definition string, state catalog.State, since int64) catalog.Generation {
	return catalog.Generation{Definition: view.Hash(definition), State: state, Since: since}
}

func TestWanting(t *testing.T) {
	announced := catalog.Generation{ID: "new", Definition: "B", State: catalog.Announced, Live: 7000}
	for name, test := range map[string]struct{ before, want catalog.View }{
		"what serves": {life("B", in("B", catalog.Serving, 0)), life("B", in("B", catalog.Serving, 0))},
		"what is on its way": {
			life("A", in("A", catalog.Serving, 0), in("B", catalog.Building, 0)), life("A", in("A", catalog.Serving, 0), in("B", catalog.Building, 0)),
		},
		"the first one": {life(""), catalog.View{Name: "v", Revision: 5, Generations: []catalog.Generation{announced}}},
		"a new one": {
			life("A", in("A", catalog.Serving, 0)),
			catalog.View{Name: "v", Revision: 5, Serving: "A", Generations: append(life("", in("A", catalog.Serving, 0)).Generations, announced)},
		},
		"a new one, and others were on their way": {
			life("A", in("A", catalog.Serving, 0), in("C", catalog.Announced, 0), in("D", catalog.Building, 0), in("E", catalog.Retained, 3)),
			catalog.View{Name: "v", Revision: 5, Serving: "A", Generations: append(life("", in("A", catalog.Serving, 0),
				in("C", catalog.Dropping, 55), in("D", catalog.Dropping, 55), in("E", catalog.Retained, 3)).Generations, announced)},
		},
		"what is retained": {
			life("A", in("A", catalog.Serving, 0), in("B", catalog.Retained, 3)), life("A", in("A", catalog.Serving, 0), in("B", catalog.Building, 0)),
		},
		"what serves, and another was on its way": {
			life("B", in("B", catalog.Serving, 0), in("C", catalog.Building, 0)), life("B", in("B", catalog.Serving, 0), in("C", catalog.Dropping, 55)),
		},
		"what is being dropped comes anew": {
			life("A", in("A", catalog.Serving, 0), in("B", catalog.Dropping, 0)),
			catalog.View{Name: "v", Revision: 5, Serving: "A", Generations: append(life("", in("A", catalog.Serving, 0), in("B", catalog.Dropping, 0)).Generations, announced)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			kept := test.before
			kept.Generations = append([]catalog.Generation(nil), kept.Generations...)
			got, changed := test.before.Wanting("B", "new", 7000, 55)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if changed == cmp.Equal(kept, test.want) {
				t.Errorf("changed: %v", changed)
			}
			if diff := cmp.Diff(kept, test.before); diff != "" {
				t.Errorf("the view itself was changed:\n%s", diff)
			}
			if again, changed := got.Wanting("B", "newer", 9000, 66); changed {
				t.Errorf("once more, it is changed to %+v", again)
			}
		})
	}
}

func TestSwitched(t *testing.T) {
	before := life("A", in("A", catalog.Serving, 0), in("B", catalog.Building, 0), in("C", catalog.Retained, 3), in("D", catalog.Dropping, 0), in("E", catalog.Announced, 0))
	want := life("B", in("A", catalog.Retained, 99), in("B", catalog.Serving, 0), in("C", catalog.Dropping, 99), in("D", catalog.Dropping, 0), in("E", catalog.Announced, 0))
	if diff := cmp.Diff(want, before.Switched("B", 99)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if before.Serving != "A" || before.Generations[0].State != catalog.Serving {
		t.Errorf("the view itself was changed: %+v", before)
	}
}

func TestWithoutAndOf(t *testing.T) {
	v := life("A", in("A", catalog.Serving, 0), in("B", catalog.Dropping, 0))
	if diff := cmp.Diff(life("A", in("A", catalog.Serving, 0)), v.Without("B")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(v.Generations) != 2 {
		t.Error("the view itself was changed")
	}
	if _, ok := v.Of("B"); ok {
		t.Error("what is being dropped is still kept")
	}
	if g, ok := v.Of("A"); !ok || g.ID != "A" {
		t.Errorf("of A: %+v, %v", g, ok)
	}
}
