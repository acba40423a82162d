package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// member replaces the value of a member in the JSON of a generation.
func member(generation, name, was, is string) string {
	return strings.Replace(generation, fmt.Sprintf("%q:%s", name, was), fmt.Sprintf("%q:%s", name, is), 1)
}

func waiting(generation, why string) string {
	return member(generation, "waits", `""`, fmt.Sprintf("%q", why))
}
func ready(generation string) string { return member(generation, "ready", "false", "true") }
func kappa(generation string) string {
	return member(generation, "architecture", `"lambda"`, `"kappa"`)
}

// auditOf returns the member "audit" of a status. An audit with an empty or earlier end has not ended.
func auditOf(requested, begun, ended, more string) string {
	quoted := func(text string) string {
		if text == "" {
			return "null"
		}
		return fmt.Sprintf("%q", "2026-03-01T"+text+"Z")
	}
	return fmt.Sprintf(
		`,"audit":{"requested":%s,"begun":%s,"ended":%s,"generation":%q,"run":12,"horizon":"2026-03-01T11:57:00Z",`+
			`"items":3,"windows":40%s}`,
		quoted(requested),
		quoted(begun),
		quoted(ended),
		genA,
		more,
	)
}

const noDrift = `,"drift":0,"drifts":[],"lost_objects":[]`

