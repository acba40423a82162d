package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
)

// The answers of a healthy server and of a healthy stack. A seeded fault replaces a part of one of them.
var healthy = map[string]string{
	"/health": `{"status":"ok"}`,
	"/v1/admin/views": `{"head":{"run":90,"horizon":"2026-03-01T11:50:00Z"},"swept":{"run":88,
		"horizon":"2026-03-01T11:40:00Z"},"archive":{"objects":1,"events":2},"views":[{"view":"pages","description":"",
		"serving":"g1","head":{"run":90,"horizon":"2026-03-01T11:50:00Z"},"generations":[{"generation":"g1",
		"definition":"d1","architecture":"lambda","state":"serving","run":90,"horizon":"2026-03-01T11:50:00Z",
		"runs_left":0,"ready":true,"waits":""}],"audit":{"begun":"2026-03-01T03:00:00Z","ended":"2026-03-01T03:01:00Z",
		"generation":"g1","run":60,"items":4,"windows":40,"drift":0,"lost":0,"drifts":[],"lost_objects":[],"error":""}}]}`,
	"/v1/views": `{"views":[{"name":"pages","state":"serving","horizon":"2026-03-01T11:50:00Z","warnings":[],
		"skipped":[]}]}`,

	"cloudformation describe-stacks": `{"Stacks":[{"StackStatus":"UPDATE_COMPLETE","Parameters":[
		{"ParameterKey":"Slot","ParameterValue":"5m"},{"ParameterKey":"SealDelay","ParameterValue":"60s"},
		{"ParameterKey":"CommitWithin","ParameterValue":"10s"},{"ParameterKey":"ClockMargin","ParameterValue":"30s"},
		{"ParameterKey":"BatchEvery","ParameterValue":"1"},{"ParameterKey":"Lanes","ParameterValue":"4"},
		{"ParameterKey":"DedupeWindow","ParameterValue":"24h"},{"ParameterKey":"SpeedWindow","ParameterValue":"1h"},
		{"ParameterKey":"Layout","ParameterValue":"1"},{"ParameterKey":"AlarmTopic","ParameterValue":"arn:aws:sns:x"}],
		"Outputs":[{"OutputKey":"IngestFunction","OutputValue":"shop-ingest"},
		{"OutputKey":"SpeedFunction","OutputValue":"shop-speed"},
		{"OutputKey":"RepublishFunction","OutputValue":"shop-republish"},
		{"OutputKey":"ArchiveBucket","OutputValue":"shop-archive"}]}]}`,
	"cloudwatch describe-alarms": `{"MetricAlarms":[{"AlarmName":"shop-DriftAlarm-1A2B","StateValue":"OK",
		"StateReason":"fine","ActionsEnabled":true},{"AlarmName":"shop-2-DriftAlarm-1A2B","StateValue":"ALARM",
		"StateReason":"of another stack","ActionsEnabled":false}]}`,
	"lambda get-function-configuration": `{"State":"Active","LastUpdateStatus":"Successful",
		"Environment":{"Variables":{"SLOT":"5m","BATCH_EVERY":"1m","SEAL_DELAY":"60s"}}}`,
	"lambda list-event-source-mappings": `{"EventSourceMappings":[{"State":"Enabled"}]}`,
	"lambda get-account-settings":       `{"AccountLimit":{"ConcurrentExecutions":1000}}`,
	"s3api list-objects-v2":             `{"Contents":[{"Key":"events/_layouts/1.json"}]}`,
	"s3 cp":                             `{"slot":"5m0s","lanes":4,"dedupe_window":"24h0m0s","speed_window":"1h0m0s"}`,
	"cloudwatch get-metric-statistics":  `{"Datapoints":[]}`,
}

