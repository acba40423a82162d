package view_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// windowed returns a program without filter and key, with one window length and some aggregates.
func windowed(t testing.TB, window time.Duration, exprs ...string) *view.Program {
	t.Helper()
	d := view.Definition{Name: "windowed", Window: window}
	for i, expr := range exprs {
		d.Aggregates = append(d.Aggregates, view.Aggregate{Name: string(rune('a' + i)), Expr: expr})
	}
	return compiled(t, d).Programs[0]
}

// TestPageRoundTrip checks that MergePage reads what AppendPage writes, byte for byte.
func TestPageRoundTrip(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	rapid.Check(t, func(t *rapid.T) {
		b := scanned(t, set, drawHits(t))
		d := p.NewDelta()
		d.Fold(b, allRows(b))
		for _, page := range encodedPages(p, d) {
			w := p.For(page.Key).NewWindows()
			if err := w.MergePage(page.Page, []byte(page.States), nil); err != nil {
				t.Fatal(err)
			}
			if again := w.AppendPage([]byte("before"), page.Page); string(again) != "before"+page.States {
				t.Fatalf("page %d of key %q was %x and is %x", page.Page, page.Key, page.States, again)
			}
		}
	})
}

// TestMergePageWant checks that only the wanted windows are read, each as it is in the whole page.
func TestMergePageWant(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	rapid.Check(t, func(t *rapid.T) {
		hits := drawHits(t)
		for i := range hits {
			hits[i].kind, hits[i].path, hits[i].code = `"hit"`, `"a"`, "1"
		}
		b := scanned(t, set, hits)
		d := p.NewDelta()
		d.Fold(b, allRows(b))
		for _, page := range encodedPages(p, d) {
			p := p.For(page.Key)
			whole, some := p.NewWindows(), p.NewWindows()
			if err := whole.MergePage(page.Page, []byte(page.States), nil); err != nil {
				t.Fatal(err)
			}
			var wanted []view.Window
			for _, window := range whole.Sorted() {
				if rapid.Bool().Draw(t, "want") {
					wanted = append(wanted, window)
				}
			}
			if err := some.MergePage(page.Page, []byte(page.States), func(w view.Window) bool {
				return slices.Contains(wanted, w)
			}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]view.Window{}, wanted...), some.Sorted()); diff != "" {
				t.Fatal("windows (-wanted +merged):", diff)
			}
			for _, window := range wanted {
				for i := range p.Functions {
					if is, was := string(some.AppendValue(nil, i, window)), string(whole.AppendValue(nil, i, window)); is != was {
						t.Fatalf("aggregate %d of window %d is %s, not %s", i, window, is, was)
					}
				}
			}
		}
	})
}

// TestPageGolden checks bytes that must never change, since pages are stored. Format 1 has, per window, its place on
// the page and the states in the order of the aggregates.
func TestPageGolden(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	for _, c := range []struct {
		name string
		hits []hit
		page view.Page
		want string
	}{
		{"no windows", nil, 0, "01"},
		{
			// Place 0: a count of 1; sum, mean, min and max of 1 row, which is skipped.
			"nothing but a skipped row", []hit{{at: 0}}, 0, "01" + "00" + "1101" + "225f01" + "235f01" + "245f01" + "255f01",
		},
		{
			// 24.5 is 245 * 10^26 units; -0.5 is 5 * 10^26 below zero; 25 is 25 * 10^27.
			"places 0 and 59, of two rows and of one",
			[]hit{{at: 0, x: "25"}, {at: 59_999, x: "-0.5"}, {at: 59 * 60_000, x: "7"}}, 0,
			"01" + "00" + "1102" + "221a02f501" + "231a02f501" + "243a05" + "251b19" + "3b" + "1101" + "221b0107" + "231b0107" +
				"241b07" + "251b07",
		},
		{"before 1970", []hit{{at: -1, x: "1"}}, -1, "01" + "4c" + "1101" + "221b0101" + "231b0101" + "241b01" + "251b01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.hits {
				c.hits[i].kind, c.hits[i].path, c.hits[i].code = `"hit"`, `"a"`, "1"
			}
			b := scanned(t, set, c.hits)
			d := p.NewDelta()
			d.Fold(b, allRows(b))
			w := p.NewWindows()
			for page := range d.Pages() {
				if page.Page != c.page {
					t.Errorf("the events are on page %d, want %d", page.Page, c.page)
				}
				if page.Key != view.SkippedKey {
					page.MergeInto(w)
				}
			}
			if got := hex.EncodeToString(w.AppendPage(nil, c.page)); got != c.want {
				t.Errorf("page is %s, want %s", got, c.want)
			}
		})
	}
}

