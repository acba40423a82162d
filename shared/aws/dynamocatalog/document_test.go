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

// TestViewDocuments are the documents of views as they are stored, for as long as they are to be read: what makes use
// of nothing that came with the second format is written as the first.
func TestViewDocuments(t *testing.T) {
	const (
		serving = `{"id":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N","definition":"9f86d081884c7d659a2feaa0c55ad015","state":"serving","live_from":1795555200000,` +
			`"run":18446744073709551615,"horizon":1795555500000`
		begins = `{"version":%d,"description":"\"Größe\"","serving":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N","generations":[`
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
		version  int
		document string // after its beginning
	}{
		{"as the first version wrote it", view, 1, serving + `}]}`},
		{"retained", change(func(v *lifecycle.View) { v.Generations[0].Since = 7 }), 1, serving + `,"since":7}]}`},
		{"how it was built changes nothing that others do", change(func(v *lifecycle.View) { v.Generations[0].Built = 41 }), 1, serving + `,"built":41}]}`},
		{"Kappa", change(func(v *lifecycle.View) { v.Generations[0].Architecture = views.Kappa }), 2, serving + `,"architecture":"kappa"}]}`},
		{
			"one of two is Kappa",
			change(func(v *lifecycle.View) {
				v.Generations = append(v.Generations,
					lifecycle.Generation{ID: "01JD8Z6B1QZ0W6V3T5YJ9K4M2P", Definition: "d", State: lifecycle.Building,
						Architecture: views.Kappa})
			}),
			2, serving + `},{"id":"01JD8Z6B1QZ0W6V3T5YJ9K4M2P","definition":"d","state":"building","live_from":0,"run":0,"horizon":0,"architecture":"kappa"}]}`,
		},
		{
			"Kappa, and it lacks events",
			change(func(v *lifecycle.View) { v.Generations[0].Architecture, v.Generations[0].Lacks = views.Kappa, 7 }), 3,
			serving + `,"architecture":"kappa","lacks":7}]}`,
		},
		{"a definition is held", change(func(v *lifecycle.View) { v.Held = "9f86d081884c7d659a2feaa0c55ad016" }), 2, serving + `}],"held":"9f86d081884c7d659a2feaa0c55ad016"}`},
		{"retired", change(func(v *lifecycle.View) { v.Retired = 1795555500001 }), 2, serving + `}],"retired":1795555500001}`},
		{"to be rebuilt", change(func(v *lifecycle.View) { v.Rebuild = true }), 2, serving + `}],"rebuild":true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			item, err := dynamocatalog.EncodeView(c.view)
			if err != nil {
				t.Fatal(err)
			}
			got, err := table.TextOf(item, "doc")
			if diff := cmp.Diff(fmt.Sprintf(begins, c.version)+c.document, got); diff != "" || err != nil {
				t.Errorf("document: error %v (-golden +got):\n%s", err, diff)
			}
			again, err := dynamocatalog.DecodeView(stored(fmt.Sprintf(begins, c.version) + c.document))
			if diff := cmp.Diff(c.view, again); diff != "" || err != nil {
				t.Errorf("read again: error %v (-want +got):\n%s", err, diff)
			}
			_, err = dynamocatalog.DecodeView(stored(fmt.Sprintf(begins, 4) + c.document))
			const refusal = `stored view page_views: attribute "doc" has format 4; this version reads formats 1 to 3`
			if err == nil || !strings.HasPrefix(err.Error(), refusal) {
				t.Errorf("of a format to come: error %v, want %s", err, refusal)
			}
		})
	}
}
