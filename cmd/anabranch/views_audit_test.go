package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const found = `,"drift":5,"beyond":1,"unsettled":2,"pending":3,"drifts":[` +
	`{"key":{"path":"/b","method":"GET"},"start":"2015-05-17T11:00:00Z","cause":"double",` +
	`"detail":"run 12 folded twice","expected":{"views":9007199254740993},"stored":{"views":18014398509481986}},` +
	`{"key":{"path":"/a\u001b[2J","method":"GET"},"start":"2015-05-17T11:00:00Z","cause":"unknown","detail":"",` +
	`"expected":null,"stored":{"views":1}},` +
	`{"key":{"path":"/a\u001b[2J","method":"GET"},"start":"2015-05-17T10:00:00Z","cause":"deleted",` +
	`"detail":"the item is gone","expected":{"views":1,"bytes":null},"stored":null}],` +
	`"lost_objects":["events/2015/05/17/a.ndjson.zst","events/2015/05/17/b.ndjson.zst"],"note":"compared by parts"`

func TestViewsAudit(t *testing.T) {
	view := func(audit string) string { return stands(genA, audit, gen(genA, "serving", 12, "")) }
	requested := view(auditOf("12:00:00", "11:30:00", "11:31:00", noDrift))
	for name, test := range map[string]struct {
		flags    string
		post     string
		statuses []string
		code     int
		golden   string
		err      string
		waits    int
	}{
		"NoDrift": {"", requested, []string{requested, view(auditOf("12:00:00", "12:00:01", "11:31:00", noDrift)),
			view(auditOf("12:00:00", "12:00:01", "12:00:09", noDrift))},
			exitOK, "views_audit.golden", "", 3},
		"Drift": {"", requested, []string{view(auditOf("12:00:00", "12:00:00", "12:00:09", found))}, exitRejected,
			"views_audit_drift.golden", "", 1},
		"Cleared": {"", requested, []string{view(auditOf("", "12:00:01", "12:00:09", noDrift))}, exitOK,
			"views_audit.golden", "", 1},
		"LostAlone": {"", requested, []string{view(auditOf("", "12:00:01", "12:00:09", `,"drift":0,"lost":4`))}, exitRejected,
			"views_audit_lost.golden", "", 1},
		"RunningBefore": {"", view(auditOf("12:00:00", "11:59:59", "11:31:00", found)),
			[]string{view(auditOf("12:00:00", "11:59:59", "12:00:05", found)),
				view(auditOf("12:00:00", "12:00:06", "12:00:09", noDrift))},
			exitOK, "views_audit.golden", "", 2},
		"Failed": {"", requested, []string{view(auditOf("12:00:00", "12:00:01", "12:00:09", `,"error":"manifest of run 3: `+
			`not found"`))}, exitUnreachable, "",
			"page_views: the audit failed: manifest of run 3: not found", 1},
		"NoWait":    {"--no-wait", requested, nil, exitOK, "views_audit_nowait.golden", "", 0},
		"OldServer": {"", view(`,"audit":null`), nil, exitUnreachable, "", "has no time of the audit's request", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAdmin(t, test.statuses...).answering(ok(test.post))
			s := newSession()
			s.do(t, test.code, append(strings.Fields("views audit page_views "+test.flags), "--url", f.URL)...)
			if says(t, &s.err, test.err); test.err == "" && s.err.Len() > 0 || len(s.waits) != test.waits {
				t.Errorf("%d waits, want %d; stderr: %s", len(s.waits), test.waits, &s.err)
			}
			if test.golden != "" {
				golden(t, test.golden, s.out.String())
			} else if s.out.Len() > 0 {
				t.Errorf("stdout: %s", &s.out)
			}
			if f.lines()[0] != doing+"audit {}" {
				t.Errorf("asked %q", f.lines())
			}
		})
	}

	t.Run("JSON", func(t *testing.T) {
		done := view(auditOf("12:00:00", "12:00:01", "12:00:09", found))
		f := newFakeAdmin(t, done).answering(ok(requested))
		s := newSession()
		s.terminal = true
		s.do(t, exitRejected, "views", "audit", "page_views", "-o", "json", "--url", f.URL)
		if diff := cmp.Diff(done, s.out.String()); diff != "" {
			t.Errorf("not the server's bytes: %s", diff)
		}
		says(t, &s.err, "the audit is requested")
	})
}