// TestMergePageErrors checks that bytes that AppendPage never writes are refused, even in a window that is not wanted.
func TestMergePageErrors(t *testing.T) {
	p := windowed(t, time.Hour, "count()") // a page holds the windows of a day
	for _, c := range []struct{ name, page string }{
		{"nothing", ""},
		{"format 0", "00"},
		{"a later format", "02" + "00" + "1101"},
		{"no state", "01" + "00"},
		{"half a state", "01" + "00" + "11"},
		{"half a place", "01" + "80"},
		{"a place after the page's end", "01" + "18" + "1101"},
		{"a place far after it", "01" + "ffffffffffffffffff01" + "1101"},
		{"a place that is too long", "01" + "ffffffffffffffffffff01" + "1101"},
		{"a place in two ways", "01" + "8500" + "1101"},
		{"one window twice", "01" + "05" + "1101" + "05" + "1101"},
		{"windows in the wrong order", "01" + "05" + "1101" + "04" + "1101"},
		{"another function's state", "01" + "00" + "125f"},
		{"a later version of the state", "01" + "00" + "2101"},
		{"something after the last window", "01" + "17" + "1101" + "00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			encoded, err := hex.DecodeString(c.page)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []func(view.Window) bool{nil, func(view.Window) bool { return false }} {
				if err := p.NewWindows().MergePage(0, encoded, want); !errors.Is(err, view.ErrCorruptPage) {
					t.Errorf("error is %v, want ErrCorruptPage", err)
				}
			}
			if merged, err := p.Merge(encoded, view.DeltaPage{}); !errors.Is(err, view.ErrCorruptPage) {
				t.Errorf("merged to %x, %v; want ErrCorruptPage", merged, err)
			}
			if merged, err := p.Merge([]byte("\x01"), view.DeltaPage{}); err != nil || string(merged) != "\x01" {
				t.Errorf("after a corrupt page, an empty one and nothing are %x, %v", merged, err)
			}
		})
	}
	t.Run("a later version is refused", func(t *testing.T) {
		if err := p.NewWindows().MergePage(0, []byte("\x01\x00\x31\x01"), nil); !errors.Is(err, aggregate.ErrVersion) {
			t.Errorf("error is %v, want aggregate.ErrVersion too", err)
		}
	})
}

// TestMergeBytes checks that Merge writes the bytes that a Windows writes after it has merged both pages.
func TestMergeBytes(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	rapid.Check(t, func(t *rapid.T) {
		old, more := p.NewDelta(), p.NewDelta()
		for _, d := range []*view.Delta{old, more} {
			b := scanned(t, set, drawHits(t))
			d.Fold(b, allRows(b))
		}
		stored := map[view.PageKey]string{}
		for _, page := range encodedPages(p, old) {
			stored[page.PageKey] = page.States
		}
		for page := range more.Pages() {
			own := p.For(page.Key)
			w := own.NewWindows()
			before, ok := stored[page.PageKey]
			if !ok {
				before = string(w.AppendPage(nil, page.Page))
			}
			if err := w.MergePage(page.Page, []byte(before), nil); err != nil {
				t.Fatal(err)
			}
			page.MergeInto(w)
			got, err := p.Merge([]byte(before), page)
			if want := w.AppendPage(nil, page.Page); err != nil || string(got) != string(want) {
				t.Fatalf("page %v is %x, %v; by way of a Windows %x", page.PageKey, got, err, want)
			}
		}
	})
}

