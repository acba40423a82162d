package main

import (
	"fmt"
	"strings"
	"testing"
)

// pageOf returns one page of a comparison, as JSON; more holds further members.
func pageOf(keys, windows, differing int, next, rows, more string) string {
	if next != "null" {
		next = fmt.Sprintf("%q", next)
	}
	return fmt.Sprintf(
		`{"view":"page_views","serving":{"generation":%q,"definition":"4f1c0e9d2b7a66aa01","state":"serving"},"candidate":{"generation":%q,`+
			`"definition":"99aa00bb11cc22dd33","state":"building"},`+
			`"aggregates":["views","bytes"],"keys":%d,"windows":%d,"differing":%d,"rows":[%s],"only_serving":[],`+
			`"only_candidate":[],"next":%s,"comparable":true,"reason":""%s}`,
		genA,
		genB,
		keys,
		windows,
		differing,
		rows,
		next,
		more,
	)
}

const (
	rowOne = `{"key":{"path":"/a\u001b[2J","method":"GET"},"start":"2015-05-17T10:00:00Z",` +
		`"serving":{"views":9007199254740993,"bytes":1.50},"candidate":{"views":9007199254740992,"bytes":1.50}}`
	rowTwo = `{"key":{"path":"/b","method":"GET"},"start":"2015-05-17T11:00:00Z","serving":null,"candidate":{"views":1,` +
		`"bytes":null}}`
	rowSix = `{"key":{"path":"/c","method":"GET"},"start":"2015-05-17T11:00:00Z","serving":{"views":1,"bytes":2},` +
		`"candidate":{"views":1,"bytes":2}}`
)

func TestViewsDiff(t *testing.T) {
	differ := map[string]string{
		"":   pageOf(100, 400, 1, "c1", rowOne, ""),
		"c1": pageOf(100, 300, 0, "c2", "", ""),
		"c2": pageOf(7, 9, 2, "null", rowTwo+","+rowSix, ""),
	}
	same := map[string]string{"": pageOf(100, 400, 0, "c1", "", ""), "c1": pageOf(3, 5, 0, "null", "", "")}
	apart := map[string]string{
		"": strings.NewReplacer(`"building"`, `"retained"`, `"only_serving":[]`, `"only_serving":["errors"]`, `"only_candidate":[]`,
			`"only_candidate":["p99","max_bytes"]`).
			Replace(pageOf(1, 1, 0, "null", "", "")),
	}
	twice := map[string]string{
		"":   pageOf(1, 4, 5, "c1", rowOne+","+rowTwo, ""),
		"c1": pageOf(1, 4, 2, "null", rowOne+","+strings.Replace(rowOne, "T10", "T12", 1), ""),
	}
	never := map[string]string{
		"": strings.NewReplacer(`"comparable":true,"reason":""`, `"comparable":false,"reason":"the key fields differ"`).
			Replace(pageOf(0, 0, 0, "c1", "", "")),
	}
	whole := map[string]string{
		"": strings.ReplaceAll(pageOf(1, 2, 1, "null", rowTwo, ""), `{"path":"/b","method":"GET"}`, "{}"),
	}
	for name, test := range map[string]struct {
		flags    string
		pages    map[string]string
		code     int
		golden   string
		err      string
		requests int
	}{
		"Differ":     {"", differ, exitRejected, "views_diff.golden", "", 3},
		"DifferJSON": {"-o json", differ, exitRejected, "views_diff_json.golden", "", 3},
		"TwoRows":    {"--rows 2", differ, exitRejected, "views_diff_rows.golden", "", 3},
		"AllRows":    {"--rows 0", differ, exitRejected, "views_diff.golden", "", 3},
		"Sample":     {"--sample 150", differ, exitRejected, "views_diff_sample.golden", "", 2},
		"SampleJSON": {"--sample 1 -o json", differ, exitRejected, "views_diff_sample_json.golden", "", 1},
		"Same":       {"", same, exitOK, "views_diff_same.golden", "", 2},
		"SameJSON":   {"-o json", same, exitOK, "views_diff_same_json.golden", "", 2},
		"Apart":      {"", apart, exitOK, "views_diff_apart.golden", "", 1},
		"Twice":      {"", twice, exitRejected, "views_diff_twice.golden", "", 2},
		"WithoutKey": {"", whole, exitRejected, "views_diff_whole.golden", "", 1},
		"NotComparable": {"", never, exitRejected, "views_diff_never.golden",
			"page_views: cannot compare generation " + genB + " with the serving one: the key fields differ", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAdmin(t)
			f.pages = test.pages
			s := newSession()
			s.do(t, test.code, append(strings.Fields("views diff page_views "+test.flags), "--url", f.URL)...)
			golden(t, test.golden, s.out.String())
			if says(t, &s.err, test.err); test.err == "" && s.err.Len() > 0 || len(f.lines()) != test.requests {
				t.Errorf("%d requests, want %d; stderr: %s", len(f.lines()), test.requests, &s.err)
			}
		})
	}

	// The requests for further pages name the generation of the first page.
	t.Run("Asked", func(t *testing.T) {
		f := newFakeAdmin(t, beside)
		f.pages = same
		newSession().do(t, exitOK, "views", "diff", "page_views", "--generation", "01KB00", "--url", f.URL)
		f.was(
			t,
			lookAt,
			lookAt+"/diff?generation="+genB+"&limit=1000",
			lookAt+"/diff?cursor=c1&generation="+genB+"&limit=1000",
		)
	})

	for name, test := range map[string]struct {
		pages map[string]string
		code  int
		says  string
	}{
		"SwitchedMeanwhile": {map[string]string{"": pageOf(1, 1, 0, "c1", "", ""),
			"c1": strings.ReplaceAll(pageOf(1, 1, 0, "null", "", ""), genA, genC)}, exitUnreachable,
			"page_views changed during the comparison: " + genC + " serves now; compare again"},
		"NoEnd": {map[string]string{"": pageOf(1, 1, 0, "c1", "", ""), "c1": pageOf(1, 1, 0, "c1", "", "")},
			exitUnreachable, "next page begins where this one began"},
		"Refused": {map[string]string{"": pageOf(1, 1, 0, "c9", "", "")}, exitRejected, "no such cursor"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAdmin(t)
			f.pages = test.pages
			s := newSession()
			s.do(t, test.code, "views", "diff", "page_views", "--url", f.URL)
			if says(t, &s.err, test.says); s.out.Len() > 0 {
				t.Errorf("stdout: %s", &s.out)
			}
		})
	}

	t.Run("Progress", func(t *testing.T) {
		f, s := newFakeAdmin(t), newSession()
		f.pages, s.terminal, s.now = differ, true, ticking()
		s.do(t, exitRejected, "views", "diff", "page_views", "--url", f.URL)
		says(t, &s.err, "comparing: 400 windows, 1 differ", "comparing: 709 windows, 3 differ", "keys/")
		if tail := s.err.String()[strings.LastIndex(s.err.String(), "\r")+1:]; strings.TrimSpace(tail) != "" {
			t.Errorf("leaves %q behind", tail)
		}
	})
}
