package costs_test

import (
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/infra/costs"
)

const page = "../../docs/deploy.md"

var update = flag.Bool("update", false, "write the tables to docs/deploy.md")

// TestTables checks that docs/deploy.md shows the tables that follow from the figures.
func TestTables(t *testing.T) {
	c, err := costs.Read()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := c.Tables()
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for name, want := range tables {
		before, rest, ok := strings.Cut(text, "<!-- costs: "+name+" -->\n")
		got, after, ends := strings.Cut(rest, "<!-- end -->\n")
		if !ok || !ends {
			t.Errorf("%s has no place for table %q: <!-- costs: %s -->", page, name, name)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" && !*update {
			t.Errorf("table %q (-costs.yaml +%s), mend it with go test ./infra/costs -update:\n%s", name, page, diff)
		}
		text = before + "<!-- costs: " + name + " -->\n" + want + "<!-- end -->\n" + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadme checks that the README shows the sums of a month.
func TestReadme(t *testing.T) {
	c, err := costs.Read()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := c.Tables()
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sums, _ := strings.Cut(tables["month"], "| **sum** |")
	n := strings.FieldsFunc(sums, func(r rune) bool { return strings.ContainsRune(" |*\n", r) })
	if len(n) != 6 {
		t.Fatalf("the sums of a month are %q, want six", n)
	}
	for _, row := range []string{
		"| 100 events a request | $" + n[1] + " | $" + n[3] + " | $" + n[5] + " |",
		"| 1 event a request | $" + n[0] + " | $" + n[2] + " | $" + n[4] + " |",
	} {
		if !strings.Contains(string(body), row) {
			t.Errorf("README.md does not say %s", row)
		}
	}
}

// TestFigures checks that each figure says where it is from, and that some formula uses it.
func TestFigures(t *testing.T) {
	c, err := costs.Read()
	if err != nil {
		t.Fatal(err)
	}
	// These are for the text of docs/deploy.md, and for experiments.
	others := map[string]bool{"shard_hour": true, "shard_kept": true, "payload_unit": true, "table_stored": true,
		"recovery": true}
	var formulas strings.Builder
	for _, p := range append(append([]costs.Part{}, c.Parts...), c.Idle...) {
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
}

// TestKnownSums checks three sums that docs/deploy.md says in its text, computed by hand.
func TestKnownSums(t *testing.T) {
	c, err := costs.Read()
	if err != nil {
		t.Fatal(err)
	}
	values := c.Values()
	for formula, want := range map[string]float64{
		"720 * (shard_hour + shard_kept)":                                25.20, // Shards=1
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
