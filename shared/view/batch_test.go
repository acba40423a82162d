package view_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// scan reads events, each compact JSON, into a batch, in the form that the archive has. They arrive at the Unix epoch.
func scan(t testing.TB, fields *event.Fields, events ...string) *event.Batch {
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

// eventWith returns an event with more members, such as `"data":{"a":1}`, or with none.
func eventWith(members string) string {
	const envelope = `{"specversion":"1.0","id":"id-1","source":"/source","type":"web.request"`
	if members == "" {
		return envelope + "}"
	}
	return envelope + "," + members + "}"
}

// counting returns a definition that counts the events for which where holds.
func counting(where string) view.Definition {
	return view.Definition{Name: "v", Where: where, Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}}}
}

// compile compiles one definition.
func compile(t testing.TB, d view.Definition) (*view.Program, *event.Fields) {
	t.Helper()
	set, err := view.Compile(d)
	if err != nil {
		t.Fatalf("compile %+v: %v", d, err)
	}
	return set.Programs[0], set.Fields()
}

// summing returns a definition with one aggregate.
func summing(expr string) view.Definition {
	d := counting("")
	d.Aggregates = []view.Aggregate{{Name: "n", Expr: expr}}
	return d
}

// keyed returns a definition with one key field.
func keyed(expr string) view.Definition {
	d := counting("")
	d.Key = []view.KeyField{{Field: "k", Expr: expr}}
	return d
}
