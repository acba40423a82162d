package cases_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/cases"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

const views = `views:
  - name: sales
    where: type == "sale" && data.price > 0
    key: {shop: data.shop, paid: data.paid}
    window: 1h
    aggregates: {n: count(), sum: sum(data.price), most: max(data.pieces)}
  - name: all
    key: {}
    window: 1d
    aggregates: {n: count()}
`

// events are the events of the tests: two rows in two hours, a duplicate, and an event without a shop.
const events = `
    events:
      - {id: a, type: sale, time: 2026-03-01T10:00:00Z, data: {shop: "1", paid: true, price: 0.10, pieces: 2}}
      - {id: b, type: sale, time: 2026-03-01T10:59:59Z, data: {shop: 1, paid: true, price: 100000000000000000000.2}}
      - {id: a, type: sale, time: 2026-03-01T10:00:00Z, data: {shop: "1", paid: true, price: 0.10, pieces: 2}}
      - {type: sale, time: 2026-03-01T11:00:00+01:00, data: {paid: true, price: 1}}
      - {type: sale, data: {shop: 1, paid: false, price: 5, pieces: 1}}
    expect:
`

func run(t *testing.T, expect string) []cases.Result {
	t.Helper()
	definitions, err := viewfile.Parse("v.yaml", []byte(views))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := viewfile.ParseCases("t.yaml", []byte("tests:\n  - name: one"+events+expect), definitions)
	if err != nil {
		t.Fatal(err)
	}
	results, err := cases.Run(definitions, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

const skips = `
        skipped:
          - {place: key.shop, reason: missing, events: 1}
          - {place: aggregates.most, reason: missing, events: 1}
`

// TestPasses checks a test that passes: numbers with all their digits in any spelling, a key of each kind, an event
// without a time in the window of its arrival, and only some of the aggregates.
func TestPasses(t *testing.T) {
	for _, expect := range []string{`
      sales:
        rows:
          - key: {shop: 1, paid: true}
            window: 2026-03-01T10:00:00Z
            values: {sum: 100000000000000000000.30, n: 2e0}
          - {key: {shop: "1", paid: false}, window: 2026-01-01T00:00:00Z, values: {n: 1}}` + skips, `
      all:
        rows:
          - {window: 2026-03-01T00:00:00Z, values: {n: 3}}
          - {window: 2026-01-01T01:00:00+01:00, key: {}, values: {n: 1}}
`} {
		for _, r := range run(t, expect) {
			if r.Name != "one" || len(r.Failures) > 0 {
				t.Errorf("%+v", r)
			}
		}
	}
}

// TestDifferences checks the sentence and the place of each difference.
func TestDifferences(t *testing.T) {
	for expect, want := range map[string]string{
		`
      sales:
        rows:
          - {key: {shop: 1, paid: true}, window: 2026-03-01T10:00:00Z, values: {n: 3, sum: "1", most: null}}
          - {key: {shop: 1, paid: true}, window: 2026-03-01T10:00:00Z, values: {n: 2}}
          - {key: {shop: 1, paid: true}, window: 2026-03-01T10:30:00Z, values: {n: 2}}
          - {key: {shop: 1, paid: false}, window: 2026-03-01T10:00:00Z, values: {n: 2}}
          - {key: {shop: 2, paid: false}, window: 2026-03-01T10:00:00Z, values: {n: 2}}
`: `13:13: sales {shop: "1", paid: "true"} at 2026-03-01T10:00:00Z: n is 2, want 3
13:13: sales {shop: "1", paid: "true"} at 2026-03-01T10:00:00Z: sum is 100000000000000000000.3, want "1"
13:13: sales {shop: "1", paid: "true"} at 2026-03-01T10:00:00Z: most is 2, want null
14:13: sales {shop: "1", paid: "true"} at 2026-03-01T10:00:00Z: the test expects this row twice
15:13: sales {shop: "1", paid: "true"} at 2026-03-01T10:30:00Z: there is no such row; the window of that time begins at 2026-03-01T10:00:00Z
16:13: sales {shop: "1", paid: "false"} at 2026-03-01T10:00:00Z: there is no such row; this key has rows at 2026-01-01T00:00:00Z
17:13: sales {shop: "2", paid: "false"} at 2026-03-01T10:00:00Z: there is no such row
11:7: sales {shop: "1", paid: "false"} at 2026-01-01T00:00:00Z: the test does not expect this row; it has n: 1, sum: 5, most: 1
11:7: sales: events skipped at key.shop (missing): 1, want none; for example the event with id "4"
11:7: sales: events skipped at aggregates.most (missing): 1, want none; for example the event with id "b"`,
		`
      sales:
        rows:
          - {key: {shop: 1, paid: true}, window: 2026-03-01T10:00:00Z, values: {}}
          - {key: {shop: 1, paid: false}, window: 2026-01-01T00:00:00Z, values: {}}
        skipped:
          - {place: key.shop, reason: missing, events: 2}
          - {place: aggregates.most, reason: not a number, events: 1}
`: `16:13: sales: events skipped at key.shop (missing): 1, want 2
17:13: sales: no event is skipped at aggregates.most (not a number)
11:7: sales: events skipped at aggregates.most (missing): 1, want none; for example the event with id "b"`,
	} {
		var got []string
		for _, p := range run(t, expect)[0].Failures {
			got = append(got, strings.TrimPrefix(p.Error(), "t.yaml:"))
		}
		if diff := cmp.Diff(strings.Split(want, "\n"), got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestRejectedEvents checks that an event that ingest would reject fails its test, at the event.
func TestRejectedEvents(t *testing.T) {
	definitions, err := viewfile.Parse("v.yaml", []byte(views))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := viewfile.ParseCases("t.yaml", []byte(`tests:
  - {name: one, events: [], expect: {all: {}}}
  - name: two
    events:
      - {type: a}
      - {time: yesterday, type: a}
    expect: {all: {}}
`), definitions)
	if err != nil {
		t.Fatal(err)
	}
	results, err := cases.Run(definitions, parsed)
	if err != nil || len(results) != 2 || len(results[0].Failures) > 0 || len(results[1].Failures) != 1 ||
		!strings.HasPrefix(results[1].Failures[0].Error(), "t.yaml:6:9: ingest would reject this event: ") {
		t.Errorf("%+v, %v", results, err)
	}
}

// TestNumbersOfAnySize checks that a number with a large exponent differs, and does not fill the memory.
func TestNumbersOfAnySize(t *testing.T) {
	failures := run(t, `
      all:
        rows:
          - {window: 2026-03-01T00:00:00Z, values: {n: 1e999999999}}
          - {window: 2026-01-01T00:00:00Z, values: {n: 10000e-4}}
`)[0].Failures
	if len(failures) != 1 || !strings.HasSuffix(failures[0].Text, "n is 3, want 1e999999999") {
		t.Errorf("%v", failures)
	}
}
