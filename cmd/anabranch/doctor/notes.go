package doctor

import (
	"fmt"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// Kind says what a note is about.
type Kind string

// The kinds.
const (
	Ready     Kind = "ready"     // a generation may serve, and does not
	Waiting   Kind = "waiting"   // a generation may not serve yet
	Retained  Kind = "retained"  // the generation that served before
	AuditFine Kind = "audit"     // no audit yet, a running one, or one without a finding
	AuditLost Kind = "lost"      // archived objects are in no run
	Drift     Kind = "drift"     // stored numbers differ from the archive
	AuditFail Kind = "unaudited" // the last audit failed
	Retired   Kind = "retired"   // no deployed file defines the view
	Rebuild   Kind = "rebuild"   // a rebuild is requested
	Misfit    Kind = "misfit"    // a build or a run may be too large
	Failure   Kind = "failure"   // batch has given up a build
	Held      Kind = "held"      // an operator has put a definition away
)

// Note is what an operator should know of a view. The status shows all notes; the doctor takes some of them for faults.
type Note struct {
	Kind Kind
	Text string
}

// NotesOf returns the notes of a view, those of its generations first.
func NotesOf(v client.Status) []Note {
	var notes []Note
	for _, g := range v.Generations {
		if kind, text := readiness(v, g); text != "" {
			notes = append(notes, Note{kind, text})
		}
	}
	notes = append(notes, Note{auditKind(v.Audit), "audit: " + audited(v.Audit)})
	add := func(is bool, kind Kind, format string, args ...any) {
		if is {
			notes = append(notes, Note{kind, fmt.Sprintf(format, args...)})
		}
	}
	add(v.Retired != "", Retired, "retired since %s: the deployed file no longer defines it; "+
		"it answers until it is dropped; deploy it again to keep it", v.Retired)
	add(v.Rebuild, Rebuild, "a rebuild is requested; it begins with the next run of batch")
	add(v.Misfit != "", Misfit, "too large? %s", v.Misfit)
	add(v.Failure != "", Failure, "build given up: %s", v.Failure)
	add(v.Held != "", Held, "definition %s is held: batch does not build it until you request a rebuild "+
		"or deploy another definition", Short(string(v.Held)))
	return notes
}

// Dropping is the state of a generation that was given up: it counts as deleted.
const Dropping = "dropping"

// retained is the state of the generation that served before.
const retained = "retained"

// readiness says whether a generation may replace the serving one, and else why not; "" if that is no question. A
// retained generation waits for nobody: it is only there for a rollback.
func readiness(v client.Status, g client.Generation) (Kind, string) {
	id := Short(string(g.ID))
	switch {
	case g.ID == v.Serving, g.State == Dropping: // the first already serves; the second never will
		return "", ""
	case g.State == retained && g.Waits != "":
		return Retained, id + " is retained, but anabranch views rollback cannot return to it yet: " + string(g.Waits)
	case g.State == retained:
		return Retained, id + " is retained: anabranch views rollback returns to it"
	case g.Ready:
		return Ready, id + " is ready to serve"
	case g.Waits != "":
		return Waiting, id + " is not ready yet: " + string(g.Waits)
	}
	return Waiting, id + " is not ready yet"
}

func auditKind(a *client.AuditStatus) Kind {
	switch {
	case a == nil, a.Ended == "", Later(a.Begun, a.Ended):
		return AuditFine
	case a.Error != "":
		return AuditFail
	case a.Drift > 0:
		return Drift
	case Lost(*a) > 0:
		return AuditLost
	}
	return AuditFine
}

// audited returns the last or running audit in a few words.
func audited(a *client.AuditStatus) string {
	switch {
	case a == nil:
		return "none yet"
	case a.Ended == "" && a.Begun == "":
		return "requested"
	case Later(a.Begun, a.Ended):
		return "running"
	case a.Error != "":
		return fmt.Sprintf("failed at %s: %s", a.Ended, a.Error)
	}
	return fmt.Sprintf("%s, at %s", Verdict(*a), a.Ended)
}

// Verdict says what an audit found, and over how much.
func Verdict(a client.AuditStatus) string {
	over := fmt.Sprintf("%d windows in %d stored items", a.Windows, a.Items)
	text := "no drift in " + over
	switch {
	case a.Drift == 0 && Lost(a) == 0 && a.Windows == 0:
		return "nothing to audit yet: batch has stored no window"
	case a.Drift > 0:
		text = fmt.Sprintf("drift: %d of %s differ from the archive", a.Drift, over)
	}
	if n := Lost(a); n > 0 {
		text += fmt.Sprintf("; %d objects of the archive are in no run", n)
	}
	return text
}

// Lost returns how many objects of the archive no run has read.
func Lost(a client.AuditStatus) int64 { return max(a.Lost, int64(len(a.LostObjects))) }

// Later says whether a lies after b. An empty b lies before any time.
func Later(a, b client.Text) bool {
	x, none := time.Parse(time.RFC3339, string(a))
	if none != nil {
		return false
	}
	y, none := time.Parse(time.RFC3339, string(b))
	return none != nil || x.After(y)
}

// Short returns the beginning of a hash or an id, which is enough to tell it from others; "-" for none.
func Short(id string) string {
	const enough = 12
	if runes := []rune(id); len(runes) > enough {
		return string(runes[:enough])
	}
	if id == "" {
		return "-"
	}
	return id
}