func FuzzMergePage(f *testing.F) {
	set := compiled(f, hitViews()...)
	p := set.Programs[1]
	b := scanned(f, set, []hit{
		{at: 0, kind: `"hit"`, path: `"a"`, code: "1", x: "25"}, {at: 60_000, kind: `"hit"`, path: `"a"`, code: "1", x: "-0.5"},
		{at: 61_000, kind: `"hit"`, path: `"a"`, code: "1"}, {at: -1, kind: `"hit"`, path: `"a"`, code: "1", x: "1e3"},
	})
	d := p.NewDelta()
	d.Fold(b, allRows(b))
	for _, page := range encodedPages(p, d) {
		f.Add([]byte(page.States), int32(page.Page))
	}
	f.Add([]byte{}, int32(0))
	f.Fuzz(func(t *testing.T, encoded []byte, number int32) {
		page := view.Page(number)
		w := p.NewWindows()
		err := w.MergePage(page, encoded, nil)
		for added := range d.Pages() {
			if added.Page != page || added.Key == view.SkippedKey {
				continue
			}
			sum := p.NewWindows()
			_ = sum.MergePage(page, encoded, nil) // err
			added.MergeInto(sum)
			merged, mergeErr := p.Merge(encoded, added)
			if (err == nil) != (mergeErr == nil) || err == nil && string(merged) != string(sum.AppendPage(nil, page)) {
				t.Fatalf("Merge of %x: %x, %v; MergePage %v", encoded, merged, mergeErr, err)
			}
		}
		skipped := p.NewWindows().MergePage(page, encoded, func(view.Window) bool { return false })
		if (err == nil) != (skipped == nil) {
			t.Fatalf("wanted windows give the error %v, others %v", err, skipped)
		}
		if err != nil {
			if !errors.Is(err, view.ErrCorruptPage) {
				t.Fatalf("error is %v, want ErrCorruptPage", err)
			}
			return
		}
		if again := w.AppendPage(nil, page); string(again) != string(encoded) {
			t.Fatalf("%x was read, and is written as %x", encoded, again)
		}
	})
}

// TestWindows checks that window w covers [w*length, (w+1)*length), also before 1970.
func TestWindows(t *testing.T) {
	p := windowed(t, time.Hour, "count()")
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	t.Run("Start and End", func(t *testing.T) {
		for _, c := range []struct {
			window     view.Window
			start, end string
		}{
			{0, "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"},
			{-1, "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"},
			{397_714, "2015-05-16T10:00:00Z", "2015-05-16T11:00:00Z"},
		} {
			if start, end := p.Start(c.window), p.End(c.window); !start.Equal(at(c.start)) || !end.Equal(at(c.end)) {
				t.Errorf("window %d is [%s, %s), want [%s, %s)", c.window, start, end, c.start, c.end)
			}
		}
	})
	t.Run("FirstWindowFrom", func(t *testing.T) {
		for _, c := range []struct {
			from string
			want view.Window
		}{
			{"1970-01-01T00:00:00Z", 0},
			{"1969-12-31T23:59:59.999999999Z", 0},
			{"1970-01-01T00:00:00.000000001Z", 1},
			{"1970-01-01T00:00:00.001Z", 1},
			{"1970-01-01T00:59:59Z", 1},
			{"1970-01-01T01:00:00Z", 1},
			{"1969-12-31T23:00:00Z", -1},
			{"1969-12-31T23:00:00.000000001Z", 0},
			{"1969-12-31T22:59:59.999999999Z", -1},
			{"0001-01-01T00:00:00Z", -17_259_888},
			{"1970-01-01T02:00:00+02:00", 0},
		} {
			if got := p.FirstWindowFrom(at(c.from)); got != c.want {
				t.Errorf("the first window from %s is %d, want %d", c.from, got, c.want)
			}
		}
	})
	t.Run("of events", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			window := rapid.SampledFrom(possibleWindows()).Draw(t, "window")
			set, err := view.Compile(view.Definition{Name: "w", Window: window,
				Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}}})
			if err != nil {
				t.Fatal(err)
			}
			p := set.Programs[0]
			when := time.UnixMilli(rapid.Int64Range(-62_167_219_200_000, 253_402_300_799_999).Draw(t, "at")).UTC()
			b := scanned(t, set, []hit{{at: when.UnixMilli()}})
			d := p.NewDelta()
			d.Fold(b, allRows(b))
			for page := range d.Pages() {
				if page.Key == view.SkippedKey {
					continue
				}
				w := p.NewWindows()
				page.MergeInto(w)
				if n := w.Len(); n != 1 {
					t.Fatalf("one event is in %d windows", n)
				}
				in := w.Sorted()[0]
				if when.Before(p.Start(in)) || !when.Before(p.End(in)) {
					t.Fatalf("%s is in the window [%s, %s)", when, p.Start(in), p.End(in))
				}
				if first := p.FirstWindowFrom(when); first != in && !(first == in+1 && when.After(p.Start(in))) {
					t.Fatalf("%s lies in window %d, and the first window from it is %d", when, in, first)
				}
				if p.PageOf(in) != page.Page {
					t.Fatalf("window %d lies on page %d, and is stored on %d", in, p.PageOf(in), page.Page)
				}
			}
		})
	})
}

