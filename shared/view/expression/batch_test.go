package expression_test

import (
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// scan reads events, each compact JSON, into a batch as they would stand in the archive. Their arrival is the Unix
// epoch.
func scan(t fataler, fields *event.Fields, events ...string) *event.Batch {
	t.Helper()
	var lines []byte
	for i, e := range events {
		lines = event.AppendLine(lines, []byte(e), event.Stamp{Index: i})
	}
	b := &event.Batch{}
	if err := fields.Scan(lines, b); err != nil {
		t.Fatalf("scan %s: %v", events, err)
	}
	return b
}

// eventWith is an event with more members, such as `"data":{"a":1}`, or none.
func eventWith(members string) string {
	const envelope = `{"specversion":"1.0","id":"id-1","source":"/source","type":"web.request"`
	if members == "" {
		return envelope + "}"
	}
	return envelope + "," + members + "}"
}

// filter compiles a filter.
func filter(t fataler, source string) (expression.Predicate, *event.Fields) {
	t.Helper()
	read := &expression.Columns{}
	where, faults := expression.CompileFilter(source, engine.Newest(), expression.File, read)
	if len(faults) > 0 {
		t.Fatalf("compile %s: %v", source, faults)
	}
	return where, event.NewFields(read.Paths())
}

// fataler is testing.TB, as far as rapid.T is one.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}
