package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/view"
)

// statusesOf returns the statuses of a server that serves the views, as JSON.
func statusesOf(views ...view.Definition) string {
	var all []string
	for _, d := range views {
		all = append(all, fmt.Sprintf(`{"view":%q,"serving":"g","generations":[{"generation":"g","definition":%q,`+
			`"state":"serving"}]}`, d.Name, d.Hash()))
	}
	return `{"head":{"run":12,"horizon":"2026-03-01T11:57:00Z"},"archive":{"objects":2000,"events":99990},"views":[` +
		strings.Join(all, ",") + `]}`
}

func definitionsOf(t *testing.T, file string) []view.Definition {
	t.Helper()
	definitions, err := newSession().readDefinitions(file)
	if err != nil {
		t.Fatal(err)
	}
	return definitions
}

// TestPlan checks the plan for a file with a changed, a renamed and an unchanged view, without and with a sample.
func TestPlan(t *testing.T) {
	address, last := asked(t, ok(statusesOf(definitionsOf(t, sampleViews)...)))
	changed := brokenSample(t, "data.status < 400", "data.status < 300", "name: traffic", "name: all_traffic")
	s := newSession()
	s.do(t, exitOK, "views", "plan", changed, "--url", address)
	golden(t, "views_plan.golden", s.out.String())
	if last() != "GET /v1/admin/views" {
		t.Errorf("asked %s", last())
	}
	s = newSession()
	s.do(t, exitOK, "views", "plan", changed, "--events", sampleEvents, "--url", address)
	golden(t, "views_plan_events.golden", s.out.String())
	s = newSession()
	s.do(t, exitOK, "views", "plan", changed, "--events", sampleEvents, "--url", address, "-o", "json")
	golden(t, "views_plan_json.golden", s.out.String())
	s = newSession()
	s.do(t, exitOK, "views", "plan", sampleViews, "--events", sampleEvents, "--url", address)
	says(t, &s.out, "page_views        unchanged\n", "\nNothing is built.\n")
}

// TestPlanOfAnArchive checks that a directory of anabranch dev gives a sample, and the bytes of its archive.
func TestPlanOfAnArchive(t *testing.T) {
	address, _ := asked(t, ok(statusesOf()))
	dir := t.TempDir()
	s := newSession()
	s.do(t, exitUsage, "views", "plan", sampleViews, "--archive", dir, "--url", address)
	says(t, &s.err, "--archive: "+dir+" has no archive of anabranch dev")
	_, stop := startDev(t, dir)
	stop()
	s = newSession()
	s.do(t, exitOK, "views", "plan", sampleViews, "--archive", dir, "--url", address)
	says(t, &s.out, "archive: 2000 objects, 99990 events, 0 bytes\n", "Builds read 6000 objects. For an estimate")
}

// TestPlanSlips checks wrong flags, files with errors, a rejected sample and a server that refuses.
func TestPlanSlips(t *testing.T) {
	address, _ := asked(t, ok(statusesOf()))
	bad := file(t, "e.ndjson", []byte("{}\n"))
	for want, args := range map[string][]string{
		"--events and --archive both give a sample":      {sampleViews, "--events=a", "--archive=b"},
		`unknown aggregate "cont"`:                       {brokenSample(t, "count()", "cont()")},
		"--events: ingest would reject 1 of the events,": {sampleViews, "--events", bad},
		"--events: ": {sampleViews, "--events=missing.ndjson"},
	} {
		s := newSession()
		s.do(t, exitUsage, append([]string{"views", "plan", "--url", address}, args...)...)
		says(t, &s.err, want)
	}
	address, _ = asked(t, problemOf(403, "forbidden", "no"))
	s := newSession()
	s.do(t, exitRejected, "views", "plan", sampleViews, "--url", address)
	says(t, &s.err, "this command requires the admin key")
}
