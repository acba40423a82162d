package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Catalog is the suite of catalog.Catalog. The catalogs that open returns must be empty, each time.
func Catalog(t *testing.T, open func(t *testing.T) catalog.Catalog) {
	t.Helper()
	runAll(t, open, []subtest[catalog.Catalog]{
		{"Head returns the zero Run when there is none", catalogEmpty},
		{"Append commits a run if the head is run.N - 1", catalogAppend},
		{"Append returns ErrConflict when it is not, and writes nothing", catalogAppendConflict},
		{"Append by many at once: one commits its run", catalogAppendRace},
		{"Runs returns the runs with from <= N <= to, in order", catalogRuns},
		{"Runs returns more runs than a store returns at once", catalogManyRuns},
		{"Views returns all views in the order of their names", catalogViews},
		{"Views returns more views than a store returns at once", catalogManyViews},
		{"View returns ErrNotFound when there is no such view", catalogNoView},
		{"PutView: the stored view gets the next revision", catalogPutView},
		{"PutView returns ErrConflict when the stored revision is not v.Revision, and writes nothing",
			catalogPutViewConflict},
		{"PutView by many at once: one writes each revision", catalogPutViewRace},
		{"PutDefinition stores the text of a definition under its hash; repeating it changes nothing", catalogDefinition},
		{"Definition returns ErrNotFound when there is no such definition", catalogNoDefinition},
		{"The caller owns what it passes and what it gets", catalogOwned},
		{"A call with an ended ctx returns an error, and a write can be retried", catalogCancelled},
	})
}

// run returns a run that has a value of its own in every field.
func run(n uint64) lifecycle.Run {
	return lifecycle.Run{
		N: n, Horizon: slot.Slot(1_795_555_500_000 + 300_000*int64(n)),
		Manifest: fmt.Sprintf("runs/%012d/manifest.json", n), Identities: fmt.Sprintf("runs/%012d/identities", n),
		FirstArrival: event.Millis(n) + 1, LastArrival: event.Millis(n) + 2,
		Objects: int64(n) + 3, LateObjects: int64(n) + 4, Events: math.MaxInt64 - int64(n), Duplicates: int64(n) + 5,
		Conflicts: int64(n) + 6,
	}
}

func appendRuns(t *testing.T, c catalog.Catalog, n uint64) {
	t.Helper()
	for i := uint64(1); i <= n; i++ {
		wantNoError(t, fmt.Sprintf("append run %d", i), c.Append(t.Context(), run(i)))
	}
}

