package view_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// hitViews are two definitions that are compiled together, so that they share the batch's columns. The tests use the
// second one.
func hitViews() []view.Definition {
	return []view.Definition{
		{
			Name: "other", Key: []view.KeyField{{Field: "kind", Expr: "data.kind"}}, Window: time.Hour,
			Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
		},
		{
			Name: "hits", Where: `data.kind == "hit"`, Window: time.Minute,
			Key: []view.KeyField{{Field: "path", Expr: "data.path"}, {Field: "code", Expr: "data.code"}},
			Aggregates: []view.Aggregate{
				{Name: "n", Expr: "count()"}, {Name: "total", Expr: "sum(data.x)"}, {Name: "mean", Expr: "mean(data.x)"},
				{Name: "low", Expr: "min(data.x)"}, {Name: "high", Expr: "max(data.x)"},
			},
		},
	}
}

// The indexes of the aggregates above that tests use by number.
const (
	hitCount = 0
	hitTotal = 1
)

// hit is one event: its time in Unix milliseconds, and the JSON text of its fields; "" leaves a field out.
type hit struct {
	at               int64
	kind, path, code string
	x                string
}

func (h hit) json(id int) string {
	var data []string
	for _, f := range []struct{ name, text string }{{"kind", h.kind}, {"path", h.path}, {"code", h.code}, {"x", h.x}} {
		if f.text != "" {
			data = append(data, fmt.Sprintf("%q:%s", f.name, f.text))
		}
	}
	return fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"s","type":"t","time":%q,"data":{%s}}`,
		id, time.UnixMilli(h.at).UTC().Format("2006-01-02T15:04:05.000Z"), strings.Join(data, ","))
}

// keyTexts are texts of a key field with their values; "" means that there is no value, and the event is skipped.
var keyTexts = map[string]string{
	`"a"`: "a", `"\u0061"`: "a", `"ü€𝄞"`: "ü€𝄞", `"\u00fc\u20ac\ud834\udd1e"`: "ü€𝄞", `"q\"\\\/\n"`: "q\"\\/\n", `" "`: " ",
	`1`: "1", `1.0`: "1", `1e3`: "1000", `-0`: "0", `0.0`: "0", `100e-1`: "10", `1.50`: "1.5", `true`: "true", `false`: "false", `"true"`: "true",
	`null`: "", `[1]`: "", `{"a":1}`: "", "": "",
	quoted(strings.Repeat("x", 127)):               strings.Repeat("x", 127),
	quoted(strings.Repeat("x", 128)):               strings.Repeat("x", 128),
	`"` + strings.Repeat(`\u00fc`, 100) + `"`:      strings.Repeat("ü", 100),
	quoted(strings.Repeat("y", 500)):               strings.Repeat("y", 500),
	quoted(strings.Repeat("y", 895)):               strings.Repeat("y", 895),
	`"\u0000\u0001\u0002"`:                         "\x00\x01\x02",
	quoted(strings.Repeat("z", 3000)):              strings.Repeat("z", 3000),
	quoted(strings.Repeat("z", 2999) + "\u00e9"):   strings.Repeat("z", 2999) + "é",
	`"\t` + strings.Repeat("w", 900) + `"`:         "\t" + strings.Repeat("w", 900),
	quoted(strings.Repeat("0123456789abcdef", 60)): strings.Repeat("0123456789abcdef", 60),
}

// amounts are texts of an argument with their values; "" means that the text is not a number that counts.
var amounts = map[string]string{
	"1": "1", "0.1": "0.1", "-2.5": "-2.5", "1e3": "1000", "1.50": "1.5", "99999999999999999999": "99999999999999999999",
	"0.000000000000000001": "0.000000000000000001", "-0": "0", "9007199254740993": "9007199254740993",
	"1e20": "100000000000000000000", "1e30": "", "1e-19": "0.0000000000000000001", "-15e-28": "-2e-27", "5e-28": "0", `"1"`: "", "null": "", "true": "", "": "",
}

func quoted(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(out)
}

// drawHits draws events that share keys and windows, lie at the edges of windows and pages, and before 1970.
func drawHits(t *rapid.T) []hit {
	const minute, day = int64(60_000), int64(86_400_000)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) hit {
		at := rapid.SampledFrom([]int64{0, minute, -minute, 7 * minute, -7 * minute, day, -day, 16_000 * day}).Draw(t, "at")
		return hit{
			at:   at + rapid.SampledFrom([]int64{0, 1, -1, 30_000}).Draw(t, "off"),
			kind: rapid.SampledFrom([]string{`"hit"`, `"hit"`, `"hit"`, `"miss"`, ""}).Draw(t, "kind"),
			path: rapid.SampledFrom(slices.Sorted(maps.Keys(keyTexts))).Draw(t, "path"),
			code: rapid.SampledFrom([]string{"200", "200", "404", `"200"`, "true", ""}).Draw(t, "code"),
			x:    rapid.SampledFrom(slices.Sorted(maps.Keys(amounts))).Draw(t, "x"),
		}
	}), 0, 40).Draw(t, "hits")
}

// compiled is the compiled program of the hits, with its batch.
func compiled(t testing.TB, definitions ...view.Definition) *view.Set {
	t.Helper()
	set, err := view.Compile(definitions...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// scanned returns a batch of the events, scanned as batch and speed do it.
func scanned(t fataler, set *view.Set, hits []hit) *event.Batch {
	var lines []byte
	for i, h := range hits {
		lines = event.AppendLine(lines, []byte(h.json(i)), event.Stamp{Request: ulid.ULID{1}, Index: i})
	}
	b := &event.Batch{}
	if err := set.Fields().Scan(lines, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// fataler holds the methods that testing.TB and *rapid.T share.
type fataler interface{ Fatal(...any) }

func allRows(b *event.Batch) []int32 {
	rows := make([]int32, b.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

// encodedPage is one page of a delta, as an item stores it.
type encodedPage struct {
	view.PageKey
	States string
}

func encodedPages(p *view.Program, d *view.Delta) []encodedPage {
	var all []encodedPage
	for page := range d.Pages() {
		w := p.For(page.Key).NewWindows()
		page.MergeInto(w)
		all = append(all, encodedPage{page.PageKey, string(w.AppendPage(nil, page.Page))})
	}
	return all
}

// cell is the expected state of one window of one key.
type cell struct {
	Count, Skipped int64
	Total          string // "" without numbers
}

type cellKey struct {
	Key    view.Key
	Window view.Window
}

// skipKey says where and when events were skipped, and skipped is how many, and the first of them by id.
type (
	skipKey struct {
		Window view.Window
		Place  string
		Reason aggregate.Reason
	}
	skipped struct {
		Events int64
		ID     string
	}
)

// plain is the expected result of a fold.
type plain struct {
	cells  map[cellKey]cell
	skips  map[skipKey]skipped
	counts view.Counts
}

func (p *plain) skip(id int, window view.Window, reason aggregate.Reason, places ...string) {
	for _, place := range places {
		s := p.skips[skipKey{window, place, reason}]
		if text := strconv.Itoa(id); s.Events == 0 || text < s.ID {
			s.ID = text
		}
		s.Events++
		p.skips[skipKey{window, place, reason}] = s
	}
}

// whyNoAmount returns the reason of an amount that is no number that counts.
func whyNoAmount(text string) aggregate.Reason {
	switch {
	case text == "" || text == "null":
		return aggregate.Missing
	case text[0] == '"' || text[0] == 't':
		return aggregate.NotNumber
	}
	return aggregate.TooLarge
}

// whyNoKey returns the reason of a key field that has no value.
func whyNoKey(text string) aggregate.Reason {
	if text == "" || text == "null" {
		return aggregate.Missing
	}
	return aggregate.WrongType
}

// plainly folds events in a simple way, without the code of the package.
func plainly(hits []hit) plain {
	totals := map[cellKey]*big.Rat{}
	p := plain{cells: map[cellKey]cell{}, skips: map[skipKey]skipped{}}
	for id, h := range hits {
		code := strings.Trim(h.code, `"`)
		window := view.Window(time.UnixMilli(h.at).UTC().Truncate(time.Minute).Unix() / 60)
		switch {
		case h.kind == "":
			p.counts.Skipped++
			p.skip(id, window, aggregate.Missing, "where")
			continue
		case h.kind != `"hit"`:
			continue
		case keyTexts[h.path] == "":
			p.counts.Skipped++
			p.skip(id, window, whyNoKey(h.path), "key.path")
			continue
		case len(view.EncodeKey([]string{keyTexts[h.path]})) > view.MaxValues:
			p.counts.Skipped++
			p.skip(id, window, aggregate.TooLarge, "key.path")
			continue
		case code == "":
			p.counts.Skipped++
			p.skip(id, window, whyNoKey(h.code), "key.code")
			continue
		}
		if len(view.EncodeKey([]string{keyTexts[h.path], code})) > view.MaxValues {
			p.counts.Skipped++
			p.skip(id, window, aggregate.TooLarge, "key.code")
			continue
		}
		p.counts.Folded++
		key := cellKey{view.EncodeKey([]string{keyTexts[h.path], code}), window}
		c := p.cells[key]
		c.Count++
		if x, ok := new(big.Rat).SetString(amounts[h.x]); ok {
			if totals[key] == nil {
				totals[key] = new(big.Rat)
			}
			totals[key].Add(totals[key], x)
			c.Total = totals[key].FloatString(27)
		} else {
			c.Skipped++
			p.skip(id, window, whyNoAmount(h.x), "aggregates.total", "aggregates.mean", "aggregates.low", "aggregates.high")
		}
		p.cells[key] = c
	}
	return p
}

