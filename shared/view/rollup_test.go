package view_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view"
)

// rolledView is a definition with key fields a, b, c and some roll-ups.
func rolledView(rollups ...[]string) view.Definition {
	d := view.Definition{Name: "v", Window: time.Hour, Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}}}
	for _, field := range []string{"a", "b", "c"} {
		d.Key = append(d.Key, view.KeyField{Field: field, Expr: "data." + field})
	}
	d.Rollups = rollups
	return d
}

func TestPlanKeys(t *testing.T) {
	rollups := [][]string{{"c", "a"}, {"b"}, {}, {"a"}, {"a", "b"}}
	for _, c := range []struct {
		name    string
		rollups [][]string
		asked   []string
		want    view.Subset
		unknown bool
	}{
		{name: "the full key", rollups: rollups, asked: []string{"a", "b", "c"}, want: view.FullKey},
		{name: "the full key in any order", rollups: rollups, asked: []string{"c", "a", "b"}, want: view.FullKey},
		{name: "no roll-ups", asked: []string{"a"}, want: view.FullKey},
		{name: "no fields", rollups: rollups, want: 3},
		{name: "no fields and no roll-up of none", rollups: rollups[:2], want: 2},
		{name: "a roll-up of one field", rollups: rollups, asked: []string{"a"}, want: 4},
		{name: "a roll-up of two fields", rollups: rollups, asked: []string{"a", "c"}, want: 1},
		{name: "a field that is asked for twice", rollups: rollups, asked: []string{"a", "a"}, want: 4},
		{name: "a larger roll-up", rollups: rollups, asked: []string{"c"}, want: 1},
		{name: "none but the full key", rollups: rollups, asked: []string{"b", "c"}, want: view.FullKey},
		{name: "the first of two of a size", rollups: [][]string{{"b", "c"}, {"a", "b"}}, asked: []string{"b"},
			want: 1},
		{name: "the smaller one, which comes later", rollups: [][]string{{"a", "b"}, {"b"}}, asked: []string{"b"},
			want: 2},
		{name: "no key field", rollups: rollups, asked: []string{"d"}, unknown: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := rolledView(c.rollups...).PlanKeys(c.asked)
			if got != c.want || ok == c.unknown {
				t.Errorf("got %+v, %v; want %+v", got, ok, c.want)
			}
		})
	}
}

func TestCheckRollups(t *testing.T) {
	for _, c := range []struct {
		name    string
		rollups [][]string
		want    []string // part, index and text
	}{
		{name: "valid", rollups: [][]string{{"c", "a"}, {"b"}, {}}},
		{name: "unknown field", rollups: [][]string{{"a"}, {"b", "aa"}, {"x"}}, want: []string{
			`field 2: unknown key field "aa"; the key fields are a, b, c`,
			`field 3: unknown key field "x"; the key fields are a, b, c`,
		}},
		{name: "a field twice", rollups: [][]string{{"a", "b", "a"}}, want: []string{
			`field 2: the key field "a" appears twice in this roll-up; remove one`,
		}},
		{name: "the full key", rollups: [][]string{{"c", "b", "a"}}, want: []string{
			"roll-up 0: the roll-up [a, b, c] has all key fields, and the view keeps these rows anyway; " +
				"remove the roll-up, or leave out a field",
		}},
		{name: "a roll-up twice", rollups: [][]string{{}, {"a", "b"}, {"b", "a"}, {}}, want: []string{
			"roll-up 2: the roll-up [a, b] appears twice; remove one",
			"roll-up 3: the roll-up [] appears twice; remove one",
		}},
		{name: "too many", rollups: make([][]string, 9), want: []string{
			"roll-up 8: there are 9 roll-ups; the maximum is 8",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range view.Check(rolledView(c.rollups...)) {
				part := map[view.Part]string{view.RollupPart: "roll-up", view.RollupFieldPart: "field"}[f.Part]
				got = append(got, fmt.Sprintf("%s %d: %s", part, f.Index, f.Text))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	keyless := rolledView([]string{})
	keyless.Key = nil
	if _, err := view.Compile(keyless); err == nil || !strings.Contains(err.Error(), `view "v": rollups, character 1: the `+
		"roll-up [] has all key fields") {
		t.Errorf("a roll-up of no key: %v", err)
	}
}

// TestKeyOfSubset checks that keys of different subsets differ, and that each gives back its subset and its values.
func TestKeyOfSubset(t *testing.T) {
	d := rolledView([]string{"a"}, []string{"b"}, []string{})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "\x00", "\x01", "\x02", "\xff", "a", "ab"})
		draw := func(label string) (view.Subset, []string) {
			s := view.Subset(rapid.IntRange(0, 3).Draw(t, label))
			n := len(d.Fields(s))
			return s, rapid.SliceOfN(text, n, n).Draw(t, label)
		}
		s, values := draw("one")
		other, others := draw("other")
		key := d.KeyOf(s, values)
		if (key == d.KeyOf(other, others)) != (s == other && slices.Equal(values, others)) {
			t.Fatalf("keys of %d %q and %d %q", s, values, other, others)
		}
		if got, back, ok := d.ValuesOf(key); !ok || got != s || !slices.Equal(back, values) {
			t.Fatalf("%q is %d %q, %v", key, got, back, ok)
		}
		if !strings.HasPrefix(string(key), string(d.PrefixOf(s, nil, ""))) || key == view.SkippedKey {
			t.Fatalf("key %q", key)
		}
	})
	for _, key := range []view.Key{"", "\x04", view.SkippedKey, "\x00a\x00", "\x01", "\x03a\x00", "\x01a"} {
		if s, values, ok := d.ValuesOf(key); ok {
			t.Errorf("%q is %d %q", key, s, values)
		}
	}
}