// TestViewsStatusFits checks that no line is wider than 100 columns, whatever the server tells of a view.
func TestViewsStatusFits(t *testing.T) {
	name := strings.Repeat("n", 63)
	long := stands(genA, `,"retired":"2026-03-01T11:00:00Z","rebuild":true,"held":"77aa00bb11cc22dd"`+
		auditOf("", "11:30:00", "11:31:00", `,"drift":123456789,"drifts":[],"lost":1234567`),
		gen(genA, "announced", 12, ""),
		waiting(kappa(gen(genB, "announced", 9, "")), "it has run 1234567, the last one is 12345678, and "+
			"replay has brought it events that arrived before 2026-03-01T11:31:00Z, not yet those before 2026-03-01T11:57:00Z"),
		strings.Replace(gen(genC, "dropping", -9_999_999, ""), `"horizon":"2026-03-01T11:-9999954:00Z"`,
			`"horizon":"1999-03-01T11:00:00Z"`, 1),
	)
	f := newFakeAdmin(t, strings.ReplaceAll(long, "page_views", name))
	s := newSession()
	s.do(t, exitOK, "views", "status", name, "--url", f.URL)
	says(t, &s.out, name, "drift: 123456789 of 40 windows", "236", "10000011")
	for line := range strings.Lines(s.out.String()) {
		if n := len(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestViewsStatus(t *testing.T) {
	one := stands(
		genA,
		`,"rebuild":true,"held":"77aa00bb11cc22dd"`+auditOf("", "11:30:00", "11:31:00", noDrift),
		gen(
			genA,
			"serving",
			12,
			"",
		),
		waiting(gen(genB, "building", 9, ""), "it has run 9, the last one is 12"),
		ready(gen(genC, "retained", 12, "")),
	)
	traffic := strings.NewReplacer("page_views", "traffic").Replace(stands("", "", kappa(gen(genB, "announced", 0, ""))))
	fresh := `{"view":"fresh\u001b[2J","serving":null,"generations":[],"audit":null}`

	tests := map[string]struct{ view, answer, golden string }{
		"One": {"page_views", one, "views_status.golden"},
		"Retained": {
			"page_views",
			stands(genB, "", gen(genB, "serving", 12, ""), waiting(gen(genA, "retained", 9, ""), "it has run 9")),
			"views_status_retained.golden",
		},
		"Retired": {
			"page_views",
			stands(genA, `,"retired":"2026-03-01T11:00:00Z"`, gen(genA, "serving", 12, "")),
			"views_status_retired.golden",
		},
		"Failed": {
			"page_views",
			stands(genA, `,"held":"77aa00bb11cc22dd","failure":"the build of generation `+genB+` was killed or ran out of time `+
				`3 times in a row; it reads 41000000 events in 410000 objects, and the function has 2048 MB",`+
				`"misfit":"a build of 41 M events may not fit into 2048 MB (limit about 32 M)"`,
				gen(genA, "serving", 12, "")),
			"views_status_failed.golden",
		},
		"None": {
			"",
			`{"head":{"run":0,"horizon":null},"swept":{"run":0,"horizon":null},"views":[]}`,
			"views_status_none.golden",
		},
		"All": {
			"",
			`{"head":{"run":12,"horizon":"2026-03-01T11:57:00Z"},"swept":{"run":11,"horizon":"2026-03-01T11:56:00Z"},` +
				`"views":[` + one + "," + traffic + "," + fresh + `]}`,
			"views_status_all.golden",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFakeAdmin(t, test.answer)
			args := strings.Fields("views status " + test.view + " --url " + f.URL)
			s := newSession()
			s.do(t, exitOK, args...)
			if golden(t, test.golden, s.out.String()); s.err.Len() > 0 {
				t.Errorf("stderr: %s", &s.err)
			}

			raw := newSession()
			raw.do(t, exitOK, append(args, "-o", "json")...)
			if diff := cmp.Diff(test.answer, raw.out.String()); diff != "" {
				t.Errorf("not the server's bytes: %s", diff)
			}
			line := strings.TrimSuffix("GET /v1/admin/views/"+test.view, "/")
			f.was(t, line, "GET /v1/views", line)
		})
	}
}

// TestViewsStatusSkipped checks what the status says of events that a view could not use, also when nobody can tell.
func TestViewsStatusSkipped(t *testing.T) {
	skip := func(place, reason string, events int) string {
		return fmt.Sprintf(`{"place":%q,"reason":%q,"events":%d,"sample":{"source":"s","id":"1"}}`, place, reason, events)
	}
	name := strings.Repeat("n", 63)
	view := func(name, more string) http.HandlerFunc {
		return ok(`{"views":[{"name":"other","skipped":[` + skip("where", "failed", 9) + `]},{"name":"` + name + `"` +
			more + `}]}`)
	}
	const lately = "skipped in the windows of the last 7 days: "
	for what, c := range map[string]struct {
		views http.HandlerFunc
		says  string
	}{
		"nothing": {view(name, `,"skipped":[]`), "skipped: no event in the windows of the last 7 days"},
		"events": {view(name, `,"skipped":[`+skip("where", "missing", 3)+","+skip("key."+name, "JSON in a string", 40)+","+
			skip("time", "out of range", 2)+`]`),
			lately + "45 events are in no row, most of them for key." + name + " (JSON in a string): 40; see anabranch views " +
				name},
		"numbers": {view(name, `,"skipped":[`+skip("aggregates.a", "missing", 5)+","+
			skip("aggregates.b", "not a number", 7)+`]`),
			lately + "aggregates.b lacks 7 events (not a number); see anabranch views " + name},
		"both": {view(name, `,"skipped":[`+skip("where", "missing", 3)+","+skip("aggregates.b", "too large", 7)+`]`),
			lately + "3 events are in no row, most of them for where (missing): 3; aggregates.b lacks 7 events (too large); " +
				"see anabranch views " + name},
		"unreadable": {view(name, `,"error":"try again"`), "skipped: unknown: try again"},
		"refused": {problemOf(403, "forbidden", "the key does not open this route"),
			"skipped: unknown, the list of views could not be read:"},
	} {
		f := newFakeAdmin(t, strings.ReplaceAll(stands(genA, "", gen(genA, "serving", 12, "")), "page_views", name))
		f.views = c.views
		s := newSession()
		s.do(t, exitOK, "views", "status", name, "--url", f.URL)
		if text := strings.Join(strings.Fields(s.out.String()), " "); !strings.Contains(text, c.says) {
			t.Errorf("%s: %s", what, &s.out)
		}
		for line := range strings.Lines(s.out.String()) {
			if n := len(strings.TrimSuffix(line, "\n")); n > 100 {
				t.Errorf("%s: %d columns: %s", what, n, line)
			}
		}
	}
}

// TestAudited checks that the status says over how much an audit found no drift, and when there was nothing to audit.
func TestAudited(t *testing.T) {
	counting := func(counts, more string) string {
		return strings.Replace(auditOf("", "11:30:00", "11:31:00", more), `"items":3,"windows":40`, counts, 1)
	}
	for text, audit := range map[string]string{
		"none yet":  "",
		"requested": auditOf("12:00:00", "", "", ""),
		"running":   auditOf("12:00:00", "12:00:01", "11:00:00", noDrift),
		"failed at 2026-03-01T11:31:00Z": auditOf("", "11:30:00", "11:31:00", `,"error":"manifest of run 3: not `+
			`found"`),
		"no drift in 40 windows in 3 stored items, at 2026-03-01T11:31:00Z": auditOf("", "11:30:00", "11:31:00", noDrift),
		"drift: 7 of 40 windows in 3 stored items differ from the archive, at": auditOf("", "11:30:00", "11:31:00",
			`,"drift":7,"lost":0`),
		"no drift in 40 windows in 3 stored items; 2 objects of the archive are in no run": auditOf("", "11:30:00",
			"11:31:00", `,"drift":0,"lost_objects":["events/a","events/b"]`),
		"nothing to audit yet: batch has stored no window, at 2026-03-01T11:31:00Z": counting(
			`"items":0,"windows":0`, noDrift),
		"drift: 1 of 0 windows in 0 stored items differ from the archive, at": counting(
			`"items":0,"windows":0`, `,"drift":1`),
		"no drift in 0 windows in 0 stored items; 7 objects of the archive are in no run": counting(
			`"items":0,"windows":0`, `,"drift":0,"lost":7`),
		"no drift in 1 windows in 1 stored items, at": counting(`"items":1,"windows":1`, noDrift),
	} {
		t.Run(text, func(t *testing.T) {
			f, s := newFakeAdmin(t, stands(genA, audit, gen(genA, "serving", 12, ""))), newSession()
			s.do(t, exitOK, "views", "status", "page_views", "--url", f.URL)
			joined := strings.Join(strings.Fields(s.out.String()), " ")
			if !strings.Contains(joined, "audit: "+text) {
				t.Errorf("no %q in:\n%s", text, &s.out)
			}
		})
	}
}

// TestViewsCalledLikeCommands checks that "views show" shows a view that has the name of a command.
func TestViewsCalledLikeCommands(t *testing.T) {
	address, last := asked(t, ok(pageViews))
	newSession().do(t, exitOK, "views", "show", "status", "--url", address)
	if last() != "GET /v1/views/status" {
		t.Errorf("asked %q", last())
	}
	for _, args := range [][]string{{"views", "--url", address, "page_views"},
		{"views", "page_views", "-o", "json", "--url", address}, {"views", "-ojson", "show", "page_views", "--url",
			address}} {
		newSession().do(t, exitOK, args...)
		if last() != "GET /v1/views/page_views" {
			t.Errorf("%v asked %q", args, last())
		}
	}
}

// TestViewsRefused checks that every command for operators says which key it requires, prints a problem as the other
// commands do, and has help with its exit codes.
func TestViewsRefused(t *testing.T) {
	for _, name := range []string{"status", "diff", "rebuild", "replay", "switch", "rollback", "drop", "abandon",
		"audit"} {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				code       int
				kind, body string
				key        string
				exit       int
				says       []string
			}{
				{403, "application/json", `{"message":"Forbidden"}`, secret, exitRejected,
					[]string{"this command requires the admin key; the given key is", "403 Forbidden"}},
				{403, "application/json", `{"message":"Forbidden"}`, "", exitRejected,
					[]string{"this command requires the admin key: set --key or ANABRANCH_KEY"}},
				{401, "application/json", `{"message":"Unauthorized"}`, "", exitRejected, []string{"this server requires a key"}},
				{404, "application/problem+json", `{"title":"Unknown view","code":"unknown_view",` +
					`"detail":"no view is called v"}`, "", exitRejected,
					[]string{"anabranch: no view is called v\n", "404 Unknown view", "unknown_view"}},
				{500, "application/problem+json", `{"title":"Internal error"}`, "", exitUnreachable, []string{"Internal error"}},
				{200, "application/json", `["something else"]`, "", exitUnreachable, []string{"is this an Anabranch server?"}},
				{200, "application/json", `{}`, "", exitUnreachable, []string{"it names no view; is this an Anabranch server?"}},
			} {
				address, _ := keyed(t, test.code, test.kind, test.body)
				s := newSession()
				s.do(t, test.exit, "views", name, "v", "--url", address, "--key", test.key)
				if says(t, &s.err, test.says...); s.out.Len() > 0 || strings.Contains(s.err.String(), secret) {
					t.Errorf("stdout %q, or the key: %s", &s.out, &s.err)
				}
			}

			s := newSession()
			s.do(t, exitOK, "views", name, "--help")
			says(
				t,
				&s.out,
				"Usage: anabranch views "+name,
				"Exit codes: 0",
				"Examples:\n\n    anabranch views "+name,
				"ANABRANCH_URL",
			)
		})
	}
}

func TestViewsUsage(t *testing.T) {
	for name, test := range map[string]struct{ line, says string }{
		"NoView":     {"views switch", `expected "<view>"; see anabranch views switch --help`},
		"Sample":     {"views diff v --sample=-1", "--sample: -1 is below the minimum, 0"},
		"Rows":       {"views diff v --rows=-1", "--rows: -1 is below the minimum, 0"},
		"NoWait":     {"views drop v --wait", "--wait"},
		"BadAddress": {"views audit v --url=ftp://x", "--url"},
		"BadOutput":  {"views status v -o xml", "xml"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession()
			s.do(t, exitUsage, strings.Fields(test.line)...)
			if says(t, &s.err, test.says, "--help"); s.out.Len() > 0 {
				t.Errorf("stdout: %s", &s.out)
			}
		})
	}
}
