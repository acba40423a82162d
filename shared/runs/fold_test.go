package runs_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
)

// pagesOf returns the encoded pages of a delta, by key.
func pagesOf(delta *view.Delta) map[string]string {
	all := map[string]string{}
	for page := range delta.Pages() {
		all[string(page.Key)] = string(page.AppendPage(nil))
	}
	return all
}

// TestFold checks that the number of workers does not change the result: counted events are folded, and the pages of
// duplicates are touched. The deltas of the single batches give the same result.
func TestFold(t *testing.T) {
	a := newArchived(t)
	for i, ids := range [][]string{{"a", "b"}, {}, {"a", "c", "c"}, {"d"}, {"b", "e", "d"}} {
		a.add(t, event.Millis(i), ids...)
	}
	set, err := view.Compile(view.Definition{
		Name: "ids", Key: []view.KeyField{{Field: "id", Expr: "id"}}, Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	in, err := a.Read(ctx, set.Fields(), a.manifest())
	if err != nil {
		t.Fatal(err)
	}
	new(runs.Known).MarkDuplicates(in, runner.Sequential)
	whole := in.Fold(set.Programs, runner.Sequential, 1)[0]
	if got, want := whole.Counts().Folded, int64(5); got != want {
		t.Errorf("%d events are folded, want %d", got, want)
	}
	if n := len(pagesOf(whole)); n != 5 {
		t.Errorf("%d pages, want one of each id", n)
	}
	for _, workers := range []int{0, 2, 3, 9} {
		if diff := cmp.Diff(pagesOf(whole), pagesOf(in.Fold(set.Programs, backwards, workers)[0])); diff != "" {
			t.Errorf("%d workers (-one +several):\n%s", workers, diff)
		}
	}
	single := in.FoldEach(set.Programs[0], backwards)
	if len(single) != len(in.Batches) || len(pagesOf(single[1])) != 0 || len(pagesOf(single[2])) != 2 {
		t.Fatalf("%d deltas of %d batches; of the third one %v", len(single), len(in.Batches), pagesOf(single[2]))
	}
	sum := set.Programs[0].NewDelta()
	for _, delta := range single {
		sum.Merge(delta)
	}
	if diff := cmp.Diff(pagesOf(whole), pagesOf(sum)); diff != "" {
		t.Errorf("single batches (-whole +sum):\n%s", diff)
	}
	none := &runs.Input{}
	if n := len(pagesOf(none.Fold(set.Programs, backwards, 4)[0])); n != 0 {
		t.Errorf("%d pages of no batch", n)
	}
}

// TestFolder checks that inputs folded one after another give the sum of their deltas.
func TestFolder(t *testing.T) {
	set, err := view.Compile(view.Definition{
		Name: "ids", Key: []view.KeyField{{Field: "id", Expr: "id"}}, Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var inputs []*runs.Input
	var known runs.Known
	sum := set.Programs[0].NewDelta()
	for n := range 4 {
		a := newArchived(t)
		for i := range 3 {
			a.add(t, event.Millis(i), string(rune('a'+n)), string(rune('b'+i)), "z")
		}
		in, err := a.Read(ctx, set.Fields(), a.manifest())
		if err != nil {
			t.Fatal(err)
		}
		known.MarkDuplicates(in, runner.Sequential)
		inputs = append(inputs, in)
		sum.Merge(in.Fold(set.Programs, runner.Sequential, 1)[0])
	}
	f := runs.NewFolder(set.Programs, backwards, 3)
	for _, in := range inputs {
		f.Add(in)
	}
	got := f.Deltas()[0]
	if diff := cmp.Diff(pagesOf(sum), pagesOf(got)); diff != "" || got.Counts() != sum.Counts() {
		t.Errorf("counts %+v (-sum +folder):\n%s", got.Counts(), diff)
	}
}

// TestFoldMemory checks that a fold takes about as much memory for many views as for one, and for many small objects as
// for few large ones. A slot of requests with one event each must fit into batch's function.
func TestFoldMemory(t *testing.T) {
	const events, most = 20_000, 80 << 20
	for _, c := range []struct{ views, inObject int }{{1, 1}, {8, 1}, {20, 1000}} {
		var all []view.Definition
		for i := range c.views {
			all = append(all, view.Definition{
				Name: view.Name(fmt.Sprintf("v%d", i)), Key: []view.KeyField{{Field: "type", Expr: "type"}}, Window: time.Hour,
				Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}, {Name: "sum", Expr: "sum(data.n)"}},
			})
		}
		set, err := view.Compile(all...)
		if err != nil {
			t.Fatal(err)
		}
		in := &runs.Input{Duplicate: make([]bool, events)}
		for at := 0; at < events; at += c.inObject {
			var lines []byte
			for i := range c.inObject {
				text := fmt.Appendf(nil, `{"specversion":"1.0","id":"%d","source":"/s","type":"t","data":{"n":1}}`, at+i)
				lines = event.AppendLine(lines, text, event.Stamp{Index: i})
			}
			b, err := set.Fields().NewBatch(lines)
			if err != nil {
				t.Fatal(err)
			}
			in.Batches, in.Starts = append(in.Batches, b), append(in.Starts, at)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		deltas := in.Fold(set.Programs, runner.Sequential, 2)
		runtime.ReadMemStats(&after)
		if n := deltas[c.views-1].Counts().Folded; n != events {
			t.Errorf("%d views, %d events an object: %d events folded, want %d", c.views, c.inObject, n, events)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > most {
			t.Errorf("%d views, %d events an object: %d bytes allocated, want %d at most", c.views, c.inObject, took, most)
		}
	}
}