// TestWindowsPerPage checks how many windows a page holds: as many as fit into 16 KB at their maximum size, at least
// one, at most those of a day. The number never changes for a definition, since items are found by the number of their
// page.
func TestWindowsPerPage(t *testing.T) {
	for _, c := range []struct {
		window time.Duration
		exprs  []string
		want   int64
	}{
		{time.Hour, []string{"count()"}, 24},
		{24 * time.Hour, []string{"count()"}, 1},
		{week, []string{"count()"}, 1},
		{8 * time.Hour, []string{"count()"}, 3},
		{time.Minute, []string{"count()"}, 818},
		{time.Second, []string{"count()"}, 818},
		{time.Minute, []string{"count()", "sum(data.x)", "mean(data.x)", "max(data.x)"}, 94},
		{week, []string{"count()", "sum(data.x)", "mean(data.x)", "max(data.x)"}, 1},
	} {
		p := windowed(t, c.window, c.exprs...)
		var got int64
		for p.PageOf(view.Window(got)) == 0 {
			got++
		}
		if got != c.want {
			t.Errorf("%v by %s: %d windows a page, want %d", c.exprs, c.window, got, c.want)
		}
		for _, edge := range []struct {
			window view.Window
			page   view.Page
		}{{0, 0}, {view.Window(got - 1), 0}, {view.Window(got), 1}, {-1, -1}, {view.Window(-got), -1},
			{view.Window(-got - 1), -2}} {
			if page := p.PageOf(edge.window); page != edge.page {
				t.Errorf("%v by %s: window %d is on page %d, want %d", c.exprs, c.window, edge.window, page, edge.page)
			}
		}
	}
}

// TestAppendPageTakesItsOwn checks that a page leaves out the windows of neighbouring pages.
func TestAppendPageTakesItsOwn(t *testing.T) {
	set := compiled(t, view.Definition{Name: "w", Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}}})
	p := set.Programs[0]
	const hour, day = 3_600_000, 86_400_000
	b := scanned(t, set, []hit{{at: -day - 1}, {at: -day}, {at: -1}, {at: 0}, {at: 5 * hour}, {at: day - 1}, {at: day}})
	d := p.NewDelta()
	d.Fold(b, allRows(b))
	w := p.NewWindows()
	for page := range d.Pages() {
		page.MergeInto(w)
	}
	for page, want := range map[view.Page]string{
		-3: "01", -2: "01" + "17" + "1101", -1: "01" + "00" + "1101" + "17" + "1101",
		0: "01" + "00" + "1101" + "05" + "1101" + "17" + "1101",
		1: "01" + "00" + "1101", 2: "01",
	} {
		if got := hex.EncodeToString(w.AppendPage(nil, page)); got != want {
			t.Errorf("page %d is %s, want %s", page, got, want)
		}
	}
}

