package lifecycle_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

func pageViews() lifecycle.View {
	return lifecycle.View{
		Name: "page_views", Description: "Requests per page", Revision: 3, Serving: "b",
		Generations: []lifecycle.Generation{
			{ID: "a", Definition: "d1", State: lifecycle.Serving, Run: 7, Horizon: 7000},
			{ID: "b", Definition: "d2", State: lifecycle.Serving, LiveFrom: 5000, Run: 8, Horizon: 8000},
			{ID: "c", Definition: "d3", State: lifecycle.Building, LiveFrom: 9000},
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
	if got, ok := v.Generation("d"); ok || got != (lifecycle.Generation{}) {
		t.Errorf("a generation that the view has not: %+v, %t", got, ok)
	}
	if got, ok := (lifecycle.View{}).Generation(""); ok || got != (lifecycle.Generation{}) {
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
	got := pageViews().With(lifecycle.Generation{ID: "d", Run: 1})
	if diff := cmp.Diff(pageViews(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHashesAreThoseOfAllGenerationsOnce(t *testing.T) {
	other := pageViews()
	other.Generations = other.Generations[1:]
	other.Generations[1].Definition = "d0"
	got := lifecycle.Hashes([]lifecycle.View{pageViews(), {Name: "none"}, other})
	if diff := cmp.Diff([]view.Hash{"d0", "d1", "d2", "d3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := lifecycle.Hashes(nil); len(got) > 0 {
		t.Errorf("hashes of no views: %v", got)
	}
}