// rolledHits is the tests' view with roll-ups.
func rolledHits() view.Definition {
	d := hitViews()[1]
	d.Rollups = [][]string{{"code"}, {}, {"path"}}
	d.Aggregates = append(d.Aggregates, view.Aggregate{Name: "some", Expr: "sum(data.x, data.x > 1)"},
		view.Aggregate{Name: "paths", Expr: "distinct(data.path)"}, view.Aggregate{Name: "last", Expr: "last(data.x)"})
	return d
}

// TestRollupsAreSums checks the law of roll-ups: merging the full keys by the fields of a roll-up gives its pages, byte
// by byte, also where the keys or the arguments of some events cannot be used.
func TestRollupsAreSums(t *testing.T) {
	set := compiled(t, rolledHits())
	p := set.Programs[0]
	rapid.Check(t, func(t *rapid.T) {
		b := scanned(t, set, drawHits(t))
		d := p.NewDelta()
		d.Fold(b, allRows(b))
		for s := range view.Subset(p.Definition.Subsets()) {
			sums, got := map[view.PageKey]*view.Windows{}, map[view.PageKey]string{}
			for page := range d.Pages() {
				of, values, ok := p.Definition.ValuesOf(page.Key)
				switch {
				case page.Key == view.SkippedKey:
				case !ok:
					t.Fatalf("key %q", page.Key)
				case of == view.FullKey && s != view.FullKey:
					to := view.PageKey{Key: p.KeyOf(s, valuesIn(p.Definition, s, values)), Page: page.Page}
					if sums[to] == nil {
						sums[to] = p.NewWindows()
					}
					page.MergeInto(sums[to])
				case of == s && s != view.FullKey:
					got[page.PageKey] = string(page.AppendPage(nil))
				}
			}
			want := map[view.PageKey]string{}
			for key, windows := range sums {
				want[key] = string(windows.AppendPage(nil, key.Page))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("roll-up %v: %s", p.Definition.FieldNames(s), diff)
			}
		}
	})
}

// valuesIn returns the values of a subset's fields from those of the full key.
func valuesIn(d view.Definition, s view.Subset, values []string) []string {
	in := []string{}
	for i, k := range d.Key {
		if slices.Contains(d.FieldNames(s), k.Field) {
			in = append(in, values[i])
		}
	}
	return in
}

// TestRollupsChangeNothingElse checks that a view's own rows, what it skips and its counts are the same with and
// without roll-ups, and that duplicates touch the pages of every subset.
func TestRollupsChangeNothingElse(t *testing.T) {
	rolled := rolledHits()
	plainView := rolled
	plainView.Rollups = nil
	set := compiled(t, rolled, plainView)
	rapid.Check(t, func(t *rapid.T) {
		b := scanned(t, set, drawHits(t))
		d, plain, touched := set.Programs[0].NewDelta(), set.Programs[1].NewDelta(), set.Programs[0].NewDelta()
		d.Fold(b, allRows(b))
		plain.Fold(b, allRows(b))
		touched.Touch(b, allRows(b))
		if d.Counts() != plain.Counts() || !slices.Equal(d.Skips(), plain.Skips()) {
			t.Fatalf("counts %+v and %+v, skips %v and %v", d.Counts(), plain.Counts(), d.Skips(), plain.Skips())
		}
		var want, got []string
		var folded, touches []view.PageKey
		for page := range d.Pages() {
			folded = append(folded, page.PageKey)
			if s, _, _ := rolled.ValuesOf(page.Key); page.Key == view.SkippedKey || s == view.FullKey {
				got = append(got, fmt.Sprintf("%q %d %x", bytes.TrimPrefix([]byte(page.Key), []byte{0}), page.Page,
					page.AppendPage(nil)))
			}
		}
		for page := range plain.Pages() {
			want = append(want, fmt.Sprintf("%q %d %x", page.Key, page.Page, page.AppendPage(nil)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		for page := range touched.Pages() {
			touches = append(touches, page.PageKey)
		}
		if diff := cmp.Diff(folded, touches); diff != "" {
			t.Fatalf("touched pages: %s", diff)
		}
	})
}

// TestRolledKeyIsTooLong checks that a view with roll-ups takes the same keys as one without, and that an event whose
// full key is too long counts in no roll-up, either.
func TestRolledKeyIsTooLong(t *testing.T) {
	set := compiled(t, rolledHits())
	for bytes, fits := range map[int]bool{895: true, 896: false} {
		b := scanned(t, set, []hit{{kind: `"hit"`, path: quoted(strings.Repeat("p", bytes)), code: quoted("404"), x: "1"}})
		d := set.Programs[0].NewDelta()
		d.Fold(b, allRows(b))
		pages := 0
		for range d.Pages() {
			pages++
		}
		want := 1
		if fits {
			want = 4
		} else if got := d.Skips(); len(got) != 1 || got[0].Name != "key.code" || got[0].Reason != aggregate.TooLarge {
			t.Errorf("a path of %d bytes: skipped %+v", bytes, got)
		}
		if pages != want {
			t.Errorf("a path of %d bytes has %d pages, want %d", bytes, pages, want)
		}
	}
}
