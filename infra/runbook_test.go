package infra_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var alarmSection = regexp.MustCompile(`(?m)^### ([A-Za-z]+Alarm)$`)

// TestRunbook checks that docs/runbook.md has a heading for each alarm of the template, and that the text below it says
// what to do.
func TestRunbook(t *testing.T) {
	body, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	var alarms, headings []string
	for _, r := range application(t).resources("AWS::CloudWatch::Alarm") {
		alarms = append(alarms, r.name)
	}
	for _, at := range alarmSection.FindAllSubmatchIndex(body, -1) {
		name, section := string(body[at[2]:at[3]]), string(body[at[1]:])
		headings = append(headings, name)
		section, _, _ = strings.Cut(section, "\n##")
		if !strings.Contains(section, "**Do this:**") {
			t.Errorf("docs/runbook.md: %s does not say what to do: it needs a paragraph that begins with **Do this:**", name)
		}
	}
	slices.Sort(alarms)
	slices.Sort(headings)
	if diff := cmp.Diff(alarms, headings); diff != "" {
		t.Errorf("alarms and headings of docs/runbook.md (-template +runbook):\n%s", diff)
	}
}
