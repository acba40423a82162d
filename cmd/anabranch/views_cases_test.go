package main

import (
	"os"
	"strings"
	"testing"
)

const sampleTests = "../../localstack/sample/views.test.yaml"

// TestTestsOfTheSample runs the tests of the sample's views.
func TestTestsOfTheSample(t *testing.T) {
	s := newSession()
	s.do(t, exitOK, "views", "test", sampleViews)
	says(t, &s.out, "ok    an event that comes twice counts once\n", sampleTests+": 7 tests, 0 failed\n")
}

// TestFailingTests checks output and exit code when a test fails.
func TestFailingTests(t *testing.T) {
	changed := brokenSample(t, "data.status < 400", "data.status < 300")
	s := newSession()
	s.do(t, exitRejected, "views", "test", changed, "--tests", sampleTests)
	says(t, &s.out, "FAIL  a page counts its requests in the hour of their time\n      "+sampleTests+
		`:11:13: page_views {path: "/"} at 2015-05-17T10:00:00Z: views is 1, want 2`+"\n", "7 tests, 1 failed\n")
	s = newSession()
	s.do(t, exitRejected, "views", "test", changed, "--tests", sampleTests, "-ojson")
	says(t, &s.out, `{"file":"`+sampleTests+`","tests":[{"name":"a page counts`, `"passed":false,"failures":[{"line":11,`,
		`"column":13,"message":"page_views {path: \"/\"} at 2015-05-17T10:00:00Z: views is 1, want 2"}`,
		`"passed":true,"failures":[]}`)
}

// TestTestsThatCannotRun checks the exit code and what is said of files that are missing or wrong.
func TestTestsThatCannotRun(t *testing.T) {
	alone := brokenSample(t)
	s := newSession()
	s.do(t, exitUsage, "views", "test", alone)
	says(t, &s.err, "the tests of "+alone, strings.TrimSuffix(alone, ".yaml")+".test.yaml: no such file",
		"name their file with --tests")
	s = newSession()
	s.do(t, exitUsage, "views", "test", brokenSample(t, "count()", "cont()"), "--tests", sampleTests)
	says(t, &s.err, `unknown aggregate "cont"`)
	text, err := os.ReadFile(sampleTests)
	if err != nil {
		t.Fatal(err)
	}
	wrong := file(t, "wrong.yaml", []byte(strings.ReplaceAll(string(text), "traffic:", "trafic:")))
	s = newSession()
	s.do(t, exitUsage, "views", "test", sampleViews, "--tests", wrong)
	says(t, &s.err, wrong+`:19:7: unknown view "trafic"; did you mean "traffic"?`)
}
