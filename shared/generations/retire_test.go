package generations_test

import (
	"slices"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/view"
)

const retainFor = time.Hour

func deployment(c *memory.Catalog, at time.Time, names ...string) generations.Deployment {
	s := generations.Deployment{Catalog: c, RetainFor: retainFor, Tries: 3, Now: func() time.Time { return at }}
	for _, name := range names {
		s.Definitions = append(s.Definitions, lifecycle.Definition{Name: view.Name(name), Hash: "h"})
	}
	return s
}

// TestRetire checks that views that the file leaves out are retired, and dropped after RetainFor. A file without any
// view does neither.
func TestRetire(t *testing.T) {
	v, w := of("a", generation("a", lifecycle.Serving, nil)), of("a", generation("a", lifecycle.Serving, nil))
	w.Name = "w"
	d := newFixture(t, v, w)
	for _, step := range []struct {
		after    time.Duration
		names    []string
		retired  string // names of the views that are retired
		dropped  string
		revision int64 // revision of v
	}{
		{0, []string{"v", "w"}, "", "", 1},
		{0, nil, "", "", 1},
		{0, []string{"w"}, "v", "", 2},
		{retainFor - 1, []string{"w"}, "v", "", 2},
		{retainFor, nil, "v", "", 2},
		{retainFor, []string{"v", "w"}, "v", "", 2}, // announcing a view ends its retirement
		{retainFor, []string{"w"}, "v", "v", 3},
		{3 * retainFor, []string{"w"}, "v", "v", 3},
	} {
		views, err := d.catalog.Views(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := deployment(&d.catalog, now.Add(step.after), step.names...).Retire(t.Context(), views); err != nil {
			t.Fatal(err)
		}
		views, err = d.catalog.Views(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		retired, dropped := "", ""
		for _, v := range views {
			if v.Retired != 0 {
				retired += string(v.Name)
			}
			if v.IsGone() {
				dropped += string(v.Name)
			}
		}
		if retired != step.retired || dropped != step.dropped || views[0].Revision != step.revision {
			t.Errorf(
				"after %s, a file with %v: %q are retired, %q are dropped, revision %d; want %+v", step.after, step.names, retired,
				dropped, views[0].Revision, step,
			)
		}
	}
}

// TestFrozenThroughALife freezes a function after it has read a view, while the view is retired, dropped, deleted and
// deployed again. Its write must find another revision, however short the new life is, because the entry was never
// deleted.
func TestFrozenThroughALife(t *testing.T) {
	d := newFixture(t, of("a", generation("a", lifecycle.Serving, nil), generation("b", lifecycle.Building, nil)))
	read, err := d.catalog.View(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	revisions := []int64{read.Revision}
	for _, move := range []func(lifecycle.View) lifecycle.View{
		func(v lifecycle.View) lifecycle.View { next, _ := v.Unnamed(0, 1); return next },
		func(v lifecycle.View) lifecycle.View { next, _ := v.Unnamed(0, 2); return next },
		func(v lifecycle.View) lifecycle.View { return v.Without("a").Without("b") },
		func(v lifecycle.View) lifecycle.View {
			next, _ := v.WithDesired(lifecycle.New(lifecycle.Definition{Hash: "c"}, "c", lifecycle.Announce, 0), 0)
			return next
		},
	} {
		v, _, err := generations.Update(
			t.Context(), &d.catalog, "v", 1, func(v lifecycle.View) (lifecycle.View, bool, error) { return move(v), true, nil },
		)
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, v.Revision)
	}
	if !slices.Equal(revisions, []int64{1, 2, 3, 4, 5}) {
		t.Errorf("revisions %v begin again", revisions)
	}
	views, err := d.catalog.Views(t.Context())
	if err != nil || len(views) != 1 || views[0].Retired != 0 || len(views[0].Generations) != 1 {
		t.Errorf("the view is %+v, error %v", views, err)
	}
	if err := d.catalog.PutView(t.Context(), read.Switched("b", 4)); err == nil {
		t.Error("what the frozen function had read was written over the new life")
	}
}