// seeded are faults: what is wrong, in which answer, and the check that must find it.
var seeded = []struct {
	name, where, was, is, check string
	result                      doctor.Result
}{
	{"a route refuses", "/health", `{"status":"ok"}`, "!404", "server", doctor.Failed},
	{"the key is no admin key", "/v1/admin/views", "{", "!403", "key", doctor.Failed},
	{"the key is missing", "/v1/admin/views", "{", "!401", "key", doctor.Failed},
	{"no view", "/v1/admin/views", `"views":[`, `"views":[],"other":[`, "views", doctor.Warning},
	{"a view does not answer", "/v1/admin/views", `"serving":"g1"`, `"serving":null`, "serving", doctor.Failed},
	{"a build was given up", "/v1/admin/views", `"serving":"g1"`, `"serving":"g1","failure":"killed"`, "build",
		doctor.Failed},
	{"a build is large", "/v1/admin/views", `"serving":"g1"`, `"serving":"g1","misfit":"90 percent"`, "size",
		doctor.Warning},
	{"batch has no run", "/v1/admin/views", `{"head":{"run":90,"horizon":"2026-03-01T11:50:00Z"},"swept":{"run":88`,
		`{"head":{"run":0,"horizon":null},"swept":{"run":0`, "runs", doctor.Failed},
	{"speed stands still", "/v1/admin/views", `"swept":{"run":88,
		"horizon":"2026-03-01T11:40:00Z"}`, `"swept":{"run":8,"horizon":"2026-03-01T05:40:00Z"}`, "sweep", doctor.Failed},
	{"the stream lost events", "/v1/admin/views", `"runs_left":0`, `"runs_left":0,"lacks":7`, "complete", doctor.Failed},
	{"drift", "/v1/admin/views", `"drift":0`, `"drift":3`, "drift", doctor.Failed},
	{"lost objects", "/v1/admin/views", `"lost":0`, `"lost":2`, "lost objects", doctor.Failed},
	{"the audit failed", "/v1/admin/views", `"error":""`, `"error":"out of memory"`, "audit", doctor.Failed},
	{"no audit for days", "/v1/admin/views", `"ended":"2026-03-01T03:01:00Z"`, `"ended":"2026-02-20T03:01:00Z"`,
		"audited", doctor.Warning},
	{"a generation waits for approval", "/v1/admin/views", `"generations":[`, `"generations":[{"generation":"g2",
		"state":"building","run":90,"ready":true,"waits":""},`, "approval", doctor.Warning},
	{"a view is retired", "/v1/admin/views", `"serving":"g1"`, `"serving":"g1","retired":"2026-02-01T00:00:00Z"`,
		"retired", doctor.Warning},
	{"a definition is held", "/v1/admin/views", `"serving":"g1"`, `"serving":"g1","held":"77aa00bb"`, "held",
		doctor.Warning},
	{"a view is corrupt", "/v1/views", `"name":"pages"`, `"name":"pages","error":"cannot be read"`, "readable",
		doctor.Failed},
	{"batch is late", "/v1/views", `"warnings":[]`, `"warnings":["batch is late: events that arrived in the last 2h"]`,
		"batch", doctor.Failed},
	{"replay runs", "/v1/views", `"warnings":[]`, `"warnings":["replay is running: events are missing"]`, "warnings",
		doctor.Warning},
	{"events are skipped", "/v1/views", `"skipped":[]`, `"skipped":[{"place":"where","reason":"missing","events":5}]`,
		"skipped", doctor.Warning},
	{"an update failed", "cloudformation describe-stacks", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "stack",
		doctor.Failed},
	{"a rule is broken", "cloudformation describe-stacks", `"ClockMargin","ParameterValue":"30s"`,
		`"ClockMargin","ParameterValue":"90s"`, "settings", doctor.Failed},
	{"a variable was changed by hand", "lambda get-function-configuration", `"SEAL_DELAY":"60s"`, `"SEAL_DELAY":"90s"`,
		"variables", doctor.Failed},
	{"another slot than the archive's", "s3 cp", `"slot":"5m0s"`, `"slot":"10m0s"`, "layout", doctor.Failed},
	{"another number of lanes", "s3 cp", `"lanes":4`, `"lanes":8`, "layout", doctor.Failed},
	{"a function is not active", "lambda get-function-configuration", `"Active"`, `"Failed"`, "functions", doctor.Failed},
	{"nothing reads the stream", "lambda list-event-source-mappings", `"Enabled"`, `"Disabled"`, "stream read",
		doctor.Failed},
	{"the mapping is gone", "lambda list-event-source-mappings", `{"State":"Enabled"}`, ``, "stream read", doctor.Failed},
	{"alarms without a topic", "cloudformation describe-stacks", "arn:aws:sns:x", "", "topic", doctor.Warning},
	{"an alarm", "cloudwatch describe-alarms", `"StateValue":"OK"`, `"StateValue":"ALARM"`, "alarms", doctor.Failed},
	{"an alarm is silenced", "cloudwatch describe-alarms", `"ActionsEnabled":true`, `"ActionsEnabled":false`,
		"alarm actions", doctor.Warning},
	{"events are rejected", "cloudwatch get-metric-statistics", `[]`, `[{"Sum":12.0}]`, "rejected", doctor.Warning},
	{"a new account", "lambda get-account-settings", "1000", "10", "concurrency", doctor.Warning},
}

// examine runs the doctor against a server and a stack with these answers. ahead is the server's clock less the
// command's.
func examine(t *testing.T, answers map[string]string, ahead time.Duration, args ...string) (code int, report struct {
	Checks []doctor.Finding
}, out string) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", now.Add(ahead).Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		body, status := answers[r.URL.Path], http.StatusOK
		switch {
		case r.URL.Path != "/health" && r.Header.Get("Authorization") == "":
			status = http.StatusUnauthorized
		case strings.HasPrefix(body, "!"):
			fmt.Sscanf(body, "!%d", &status)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	s := newSession()
	s.now = func() time.Time { return now }
	s.aws = func(_ context.Context, args ...string) ([]byte, error) {
		body, ok := answers[args[0]+" "+args[1]]
		if !ok {
			return nil, errors.New("unknown command")
		}
		return []byte(body), nil
	}
	code = s.run(t.Context(), slices.Concat([]string{"doctor", "--url", server.URL, "--key", secret}, args))
	if slices.Contains(args, "json") {
		if err := json.Unmarshal(s.out.Bytes(), &report); err != nil {
			t.Fatalf("%s: %v; %s", s.out.String(), err, s.err.String())
		}
	}
	return code, report, s.out.String() + s.err.String()
}