// TestTotal checks that the total merges any number of windows.
func TestTotal(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	b := scanned(t, set, []hit{
		{at: 0, kind: `"hit"`, path: `"a"`, code: "1", x: "0.1"}, {at: 60_000, kind: `"hit"`, path: `"a"`, code: "1", x: "0.2"},
		{at: 120_000, kind: `"hit"`, path: `"a"`, code: "1"}, {at: 180_000, kind: `"hit"`, path: `"a"`, code: "1", x: "100"},
	})
	d := p.NewDelta()
	d.Fold(b, allRows(b))
	w := p.NewWindows()
	for page := range d.Pages() {
		if page.Key != view.SkippedKey {
			page.MergeInto(w)
		}
	}
	for _, c := range []struct {
		name    string
		windows []view.Window
		want    []string
		skipped int64
	}{
		{"some", []view.Window{0, 1, 2}, []string{"3", "0.3", "0.15", "0.1", "0.2"}, 1},
		{"all", w.Sorted(), []string{"4", "100.3", "33.43333333333333", "0.1", "100"}, 1},
		{"those without events add nothing", []view.Window{-1, 3, 99}, []string{"1", "100", "100", "100", "100"}, 0},
		{"none", nil, []string{"0", "null", "null", "null", "null"}, 0},
	} {
		total := w.Total(c.windows)
		var got []string
		for i := range p.Functions {
			got = append(got, string(total.AppendValue(nil, i, 0)))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got): %s", c.name, diff)
		}
		if n := total.Skipped(hitTotal, 0); n != c.skipped {
			t.Errorf("%s: %d skipped, want %d", c.name, n, c.skipped)
		}
	}
}

// TestWindowsMerge checks that merging two halves gives the whole, and that the halves do not change.
func TestWindowsMerge(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	windowsOf := func(b *event.Batch, rows []int32) *view.Windows {
		d := p.NewDelta()
		d.Fold(b, rows)
		w := p.NewWindows()
		for page := range d.Pages() {
			if page.Key != view.SkippedKey {
				page.MergeInto(w)
			}
		}
		return w
	}
	describe := func(w *view.Windows) (all []string) {
		for _, window := range w.Sorted() {
			text := fmt.Sprint(window, " skipped ", w.Skipped(hitTotal, window))
			for i := range p.Functions {
				text += " " + string(w.AppendValue(nil, i, window))
			}
			all = append(all, text)
		}
		return all
	}
	rapid.Check(t, func(t *rapid.T) {
		b := scanned(t, set, drawHits(t))
		cut := rapid.IntRange(0, b.Len()).Draw(t, "cut")
		batch, speed, all := windowsOf(b, allRows(b)[:cut]), windowsOf(b, allRows(b)[cut:]), p.NewWindows()
		before := append(describe(batch), describe(speed)...)
		all.Merge(batch)
		all.Merge(speed)
		if diff := cmp.Diff(describe(windowsOf(b, allRows(b))), describe(all)); diff != "" {
			t.Error("windows (-whole +merged):", diff)
		}
		if diff := cmp.Diff(before, append(describe(batch), describe(speed)...)); diff != "" {
			t.Error("the halves (-before +after):", diff)
		}
	})
}

func TestWindowsReset(t *testing.T) {
	p := windowed(t, time.Hour, "count()", "sum(data.x)")
	w := p.NewWindows()
	if err := w.MergePage(0, []byte("\x01\x05\x11\x01\x22\x5f\x01"), nil); err != nil {
		t.Fatal(err)
	}
	if !w.Has(5) || w.Len() != 1 {
		t.Fatalf("%d windows, want the 5th alone", w.Len())
	}
	w.Reset()
	if w.Has(5) || w.Len() != 0 {
		t.Errorf("after Reset there are %d windows", w.Len())
	}
	if err := w.MergePage(0, []byte("\x01\x07\x11\x02\x22\x5f\x01"), nil); err != nil {
		t.Fatal(err)
	}
	if got := string(w.AppendPage(nil, 0)); got != "\x01\x07\x11\x02\x22\x5f\x01" {
		t.Errorf("a Windows that was reset keeps something: %x", got)
	}
}

// TestWindowsPerPageOfKappa checks that a page of a Kappa view holds as many windows as fit into 1 KB.
func TestWindowsPerPageOfKappa(t *testing.T) {
	for window, want := range map[time.Duration]view.Page{time.Minute: 49, time.Hour: 23} {
		set, err := view.Compile(view.Definition{
			Name: "v", Architecture: view.Kappa, Window: window, Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p := set.Programs[0]
		if got := view.Page(0); p.PageOf(view.Window(want)) != got || p.PageOf(view.Window(want+1)) != 1 {
			t.Errorf("%s: windows %d and %d are of pages %d and %d", window, want, want+1, p.PageOf(view.Window(want)),
				p.PageOf(view.Window(want+1)))
		}
	}
}
