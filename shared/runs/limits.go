package runs

import "fmt"

// EventBytes is how much memory a build or an audit takes for each distinct event of the archive, at most: its identity
// and the hash of its payload, or its arrival, in a map. TestEventBytes measures it.
const EventBytes = 60

// MaxObjects is how many objects a build or an audit reads in the 15 minutes of an invocation, about: 25 ms a request,
// 32 at once. That is an estimate until somebody measures it on AWS.
const MaxObjects = 1_000_000

// MaxEvents returns how many events a build or an audit holds in a function with the given memory in MB, about. A
// function uses nine tenths of its memory.
func MaxEvents(memory int) int64 { return int64(memory) << 20 / 10 * 9 / EventBytes }

// Misfit says why a build of so many events and objects may not end in a function with the given memory in MB; "" when
// nothing speaks against it, or the memory is 0, which means unknown.
func Misfit(events, objects int64, memory int) string {
	switch {
	case memory > 0 && events > MaxEvents(memory):
		return fmt.Sprintf("a build of %s events may not fit into %d MB (limit about %s)", round(events), memory,
			round(MaxEvents(memory)))
	case objects > MaxObjects:
		return fmt.Sprintf("a build of %s objects may not end within 15 minutes (limit about %s)", round(objects),
			round(MaxObjects))
	}
	return ""
}

// round returns a count for people: "41 M" above a million, else all digits.
func round(n int64) string {
	if n >= 1_000_000 {
		return fmt.Sprintf("%d M", n/1_000_000)
	}
	return fmt.Sprint(n)
}