func TestFoldAgainstPlainOne(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	rapid.Check(t, func(t *rapid.T) {
		hits := drawHits(t)
		d := p.NewDelta()
		b := scanned(t, set, hits)
		d.Fold(b, allRows(b))
		got := plain{map[cellKey]cell{}, map[skipKey]skipped{}, d.Counts()}
		for page := range d.Pages() {
			own := p.For(page.Key)
			w := own.NewWindows()
			page.MergeInto(w)
			for _, window := range w.Sorted() {
				if on := own.PageOf(window); on != page.Page {
					t.Fatalf("page %d has window %d, which is on page %d", page.Page, window, on)
				}
				if page.Key == view.SkippedKey {
					for _, s := range w.Skips(window) {
						got.skips[skipKey{window, s.Name, s.Reason}] = skipped{s.Events, s.ID}
					}
					continue
				}
				count, ok := new(big.Int).SetString(string(w.AppendValue(nil, hitCount, window)), 10)
				if !ok {
					t.Fatalf("window %d presents no number", window)
				}
				one := cell{Count: count.Int64(), Skipped: w.Skipped(hitTotal, window)}
				if text := string(w.AppendValue(nil, hitTotal, window)); text != "null" {
					total, ok := new(big.Rat).SetString(text)
					if !ok {
						t.Fatalf("window %d has the total %s", window, text)
					}
					one.Total = total.FloatString(27)
				}
				got.cells[cellKey{page.Key, window}] = one
			}
		}
		want := plainly(hits)
		if diff := cmp.Diff(want.cells, got.cells); diff != "" {
			t.Error("cells (-plain +folded):", diff)
		}
		if diff := cmp.Diff(want.skips, got.skips); diff != "" {
			t.Error("skips (-plain +folded):", diff)
		}
		if diff := cmp.Diff(want.counts, d.Counts()); diff != "" {
			t.Error("counts (-plain +folded):", diff)
		}
	})
}

