package serving_test

import (
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
)

// TestAccept checks that a selection reads only the keys that its function accepts, listed or named.
func TestAccept(t *testing.T) {
	s := newPageViews(t)
	for _, key := range [][2]string{{"/a", "200"}, {"/b", "200"}, {"/a", "404"}} {
		s.base(t, key[0], key[1], servingtest.Horizon, amount{"2026-11-22T08:10:00Z", "1"})
	}
	var asked []string
	accept := func(values []string) bool {
		asked = append(asked, strings.Join(values, " "))
		return strings.HasSuffix(values[0], "a")
	}
	for _, named := range []map[string][]string{
		nil, {"status": {"200", "404"}}, {"path": {"/a", "/b", "/c"}, "status": {"200", "404"}},
	} {
		asked = nil
		result, err := s.Serving.Read(t.Context(), serving.Selection{View: "by_user", Key: named, Accept: accept})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range result.Rows {
			got = append(got, strings.Join(row.Key, " "))
		}
		if all := strings.Join(got, ", "); all != "/a 200, /a 404" || len(asked) < 3 {
			t.Errorf("%v: rows of %s after %q", named, all, asked)
		}
	}
}

// TestRowsWithoutALimit checks that a question whose groups are all answered is refused at the first row too many, and
// that one with a limit may merge more rows than it answers.
func TestRowsWithoutALimit(t *testing.T) {
	s := newPageViews(t)
	s.MaxRows = 2
	for _, path := range []string{"/a", "/b", "/c"} {
		s.base(t, path, "200", servingtest.Horizon, amount{"2026-11-22T08:10:00Z", "1"})
	}
	_, err := s.Serving.Read(t.Context(), serving.Selection{View: "by_user"})
	if err == nil || !strings.Contains(err.Error(), "merges more than 2 rows") {
		t.Errorf("error %v", err)
	}
	best := serving.Grouping{Order: serving.Order{By: "views"}, Limit: 2}
	if result, err := s.Serving.Read(t.Context(), serving.Selection{View: "by_user", Grouping: best}); err != nil ||
		len(result.Rows) != 2 {
		t.Errorf("%d rows, %v", len(result.Rows), err)
	}
}
