package cost_test

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/cmd/anabranch/cost"
	"github.com/anabranch/anabranch/infra/costs"
	"github.com/anabranch/anabranch/localstack/sample"
)

const counted = "../../../localstack/wire/counts/testdata/"

// story is a table of counts.txt: 1,000 events, sent in requests of a size.
type story struct {
	size, requests, calls float64
	units                 map[string]float64 // write units, by "layer operation table"
	sum                   []float64          // of the row "for events"
	dollars               string
}

var title = regexp.MustCompile(`^1000 events at (\d+) a request: (\d+) requests, (\d+) invocations of speed`)

// stories reads counts.txt.
func stories(t *testing.T) (all []story) {
	t.Helper()
	for line := range strings.Lines(string(file(t, counted+"counts.txt"))) {
		cells := strings.Fields(line)
		if m := title.FindStringSubmatch(line); m != nil {
			all = append(all, story{number(t, m[1]), number(t, m[2]), number(t, m[3]), map[string]float64{}, nil, ""})
		}
		if len(all) == 0 || len(cells) < 8 {
			continue
		}
		s := &all[len(all)-1]
		switch {
		case cells[0] == "for":
			for _, cell := range cells[2:] {
				s.sum = append(s.sum, number(t, cell))
			}
		case cells[0] == "sum":
			s.dollars = cells[len(cells)-1]
		case cells[1] == "dynamodb":
			s.units[strings.Join([]string{cells[0], cells[2], cells[3]}, " ")] += number(t, cells[7])
		}
	}
	if len(all) != 3 {
		t.Fatalf("counts.txt has %d tables, want 3", len(all))
	}
	return all
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// keyed reads keys.txt: the rows of 10 paths, and those of a path per event. A row has the number of paths, events a
// request, sums as the row "for events" of counts.txt has them, and dollars.
func keyed(t *testing.T) (few, many [][]string) {
	t.Helper()
	for line := range strings.Lines(string(file(t, counted+"keys.txt"))) {
		switch cells := strings.Fields(line); {
		case len(cells) != 11:
		case cells[0] == "10":
			few = append(few, cells)
		default:
			many = append(many, cells)
		}
	}
	if len(few) != 3 || len(many) != 3 {
		t.Fatalf("keys.txt has %d rows of few keys and %d of many, want 3 and 3", len(few), len(many))
	}
	return few, many
}

// wireTable has what 1,000 events cost, as counted at the wire, by keys and by events a request.
func wireTable(t *testing.T) string {
	var rows []string
	add := func(keys, size string, sums []float64, dollars string) {
		row := "| " + keys + " | " + costs.Thousands(number(t, size), 0)
		for _, n := range sums {
			row += " | " + costs.Thousands(n, 0)
		}
		rows = append(rows, row+" | **"+dollars+"**")
	}
	addKeyed := func(keys string, all [][]string) {
		for _, cells := range all {
			var sums []float64
			for _, cell := range cells[2:10] {
				sums = append(sums, number(t, cell))
			}
			add(keys, cells[1], sums, cells[10])
		}
	}
	few, many := keyed(t)
	addKeyed("few: 10 paths", few)
	for _, s := range stories(t) {
		add("the sample", costs.Number(s.size), s.sum, s.dollars)
	}
	addKeyed("many: a path per event", many)
	return costs.Table("| 1,000 events, keys | events a request | requests | bytes sent | bytes received | write units | "+
		"read units | records | units of 25 KB | bytes into a stream on demand | $ per million |",
		"|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|", rows)
}

// hourTable has the requests of an idle day.
func hourTable(t *testing.T) string {
	var rows []string
	for line := range strings.Lines(string(file(t, counted+"hour.txt"))) {
		cells := strings.Fields(line)
		if len(cells) == 7 && cells[1] == "all" { // function, "all", requests, bytes sent and received, and two units
			cells = append(cells[:1], cells[2:]...)
		}
		if len(cells) != 6 || cells[0] == "function" {
			continue
		}
		row := "| " + cells[0]
		for _, cell := range cells[1:] {
			row += " | " + costs.Thousands(24*number(t, cell), 0)
		}
		rows = append(rows, row)
	}
	return costs.Table("| an idle day | requests | bytes sent | bytes received | write units | read units |",
		"|---|---:|---:|---:|---:|---:|", rows)
}

// TestReadme checks that the README shows the sums of a month.
func TestReadme(t *testing.T) {
	readme := string(file(t, "../../../README.md"))
	sums := map[int]string{}
	for _, r := range results(t, read(t)) {
		sums[r.Load.PerRequest] += " $" + costs.Thousands(r.Bill.Sum(), 0) + " |"
	}
	for size, name := range map[int]string{100: "| 100 events a request |", 1: "| 1 event a request |"} {
		if row := name + sums[size]; !strings.Contains(readme, row) {
			t.Errorf("README.md does not say %s", row)
		}
	}
}

// TestAsCounted checks that what does not depend on the time of events is measured as it is counted at the wire, for
// the same first 1,000 events.
func TestAsCounted(t *testing.T) {
	c := read(t)
	s := withKeys(t, 1000, 0)
	for _, counted := range stories(t) {
		// Speed is invoked once per lane for them, as in the story.
		r := bill(t, s, load(c, 1000/c.Values()["window"], int(counted.size)), c)
		n := float64(1000)
		for name, want := range map[string]float64{
			"seen_units": counted.units["speed PutItem seen"] / n, "records": counted.sum[5] / counted.requests,
			"payload_units": counted.sum[6] / n, "in_kb": counted.sum[7] / n / 1024,
		} {
			if got := r.Measured[name]; math.Abs(got-want) > 0.06*want {
				t.Errorf("%v a request: %s is %v, counted are %v", counted.size, name, got, want)
			}
		}
	}
}

// TestManyKeysAsCounted checks the write units of events each of which has a key of its own: about as many are counted
// at the wire. Then it hardly matters when events come: only views with few keys have more pages in eight hours.
func TestManyKeysAsCounted(t *testing.T) {
	c := read(t)
	_, many := keyed(t)
	for _, cells := range many {
		r := bill(t, withKeys(t, 1000, 1000), load(c, 1000/c.Values()["window"], int(number(t, cells[1]))), c)
		m := r.Measured
		got := 1000 * (m["speed_units"] + m["live_units"] + m["seen_units"] + m["base_units"])
		if want := number(t, cells[5]); math.Abs(got-want) > 0.06*want {
			t.Errorf("%s a request: %.0f write units, counted are %.0f", cells[1], got, want)
		}
	}
}

// TestLoads checks which loads are refused.
func TestLoads(t *testing.T) {
	c, s := read(t), withKeys(t, 100, 0)
	for want, test := range map[string]workload{
		"--lanes=1: too few for 25000 events a second: a lane carries 10000, so use at least 3": {25_000, 1000},
		"--shards=1: too few for 3000 records":                                                  {3000, 1},
	} {
		l := load(c, test.rate, test.size)
		l.Lanes, l.Shards, l.Retention = 1, 1, 24
		if _, err := cost.Of(s, l, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %s", test, err, want)
		}
	}
}

// TestGrowth checks the two ends of what is not in a sample: with a key per event, items grow as events do; with few
// keys, they do not grow.
func TestGrowth(t *testing.T) {
	c := read(t)
	many := bill(t, withKeys(t, sample.Events, 1_000_000), load(c, 1000, 100), c).Measured
	few := bill(t, withKeys(t, sample.Events, 10), load(c, 1000, 100), c).Measured
	if many["extrapolated"] != 1 || many["base_items"] < 0.85 || few["base_items"]*300_000 > 100 {
		t.Errorf("a slot of 300,000 events touches %.0f items with a key per event, %.0f with 10 keys",
			many["base_items"]*300_000, few["base_items"]*300_000)
	}
}
