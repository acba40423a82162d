// Package doctor checks a deployment, or a server of `anabranch dev`, and says for each fault what to do.
//
// It gathers facts over the HTTP API, and with a stack also from AWS by the program aws. The checks are a table over
// these facts. What the status of a view says comes from NotesOf, which `anabranch views status` shows, too.
package doctor

import (
	"net/url"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// Facts are what the checks read. A part that could not be gathered is nil: its checks are then unknown.
type Facts struct {
	URL    *url.URL
	Server Server
	Status *client.Statuses // of GET /v1/admin/views; needs the admin key
	Views  []client.View    // of GET /v1/views; nil when it was not answered
	Stack  *Stack           // of AWS; nil without a stack
}

// Server is what a request says about the server itself.
type Server struct {
	Unreachable string        // why GET /health was not answered; "" if it was
	Ahead       time.Duration // the server's clock less that of this machine
	Error       time.Duration // by which Ahead may be wrong: the time of a request, and the second of the header Date
	IsOpen      bool          // GET /v1/views is answered without a key
	KeyProblem  string        // why the status was refused; "" if it was not
}

// Stack is what AWS says about a stack.
type Stack struct {
	Name       string
	State      string            // "UPDATE_COMPLETE"
	Parameters map[string]string // of the template
	Alarms     []Alarm
	Functions  []Function
	Mappings   []Mapping // of the stream and of the republish queue
	Layout     *Layout   // of the archive; nil when it was not written yet
	Rejected   int64     // events that ingest rejected within the last day
	Instances  int64     // functions that the account may run at once
}

// Alarm is an alarm of the stack.
type Alarm struct {
	Name    string // of the resource: "DriftAlarm"
	State   string // "OK", "ALARM" or "INSUFFICIENT_DATA"
	Reason  string
	Enabled bool // it notifies somebody when it changes its state
}

// Function is the configuration of a function.
type Function struct {
	Name      string // "anabranch-query"
	State     string // "Active"
	Update    string // "Successful"
	Variables map[string]string
}

// Mapping is what reads a stream or a queue for a function.
type Mapping struct {
	Function string
	State    string // "Enabled"
}

// Layout is the part of an archive's layout that a stack must not contradict.
type Layout struct {
	Slot         string `json:"slot"`
	Lanes        int    `json:"lanes"`
	DedupeWindow string `json:"dedupe_window"`
	SpeedWindow  string `json:"speed_window"`
}

// Result is the result of a check.
type Result string

// The results.
const (
	OK      Result = "ok"
	Warning Result = "warning" // nothing is wrong yet, or somebody meant it
	Failed  Result = "failed"
	Unknown Result = "unknown" // the facts are missing
)

// Finding is what a check found.
type Finding struct {
	Check  string   `json:"check"`
	Result Result   `json:"result"`
	Reads  Source   `json:"reads"`
	Found  []string `json:"found"`  // faults, each a sentence; empty where there are none
	Remedy string   `json:"remedy"` // what to do; "" where there is nothing to do
}

// Examine makes all checks, in the order of the table.
func Examine(f Facts) []Finding {
	findings := make([]Finding, 0, len(checks()))
	for _, c := range checks() {
		finding := Finding{Check: c.name, Result: OK, Reads: c.reads, Found: []string{}}
		if missing := c.reads.missing(f); missing != "" {
			finding.Result, finding.Remedy = Unknown, missing
		} else if faults := c.find(f); len(faults) > 0 {
			finding.Result, finding.Found, finding.Remedy = c.result, faults, c.remedy
		}
		findings = append(findings, finding)
	}
	return findings
}
