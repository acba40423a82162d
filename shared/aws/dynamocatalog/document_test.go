package dynamocatalog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/lifecycle"
	views "github.com/anabranch/anabranch/shared/view"
)

// stored is a view's item with a document.
func stored(document string) table.Item {
	item := table.KeyOf(table.Text("view"), table.Text("page_views"))
	item["doc"], item["rev"] = table.Text(document), table.Number(int64(8))
	return item
}

// TestViewDocuments holds the documents of views as they are stored.
func TestViewDocuments(t *testing.T) {
	const (
		serving = `{"id":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N","definition":"9f86d081884c7d659a2feaa0c55ad015","state":"serving","live_from":1795555200000,` +
			`"run":18446744073709551615,"horizon":1795555500000`
		begins = `{"version":8,"description":"\"Größe\"","serving":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N","generations":[`
	)
	change := func(do func(*lifecycle.View)) lifecycle.View {
		v := view
		v.Generations = append([]lifecycle.Generation(nil), v.Generations...)
		do(&v)
		return v
	}
	for _, c := range []struct {
		name     string
		view     lifecycle.View
		document string // after its beginning
	}{
		{"nothing but one generation", view, serving + `}]}`},
		{"retained", change(func(v *lifecycle.View) { v.Generations[0].Since = 7 }), serving + `,"since":7}]}`},
		{"built in one pass", change(func(v *lifecycle.View) { v.Generations[0].Built = 41 }), serving + `,"built":41}]}`},
		{"Kappa", change(func(v *lifecycle.View) { v.Generations[0].Architecture = views.Kappa }), serving + `,"architecture":"kappa"}]}`},
		{
			"one of two is Kappa",
			change(func(v *lifecycle.View) {
				v.Generations = append(v.Generations,
					lifecycle.Generation{ID: "01JD8Z6B1QZ0W6V3T5YJ9K4M2P", Definition: "d", State: lifecycle.Building,
						Architecture: views.Kappa})
			}),
			serving + `},{"id":"01JD8Z6B1QZ0W6V3T5YJ9K4M2P","definition":"d","state":"building","live_from":0,"run":0,"horizon":0,"architecture":"kappa"}]}`,
		},
		{
			"Kappa, and it lacks events",
			change(func(v *lifecycle.View) { v.Generations[0].Architecture, v.Generations[0].Lacks = views.Kappa, 7 }), serving + `,"architecture":"kappa","lacks":7}]}`,
		},
		{
			"it must not answer without the seventh run",
			change(func(v *lifecycle.View) { v.Generations[0].AnswersFrom = 7 }), serving + `,"answers_from":7}]}`,
		},
		{"a definition is held", change(func(v *lifecycle.View) { v.Held = "9f86d081884c7d659a2feaa0c55ad016" }), serving + `}],"held":"9f86d081884c7d659a2feaa0c55ad016"}`},
		{"retired", change(func(v *lifecycle.View) { v.Retired = 1795555500001 }), serving + `}],"retired":1795555500001}`},
		{"to be rebuilt", change(func(v *lifecycle.View) { v.Rebuild = 4 }), serving + `}],"rebuild":4}`},
		{"a build was given up", change(func(v *lifecycle.View) { v.Failure = "why" }), serving + `}],"failure":"why"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			item, err := dynamocatalog.EncodeView(c.view)
			if err != nil {
				t.Fatal(err)
			}
			got, err := table.TextOf(item, "doc")
			if diff := cmp.Diff(begins+c.document, got); diff != "" || err != nil {
				t.Errorf("document: error %v (-golden +got):\n%s", err, diff)
			}
			again, err := dynamocatalog.DecodeView(stored(begins + c.document))
			if diff := cmp.Diff(c.view, again); diff != "" || err != nil {
				t.Errorf("read again: error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestOlderDocuments holds documents of earlier versions. Some of their names differ, so a reader that took them for
// today's would lose values without a word.
func TestOlderDocuments(t *testing.T) {
	const view = `{"version":%d,"serving":"g","generations":[` +
		`{"id":"g","definition":"d","state":"serving","live":1795555200000,"run":1,"horizon":1795555500000}]}`
	decoders := map[string]func(table.Item) error{
		"run":   func(item table.Item) error { _, err := dynamocatalog.DecodeRun(item); return err },
		"view":  func(item table.Item) error { _, err := dynamocatalog.DecodeView(item); return err },
		"audit": func(item table.Item) error { _, err := dynamocatalog.DecodeAudit(item); return err },
	}
	for _, c := range []struct{ kind, sort, document, says string }{
		{
			"run", "00000000000000000042", `{"version":1,"horizon":1795555500000,"objects":3,"overlap":6}`,
			"stored run 42: document of version 1, this release reads version 4: run the release that wrote it, " +
				"or deploy a new stack",
		},
		{
			"view", "page_views", fmt.Sprintf(view, 1),
			"stored view page_views: document of version 1, this release reads version 8: ",
		},
		{
			"view", "page_views", fmt.Sprintf(view, 3),
			"stored view page_views: document of version 3, this release reads version 8: ",
		},
		{
			"view", "page_views", fmt.Sprintf(view, 4),
			"stored view page_views: document of version 4, this release reads version 8: ",
		},
		{
			"view", "page_views", fmt.Sprintf(view, 5),
			"stored view page_views: document of version 5, this release reads version 8: ",
		},
		{
			"view", "page_views", fmt.Sprintf(view, 6),
			"stored view page_views: document of version 6, this release reads version 8: ",
		},
		{
			"view", "page_views", fmt.Sprintf(view, 7),
			"stored view page_views: document of version 7, this release reads version 8: ",
		},
		{
			"run", "00000000000000000042", `{"version":2,"horizon":1795555500000,"objects":3}`,
			"stored run 42: document of version 2, this release reads version 4: ",
		},
		{
			"audit", "page_views", `{"version":2}`,
			"stored audit of view page_views: document of version 2, this release reads version 4: ",
		},
		{
			"audit", "page_views", `{"version":3,"drifts":[{"key":["/a"],"start":-1,"cause":"double"}]}`,
			"stored audit of view page_views: document of version 3, this release reads version 4: ",
		},
		{
			"audit", "page_views", `{"version":1,"drifts":[{"start":0,"cause":"deleted"}]}`,
			"stored audit of view page_views: document of version 1, this release reads version 4: ",
		},
	} {
		item := table.KeyOf(table.Text(c.kind), table.Text(c.sort))
		item["doc"], item["rev"] = table.Text(c.document), table.Number(int64(8))
		if err := decoders[c.kind](item); err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %s", c.document, err, c.says)
		}
	}
}