func wantHead(t *testing.T, c catalog.Catalog, want lifecycle.Run) {
	t.Helper()
	got, err := c.Head(t.Context())
	wantNoError(t, "head", err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
}

func wantRuns(t *testing.T, c catalog.Catalog, from, to uint64, want []lifecycle.Run) {
	t.Helper()
	got, err := c.Runs(t.Context(), from, to)
	wantNoError(t, fmt.Sprintf("runs %d to %d", from, to), err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("runs %d to %d (-want +got):\n%s", from, to, diff)
	}
}

func catalogEmpty(t *testing.T, c catalog.Catalog) {
	wantHead(t, c, lifecycle.Run{})
	wantRuns(t, c, 0, math.MaxUint64, nil)
	views, err := c.Views(t.Context())
	wantNoError(t, "views", err)
	if len(views) > 0 {
		t.Errorf("views of an empty catalog: %v", views)
	}
}

func catalogAppend(t *testing.T, c catalog.Catalog) {
	all := []lifecycle.Run{run(1), {N: 2, Horizon: run(2).Horizon}, run(3)} // the second run has read no object
	for i, r := range all {
		wantNoError(t, fmt.Sprintf("append run %d", r.N), c.Append(t.Context(), r))
		wantHead(t, c, r)
		wantRuns(t, c, 1, r.N, all[:i+1])
	}
}

func catalogAppendConflict(t *testing.T, c catalog.Catalog) {
	conflicts := func(numbers ...uint64) {
		t.Helper()
		for _, n := range numbers {
			r := run(n)
			r.Manifest = "another"
			wantError(t, fmt.Sprintf("append run %d", n), c.Append(t.Context(), r), catalog.ErrConflict)
		}
	}
	conflicts(0, 2, math.MaxUint64)
	wantHead(t, c, lifecycle.Run{})
	appendRuns(t, c, 3)
	conflicts(0, 1, 2, 3, 5, 6, math.MaxUint64)
	wantHead(t, c, run(3))
	wantRuns(t, c, 0, math.MaxUint64, []lifecycle.Run{run(1), run(2), run(3)})
}

func catalogAppendRace(t *testing.T, c catalog.Catalog) {
	var want []lifecycle.Run
	for n := uint64(1); n <= 5; n++ {
		entry := func(i int) lifecycle.Run {
			r := run(n)
			r.Manifest = fmt.Sprintf("runs/%d/of-racer-%d", n, i)
			return r
		}
		var errs [racers]error
		race(func(i int) { errs[i] = c.Append(t.Context(), entry(i)) })
		want = append(want, entry(oneWinner(t, errs[:], catalog.ErrConflict)))
		wantHead(t, c, want[n-1])
	}
	wantRuns(t, c, 1, 5, want)
}

func catalogRuns(t *testing.T, c catalog.Catalog) {
	const n = 12 // two digits, for stores that order by text
	appendRuns(t, c, n)
	for _, to := range []uint64{0, 1, 2, 9, 10, 11, n, n + 1, math.MaxUint64} {
		for from := range uint64(n + 2) {
			var want []lifecycle.Run
			for i := max(from, 1); i <= min(to, n); i++ {
				want = append(want, run(i))
			}
			wantRuns(t, c, from, to, want)
		}
	}
}

func catalogManyRuns(t *testing.T, c catalog.Catalog) {
	const n = 560 // with the longest object keys more than 1 MB, which is what DynamoDB returns at once
	var want []lifecycle.Run
	for i := uint64(1); i <= n; i++ {
		r := run(i)
		r.Manifest, r.Identities = strings.Repeat("m", 1024), strings.Repeat("i", 1024)
		wantNoError(t, fmt.Sprintf("append run %d", i), c.Append(t.Context(), r))
		want = append(want, r)
	}
	wantRuns(t, c, 1, n, want)
	wantRuns(t, c, 2, n-1, want[1:n-1])
	wantHead(t, c, want[n-1])
}

// viewOf returns a view with a value in every field. It is not stored yet.
func viewOf(name view.Name) lifecycle.View {
	return lifecycle.View{
		Name: name, Description: "Größe \"je\" Seite\n\t", Serving: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N",
		Generations: []lifecycle.Generation{
			{ID: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N", Definition: hashOf("a"), State: lifecycle.Serving, LiveFrom: 0,
				Run: math.MaxUint64, Horizon: 1_795_555_500_000},
			{ID: "01JD8Z6B1QZ0W6V3T5YJ9K4M2P", Definition: hashOf("b"), State: lifecycle.Building, LiveFrom: 1_795_555_800_000,
				Architecture: view.Kappa},
			{
				ID: "01JD8Z6B1QZ0W6V3T5YJ9K4M2Q", Definition: hashOf("a"), State: lifecycle.Retained, Since: 1_795_555_900_000,
				Run: math.MaxUint64, Horizon: 1_795_555_500_000, Built: math.MaxUint64 - 1,
			},
		},
		Held: hashOf("c"), Retired: 1_795_555_950_000, Rebuild: 7,
	}
}

// hashOf returns a hash in the form that package view makes.
func hashOf(text string) view.Hash {
	return view.Hash(fmt.Sprintf("%x", noise(uint64(len(text)), 15)) + fmt.Sprintf("%02x", text[0]))
}

// putView writes a view and returns it as it must be stored.
func putView(t *testing.T, c catalog.Catalog, v lifecycle.View) lifecycle.View {
	t.Helper()
	wantNoError(t, fmt.Sprintf("put view %s of revision %d", v.Name, v.Revision), c.PutView(t.Context(), v))
	v.Revision++
	return v
}

func wantView(t *testing.T, c catalog.Catalog, want lifecycle.View) {
	t.Helper()
	got, err := c.View(t.Context(), want.Name)
	wantNoError(t, fmt.Sprintf("view %s", want.Name), err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("view %s (-want +got):\n%s", want.Name, diff)
	}
}

func wantViews(t *testing.T, c catalog.Catalog, want []lifecycle.View) {
	t.Helper()
	got, err := c.Views(t.Context())
	wantNoError(t, "views", err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("views (-want +got):\n%s", diff)
	}
}

func catalogViews(t *testing.T, c catalog.Catalog) {
	var want []lifecycle.View
	for _, name := range []view.Name{"page_views", "b", "ab", "a", "z9", "a_b", "a1", "aa", "page",
		view.Name(strings.Repeat("v", 63))} {
		want = append(want, putView(t, c, viewOf(name)))
	}
	slices.SortFunc(want, func(a, b lifecycle.View) int { return strings.Compare(string(a.Name), string(b.Name)) })
	wantViews(t, c, want)
}

func catalogManyViews(t *testing.T, c catalog.Catalog) {
	var want []lifecycle.View
	for i := range 320 { // of 3.5 KB each: more than 1 MB
		v := viewOf(view.Name(fmt.Sprintf("view_%03d", i)))
		v.Description = strings.Repeat("d", 3500)
		want = append(want, putView(t, c, v))
	}
	wantViews(t, c, want)
}

func catalogNoView(t *testing.T, c catalog.Catalog) {
	_, err := c.View(t.Context(), "page_views")
	wantError(t, "view of an empty catalog", err, catalog.ErrNotFound)
	putView(t, c, viewOf("page_views"))
	for _, name := range []view.Name{"page_view", "page_views_", "p", "a", "z"} {
		_, err := c.View(t.Context(), name)
		wantError(t, fmt.Sprintf("view %s", name), err, catalog.ErrNotFound)
	}
}

func catalogPutView(t *testing.T, c catalog.Catalog) {
	bare := putView(t, c, lifecycle.View{Name: "bare"})
	v := putView(t, c, viewOf("full"))
	if v.Revision != 1 {
		t.Fatalf("the first revision is %d", v.Revision)
	}
	wantView(t, c, v)
	v.Description = ""
	v.Generations = v.Generations[:1]
	v.Held, v.Rebuild = "", 0 // a field that is cleared must not keep its old value
	v = putView(t, c, v)
	wantView(t, c, v)
	v = putView(t, c, v) // nothing but the revision changes
	wantView(t, c, v)
	wantView(t, c, bare) // each view has its own revisions
	wantViews(t, c, []lifecycle.View{bare, v})
}

func catalogPutViewConflict(t *testing.T, c catalog.Catalog) {
	conflicts := func(revisions ...int64) {
		t.Helper()
		for _, revision := range revisions {
			v := viewOf("page_views")
			v.Description, v.Revision = "another", revision
			wantError(t, fmt.Sprintf("put view of revision %d", revision), c.PutView(t.Context(), v), catalog.ErrConflict)
		}
	}
	conflicts(1, 2, -1, math.MaxInt64)
	_, err := c.View(t.Context(), "page_views")
	wantError(t, "view after conflicts only", err, catalog.ErrNotFound)
	stored := putView(t, c, viewOf("page_views"))
	conflicts(0, 2, -1) // 0: this is also what a retry of the call that succeeded passes
	wantView(t, c, stored)
	stored = putView(t, c, stored)
	conflicts(0, 1, 3, math.MaxInt64)
	wantView(t, c, stored)
}

func catalogPutViewRace(t *testing.T, c catalog.Catalog) {
	var errs [racers]error
	race(func(i int) {
		v := viewOf("created")
		v.Description = fmt.Sprint(i)
		errs[i] = c.PutView(t.Context(), v)
	})
	created := viewOf("created")
	created.Revision, created.Description = 1, fmt.Sprint(oneWinner(t, errs[:], catalog.ErrConflict))
	wantView(t, c, created)

	// Every racer reads and writes until it has written four times. No write may be lost, and one racer writes each
	// revision.
	const writes = 4
	var written [racers][]int64
	errs = [racers]error{}
	race(func(i int) {
		for len(written[i]) < writes && errs[i] == nil || errors.Is(errs[i], catalog.ErrConflict) {
			v, err := c.View(t.Context(), "created")
			if err == nil {
				v.Description += "," + fmt.Sprint(i)
				err = c.PutView(t.Context(), v)
			}
			if errs[i] = err; err == nil {
				written[i] = append(written[i], v.Revision)
			}
		}
	})
	wantNoError(t, "writers at once", errors.Join(errs[:]...))
	revisions := slices.Concat(written[:]...)
	slices.Sort(revisions)
	for i, revision := range revisions {
		if revision != int64(i+1) {
			t.Fatalf("the successful writers had read revisions %v; want each from 1 to %d once", revisions,
				racers*writes)
		}
	}
	v, err := c.View(t.Context(), "created")
	wantNoError(t, "view", err)
	if n := strings.Count(v.Description, ","); n != racers*writes || v.Revision != racers*writes+1 {
		t.Errorf("%d writes by revision %d, want %d by revision %d", n, v.Revision, racers*writes, racers*writes+1)
	}
}

func catalogDefinition(t *testing.T, c catalog.Catalog) {
	texts := map[view.Hash][]byte{
		hashOf("a"): []byte(`{"engine":1,"where":"a < \"ä\""}`),
		hashOf("b"): noise(3, 100_000),
		hashOf("c"): []byte("\x00\xff"),
	}
	for range 2 {
		for hash, text := range texts {
			wantNoError(t, fmt.Sprintf("put definition %s", hash), c.PutDefinition(t.Context(), hash, text))
		}
		for hash, want := range texts {
			got, err := c.Definition(t.Context(), hash)
			wantNoError(t, fmt.Sprintf("definition %s", hash), err)
			if !bytes.Equal(got, want) {
				t.Errorf("definition %s: %d bytes that are not the %d put", hash, len(got), len(want))
			}
		}
	}
}

func catalogNoDefinition(t *testing.T, c catalog.Catalog) {
	_, err := c.Definition(t.Context(), hashOf("a"))
	wantError(t, "definition of an empty catalog", err, catalog.ErrNotFound)
	wantNoError(t, "put definition", c.PutDefinition(t.Context(), hashOf("a"), []byte("text")))
	_, err = c.Definition(t.Context(), hashOf("b"))
	wantError(t, "another definition", err, catalog.ErrNotFound)
}

func catalogOwned(t *testing.T, c catalog.Catalog) {
	passed, want := viewOf("page_views"), viewOf("page_views")
	putView(t, c, passed)
	passed.Generations[0].Run = 1
	want.Revision = 1
	wantView(t, c, want)
	got, err := c.View(t.Context(), want.Name)
	wantNoError(t, "view", err)
	got.Generations[1].State = "spoilt"
	all, err := c.Views(t.Context())
	wantNoError(t, "views", err)
	all[0].Generations[0].ID = "spoilt"
	wantView(t, c, want)

	text := []byte("text")
	wantNoError(t, "put definition", c.PutDefinition(t.Context(), hashOf("a"), text))
	spoil(text)
	for range 2 {
		text, err = c.Definition(t.Context(), hashOf("a"))
		wantNoError(t, "definition", err)
		if string(text) != "text" {
			t.Errorf("the definition became %q", text)
		}
		spoil(text)
	}

	appendRuns(t, c, 2)
	runs, err := c.Runs(t.Context(), 1, 2)
	wantNoError(t, "runs", err)
	runs[1].Manifest = "spoilt"
	wantHead(t, c, run(2))
}

func catalogCancelled(t *testing.T, c catalog.Catalog) {
	writes := map[string]func(ctx context.Context) error{
		"append":         func(ctx context.Context) error { return c.Append(ctx, run(1)) },
		"put view":       func(ctx context.Context) error { return c.PutView(ctx, viewOf("page_views")) },
		"put definition": func(ctx context.Context) error { return c.PutDefinition(ctx, hashOf("a"), []byte("text")) },
	}
	for name, write := range writes {
		if err := write(cancelled(t)); err == nil || errors.Is(err, catalog.ErrConflict) {
			t.Errorf("%s with an ended ctx: error %v", name, err)
		}
		if err := write(t.Context()); err != nil && !errors.Is(err, catalog.ErrConflict) { // it may have been applied
			t.Errorf("%s after one with an ended ctx: %v", name, err)
		}
	}
	wantHead(t, c, run(1))
	stored := viewOf("page_views")
	stored.Revision = 1
	wantView(t, c, stored)
	reads := map[string]func(ctx context.Context) error{
		"head":       func(ctx context.Context) error { _, err := c.Head(ctx); return err },
		"runs":       func(ctx context.Context) error { _, err := c.Runs(ctx, 1, 1); return err },
		"views":      func(ctx context.Context) error { _, err := c.Views(ctx); return err },
		"view":       func(ctx context.Context) error { _, err := c.View(ctx, "page_views"); return err },
		"definition": func(ctx context.Context) error { _, err := c.Definition(ctx, hashOf("a")); return err },
	}
	for name, read := range reads {
		if err := read(cancelled(t)); err == nil || errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("%s with an ended ctx: error %v", name, err)
		}
	}
}
