package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
)

func pageViews() catalog.View {
	return catalog.View{
		Name: "page_views", Description: "Requests per page", Revision: 3, Serving: "b",
		Generations: []catalog.Generation{
			{ID: "a", Definition: "d1", State: catalog.Serving, Run: 7, Horizon: 7000},
			{ID: "b", Definition: "d2", State: catalog.Serving, Live: 5000, Run: 8, Horizon: 8000},
			{ID: "c", Definition: "d3", State: catalog.Building, Live: 9000},
		},
	}
}

func TestGeneration(t *testing.T) {
	v := pageViews()
	for _, want := range v.Generations {
		if got, ok := v.Generation(want.ID); !ok || got != want {
			t.Errorf("generation %s: %+v, %t; want %+v", want.ID, got, ok, want)
		}
	}
	if got, ok := v.Generation("d"); ok || got != (catalog.Generation{}) {
		t.Errorf("a generation that the view has not: %+v, %t", got, ok)
	}
	if got, ok := (catalog.View{}).Generation(""); ok || got != (catalog.Generation{}) {
		t.Errorf("a generation of a view without any: %+v, %t", got, ok)
	}
}

func TestWith(t *testing.T) {
	v := pageViews()
	advanced := v.Generations[1]
	advanced.Run, advanced.Horizon = 9, 9000
	want := pageViews()
	want.Generations[1] = advanced
	got := v.With(advanced)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with another generation b (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(pageViews(), v); diff != "" {
		t.Errorf("the view itself has changed (-before +after):\n%s", diff)
	}
	got.Generations[0].Run = 1
	if v.Generations[0].Run != 7 {
		t.Error("the copy shares its generations with the view")
	}
}

func TestWithAGenerationThatTheViewHasNot(t *testing.T) {
	got := pageViews().With(catalog.Generation{ID: "d", Run: 1})
	if diff := cmp.Diff(pageViews(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
