package view_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/view"
)

// sample is the file that the broken ones below are variations of.
const sample = `views:
  - name: page_views
    description: Requests and bytes per page and hour
    where: type == "web.request" && data.status < 400
    key:
      path: data.path
    window: 1h
    aggregates:
      views: count()
      bytes: sum(data.bytes)
`

// with is the sample with one line replaced by others.
func with(line string, others ...string) string {
	if !strings.Contains(sample, line+"\n") {
		panic("the sample has no line " + line)
	}
	by := ""
	for _, other := range others {
		by += other + "\n"
	}
	return strings.Replace(sample, line+"\n", by, 1)
}

const (
	nameLine   = `  - name: page_views`
	descLine   = `    description: Requests and bytes per page and hour`
	whereLine  = `    where: type == "web.request" && data.status < 400`
	keyLine    = `      path: data.path`
	windowLine = `    window: 1h`
	countLine  = `      views: count()`
	sumLine    = `      bytes: sum(data.bytes)`
)

func TestParse(t *testing.T) {
	got, err := view.Parse("views.yaml", []byte("# all views\r\n"+strings.ReplaceAll(sample, "\n", "\r\n")+`
  - {name: all, key: {}, window: PT5M, aggregates: {n: "count()"}}
  - name: by_kind
    where: >-
      data.status >= 500
      || has(data.error)
    key:
      kind: "data[\"kind of page\"]"
      host: 'data[''host'']'
      ok: data.status < 400
    window: 1d12h
    aggregates:
      cost: |
        sum(
          data.price * 0.10
        )
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []view.Definition{{
		Name:        "page_views",
		Description: "Requests and bytes per page and hour",
		Where:       `type == "web.request" && data.status < 400`,
		Key:         []view.KeyField{{Field: "path", Expr: "data.path"}},
		Window:      time.Hour,
		Aggregates:  []view.Aggregate{{Name: "views", Expr: "count()"}, {Name: "bytes", Expr: "sum(data.bytes)"}},
	}, {
		Name:       "all",
		Window:     5 * time.Minute,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
	}, {
		Name:  "by_kind",
		Where: "data.status >= 500 || has(data.error)",
		Key: []view.KeyField{{Field: "kind", Expr: `data["kind of page"]`}, {Field: "host", Expr: "data['host']"},
			{Field: "ok", Expr: "data.status < 400"}},
		Window:     36 * time.Hour,
		Aggregates: []view.Aggregate{{Name: "cost", Expr: "sum(\n  data.price * 0.10\n)"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseBroken(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		// The file.
		{"empty", "", nil},
		{"only a comment", "# nothing\n", nil},
		{"no mapping", "views\n", nil},
		{"a list", "- name: x\n", nil},
		{"byte that is no text", "views:\n  - näme: \xff\n", nil},
		{"NUL", "views: \x00\n", nil},
		{"too large", strings.Repeat("#", 1<<20+1), nil},
		{"tab", "views:\n\t- name: x\n", nil},
		{"quote without end", with(nameLine, `  - name: "page_views`), nil},
		{"bracket without end", "views: [\n", nil},
		{"colon in plain text", with(whereLine, `    where: data.a ? data.b : data.c`), nil},
		{"two documents", sample + "---\n" + sample, nil},
		{"anchor", with(keyLine, `      path: &p data.path`), nil},
		{"alias", with(keyLine, `      path: *p`), nil},
		{"merge", with(keyLine, `      <<: data.path`), nil},
		{"tag", with(whereLine, `    where: !data.bot`), nil},
		{"complex key", with(keyLine, `      ? path`, `      : data.path`), nil},
		{"directive", "%YAML 1.2\n---\n" + sample, nil},
		{"nested too deeply", "views: " + strings.Repeat("[", 40), nil},
		{"nested lists", "views: " + strings.Repeat("- ", 40), nil},
		{"too many words", "views:\n" + strings.Repeat("- a: b\n", 10_000), nil},

		// Fields.
		{"misspelt field, and wrong", with(whereLine, `    were: data.status <`), nil},
		{"misspelt field beside the right one", with(whereLine, whereLine, `    were: data.status <`), nil},
		{"unknown top field", strings.Replace(sample, "views:", "veiws:", 1), nil},
		{"unknown field", with(windowLine, `    windows: 1h`), nil},
		{"unknown field, nothing like it", with(descLine, `    owner: me`), nil},
		{"field twice", with(windowLine, windowLine, `    window: 2h`), nil},
		{"key field twice", with(keyLine, keyLine, `      path: data.other`), nil},
		{"views is no list", "views: {}\n", nil},
		{"views is empty", "views: []\n", nil},
		{"views is null", "views:\n", nil},
		{"view is no mapping", "views:\n  - page_views\n", nil},
		{"everything missing", "views:\n  - description: x\n", nil},
		{"key is null", with(keyLine), nil},
		{"key is text", strings.Replace(sample, "    key:\n      path: data.path\n", "    key: data.path\n", 1), nil},
		{"key is a list", strings.Replace(sample, "    key:\n      path: data.path\n", "    key: [data.path]\n", 1), nil},
		{"aggregates is empty", strings.Replace(sample, "    aggregates:\n      views: count()\n      bytes: sum(data.bytes)\n", "    aggregates: {}\n", 1), nil},
		{"where is null", with(whereLine, `    where:`), nil},
		{"where is a list", with(whereLine, `    where: [a]`), nil},
		{"description is a mapping", with(descLine, `    description: {a: b}`), nil},
		{"description too long", with(descLine, `    description: `+strings.Repeat("é", 2001)), nil},

		// Names.
		{"bad view name", with(nameLine, `  - name: Page-Views`), nil},
		{"long view name", with(nameLine, `  - name: `+strings.Repeat("a", 64)), nil},
		{"view twice", sample + strings.TrimPrefix(sample, "views:\n"), nil},
		{"bad key field", with(keyLine, `      "the path": data.path`), nil},
		{"reserved key field", with(keyLine, `      limit: data.path`), nil},
		{"bad aggregate name", with(sumLine, `      1st: sum(data.bytes)`), nil},
		{"too many key fields", with(keyLine, strings.Split(strings.TrimSuffix(numbered("      k%: data.k%\n", 9), "\n"), "\n")...), nil},
		{"too many aggregates", with(sumLine, strings.Split(strings.TrimSuffix(numbered("      n%: count()\n", 32), "\n"), "\n")...), nil},
		{"too many views", "views:\n" + numbered("- {name: v%, key: {}, window: 1h, aggregates: {n: count()}}\n", 101), nil},

		// Windows.
		{"no duration", with(windowLine, `    window: an hour`), nil},
		{"no unit", with(windowLine, `    window: 60`), nil},
		{"below a second", with(windowLine, `    window: 500ms`), nil},
		{"not whole seconds", with(windowLine, `    window: 1.5s`), nil},
		{"too long", with(windowLine, `    window: 367d`), nil},
		{"negative", with(windowLine, `    window: -1h`), nil},
		{"months", with(windowLine, `    window: P1M`), nil},
		{"bad ISO", with(windowLine, `    window: P1H`), nil},

		// where and key.
		{"expression is empty", with(whereLine, `    where: ""`), nil},
		{"expression too long", with(whereLine, `    where: data.a == "`+strings.Repeat("x", 2000)+`"`), nil},
		{"ends too early", with(whereLine, `    where: data.status <`), nil},
		{"assignment", with(whereLine, `    where: data.status = 400`), nil},
		{"single ampersand", with(whereLine, `    where: data.a & data.b`), nil},
		{"and", with(whereLine, `    where: data.a and data.b`), nil},
		{"string without end", with(whereLine, `    where: data.a == "x`), nil},
		{"bracket missing", with(whereLine, `    where: (data.a == 1`), nil},
		{"operator missing", with(whereLine, `    where: data.a data.b`), nil},
		{"misspelt attribute", with(whereLine, `    where: tpye == "web.request"`), nil},
		{"misspelt data", with(keyLine, `      path: dta.path`), nil},
		{"no attribute", with(keyLine, `      path: user_id`), nil},
		{"stamp", with(keyLine, `      path: stamp`), nil},
		{"leading dot", with(keyLine, `      path: .data.path`), nil},
		{"types differ", with(whereLine, `    where: type == 5`), nil},
		{"no boolean", with(whereLine, `    where: data.a + 1`), nil},
		{"string where", with(whereLine, `    where: type`), nil},
		{"string operand", with(whereLine, `    where: type && data.a`), nil},
		{"field of a string", with(whereLine, `    where: type.name == "x"`), nil},
		{"unknown function", with(whereLine, `    where: data.path.startswith("/a")`), nil},
		{"unknown function, nothing like it", with(whereLine, `    where: frobnicate(data.path)`), nil},
		{"regular expression", with(whereLine, `    where: data.path.matches("[a")`), nil},
		{"time", with(whereLine, `    where: time > timestamp("2020-13-01")`), nil},
		{"duration", with(whereLine, `    where: time - time > duration("1 hour")`), nil},
		{"has without a field", with(whereLine, `    where: has(data)`), nil},
		{"large integer", with(whereLine, `    where: data.a == 99999999999999999999`), nil},
		{"reserved word", with(whereLine, `    where: if == 1`), nil},
		{"nested parentheses", with(whereLine, `    where: `+strings.Repeat("(", 500)+"1"+strings.Repeat(")", 500)), nil},
		{"key is a time", with(keyLine, `      path: time`), nil},
		{"key field is a list", with(keyLine, `      path: '[data.path]'`), nil},
		{"single quotes", with(keyLine, `      path: 'data[''a b''] + dat.b'`), nil},
		{"double quotes", with(keyLine, `      path: "\tdata[\"a\\u0062\"] + \u0064at.b"`), nil},
		{"literal block", with(whereLine, `    where: |`, `      data.a == "é" &&`, ``, `        tpye == "x" ||`, `      dat.b`), nil},
		{"folded block", with(whereLine, `    where: >-`, `      data.a == 1`, `      && dat.b == 1`), nil},
		{"plain on two lines", with(whereLine, `    where: data.a == "é"`, `      && dat.b == 1`), nil},
		{"beyond the first plane", with(whereLine, `    where: data.a == "😀" && dat.b`), nil},

		// Aggregates.
		{"unknown aggregate", with(sumLine, `      bytes: total(data.bytes)`), nil},
		{"misspelt aggregate", with(sumLine, `      bytes: summ(data.bytes)`), nil},
		{"no function", with(sumLine, `      bytes: data.bytes`), nil},
		{"arithmetic outside", with(sumLine, `      bytes: sum(data.bytes) * 8`), nil},
		{"method", with(sumLine, `      bytes: data.bytes.sum()`), nil},
		{"count of something", with(countLine, `      views: count(data.bytes)`), nil},
		{"sum of nothing", with(sumLine, `      bytes: sum()`), nil},
		{"sum of two", with(sumLine, `      bytes: sum(data.a, data.b)`), nil},
		{"sum of a string", with(sumLine, `      bytes: sum(type)`), nil},
		{"sum of a time", with(sumLine, `      bytes: sum(data.a + time)`), nil},
		{"quotient", with(sumLine, `      bytes: sum(data.bytes / 1024)`), nil},
		{"element", with(sumLine, `      bytes: sum(data.parts[0])`), nil},
		{"function in an argument", with(sumLine, `      bytes: sum(data.a + size(data.b))`), nil},
		{"comparison in an argument", with(sumLine, `      bytes: sum(data.a == 1)`), nil},
		{"text in an argument", with(sumLine, `      bytes: sum(data.a + "1")`), nil},
		{"unsigned", with(sumLine, `      bytes: sum(data.a * 2u)`), nil},
		{"list in an argument", with(sumLine, `      bytes: sum([1])`), nil},
		{"macro in an argument", with(sumLine, `      bytes: sum(has(data.a))`), nil},
		{"too many decimals", with(sumLine, `      bytes: sum(data.a * 0.1234567890123456789)`), nil},
		{"misspelt in an argument", with(sumLine, `      bytes: sum(data.a * dat.b)`), nil},
		{"several faults of one argument", with(sumLine, `      bytes: sum(type / 2 + "x")`), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			definitions, err := view.Parse("v.yaml", []byte(c.text))
			var problems view.Problems
			if !errors.As(err, &problems) || definitions != nil {
				t.Fatalf("got %v, %v; want Problems", definitions, err)
			}
			if diff := cmp.Diff(c.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// numbered repeats a line, with its number from 1 for each %.
func numbered(line string, n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(strings.ReplaceAll(line, "%", string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	return out.String()
}
