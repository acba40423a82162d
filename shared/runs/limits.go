package runs

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/shared/lifecycle"
)

// EventBytes is how much memory a build or an audit takes for each distinct event of the archive, at most: its
// identity, in an audit with its arrival in a map. A build takes about half of it. TestEventBytes measures both.
const EventBytes = 60

// MaxObjects is how many objects a build or an audit reads in the 15 minutes of an invocation, about: 25 ms a request,
// 32 at once. That is an estimate until somebody measures it on AWS.
const MaxObjects = 1_000_000

// MaxEvents returns how many events a build or an audit holds in a function with the given memory in MB, about. A
// function uses nine tenths of its memory.
func MaxEvents(memory int) int64 { return usable(memory) / EventBytes }

// RunEventBytes is how much memory a run takes for each of its events beside the event's line, at most: where its
// fields are in the line, its stamp, its identity, and a place among the duplicates. TestRunBytes measures it with 12
// fields.
const RunEventBytes = 250

// full is the share of its memory, in percent, from which a run is said to be large: the next one may have twice the
// events.
const full = 50

// Load returns which share of a function's memory in MB the events of a run take, in percent, rounded up; 0 when the
// memory is 0, which means unknown. The states of the windows that the run touches come on top. A run has at least a
// slot, so batch stands still when a slot takes more than the function has.
func Load(run lifecycle.Run, memory int) int64 {
	if memory == 0 {
		return 0
	}
	all := usable(memory)
	return (100*(run.Bytes+run.Events*RunEventBytes) + all - 1) / all
}

// usable returns how many bytes a function with the given memory in MB uses: nine tenths.
func usable(memory int) int64 { return int64(memory) << 20 / 10 * 9 }

// Misfit says what may not end in a function with the given memory in MB: a build of everything that the runs up to the
// head hold, or a run like the head. It returns "" when nothing speaks against either. Memory 0 means unknown.
func Misfit(head lifecycle.Run, memory int) string {
	var all []string
	switch {
	case memory > 0 && head.AllEvents > MaxEvents(memory):
		all = append(all, fmt.Sprintf("a build of %s events may not fit into %d MB (limit about %s)", round(head.AllEvents),
			memory, round(MaxEvents(memory))))
	case head.AllObjects > MaxObjects:
		all = append(all, fmt.Sprintf("a build of %s objects may not end within 15 minutes (limit about %s)",
			round(head.AllObjects), round(MaxObjects)))
	}
	if load := Load(head, memory); load >= full {
		all = append(all, fmt.Sprintf("run %d has read %s events in %d MB of lines, which takes about %d%% of %d MB; a slot "+
			"that takes more than 100%% stops batch", head.N, round(head.Events), head.Bytes>>20, load, memory))
	}
	if head.Objects > MaxObjects*full/100 {
		all = append(all, fmt.Sprintf("run %d has read %s objects, and about %s fit into 15 minutes", head.N,
			round(head.Objects), round(MaxObjects)))
	}
	return strings.Join(all, "; ")
}

// round returns a count for people: "41 M" above a million, else all digits.
func round(n int64) string {
	if n >= 1_000_000 {
		return fmt.Sprintf("%d M", n/1_000_000)
	}
	return fmt.Sprint(n)
}
