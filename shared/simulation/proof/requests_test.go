package proof_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

// request is what the views of the real requests read.
func request(window time.Duration, key ...view.KeyField) fields {
	return fields{
		key: key, window: window, number: "data.bytes", scalar: "data.path", user: "data.client", item: "data.path",
		weight: "data.bytes", condition: `data.referrer.startsWith("http://semicomplete.com")`,
	}
}

var requestViews = map[view.Name]fields{
	"all":        request(24 * time.Hour),
	"by_status":  request(time.Hour, view.KeyField{Field: "status", Expr: "data.status"}),
	"by_section": request(24*time.Hour, view.KeyField{Field: "section", Expr: `data.path.split("/")[1]`}),
}

// golden is a row of a view as DuckDB computes it.
type golden struct {
	View    view.Name
	Key     string
	Start   int64
	Values  map[string]string
	Truth   map[string]json.RawMessage
	Skipped map[string]int64
}

// unzipped returns a reader of a file, to its end.
func unzipped(tb testing.TB, name string) io.Reader {
	tb.Helper()
	file, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = file.Close() }) // it is only read
	text, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func realRequests(tb testing.TB) (events [][]byte) {
	tb.Helper()
	lines := bufio.NewScanner(unzipped(tb, "../../../localstack/sample/web-requests.ndjson.gz"))
	for lines.Scan() {
		events = append(events, slices.Clone(lines.Bytes()))
	}
	if err := lines.Err(); err != nil || len(events) != 9999 {
		tb.Fatalf("%d requests, error %v", len(events), err)
	}
	return events
}

// TestRealRequests compares every aggregate over the real requests, with and without a condition, with what DuckDB
// computes (testdata/requests.py), and all splits with one pass.
func TestRealRequests(t *testing.T) {
	want := map[view.Name]map[cell]golden{}
	for decoder := json.NewDecoder(unzipped(t, "testdata/requests.golden.gz")); ; {
		var g golden
		if err := decoder.Decode(&g); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if want[g.View] == nil {
			want[g.View] = map[cell]golden{}
		}
		want[g.View][cell{g.Key, g.Start}] = g
	}
	requests, random := realRequests(t), rand.New(rand.NewPCG(14, 1))
	var e estimated
	values, agree := 0, 0
	for name, f := range requestViews {
		set := compile(t, f.definitions(name)...)
		all := batches(t, set, requests)
		for _, p := range set.Programs {
			got := rows(t, p, folded(p, all))
			if len(got) != len(want[name]) || len(got) < 4 {
				t.Fatalf("%s: %d rows, want %d", p.Definition.Name, len(got), len(want[name]))
			}
			for at, a := range got {
				values += compareGolden(t, &e, a, want[name][at])
			}
			agree += checkSplits(t, p, all, random)
		}
	}
	t.Logf("%d values; %d pages agree without being equal", values, agree)
	e.check(t, 3, 1000, 50)
}

func compareGolden(t *testing.T, e *estimated, a answered, want golden) (values int) {
	t.Helper()
	for i, aggregate := range a.program.Definition.Aggregates {
		where := fmt.Sprintf("%s of %s, %q at %d", aggregate.Expr, want.View, want.Key, want.Start)
		value, bound, skipped := a.value(i)
		if skipped != want.Skipped[aggregate.Name] {
			t.Errorf("%s: %d skipped, want %d", where, skipped, want.Skipped[aggregate.Name])
		}
		values++
		if exact, ok := want.Values[aggregate.Name]; ok {
			if value != exact || bound != "" {
				t.Errorf("%s: %s with error %q, want %s", where, value, bound, exact)
			}
			continue
		}
		truth := want.Truth[aggregate.Name]
		switch a.program.Functions[i].Name() {
		case "distinct":
			e.checkDistinct(t, where, value, bound, decoded[int](t, truth))
		case "quantiles":
			numbers := map[string]*big.Rat{}
			for name, n := range decoded[map[string]int64](t, truth) {
				numbers[name] = big.NewRat(n, 1)
			}
			e.checkQuantiles(t, where, value, numbers)
		case "top":
			var sums []sumOf
			for _, pair := range decoded[[][2]string](t, truth) {
				sum, ok := new(big.Rat).SetString(pair[1])
				if !ok {
					t.Fatalf("%s: sum %q", where, pair[1])
				}
				sums = append(sums, sumOf{pair[0], sum})
			}
			e.checkTop(t, where, value, bound, sums)
		default:
			t.Errorf("%s: not in the golden file", where)
		}
	}
	return values
}

func decoded[T any](t *testing.T, text json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
