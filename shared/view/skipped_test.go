package view_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view"
)

// TestSkippedKeyIsNoKey checks that whatever the values of a key are, and however many, it is stored under another key.
func TestSkippedKeyIsNoKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.String(), 0, view.MaxKeyFields).Draw(t, "values")
		if view.EncodeKey(values) == view.SkippedKey {
			t.Fatalf("%q is stored under the key of what is skipped", values)
		}
	})
	if key := view.EncodeKey([]string{string(view.SkippedKey)}); key == view.SkippedKey {
		t.Error("a value of the same bytes is stored under the key of what is skipped")
	}
	if values, whole := view.DecodeKey(view.SkippedKey); len(values) > 0 || whole {
		t.Errorf("the key of what is skipped reads as %q, whole %v", values, whole)
	}
}

// shopView has every place at which a view can skip.
func shopView() view.Definition {
	return view.Definition{
		Name: "shop", Where: `data.kind == "sale"`, Window: time.Hour,
		Key: []view.KeyField{{Field: "user", Expr: "data.user"}, {Field: "land", Expr: "data.land"}},
		Aggregates: []view.Aggregate{
			{Name: "n", Expr: "count()"}, {Name: "cost", Expr: "sum(data.cost)"}, {Name: "tax", Expr: "max(data.tax)"},
			{Name: "mean_cost", Expr: "mean(data.cost)"},
		},
	}
}

// skipsOf says what a delta skipped, a line each.
func skipsOf(d *view.Delta) (all []string) {
	for _, s := range d.Skips() {
		all = append(all, fmt.Sprintf("%s: %d, %s %s", s.Name, s.Events, s.Source, s.ID))
	}
	return all
}

// TestSkips checks that an event is skipped at its where, or else at the first key field that fails. A row is skipped
// at each aggregate whose argument is no number.
func TestSkips(t *testing.T) {
	const whole = `"kind":"sale","user":"u","land":"de","cost":1,"tax":2`
	for _, c := range []struct {
		name, data string
		want       []string
	}{
		{"nothing", whole, nil},
		{"where is false", `"kind":"visit"`, nil},
		{"where fails", strings.Replace(whole, "kind", "sort", 1), []string{"where"}},
		{"where fails, and nothing else is asked", `"a":1`, []string{"where"}},
		{"the first key field", strings.Replace(whole, "user", "person", 1), []string{"key.user"}},
		{"the second key field", strings.Replace(whole, "land", "country", 1), []string{"key.land"}},
		{"both: the first counts", `"kind":"sale"`, []string{"key.user"}},
		{"a key field that is null", strings.Replace(whole, `"u"`, "null", 1), []string{"key.user"}},
		{"a key field that is an object", strings.Replace(whole, `"u"`, "{}", 1), []string{"key.user"}},
		{"an argument of two aggregates", strings.Replace(whole, "cost", "price", 1),
			[]string{"aggregates.cost", "aggregates.mean_cost"}},
		{"an argument that is a string", strings.Replace(whole, `"tax":2`, `"tax":"2"`, 1), []string{"aggregates.tax"}},
		{"both arguments", `"kind":"sale","user":"u","land":"de"`,
			[]string{"aggregates.cost", "aggregates.mean_cost", "aggregates.tax"}},
		{"an argument that is too large", strings.Replace(whole, `"tax":2`, `"tax":1e400`, 1), []string{"aggregates.tax"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := compiled(t, shopView())
			p := set.Programs[0]
			b := scan(t, set.Fields(), eventWith(`"data":{`+c.data+`}`))
			d := p.NewDelta()
			d.Fold(b, allRows(b))
			var want []string
			for _, place := range c.want {
				want = append(want, place+": 1, /source id-1")
			}
			if diff := cmp.Diff(want, skipsOf(d)); diff != "" {
				t.Error("skips (-want +got):", diff)
			}
		})
	}
}

// TestSampleOfSkips checks that the sample has the smallest source and then id, cut, in whatever order the events come.
func TestSampleOfSkips(t *testing.T) {
	set := compiled(t, shopView())
	p := set.Programs[0]
	named := func(source, id string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":%q,"type":"t","data":{}}`, id, source)
	}
	long := strings.Repeat("x", aggregate.SampleBytes+1)
	for _, c := range []struct {
		name   string
		events []string
		want   string
	}{
		{"first by source", []string{named("b", "1"), named("a", "2"), named("c", "0")}, "where: 3, a 2"},
		{"then by id", []string{named("a", "3"), named("a", "1"), named("a", "2")}, "where: 3, a 1"},
		{"cut", []string{named(long, long)}, "where: 1, " + long[1:] + " " + long[1:]},
		{"cut between characters", []string{named("s", long[2:]+"é")}, "where: 1, s " + long[2:]},
		{"escapes", []string{`{"specversion":"1.0","id":"\u0041\"","source":"s","type":"t","data":{}}`}, `where: 1, s A"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := scan(t, set.Fields(), c.events...)
			d := p.NewDelta()
			d.Fold(b, allRows(b))
			if diff := cmp.Diff([]string{c.want}, skipsOf(d)); diff != "" {
				t.Error("skips (-want +got):", diff)
			}
		})
	}
}

// TestPagesOfSkipsAreBounded checks that a page of what is skipped stays within 16 KB, or within 1 KB for a Kappa view,
// however much is skipped, or else has one window only.
func TestPagesOfSkipsAreBounded(t *testing.T) {
	d := shopView()
	for _, architecture := range []view.Architecture{view.Lambda, view.Kappa} {
		for fields := range view.MaxKeyFields + 1 {
			d.Architecture, d.Key, d.Window = architecture, nil, time.Second
			for i := range fields {
				d.Key = append(d.Key, view.KeyField{Field: fmt.Sprint("k", i), Expr: fmt.Sprint("data.k", i)})
			}
			skipped := compiled(t, d).Programs[0].Skipped
			windows := 1
			for ; skipped.PageOf(view.Window(windows)) == 0; windows++ {
			}
			worst := 1 + windows*(10+skipped.Functions[0].MaxEncoded())
			most := map[view.Architecture]int{view.Lambda: 16 << 10, view.Kappa: 1 << 10}[architecture]
			if worst > most && windows > 1 {
				t.Errorf("%s, %d key fields: a page of %d windows has up to %d bytes", architecture, fields, windows, worst)
			}
		}
	}
}
