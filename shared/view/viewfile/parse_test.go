package viewfile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// sample is the valid file from which the broken ones are made.
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

// with returns the sample with one line replaced by others.
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
	got, err := viewfile.Parse("views.yaml", []byte("# all views\r\n"+strings.ReplaceAll(sample, "\n", "\r\n")+`
  - {name: all, architecture: kappa, key: {}, window: PT5M, aggregates: {n: "count()"}}
  - name: by_kind
    architecture: lambda
    where: >-
      data.status >= 500
      || has(data.error)
    key:
      kind: "data[\"kind of page\"]"
      host: 'data[''host'']'
      ok: data.status < 400
    window: 1w
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
		Name:         "all",
		Architecture: view.Kappa,
		Window:       5 * time.Minute,
		Aggregates:   []view.Aggregate{{Name: "n", Expr: "count()"}},
	}, {
		Name:  "by_kind",
		Where: "data.status >= 500 || has(data.error)",
		Key: []view.KeyField{{Field: "kind", Expr: `data["kind of page"]`}, {Field: "host", Expr: "data['host']"},
			{Field: "ok", Expr: "data.status < 400"}},
		Window:     7 * 24 * time.Hour,
		Aggregates: []view.Aggregate{{Name: "cost", Expr: "sum(\n  data.price * 0.10\n)"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// broken is a wrong views file, with all errors of Parse.
type broken struct{ name, text, want string }

func runBroken(t *testing.T, cases []broken) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			definitions, err := viewfile.Parse("v.yaml", []byte(c.text))
			var problems viewfile.Problems
			if !errors.As(err, &problems) || definitions != nil {
				t.Fatalf("got %v, %v; want Problems", definitions, err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// numbered repeats a line, with its number, from 1, for each %.
func numbered(line string, n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(strings.ReplaceAll(line, "%", string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	return out.String()
}

// For a file full of mistakes, Parse returns the first ones in the order of the file, each as an error of its own.
func TestParseReportsTheFirst(t *testing.T) {
	_, err := viewfile.Parse("v.yaml",
		[]byte("views:\n"+numbered("- {name: v%, key: {}, window: 1h, aggregates: {n: summ(data.x)}}\n", 60)))
	var problems viewfile.Problems
	if !errors.As(err, &problems) || len(problems) != 51 {
		t.Fatalf("got %v, want 50 problems and a last one", err)
	}
	for i, p := range problems {
		if p.Line != i+2 {
			t.Errorf("problem %d is of line %d", i, p.Line)
		}
	}
	if want := "and 10 more problems; fix the ones above first"; problems[50].Text != want {
		t.Errorf("got %q, want %q", problems[50].Text, want)
	}
	var first viewfile.Problem
	if !errors.As(err, &first) || first != problems[0] {
		t.Errorf("got %v as the first problem, want %v", first, problems[0])
	}
}

// ParseText reads back from its text what Parse accepts, with the same hash. The description is not part of the text.
func TestParseTextInverts(t *testing.T) {
	definitions, err := viewfile.Parse("views.yaml", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := definitions[0]
	got, err := view.ParseText(want.Text())
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash() != want.Hash() {
		t.Errorf("got hash %s, want %s", got.Hash(), want.Hash())
	}
	want.Description = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
