package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// TestSkippedLines checks that aggregates with the same reason share a line, and that nothing else does.
func TestSkippedLines(t *testing.T) {
	var all []client.Skip
	for _, s := range []struct {
		place, reason string
		events, batch int64
		since         client.Text
	}{
		{"where", "missing", 12, 10, "2026-01-01T00:00:00Z"},
		{"key.path", "missing", 3, 3, "2026-01-01T00:00:00Z"},
		{"aggregates.bytes", "missing", 7, 5, "2026-01-02T00:00:00Z"},
		{"aggregates.bytes", "not a number", 2, 2, "2026-01-01T00:00:00Z"},
		{"aggregates.mean", "missing", 7, 5, "2026-01-02T00:00:00Z"},
		{"aggregates.tip", "missing", 40, 5, "2026-01-01T00:00:00Z"},
		{"aggregates.least", "missing", 7, 5, "2026-01-02T00:00:00Z"},
		{"aggregates.most", "missing", 7, 5, "2026-01-02T00:00:00Z"},
	} {
		one := client.Skip{Place: s.place, Reason: s.reason, Events: s.events, Batch: s.batch, Speed: s.events - s.batch,
			Since: s.since}
		one.Sample.Source, one.Sample.ID = "shop", s.place
		all = append(all, one)
	}
	want := `
Left out:
skipped at because events batch speed since for example
where missing 12 10 2 2026-01-01T00:00:00Z shop where
key.path missing 3 3 0 2026-01-01T00:00:00Z shop key.path
aggregates.tip, aggregates.bytes, aggregates.mean and 2 more missing 7 to 40 5 2 to 35 2026-01-01T00:00:00Z shop ` +
		`aggregates.tip
aggregates.bytes not a number 2 2 0 2026-01-01T00:00:00Z shop aggregates.bytes
Aggregates with one reason share a line; -o json lists each.
`
	lines := func(text string) (all [][]string) {
		for line := range strings.Lines(text) {
			all = append(all, strings.Fields(line))
		}
		return all
	}
	var out strings.Builder
	if err := printSkipped(&out, "Left out:", skippedBy("", all)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines(want), lines(out.String())); diff != "" {
		t.Error(diff)
	}
	two := append(skippedBy("a", all[2:3]), skippedBy("b", all[4:5])...)
	out.Reset()
	if err := printSkipped(&out, "Left out:", two); err != nil || strings.Count(out.String(), "\n") != 5 ||
		strings.Contains(out.String(), "share a line") {
		t.Errorf("two views share a line: %v\n%s", err, out.String())
	}
}