// TestDoctorFindsSeededFaults seeds one fault after another into a healthy server and stack, and checks that the doctor
// finds it, and nothing else but what follows from it.
func TestDoctorFindsSeededFaults(t *testing.T) {
	code, report, out := examine(t, healthy, 0, "--stack", "shop", "-o", "json")
	if code != exitOK {
		t.Fatalf("healthy: exit code %d: %s", code, out)
	}
	for _, f := range report.Checks {
		if f.Result != doctor.OK {
			t.Errorf("healthy: %+v", f)
		}
	}
	found := map[string]bool{"clock": true, "closed": true} // these have tests of their own
	for _, fault := range seeded {
		answers := map[string]string{}
		for where, body := range healthy {
			answers[where] = body
		}
		if answers[fault.where] = strings.Replace(healthy[fault.where], fault.was, fault.is, 1); answers[fault.where] ==
			healthy[fault.where] {
			t.Fatalf("%s: the fault changes nothing", fault.name)
		}
		code, report, out := examine(t, answers, 0, "--stack", "shop", "-o", "json")
		i := slices.IndexFunc(report.Checks, func(f doctor.Finding) bool { return f.Check == fault.check })
		f := report.Checks[i]
		if f.Result != fault.result || len(f.Found) == 0 || f.Remedy == "" {
			t.Errorf("%s: %+v; %s", fault.name, f, out)
		}
		if want := map[doctor.Result]int{doctor.Failed: exitRejected}[fault.result]; code != want && fault.check != "server" {
			t.Errorf("%s: exit code %d, want %d", fault.name, code, want)
		}
		found[fault.check] = true
		for _, other := range report.Checks {
			follows := other.Result == doctor.Unknown && (fault.check == "server" || fault.check == "key") ||
				fault.check == "serving" && other.Check == "approval"
			if other.Check != fault.check && other.Result != doctor.OK && !follows {
				t.Errorf("%s: also %+v", fault.name, other)
			}
		}
	}
	for _, f := range report.Checks {
		if !found[f.Check] {
			t.Errorf("no seeded fault for the check %q", f.Check)
		}
	}
	t.Logf("%d seeded faults", len(seeded)+3)
}

// TestDoctorRetained checks that the generation that served before is no fault: nobody should switch back to it.
func TestDoctorRetained(t *testing.T) {
	answers := maps.Clone(healthy)
	answers["/v1/admin/views"] = strings.Replace(healthy["/v1/admin/views"], `"generations":[`,
		`"generations":[{"generation":"g0","state":"retained","run":90,"ready":true,"waits":""},`, 1)
	code, report, out := examine(t, answers, 0, "--stack", "shop", "-o", "json")
	for _, f := range report.Checks {
		if code != exitOK || f.Result != doctor.OK {
			t.Errorf("exit code %d, %+v: %s", code, f, out)
		}
	}
}

// TestDoctorClock checks that the doctor finds a clock that is ahead or behind, and no other.
func TestDoctorClock(t *testing.T) {
	for ahead, want := range map[time.Duration]doctor.Result{
		0: doctor.OK, 20 * time.Second: doctor.OK, 2 * time.Minute: doctor.Failed, -2 * time.Minute: doctor.Failed,
	} {
		_, report, _ := examine(t, healthy, ahead, "-o", "json")
		for _, f := range report.Checks {
			if f.Check == "clock" && f.Result != want {
				t.Errorf("%s ahead: %+v, want %s", ahead, f, want)
			}
			if f.Reads == doctor.OfStack && f.Result != doctor.Unknown {
				t.Errorf("without --stack: %+v", f)
			}
		}
	}
}

// TestDoctorTable checks what people read, and the exit codes.
func TestDoctorTable(t *testing.T) {
	answers := map[string]string{}
	for where, body := range healthy {
		answers[where] = strings.Replace(body, `"drift":0`, `"drift":3`, 1)
	}
	code, _, out := examine(t, answers, 0)
	for _, part := range []string{
		"check          result   found\n", "drift          failed   pages: audit: drift: 3 of 40 windows in 4 stored items",
		"                        -> run anabranch views audit VIEW", "21 ok, 0 warnings, 1 failed, 11 unknown\n",
		"topic          unknown  give --stack, with credentials of AWS\n",
	} {
		if code != exitRejected || !strings.Contains(out, part) {
			t.Errorf("exit code %d, %q is not in\n%s", code, part, out)
		}
	}
	s := newSession()
	if code := s.run(t.Context(), []string{"doctor", "--url", "http://127.0.0.1:1"}); code != exitUnreachable {
		t.Errorf("no server: exit code %d: %s", code, s.out.String())
	}
	delete(answers, "cloudformation describe-stacks")
	if code, _, out := examine(t, answers, 0, "--stack", "shop"); code != exitUnreachable ||
		!strings.Contains(out, "aws cloudformation describe-stacks --stack-name shop: unknown command") {
		t.Errorf("no credentials: exit code %d: %s", code, out)
	}
}
