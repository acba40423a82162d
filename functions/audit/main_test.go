package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/audit/handler"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/aws/settings/settingstest"
	"github.com/anabranch/anabranch/shared/catalog"
)

func TestMain(m *testing.M) { settingstest.Main(m, main) }

func variables() map[string]string {
	v := settingstest.Layout()
	v["CATALOG_TABLE"], v["BASE_TABLE"] = "catalog", "base"
	return v
}

func begin(t *testing.T, variables map[string]string) (*function, error) {
	t.Helper()
	return start(t.Context(), settingstest.Lookup(variables), slog.New(slog.DiscardHandler))
}

func TestMissingSettings(t *testing.T) {
	settingstest.Refuses(t, "ARCHIVE_BUCKET", "STREAM_NAME", "CATALOG_TABLE", "BASE_TABLE")
}

func TestRules(t *testing.T) {
	settingstest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"LOOKBACK", "0s", "LOOKBACK=0s: want above 0"},
		{"AUDIT_EVERY", "19m", "AUDIT_EVERY=19m0s: want at least 20m0s"},
	} {
		_, err := begin(t, settingstest.With(variables(), c.name, c.value))
		settingstest.Refusal(t, err, c.part)
	}
	if _, err := begin(t, settingstest.With(variables(), "AUDIT_EVERY", "20m")); err != nil {
		t.Errorf("the least that there may be between audits: %v", err)
	}
}

// TestTick: of a view that nothing serves yet an audit was asked for: it is claimed, and ends with a note, which counts as an audit without drift.
func TestTick(t *testing.T) {
	cloud := settingstest.New(t)
	var put []string
	cloud.Answers["PutItem"] = func(request []byte) settingstest.Answer {
		put = append(put, string(request))
		return settingstest.Answer{Body: "{}"}
	}
	const stored = `"rev":{"N":"1"},"doc":{"S":"{\"version\":1}"}`
	cloud.Answers["Query"] = func([]byte) settingstest.Answer {
		return settingstest.Answer{Body: `{"Items":[{"pk":{"S":"view"},"sk":{"S":"visits"},` + stored + `}]}`}
	}
	cloud.Answers["GetItem"] = func(request []byte) settingstest.Answer {
		if bytes.Contains(request, []byte(`"view"`)) {
			return settingstest.Answer{Body: `{"Item":{"pk":{"S":"view"},"sk":{"S":"visits"},` + stored + `}}`}
		}
		if len(put) == 0 {
			const asked = `"rev":{"N":"1"},"doc":{"S":"{\"version\":1,\"requested\":5}"}`
			return settingstest.Answer{Body: `{"Item":{"pk":{"S":"audit"},"sk":{"S":"visits"},` + asked + `}}`}
		}
		_, item, _ := strings.Cut(put[len(put)-1], `"Item":`)
		return settingstest.Answer{Body: `{"Item":` + item[:strings.Index(item, "}}")+2] + `}`}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	f.printer.Out, f.printer.Function = &out, "anabranch-audit"
	answer, err := f.handle(t.Context(), events.EventBridgeEvent{})
	if diff := cmp.Diff(handler.Answer{Views: 1}, answer); diff != "" || err != nil {
		t.Fatalf("error %v, answer (-want +got):\n%s", err, diff)
	}
	if len(put) != 2 || !strings.Contains(put[0], "begun") || !strings.Contains(put[1], "nothing serves the view yet") {
		t.Errorf("put %q", put)
	}
	const want = `"FunctionName":"anabranch-audit","AuditedWindows":0,"Drift":0,"LostObjects":0}`
	if !strings.Contains(out.String(), want) {
		t.Errorf("metrics are %s", &out)
	}
}

// TestObserve: audits that ended without findings, and ticks without audits, say nothing of drift.
func TestObserve(t *testing.T) {
	var out bytes.Buffer
	f := &function{log: slog.New(slog.DiscardHandler)}
	f.printer.Out, f.printer.Function = &out, "f"
	f.printer.Now = time.Now
	f.observe(audit.Report{})
	f.observe(audit.Report{Views: []audit.ViewReport{{Name: "a", Findings: catalog.Findings{Error: "switched away from"}}}})
	if out.Len() > 0 {
		t.Errorf("metrics are %s", &out)
	}
	f.observe(audit.Report{Views: []audit.ViewReport{
		{Name: "a", Findings: catalog.Findings{Windows: 10, Drift: 2, Lost: 1}},
		{Name: "b", Findings: catalog.Findings{Windows: 5, Drift: 1}},
	}})
	if want := `"AuditedWindows":15,"Drift":3,"LostObjects":1}`; !strings.Contains(out.String(), want) {
		t.Errorf("metrics are %s", &out)
	}
}
