package main

import (
	"fmt"
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
		"Retired": {
			"page_views",
			stands(genA, `,"retired":"2026-03-01T11:00:00Z"`, gen(genA, "serving", 12, "")),
			"views_status_retired.golden",
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
			f.was(t, line, line)
		})
	}
}

func TestAudited(t *testing.T) {
	for text, audit := range map[string]string{
		"-":         "",
		"requested": auditOf("12:00:00", "", "", ""),
		"running":   auditOf("12:00:00", "12:00:01", "11:00:00", noDrift),
		"failed at 2026-03-01T11:31:00Z": auditOf("", "11:30:00", "11:31:00", `,"error":"manifest of run 3: not `+
			`found"`),
		"no drift at 2026-03-01T11:31:00Z": auditOf("", "11:30:00", "11:31:00", noDrift),
		"drift 7 at 2026-03-01T11:31:00Z":  auditOf("", "11:30:00", "11:31:00", `,"drift":7,"lost":0`),
		"drift 0, lost objects 2, at 2026-03-01": auditOf("", "11:30:00", "11:31:00",
			`,"drift":0,"lost_objects":["events/a","events/b"]`),
	} {
		t.Run(text, func(t *testing.T) {
			f, s := newFakeAdmin(t, stands(genA, audit, gen(genA, "serving", 12, ""))), newSession()
			s.do(t, exitOK, "views", "status", "page_views", "--url", f.URL)
			says(t, &s.out, "  "+text)
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
					[]string{"anabranch:  no view is called v\n", "404 Unknown view", "unknown_view"}},
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