// TestFoldSplitAnywhere checks that pages have the same bytes however rows are divided over deltas and calls, and in
// whatever order the deltas are merged.
func TestFoldSplitAnywhere(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	rapid.Check(t, func(t *rapid.T) {
		b := scanned(t, set, drawHits(t))
		whole := p.NewDelta()
		whole.Fold(b, allRows(b))
		parts := make([]*view.Delta, rapid.IntRange(1, 5).Draw(t, "parts"))
		for i := range parts {
			parts[i] = p.NewDelta()
		}
		for rows := rapid.Permutation(allRows(b)).Draw(t, "rows"); len(rows) > 0; {
			n := rapid.IntRange(1, len(rows)).Draw(t, "n")
			parts[rapid.IntRange(0, len(parts)-1).Draw(t, "part")].Fold(b, rows[:n])
			rows = rows[n:]
		}
		merged := p.NewDelta()
		for _, part := range rapid.Permutation(parts).Draw(t, "order") {
			before := encodedPages(p, part)
			merged.Merge(part)
			if diff := cmp.Diff(before, encodedPages(p, part)); diff != "" {
				t.Fatal("merging changed the delta merged:", diff)
			}
		}
		if diff := cmp.Diff(encodedPages(p, whole), encodedPages(p, merged)); diff != "" {
			t.Error("pages (-whole +split):", diff)
		}
		if diff := cmp.Diff(whole.Counts(), merged.Counts()); diff != "" {
			t.Error("counts (-whole +split):", diff)
		}
		if diff := cmp.Diff(encodedPages(p, whole), throughBytes(t, p, parts)); diff != "" {
			t.Error("pages (-whole +split, encoded and merged again):", diff)
		}
	})
}

