//go:build emulator

package counts_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
)

const keysGolden = "testdata/keys.txt"

// TestKeys counts what 1,000 real events cost if they are about 10 paths, and if each is about a path of its own.
func TestKeys(t *testing.T) {
	e := emulator.Start(t)
	var b strings.Builder
	fmt.Fprintf(&b, "%d events, by their paths and by events a request; batch and sweep included\n\n", events)
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "paths\ta request\trequests\tsent\treceived\twrite units\tread units\trecords\tpayload units\t"+
		"ingested\t$ per million\t")
	for _, paths := range []int{10, events + warming} {
		for _, size := range []int{1, 100, 1000} {
			need(t, e.Reset(t.Context()))
			s := newWorld(t, e.Endpoint, variant{}).pass(t, withPaths(t, paths), size)
			var dollars cost
			for _, l := range s.layers {
				if l.perEvents() {
					dollars = dollars.plus(s.costOf(l))
				}
			}
			n := s.sum()
			fmt.Fprintf(out, "%d\t%d\t%d\t%d\t%d\t%d\t%v\t%d\t%d\t%d\t%.4f\t\n", paths, size, n.Requests, n.Sent,
				n.Received, n.WriteUnits, n.ReadUnits, n.Records, n.PayloadUnits, n.Ingested, dollars.sum())
		}
	}
	need(t, out.Flush())
	got := b.String()
	t.Logf("counted:\n%s", got)
	if *update {
		need(t, os.WriteFile(keysGolden, []byte(got), 0o644))
	}
	if diff := cmp.Diff(string(file(t, keysGolden)), got); diff != "" {
		t.Errorf("the wire does not carry what %s says (-want +got):\n%s", keysGolden, diff)
	}
}

// withPaths returns real events with as many different paths as given.
func withPaths(t *testing.T, paths int) [][]byte {
	t.Helper()
	lines := sample(t, events+warming)
	for i, line := range lines {
		var e map[string]any
		need(t, json.Unmarshal(line, &e))
		data, ok := e["data"].(map[string]any)
		if !ok {
			t.Fatalf("event %d has no data", i)
		}
		data["path"] = fmt.Sprintf("/%d", i%paths)
		changed, err := json.Marshal(e)
		need(t, err)
		lines[i] = changed
	}
	return lines
}
