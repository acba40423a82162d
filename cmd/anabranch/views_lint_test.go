package main

import (
	"os"
	"strings"
	"testing"
)

const (
	sampleViews  = "../../localstack/sample/views.yaml"
	sampleEvents = "../../localstack/sample/web-requests.ndjson.gz"
)

// brokenSample returns a file: the views of the sample with some pieces replaced.
func brokenSample(t *testing.T, oldNew ...string) string {
	t.Helper()
	text, err := os.ReadFile(sampleViews)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "views.yaml", []byte(strings.NewReplacer(oldNew...).Replace(string(text))))
}

// TestLint checks output and exit code for a file without problems, with warnings, and with errors.
func TestLint(t *testing.T) {
	s := newSession()
	s.do(t, exitOK, "views", "lint", sampleViews, "--events="+sampleEvents)
	want := sampleViews + ": 3 views, 0 errors, 0 warnings, fields compared with 9999 events\n"
	if s.out.String() != want {
		t.Errorf("%q, want %q", &s.out, want)
	}
	slips := brokenSample(t, "path: data.path", "path: data.pth")
	s = newSession()
	s.do(t, exitOK, "views", "lint", slips, "--events="+sampleEvents)
	says(t, &s.out, slips+":8:13: warning: none of the first 9999 events had data.pth; they have data.path\n",
		": 3 views, 0 errors, 1 warning, ")
	broken := brokenSample(t, "count()", "cont()", "24h", "25h")
	s = newSession()
	s.do(t, exitRejected, "views", "lint", broken)
	says(t, &s.out, broken+`:11:14: unknown aggregate "cont"; did you mean "count"?`, ":37:17:", ":35:13: a window longer",
		": 4 errors, 0 warnings\n")
	if s.err.Len() > 0 {
		t.Errorf("stderr: %s", &s.err)
	}
}

// TestLintAsJSON checks the report for programs, read from standard input.
func TestLintAsJSON(t *testing.T) {
	for text, want := range map[string]string{
		"views:\n- {name: V, key: {}, window: 1h, aggregates: {n: count()}}\n": `{"file":"-","views":0,"events":0,` +
			`"rejected":0,"findings":[{"severity":"error","line":2,"column":10,"message":"\"V\" cannot be the name of a ` +
			`view; write a letter a-z, then up to 62 of a-z, 0-9 and _"}]}`,
		"views:\n- {name: v, key: {}, window: 1h, aggregates: {n: count(), m: count()}}\n": `{"file":"-","views":1,` +
			`"events":0,"rejected":0,"findings":[{"severity":"warning","line":2,"column":62,"message":"aggregate m computes ` +
			`the same as aggregate n; remove one"}]}`,
		"views:\n- {name: v, key: {}, window: 1h, aggregates: {n: count()}}\n": `{"file":"-","views":1,"events":0,` +
			`"rejected":0,"findings":[]}`,
	} {
		s := newSession()
		s.stdin = strings.NewReader(text)
		code := exitOK
		if strings.Contains(want, `"error"`) {
			code = exitRejected
		}
		s.do(t, code, "views", "lint", "-", "-o", "json")
		if s.out.String() != want+"\n" {
			t.Errorf("got  %s\nwant %s", &s.out, want)
		}
	}
}

// TestLintInputs checks files that cannot be read, and events that are not valid.
func TestLintInputs(t *testing.T) {
	s := newSession()
	s.do(t, exitUsage, "views", "lint", "missing.yaml")
	says(t, &s.err, "missing.yaml: no such file")
	s = newSession()
	s.do(t, exitUsage, "views", "lint", sampleViews, "--events=missing.ndjson")
	says(t, &s.err, "--events: ", "missing.ndjson: no such file")
	s = newSession()
	s.do(t, exitUsage, "views", "lint", sampleViews, "--events="+file(t, "e.gz", []byte("\x1f\x8b\x08")))
	says(t, &s.err, "--events: ", "the gzip data ends too early")
	s = newSession()
	s.do(t, exitUsage, "views", "lint", file(t, "large.yaml", make([]byte, maxViews+1)))
	says(t, &s.err, "large.yaml is larger than")
	bad := file(t, "e.ndjson", []byte(strings.Repeat("{}\n", 5)))
	s = newSession()
	s.do(t, exitOK, "views", "lint", sampleViews, "--events="+bad)
	says(t, &s.out, bad+": warning: event 3 is not valid, and was not looked at: ", bad+": warning: 2 more events are not")
}

// TestMisspeltCommand checks that a view that does not exist and has nearly the name of a command names the command.
func TestMisspeltCommand(t *testing.T) {
	address, _ := asked(t, problemOf(404, "unknown_view", "there is no view stauts"))
	s := newSession()
	s.do(t, exitRejected, "views", "stauts", "--url", address)
	says(t, &s.err, "there is no view stauts", `anabranch: did you mean the command "anabranch views status"?`)
	s = newSession()
	s.do(t, exitRejected, "views", "page_vews", "--url", address)
	if strings.Contains(s.err.String(), "did you mean") {
		t.Errorf("%s", &s.err)
	}
}
