package cost_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/cost"
	"github.com/anabranch/anabranch/infra/costs"
	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

const page = "../../../docs/cost.md"

var update = flag.Bool("update", false, "write the tables to docs/cost.md")

// TestTables checks that docs/cost.md shows the tables that follow from the figures and the sample.
func TestTables(t *testing.T) {
	c := read(t)
	idle, err := c.IdleTable()
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]string{
		"month": monthTable(t, c), "million": millionTable(t, c), "levers": leverTable(t, c), "idle": idle,
		"stream": streamTable(t, c), "wire": wireTable(t), "hour": hourTable(t), "arithmetic": c.ArithmeticTable(),
		"measured": measuredTable(t, c),
		"figures":  c.FigureTable(costs.List, costs.Quoted, costs.Counted), "assumed": c.AssumedTable(nil),
	}
	text := string(file(t, page))
	for name, want := range tables {
		before, rest, ok := strings.Cut(text, "<!-- costs: "+name+" -->\n")
		got, after, ends := strings.Cut(rest, "<!-- end -->\n")
		if !ok || !ends {
			t.Errorf("%s has no place for table %q: <!-- costs: %s -->", page, name, name)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" && !*update {
			t.Errorf("table %q (-computed +%s), mend it with go test ./cmd/anabranch/cost -update:\n%s", name, page, diff)
		}
		text = before + "<!-- costs: " + name + " -->\n" + want + "<!-- end -->\n" + after
	}
	if !strings.Contains(text, "prices of "+c.Date) {
		t.Errorf("%s does not say that it has the prices of %s", page, c.Date)
	}
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T) costs.Costs {
	t.Helper()
	c, err := costs.Read()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// withKeys returns the first events of the product's sample with other paths: as many different ones as given. 0: their
// own paths.
func withKeys(t *testing.T, events, paths int) *cost.Sample {
	t.Helper()
	definitions, err := viewfile.Parse("views.yaml", []byte(sample.Views))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	lines = lines[:events]
	for i, line := range lines {
		if paths > 0 {
			lines[i] = withPath(t, line, fmt.Sprintf("/%d", i%paths))
		}
	}
	s, err := cost.NewSample(definitions, bytes.Join(lines, []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func withPath(t *testing.T, line []byte, path string) []byte {
	t.Helper()
	var e struct {
		Specversion, ID, Source, Type, Time string
		Data                                map[string]json.RawMessage
	}
	err := json.Unmarshal(line, &e)
	if err == nil {
		e.Data["path"], err = json.Marshal(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{
		"specversion": e.Specversion, "id": e.ID, "source": e.Source, "type": e.Type, "time": e.Time, "data": e.Data,
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// load returns the template's defaults with a rate and a size of requests.
func load(c costs.Costs, rate float64, size int) cost.Load {
	l := cost.DefaultLoad(c)
	l.EventsPerSecond, l.PerRequest = rate, size
	return l
}

func bill(t *testing.T, s *cost.Sample, l cost.Load, c costs.Costs) cost.Result {
	t.Helper()
	r, err := cost.Of(s, l, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// workload is a column of the table of a month.
type workload struct {
	rate float64
	size int
}

var workloads = []workload{{1, 1}, {1, 100}, {100, 1}, {100, 100}, {1000, 1}, {1000, 100}}

// results returns the bill of each workload. It computes them once.
func results(t *testing.T, c costs.Costs) []cost.Result {
	s := withKeys(t, sample.Events, 0)
	if len(computed) == 0 {
		for _, w := range workloads {
			computed = append(computed, bill(t, s, load(c, w.rate, w.size), c))
		}
	}
	return computed
}

var computed []cost.Result

// monthTable has a column of dollars a month for each workload.
func monthTable(t *testing.T, c costs.Costs) string {
	head, line := "| ", "|---|"
	var rows []string
	for _, p := range append(append([]costs.Part{}, c.Parts...), c.Kept...) {
		rows = append(rows, "| "+p.Name)
	}
	idle, sums := "| what an idle stack costs", "| **sum**"
	for _, r := range results(t, c) {
		head += fmt.Sprintf("| %s/s, %d a request ", costs.Thousands(r.Load.EventsPerSecond, 0), r.Load.PerRequest)
		line += "---:|"
		for i, l := range append(append([]costs.Line{}, r.Bill.Parts...), r.Bill.Kept...) {
			rows[i] += " | " + costs.Money(l.Dollars)
		}
		idle += " | " + costs.Money(costs.Sum(r.Bill.Idle))
		sums += " | **" + costs.Thousands(r.Bill.Sum(), 0) + "**"
	}
	return costs.Table(head+"|", line, append(rows, idle, sums))
}

// measuredTable has a column of what is measured for each workload.
func measuredTable(t *testing.T, c costs.Costs) string {
	head, line := "| per event, if it says no more ", "|---|"
	var rows []string
	for _, m := range c.Measured {
		rows = append(rows, fmt.Sprintf("| `%s`: %s", m.Name, m.Is))
	}
	for _, r := range results(t, c) {
		head += fmt.Sprintf("| %s/s, %d ", costs.Thousands(r.Load.EventsPerSecond, 0), r.Load.PerRequest)
		line += "---:|"
		for i, m := range c.Measured {
			rows[i] += fmt.Sprintf(" | %.3g", r.Measured[m.Name])
		}
	}
	return costs.Table(head+"|", line, rows)
}

// millionTable has what a million events cost, by keys and by events a request.
func millionTable(t *testing.T, c costs.Costs) string {
	var rows []string
	for _, keys := range []struct {
		name  string
		paths int
	}{{"few: 10 paths", 10}, {"the sample: 1,368 paths", 0}, {"many: a path per event", 1_000_000}} {
		s := withKeys(t, sample.Events, keys.paths)
		for _, size := range []int{1, 100, 1000} {
			r := bill(t, s, load(c, 50, size), c)
			m := r.Measured
			by := func(service string) (dollars float64) {
				for _, l := range r.Bill.Parts {
					if strings.HasPrefix(l.Name, service) {
						dollars += l.Dollars
					}
				}
				return r.PerMillion(dollars)
			}
			thousand := func(perEvent float64) string { return costs.Thousands(1000*perEvent, 0) }
			rows = append(rows, fmt.Sprintf("| %s | %s | %.0f | %s | %s | %.2f | %.2f | %.2f | %.2f | %.2f | **%.2f**",
				keys.name, costs.Thousands(float64(size), 0), m["archived"], thousand(m["speed_items"]+m["base_items"]),
				thousand(m["speed_units"]+m["live_units"]+m["seen_units"]+m["base_units"]),
				by("API"), by("Lambda"), by("S3"), by("Kinesis"), by("DynamoDB"), r.PerMillion(costs.Sum(r.Bill.Parts))))
		}
	}
	return costs.Table("| keys | events a request | MB archived | thousand items | thousand write units | API $ | "+
		"Lambda $ | S3 $ | Kinesis $ | DynamoDB $ | all $ |", "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|", rows)
}

// leverTable has what single changes make of one bill.
func leverTable(t *testing.T, c costs.Costs) string {
	s := withKeys(t, sample.Events, 0)
	base := bill(t, s, load(c, 50, 20), c).Bill.Sum()
	rows := []string{"| nothing: 50 events/s, 20 a request | " + costs.Money(base) + " | "}
	together := load(c, 50, 20)
	for _, lever := range []struct {
		name   string
		change func(*cost.Load)
	}{
		{"100 events a request", func(l *cost.Load) { l.PerRequest = 100 }},
		{"`AuditEvery=168h`", func(l *cost.Load) { l.AuditEvery = 168 * time.Hour }},
		{"`BatchingWindow=30`", func(l *cost.Load) { l.Window = 30 * time.Second }},
		{"`Slot=15m`", func(l *cost.Load) { l.Slot = 15 * time.Minute }},
	} {
		one := load(c, 50, 20)
		lever.change(&one)
		lever.change(&together)
		sum := bill(t, s, one, c).Bill.Sum()
		rows = append(rows, fmt.Sprintf("| %s | %s | %s", lever.name, costs.Money(sum), costs.Money(base-sum)))
	}
	sum := bill(t, s, together, c).Bill.Sum()
	rows = append(rows, fmt.Sprintf("| all of them | **%s** | %s", costs.Money(sum), costs.Money(base-sum)))
	larger := load(c, 50, 20)
	larger.Lanes, larger.Shards, larger.Retention = 4, 0, 72
	sum = bill(t, s, larger, c).Bill.Sum()
	rows = append(rows, fmt.Sprintf("| the other way: four lanes, a stream on demand, records kept for 72 hours | %s | %s",
		costs.Money(sum), costs.Money(base-sum)))
	return costs.Table("| change | $ a month | less |", "|---|---:|---:|", rows)
}

// streamTable has what an idle stack costs, by its stream.
func streamTable(t *testing.T, c costs.Costs) string {
	var rows []string
	for _, s := range []struct {
		name              string
		shards, retention float64
	}{
		{"one shard, records kept for 24 hours", 1, 24}, {"one shard, 72 hours", 1, 72},
		{"four shards, 24 hours", 4, 24}, {"on demand", 0, 24},
	} {
		b, err := c.IdleBill(map[string]float64{"shards": s.shards, "retention": s.retention})
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s", s.name, costs.Money(b.Idle[0].Dollars),
			costs.Money(b.Sum()), costs.Money(b.Sum()/30)))
	}
	return costs.Table("| an idle stack | the stream, $ a month | all, $ a month | all, $ a day |",
		"|---|---:|---:|---:|", rows)
}
