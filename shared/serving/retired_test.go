package serving_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
)

// TestRetired checks that a retired view answers with a warning. Once it is dropped it is unknown, even while its items
// still exist.
func TestRetired(t *testing.T) {
	s := servingtest.New(t)
	s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
	says := func(w string) bool {
		return strings.HasPrefix(w, "the view is retired: no deployed file has named it since 1970-01-01T00:00:05Z,")
	}
	v := lifecycle.View{Name: "by_user", Serving: "g", Generations: []lifecycle.Generation{
		{ID: "g", Definition: s.Program.Hash, State: lifecycle.Serving, Run: 1, Horizon: horizon},
	}}
	s.PointTo(t, v)
	before := s.Read(t)
	v.Retired = 5000
	s.PointTo(t, v)
	after := s.Read(t)
	if slices.ContainsFunc(before.Warnings, says) || !slices.ContainsFunc(after.Warnings, says) ||
		len(after.Rows) != len(before.Rows) ||
		len(after.Rows) == 0 {
		t.Errorf(
			"warnings %q with %d rows, and then %q with %d", before.Warnings, len(before.Rows), after.Warnings, len(after.Rows),
		)
	}
	dropped, err := v.DropRetired()
	if err != nil {
		t.Fatal(err)
	}
	s.PointTo(t, dropped)
	if _, err := s.Try(); !errors.Is(err, serving.ErrUnknownView) {
		t.Errorf("error %v", err)
	}
	if all, err := s.Views(context.Background()); err != nil || len(all) != 0 {
		t.Errorf("described: %+v, %v", all, err)
	}
}

// TestDescribeNoneServing checks that before any generation serves, a view is described by the one that is being built,
// not by one that was given up before. A view that has only such a generation is described no longer.
func TestDescribeNoneServing(t *testing.T) {
	s := servingtest.New(t)
	old := lifecycle.Generation{ID: "old", Definition: s.Program.Hash, State: lifecycle.Dropping}
	fresh := lifecycle.Generation{ID: "fresh", Definition: s.Program.Hash, State: lifecycle.Building}
	s.PointTo(t, lifecycle.View{Name: "by_user", Generations: []lifecycle.Generation{old, fresh}})
	if d, err := s.Describe(t.Context(), "by_user"); err != nil || d.Generation.ID != "fresh" {
		t.Errorf("described by %q, want the one that is being built (%v)", d.Generation.ID, err)
	}
	s.PointTo(t, lifecycle.View{Name: "by_user", Generations: []lifecycle.Generation{old}})
	if d, err := s.Describe(t.Context(), "by_user"); !errors.Is(err, serving.ErrUnknownView) {
		t.Errorf("described by %q, %v", d.Generation.ID, err)
	}
}
