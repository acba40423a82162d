package view_test

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// This example compiles a definition, folds lines of the archive, encodes the resulting page, reads it again and
// presents it.
func ExampleCompile() {
	set, err := view.Compile(view.Definition{
		Name: "page_views", Where: `type == "web.request" && data.status < 400`,
		Key: []view.KeyField{{Field: "path", Expr: "data.path"}}, Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "views", Expr: "count()"}, {Name: "bytes", Expr: "sum(data.bytes)"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	program := set.Programs[0]

	batch, err := set.Fields().NewBatch(webRequests())
	if err != nil {
		fmt.Println(err)
		return
	}
	delta := program.NewDelta()
	delta.Fold(batch, []int32{0, 1, 2}) // the rows that are no duplicates

	for page := range delta.Pages() {
		stored := page.AppendPage(nil)
		windows := program.NewWindows()
		if err := windows.MergePage(page.Page, stored, nil); err != nil {
			fmt.Println(err)
			return
		}
		for _, window := range windows.Sorted() {
			path, _ := view.DecodeKey(page.Key)
			fmt.Printf("%s %s: %s views, %s bytes\n", path[0], program.Start(window).Format(time.RFC3339),
				windows.AppendValue(nil, 0, window), windows.AppendValue(nil, 1, window))
		}
	}
	// Output:
	// / 2026-05-17T10:00:00Z: 2 views, 30.5 bytes
}

// webRequests are three lines of the archive. The last one is an error and does not count.
func webRequests() (lines []byte) {
	const begin = `{"specversion":"1.0","source":"/s","type":"web.request","time":"2026-05-17T10:20:30Z",`
	for i, rest := range []string{
		`"id":"a","data":{"path":"/","status":200,"bytes":10.25}}`,
		`"id":"b","data":{"path":"/","status":304,"bytes":20.25}}`,
		`"id":"c","data":{"path":"/","status":404,"bytes":99}}`,
	} {
		stamp := event.Stamp{Request: ulid.MustParse("01KY58SNJXZ0W6V3T5YJ9K4M2N"), Index: i}
		lines = event.AppendLine(lines, []byte(begin+rest), stamp)
	}
	return lines
}
