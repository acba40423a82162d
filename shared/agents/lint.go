package agents

import (
	"github.com/anabranch/anabranch/shared/view/lint"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// Finding is an error or a warning of lint_definition.
type Finding struct {
	Severity string `json:"severity"` // "error" or "warning"
	Line     int    `json:"line"`     // from 1
	Column   int    `json:"column"`   // from 1, in characters
	Message  string `json:"message"`
}

// Lint is the answer of lint_definition.
type Lint struct {
	Head
	Valid    bool     `json:"valid" jsonschema:"Whether the file could be deployed."`
	Views    int      `json:"views" jsonschema:"Number of views of the file; 0 if it has errors."`
	Events   int      `json:"events" jsonschema:"Number of events in which fields were looked for."`
	Rejected int      `json:"rejected" jsonschema:"Number of events that ingest would reject."`
	Findings []Object `json:"findings" jsonschema:"Errors and warnings: severity, line, column, message."`
}

// Maximum sizes of what lint_definition takes, in bytes.
const (
	maxDefinition = 256 << 10
	maxEvents     = 1 << 20
)

func lintDefinition() tool {
	return tool{
		name: "lint_definition", title: "Check a views file",
		description: "Checks the text of a views file in YAML before it is deployed: every error and likely slip with its " +
			"line and column. With events, also the fields that no event has. Nothing is deployed.",
		arguments: []argument{
			{"definition", text, true, "Text of the views file, YAML."},
			{"events", text, false, "Sample events, one JSON object (CloudEvents 1.0) a line."},
			cursorArgument,
		},
		output: schemaFor[Lint](),
		run: func(c call) (reply, error) {
			definition, events := c.args.texts["definition"], c.args.texts["events"]
			for name, most := range map[string]int{"definition": maxDefinition, "events": maxEvents} {
				if n := len(c.args.texts[name]); n > most {
					return reply{}, badParameter("%s has %d bytes; the maximum is %d", name, n, most)
				}
			}
			var sample []byte
			if events != "" {
				sample = []byte(events)
			}
			report, err := lint.Check("definition", []byte(definition), sample)
			if err != nil {
				return reply{}, badParameter("events: %v", err)
			}
			out := &Lint{Head: Head{Zone: "UTC"}, Valid: len(report.Errors) == 0, Views: report.Views,
				Events: report.Events, Rejected: len(report.Rejected), Findings: findingsOf(report)}
			return reply{head: &out.Head, value: out, lists: []*[]Object{&out.Findings}}, nil
		},
	}
}

func findingsOf(r lint.Report) []Object {
	findings := []Object{}
	add := func(severity string, problems []viewfile.Problem) {
		for _, p := range problems {
			findings = append(findings, objectOf(Finding{severity, p.Line, p.Column, p.Text}))
		}
	}
	add("error", r.Errors)
	add("warning", r.Warnings)
	return findings
}
