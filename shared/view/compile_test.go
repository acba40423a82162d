package view_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// The programs of a set share their columns. There is no column for what every batch has, or for what no program reads.
func TestPaths(t *testing.T) {
	first := counting(`type == "a" && data.x.y > 1 && data["x"]["y"] < 5 && id != source && has(data.z.w)`)
	second := counting(`data.m.matches("a") && data.m.n in [1] && time > timestamp("2020-01-01T00:00:00Z") && ext.tenant.matches("b")`)
	second.Key = []view.KeyField{{Field: "y", Expr: "data.x.y"}}
	second.Aggregates = []view.Aggregate{{Name: "s", Expr: "sum(data.x.y * ext.weight)"}}
	third := counting(`"k" in data`)
	got := view.Paths(first, second, third)
	want := []event.Path{
		{"type"}, {"data", "x", "y"}, {"data", "z"}, {"data", "z", "w"},
		{"data", "m", "n"}, {"data"}, {"data", "m"}, {"tenant"}, {"weight"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompile(t *testing.T) {
	first, second := counting(""), counting("data.a == 1")
	second.Aggregates = append(second.Aggregates, view.Aggregate{Name: "m", Expr: "mean(data.b)"})
	set, err := view.Compile(first, second)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range []view.Definition{first, second} {
		p := set.Programs[i]
		if diff := cmp.Diff(d, p.Definition); diff != "" {
			t.Error(diff)
		}
		if p.Hash != d.Hash() {
			t.Errorf("program %d has hash %s, its definition %s", i, p.Hash, d.Hash())
		}
		if len(p.Functions) != len(d.Aggregates) {
			t.Errorf("program %d has %d functions for %d aggregates", i, len(p.Functions), len(d.Aggregates))
		}
	}
	if set.Programs[0].HasWhere() || !set.Programs[1].HasWhere() {
		t.Error("a program has a where that its definition has not, or the other way round")
	}
	if mean, _ := aggregate.Lookup("mean"); set.Programs[1].Functions[1] != mean {
		t.Errorf("the function of mean(data.b) is %s", set.Programs[1].Functions[1].Name())
	}
	if none, err := view.Compile(); err != nil || len(none.Programs) != 0 {
		t.Errorf("no definitions: got %+v, %v", none, err)
	}
}

// For definitions that did not come from a file, the error names every problem by view and part.
func TestCompileErrors(t *testing.T) {
	broken := view.Definition{
		Name:  "Bad",
		Where: "data.a ==",
		Key: []view.KeyField{{Field: "from", Expr: "dta.x"}, {Field: "k", Expr: "data.k"},
			{Field: "k", Expr: "data.k"}},
		Window:     time.Millisecond,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "summ(data.x)"}, {Name: "n", Expr: "count()"}},
	}
	many := counting("")
	many.Key = make([]view.KeyField, 9)
	for i := range many.Key {
		many.Key[i] = view.KeyField{Field: "k" + string(rune('a'+i)), Expr: "data.k"}
	}
	many.Aggregates = nil
	_, err := view.Compile(broken, counting(""), many)
	if err == nil {
		t.Fatal("got no error")
	}
	want := []string{
		`view "Bad": name, character 1: "Bad" cannot be the name of a view; write a letter a-z, then up to 62 of a-z, 0-9 and _`,
		`view "Bad": window, character 1: a window must be at least a second; write for example 30s, 5m, 1h, 1d, 1w or PT1H, P1W`,
		`view "Bad": names, character 1: the key field "k" appears twice; names must be unique`,
		`view "Bad": names, character 1: the aggregate "n" appears twice; names must be unique`,
		`view "Bad": where, character 10: the expression ends too early; a value is missing here`,
		`view "Bad": key field "from", character 1: unknown attribute "dta"; did you mean "data"?`,
		`view "Bad": aggregate "n", character 1: unknown aggregate "summ"; did you mean "sum"?`,
		`view "v": key, character 1: there are 9 key fields; the maximum is 8`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

// Several goroutines use programs, each on its own batch.
func TestProgramsAreConcurrent(t *testing.T) {
	d := view.Definition{
		Name:       "v",
		Where:      `data.status < 400 && data.path.matches("^/page") && type == "web.request"`,
		Key:        []view.KeyField{{Field: "path", Expr: "data.path"}, {Field: "kind", Expr: `data.path + "!"`}},
		Window:     time.Hour,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}, {Name: "b", Expr: "sum(data.bytes * data.price)"}},
	}
	program, fields := compile(t, d)
	fold := func() string {
		b := scan(t, fields, pageEvents(64)...)
		var out []byte
		rows, numbers := []int32{0}, make([]aggregate.Decimal, 1)
		for row := range b.Len() {
			out = append(out, byte('0'+program.Where(b, row)))
			for i := range d.Key {
				out, _ = program.AppendKey(i, b, row, out)
			}
			rows[0] = int32(row)
			program.Argument(1, b, rows, numbers)
			out = numbers[0].AppendText(out)
		}
		return string(out)
	}
	want := fold()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 5 {
				if got := fold(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
	wait.Wait()
}

func pageEvents(n int) []string {
	events := make([]string, n)
	for i := range events {
		events[i] = eventWith(fmt.Sprintf(`"data":{"client":"83.149.9.%d","method":"GET","path":"/page/%d","status":%d,"bytes":%d,"price":%d.25}`,
			i%256, i%40, 200+100*(i%4), 1000+i, i%90))
	}
	return events
}

// BenchmarkCompile compiles one definition: its normal form, its hash, its filter, its key and its aggregate.
func BenchmarkCompile(b *testing.B) {
	d := counting(`type == "web.request" && data.status < 400`)
	d.Key = []view.KeyField{{Field: "path", Expr: "data.path"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := view.Compile(d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseText reads a stored definition, as every function does before it compiles a view.
func BenchmarkParseText(b *testing.B) {
	d := counting(`type == "web.request" && data.status < 400`)
	text := d.Text()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := view.ParseText(text); err != nil {
			b.Fatal(err)
		}
	}
}

// Several goroutines compile definitions at once; they share one CEL environment.
func TestCompileIsConcurrent(t *testing.T) {
	d := counting(`ext.tenant == "a" && data.path.matches("^/page") && ext.weight > 2 && data.list.exists(i, i == 1)`)
	d.Key = []view.KeyField{{Field: "path", Expr: `data.path + "!"`}}
	want := string(d.Text())
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 5 {
				set, err := view.Compile(d)
				if err != nil {
					t.Error(err)
					return
				}
				if got := string(set.Programs[0].Definition.Text()); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
	wait.Wait()
}
