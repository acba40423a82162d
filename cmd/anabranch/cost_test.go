package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// TestCost checks the bill of the product's sample, as a table and as JSON.
func TestCost(t *testing.T) {
	s := newSession()
	s.do(t, exitOK, "cost", "--events-per-second", "50", "--per-request", "20")
	golden(t, "cost.golden", s.out.String())
	s = newSession()
	s.do(t, exitOK, "cost", "--events-per-second=50", "--per-request=20", "-o", "json")
	golden(t, "cost_json.golden", s.out.String())
	var a costAnswer
	if err := json.Unmarshal(s.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, p := range a.Parts {
		sum += p.Month
	}
	if math.Abs(sum-a.Dollars.Month) > 1e-6 || !a.Sample.Product || len(a.Figures) == 0 {
		t.Errorf("the parts sum up to %v, but the month is %+v; sample %+v", sum, a.Dollars, a.Sample)
	}
}

// TestCostOfOwnEvents checks that a views file and a sample decide the bill, and that a view without events is named.
func TestCostOfOwnEvents(t *testing.T) {
	load := []string{"cost", "--events-per-second=0.5", "--per-request=1", "--lanes=1", "--shards=1", "--retention=24",
		"--slot=1m", "--batching-window=10s", "--audit-every=168h"}
	s := newSession()
	s.do(t, exitOK, append(load, "--views", sampleViews, "--events", sampleEvents)...)
	says(t, &s.out, "1 lane, 1 shard, records kept for 24 hours, slots of 1m, batching window 10s, audits every 168h\n",
		"sample: 9999 events of "+sampleEvents+", and 3 views of "+sampleViews+"\n")
	other := brokenSample(t, `where: type == "web.request"`+"\n", `where: type == "order"`+"\n")
	s = newSession()
	s.do(t, exitOK, append(load, "--views", other, "--events", sampleEvents)...)
	says(t, &s.err, "view traffic counts none of the events of the sample: its items are not in the bill\n")
}

// TestCostSlips checks wrong flags, and files with errors.
func TestCostSlips(t *testing.T) {
	const (
		one    = "--events-per-second=1 --per-request=1 "
		fast   = "--events-per-second=2000 --per-request=1 --lanes=1 "
		sample = one + "--views=" + sampleViews + " "
	)
	bad, empty := file(t, "e.ndjson", []byte("{}\n")), file(t, "empty.ndjson", nil)
	for want, args := range map[string]string{
		"--events-per-second: 0 is not between 0.001 and 1000000":             "--per-request=1",
		"--events-per-second: NaN is not between":                             "--events-per-second=NaN --per-request=1",
		"--per-request: 0 is not between 1 and 1000":                          "--events-per-second=1",
		"--per-request: 1001 is not between 1 and 1000":                       "--events-per-second=1 --per-request=1001",
		"--lanes: 0 is not between 1 and 4096":                                one + "--lanes=0",
		"--shards: -1 is not between 0 and 200; 0 is a stream on demand":      one + "--shards=-1",
		"--retention: 23 hours is not between 24 and 8760":                    one + "--retention=23",
		"--slot: invalid slot length 7s: must be whole seconds that divide":   one + "--slot=7s",
		"--batching-window: 6m0s is not between 1s and 5m0s":                  one + "--batching-window=6m",
		"--audit-every: 1m0s is below 1h":                                     one + "--audit-every=1m",
		"--views and --events go together":                                    one + "--views=" + sampleViews,
		"--shards=1: too few for 2000 records":                                fast + "--shards=1",
		"--lanes=1: too few for 2000 records":                                 fast + "--shards=0",
		"--shards=2: more than --lanes=1":                                     one + "--shards=2 --lanes=1",
		"--events: ingest would reject 1 of the events, for example number 1": sample + "--events=" + bad,
		"--events: there are no events: give a sample of some thousand":       sample + "--events=" + empty,
	} {
		s := newSession()
		s.do(t, exitUsage, append([]string{"cost"}, strings.Fields(args)...)...)
		if says(t, &s.err, want); s.out.Len() > 0 {
			t.Errorf("%s: %s", args, &s.out)
		}
	}
}