// throughBytes merges the deltas' pages into stored items, as batch and speed do.
func throughBytes(t fataler, p *view.Program, deltas []*view.Delta) []encodedPage {
	items := map[view.PageKey][]byte{}
	for _, d := range deltas {
		for page := range d.Pages() {
			stored, ok := items[page.PageKey]
			if !ok {
				items[page.PageKey] = page.AppendPage(nil)
				continue
			}
			merged, err := p.Merge(stored, page)
			if err != nil {
				t.Fatal(err)
			}
			items[page.PageKey] = merged
		}
	}
	var all []encodedPage
	for key, states := range items {
		all = append(all, encodedPage{key, string(states)})
	}
	slices.SortFunc(all, func(a, b encodedPage) int {
		return strings.Compare(fmt.Sprintf("%s\x00%020d", a.Key, a.Page+1<<40),
			fmt.Sprintf("%s\x00%020d", b.Key, b.Page+1<<40))
	})
	return all
}

// TestPagesAreOrdered checks that pages come by key and then by page, each once. Items are written in this order.
func TestPagesAreOrdered(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	rapid.Check(t, func(t *rapid.T) {
		b := scanned(t, set, drawHits(t))
		d := p.NewDelta()
		touched := rapid.IntRange(0, b.Len()).Draw(t, "touched")
		d.Touch(b, allRows(b)[:touched])
		d.Fold(b, allRows(b)[touched:])
		var last *view.PageKey
		for page := range d.Pages() {
			if last != nil && (page.Key < last.Key || page.Key == last.Key && page.Page <= last.Page) {
				t.Fatalf("page %v comes after %v", page.PageKey, *last)
			}
			key := page.PageKey
			last = &key
		}
	})
}

// TestDeltaPageBytes checks that a page written directly has the same bytes as one written through Windows.
func TestDeltaPageBytes(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	rapid.Check(t, func(t *rapid.T) {
		b := scanned(t, set, drawHits(t))
		d := p.NewDelta()
		touched := rapid.IntRange(0, b.Len()).Draw(t, "touched")
		d.Touch(b, allRows(b)[:touched])
		d.Fold(b, allRows(b)[touched:])
		pages := encodedPages(p, d)
		for page := range d.Pages() {
			if got := string(page.AppendPage([]byte("before"))); got != "before"+pages[0].States {
				t.Fatalf("page %v is %x by itself, %x by way of a Windows", page.PageKey, got, pages[0].States)
			}
			pages = pages[1:]
		}
	})
}

func TestPagesStopsWhenAsked(t *testing.T) {
	set := compiled(t, hitViews()...)
	d := set.Programs[1].NewDelta()
	b := scanned(t, set, []hit{{kind: `"hit"`, path: `"a"`, code: "1"}, {kind: `"hit"`, path: `"b"`, code: "1"}})
	d.Fold(b, allRows(b))
	var pages int
	for range d.Pages() {
		pages++
		break
	}
	if pages != 1 {
		t.Errorf("%d pages after the loop was left at the first", pages)
	}
}

