package costs_test

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/infra/costs"
)

func read(t *testing.T) costs.Costs {
	t.Helper()
	c, err := costs.Read()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestIdleHour checks that the figures of an idle hour are those that are counted at the wire.
func TestIdleHour(t *testing.T) {
	text, err := os.ReadFile("../../localstack/wire/counts/testdata/hour.txt")
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Fields(line)
		switch {
		case len(cells) == 6 && cells[0] == "all": // all, requests, bytes sent and received, write units, read units
			counted["hour_writes"], counted["hour_reads"] = number(t, cells[4]), number(t, cells[5])
		case len(cells) == 9 && cells[1] == "s3": // function, service, operation, of, requests, ...
			name := map[string]string{"GetObject": "hour_gets", "ListObjectsV2": "hour_lists"}[cells[2]]
			if name == "" {
				t.Errorf("an idle hour has %s, which no figure counts", cells[2])
			}
			counted[name] += number(t, cells[4])
		}
	}
	is := read(t).Values()
	for _, name := range []string{"hour_writes", "hour_reads", "hour_gets", "hour_lists"} {
		if is[name] != counted[name] {
			t.Errorf("%s is %v, but counted are %v", name, is[name], counted[name])
		}
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestIdleIsCheap checks the limit that the project has set itself: an idle stack with one shard.
func TestIdleIsCheap(t *testing.T) {
	const most = 18
	bill, err := read(t).IdleBill(map[string]float64{"shards": 1, "retention": 24})
	if err != nil || bill.Sum() > most || costs.Sum(bill.Parts, bill.Kept) != 0 {
		t.Errorf("an idle stack with one shard costs $%.2f a month, %v; want at most $%d", bill.Sum(), err, most)
	}
}

// TestBills checks parts that depend on the stream, and that a missing value is named.
func TestBills(t *testing.T) {
	c := read(t)
	for name, test := range map[string]struct {
		given  map[string]float64
		stream float64
	}{
		"on demand":           {map[string]float64{"shards": 0}, 28.80},
		"a shard, 24 hours":   {map[string]float64{"shards": 1, "retention": 24}, 10.80},
		"a shard, 72 hours":   {map[string]float64{"shards": 1, "retention": 72}, 25.20},
		"two shards, a month": {map[string]float64{"shards": 2, "retention": 720}, 50.40},
	} {
		bill, err := c.IdleBill(test.given)
		if err != nil || math.Abs(bill.Idle[0].Dollars-test.stream) > 0.001 {
			t.Errorf("%s: the stream costs %v, %v; want %v", name, bill.Idle[0].Dollars, err, test.stream)
		}
	}
	if _, err := c.Bill(map[string]float64{"e": 1, "B": 1}); err == nil || !strings.Contains(err.Error(), "unknown name") {
		t.Errorf("error %v, want the name of what is missing", err)
	}
}

// TestFigures checks that each figure says where it is from, and that some formula uses it.
func TestFigures(t *testing.T) {
	c := read(t)
	others := map[string]bool{"table_stored": true, "recovery": true, "speed_items": true} // for the text of docs/cost.md
	var formulas strings.Builder
	for _, p := range slices.Concat(c.Parts, c.Kept, c.Idle) {
		formulas.WriteString(p.Is + "\n")
	}
	for _, s := range c.Steps {
		formulas.WriteString(s.Is + "\n")
	}
	for _, f := range c.Figures {
		switch f.Kind {
		case costs.Counted, costs.List, costs.Quoted:
			if f.Source == "" {
				t.Errorf("%s is %s, but does not say where", f.Name, f.Kind)
			}
		case costs.Assumed:
		default:
			t.Errorf("%s has the kind %q", f.Name, f.Kind)
		}
		if f.Kind == costs.List && !strings.HasPrefix(f.Source, "https://aws.amazon.com/") {
			t.Errorf("%s is a list price, but not from AWS: %s", f.Name, f.Source)
		}
		if !strings.Contains(formulas.String(), f.Name) && !others[f.Name] {
			t.Errorf("no formula uses %s", f.Name)
		}
	}
	for _, m := range c.Measured {
		if !strings.Contains(formulas.String(), m.Name) && !others[m.Name] {
			t.Errorf("no formula uses %s, which is measured", m.Name)
		}
	}
}

// TestKnownSums checks sums that are computed by hand.
func TestKnownSums(t *testing.T) {
	values := read(t).Values()
	for formula, want := range map[string]float64{
		"720 * (shard_hour + shard_kept)":                                25.20,
		"invocation + ingest_gb * ingest_ms / 1000 * memory":             0.733, // a million requests of ingest
		"720 * stream_hour":                                              28.80,
		"max(1, 2) - min(3, 4) / 2":                                      0.5,
		"api + invocation + ingest_gb * ingest_ms / 1000 * memory + put": 6.733,
	} {
		got, err := costs.Evaluate(formula, values)
		if err != nil || math.Abs(got-want) > 0.001 {
			t.Errorf("%s is %v, %v; want %v", formula, got, err, want)
		}
	}
}

// TestInvalidFormulas checks that a mistake in a formula is named.
func TestInvalidFormulas(t *testing.T) {
	for formula, want := range map[string]string{
		"nothing * 2": "unknown name nothing",
		"1 +":         "invalid formula",
		"2 % 3":       "unknown operation",
		"pow(2, 3)":   "unknown operation",
		"[]int{}":     "not supported",
		`"a" * 2`:     "invalid syntax",
	} {
		if _, err := costs.Evaluate(formula, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", formula, err, want)
		}
	}
}
