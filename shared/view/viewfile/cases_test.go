package viewfile_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

func sampleDefinitions(t testing.TB) []view.Definition {
	t.Helper()
	definitions, err := viewfile.Parse("v.yaml", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	return definitions
}

// TestParseBrokenCases checks what is said of a wrong file of tests, and where.
func TestParseBrokenCases(t *testing.T) {
	one := func(fields string) string { return "tests:\n  - {name: n, " + fields + "}\n" }
	rows := func(row string) string { return one("events: [], expect: {page_views: {rows: [" + row + "]}}") }
	for _, c := range []broken{
		{"empty", "", "t.yaml:1:1: the file has no tests; begin it with tests:"},
		{"views", sample, `t.yaml:1:1: unknown field "views"; the fields of a file of tests are tests` + "\n" +
			"t.yaml:1:1: the tests list is missing; begin the file with tests:"},
		{"no list", "tests: {}\n",
			"t.yaml:1:1: tests must be a list of at least one test; write for example - name: a page without a status"},
		{"no test", "tests: [a]\n",
			"t.yaml:1:9: a test must be a mapping; write for example - name: a page without a status"},
		{"nothing in it", "tests:\n  - {}\n",
			"t.yaml:2:5: a test needs name; write for example - name: a page without a status\n" +
				"t.yaml:2:5: a test needs events; write for example - {type: web.request, time: 2015-05-17T10:05:03Z, " +
				"data: {path: /}}\n" +
				"t.yaml:2:5: a test needs expect; write for example expect: {page_views: {rows: [...]}}"},
		{"misspelt field", one("event: [], expect: {page_views: {}}"), `t.yaml:2:15: unknown field "event"; did you mean "events"?`},
		{"events no list", one("events: {type: a}, expect: {page_views: {}}"),
			"t.yaml:2:15: events must be a list; write for example - {type: web.request, time: 2015-05-17T10:05:03Z, " +
				"data: {path: /}}"},
		{"event no mapping", one("events: [a], expect: {page_views: {}}"),
			"t.yaml:2:24: an event must be a mapping; write for " +
				"example - {type: web.request, time: 2015-05-17T10:05:03Z, data: {path: /}}"},
		{"member twice", one("events: [{type: a, data: {a: 1, a: 2}}], expect: {page_views: {}}"),
			`t.yaml:2:47: the field "a" appears twice, first at 2:41; remove one`},
		{"number", one("events: [{type: a, data: [.5, 0x10]}], expect: {page_views: {}}"),
			"t.yaml:2:41: .5 is not a number in JSON; write for example 10 or 0.5, or put text in quotes\n" +
				"t.yaml:2:45: 0x10 is not a number in JSON; write for example 10 or 0.5, or put text in quotes"},
		{"arrival", one("arrival: today, events: [], expect: {page_views: {}}"),
			`t.yaml:2:24: "today" is not a time; write for example 2015-05-17T10:00:00Z`},
		{"unknown view", one("events: [], expect: {page_vews: {}}"), `t.yaml:2:36: unknown view "page_vews"; did you mean "page_views"?`},
		{"no view", one("events: [], expect: {}"),
			"t.yaml:2:27: expect is empty; write for example expect: {page_views: {rows: [...]}}"},
		{"rows no list", one("events: [], expect: {page_views: {rows: {}}}"),
			"t.yaml:2:49: rows must be a list; write for example " +
				"- {key: {path: /}, window: 2015-05-17T10:00:00Z, values: {views: 1}}"},
		{"no window", rows("{key: {path: /}, values: {}}"),
			"t.yaml:2:56: a row needs window; write for example window: 2015-05-17T10:00:00Z"},
		{"no values", rows("{key: {path: /}, window: 2015-05-17T10:00:00Z}"),
			"t.yaml:2:56: a row needs values; write for example values: {views: 1}"},
		{"no key", rows("{window: 2015-05-17T10:00:00Z, values: {}}"),
			"t.yaml:2:56: the row has no key field path; write for example key: {path: a}"},
		{"unknown key field", rows("{key: {path: /, host: a}, window: 2015-05-17T10:00:00Z, values: {}}"),
			`t.yaml:2:72: unknown field "host"; the fields of key are path`},
		{"unknown aggregate", rows("{key: {path: /}, window: 2015-05-17T10:00:00Z, values: {veiws: 1}}"),
			`t.yaml:2:112: unknown field "veiws"; did you mean "views"?`},
		{"skip without reason", one("events: [], expect: {page_views: {skipped: [{place: where, events: some}]}}"),
			"t.yaml:2:59: a skip needs reason; write for example - {place: key.path, reason: missing, events: 1}\n" +
				`t.yaml:2:82: "some" is not a number of events; write for example 1`},
		{"anchor", "tests: &a [*a]\n",
			"t.yaml:1:8: & begins a YAML anchor here, which is not supported; put text that begins with & in quotes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cases, err := viewfile.ParseCases("t.yaml", []byte(c.text), sampleDefinitions(t))
			var problems viewfile.Problems
			if !errors.As(err, &problems) || cases != nil {
				t.Fatalf("got %v, %v; want Problems", cases, err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestParseCases checks that events become JSON with all digits, and what is filled in.
func TestParseCases(t *testing.T) {
	cases, err := viewfile.ParseCases("t.yaml", []byte(`tests:
  - name: "10"
    events:
      - {type: a, data: {n: 12345678901234567890.12, t: true, z: null, l: [1, "1", ~], e: 1e3}}
      - specversion: "1.0"
        id: x
        source: /s
        type: b
        data: {s: "two\nlines"}
    expect: {page_views: {}}
`), sampleDefinitions(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"specversion":"1.0","id":"1","source":"test","type":"a","data":{"n":12345678901234567890.12,"t":true,"z":null,` +
			`"l":[1,"1",null],"e":1e3}}`,
		`{"specversion":"1.0","id":"x","source":"/s","type":"b","data":{"s":"two\nlines"}}`,
	}
	var got []string
	for _, e := range cases[0].Events {
		got = append(got, string(e.JSON))
	}
	if diff := cmp.Diff(want, got); diff != "" || cases[0].Name != "10" || cases[0].At.Line != 2 {
		t.Errorf("%+v\n%s", cases[0], diff)
	}
}

// FuzzParseCases checks that any text gives tests, or problems at places that the file has.
func FuzzParseCases(f *testing.F) {
	f.Add([]byte("tests:\n- {name: n, events: [{type: a, data: {b: [1.5, x]}}], expect: {page_views: {rows: []}}}\n"))
	f.Add([]byte("tests:\n- {name: n, events: [], expect: {page_views: {rows: [{key: {path: /}, window: " +
		"2015-05-17T10:00:00Z, " +
		"values: {views: 1}}], skipped: [{place: where, reason: missing, events: 1}]}}}\n"))
	f.Add([]byte("tests: [{name: , events: [~, {}], expect: {page_views: ~}}]"))
	definitions := sampleDefinitions(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := viewfile.ParseCases("v.yaml", text, definitions); err != nil {
			checkProblems(t, text, err)
		}
	})
}