// TestTouch checks that the pages of duplicates are part of a delta, without cells, so that their items move to the
// run's horizon like the others.
func TestTouch(t *testing.T) {
	set := compiled(t, hitViews()...)
	p := set.Programs[1]
	hits := []hit{
		{at: 0, kind: `"hit"`, path: `"touched"`, code: "1", x: "1"},
		{at: 0, kind: `"hit"`, path: `"both"`, code: "1", x: "1"},
		{at: 0, kind: `"hit"`, path: `"both"`, code: "1", x: "2"},
		{at: 0, kind: `"miss"`, path: `"filtered"`, code: "1"},
		{at: 0, kind: "", path: `"undecided"`, code: "1"},
		{at: 0, kind: `"hit"`, path: `"keyless"`},
	}
	b := scanned(t, set, hits)
	empty := string(p.NewWindows().AppendPage(nil, 0))
	folded := p.NewDelta()
	folded.Fold(b, []int32{2})
	both := encodedPages(p, folded)[0]
	touched := encodedPage{view.PageKey{Key: view.EncodeKey([]string{"touched", "1"})}, empty}
	skipped := encodedPage{view.PageKey{Key: view.SkippedKey}, empty}

	t.Run("OK", func(t *testing.T) {
		d := p.NewDelta()
		d.Touch(b, []int32{0, 1, 3, 4, 5})
		d.Fold(b, []int32{2})
		if diff := cmp.Diff([]encodedPage{both, touched, skipped}, encodedPages(p, d)); diff != "" {
			t.Error("pages (-want +got):", diff)
		}
		if want := (view.Counts{Folded: 1}); d.Counts() != want {
			t.Errorf("counts are %+v, want %+v: a duplicate is neither folded nor skipped", d.Counts(), want)
		}
	})
	t.Run("Merge", func(t *testing.T) {
		d, other := p.NewDelta(), p.NewDelta()
		d.Fold(b, []int32{2})
		other.Touch(b, []int32{0, 1})
		d.Merge(other)
		if diff := cmp.Diff([]encodedPage{both, touched}, encodedPages(p, d)); diff != "" {
			t.Error("pages (-want +got):", diff)
		}
	})
	t.Run("without an argument", func(t *testing.T) {
		b := scanned(t, set, []hit{{at: 0, kind: `"hit"`, path: `"touched"`, code: "1", x: `"no number"`}})
		d := p.NewDelta()
		d.Touch(b, allRows(b))
		if diff := cmp.Diff([]encodedPage{touched, skipped}, encodedPages(p, d)); diff != "" {
			t.Error("pages (-want +got):", diff)
		}
	})
	t.Run("keeps what was skipped", func(t *testing.T) {
		d := p.NewDelta()
		d.Fold(b, []int32{4, 5})
		before := encodedPages(p, d)
		d.Touch(b, []int32{4, 5})
		if want := (view.Counts{Skipped: 2}); d.Counts() != want {
			t.Errorf("counts are %+v, want %+v", d.Counts(), want)
		}
		if diff := cmp.Diff(before, encodedPages(p, d)); diff != "" {
			t.Error("pages (-before +after):", diff)
		}
	})
}

// BenchmarkDeltaFold measures the fold alone, from a scanned batch into the cells of a delta, as speed and batch do it
// for every view.
func BenchmarkDeltaFold(b *testing.B) {
	rolled := hitViews()[1]
	rolled.Rollups = [][]string{{"code"}, {}}
	set := compiled(b, append(hitViews(), rolled)...)
	for _, c := range []struct {
		name    string
		keys    int
		program int
	}{{"10 keys", 10, 1}, {"10000 keys", 10_000, 1}, {"10000 keys, 2 roll-ups", 10_000, 2}} {
		b.Run(c.name, func(b *testing.B) {
			const n = 10_000
			hits := make([]hit, n)
			for i := range hits {
				hits[i] = hit{
					at: int64(i) * 100, kind: `"hit"`, path: fmt.Sprintf(`"/some/path/of/the/site/%d"`, i*7919%c.keys), code: "200",
					x: fmt.Sprint(i*31%100_000) + ".25",
				}
			}
			batch := scanned(b, set, hits)
			rows := allRows(batch)
			b.ReportAllocs()
			for b.Loop() {
				d := set.Programs[c.program].NewDelta()
				d.Fold(batch, rows)
				if d.Counts().Folded != n {
					b.Fatal(d.Counts())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// A view skips an event that is too costly for it; the other views count the event.
func TestFoldTooCostly(t *testing.T) {
	costly := counting(`data.tags.exists(t, data.x + t == "a/b")`)
	inKey := keyed(`data.tags.map(t, data.x + t)[0]`)
	set, err := view.Compile(counting(""), costly, inKey)
	if err != nil {
		t.Fatal(err)
	}
	tags := "[" + strings.TrimSuffix(strings.Repeat(`"b",`, 10_000), ",") + "]"
	large := eventWith(`"data":{"x":"` + strings.Repeat("a", 100_000) + `","tags":` + tags + `}`)
	b := scan(t, set.Fields(), eventWith(`"data":{"x":"a/","tags":["b"]}`), large)
	for i, want := range []view.Counts{{Folded: 2}, {Folded: 1, Skipped: 1}, {Folded: 1, Skipped: 1}} {
		delta := set.Programs[i].NewDelta()
		delta.Fold(b, []int32{0, 1})
		if got := delta.Counts(); got != want {
			t.Errorf("program %d: got %+v, want %+v", i, got, want)
		}
	}
}
