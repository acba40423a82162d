//go:build emulator

package counts_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
)

const unitsGolden = "testdata/units.txt"

// TestWriteUnits counts the DynamoDB write units of 1,000 real events, with and without live keys, and with
// and without roll-ups.
func TestWriteUnits(t *testing.T) {
	e := emulator.Start(t)
	var b strings.Builder
	fmt.Fprintf(&b, "DynamoDB write units of %d events at 100 a request, by table; batch and sweep included\n\n", events)
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "roll-ups\tlive keys\tspeed\tbase\tseen\tcatalog\tall\t")
	for _, v := range []variant{{noLive: true}, {}, {noLive: true, rollups: true}, {rollups: true}} {
		need(t, e.Reset(t.Context()))
		s := play(t, newWorld(t, e.Endpoint, v), 100)
		fmt.Fprintf(out, "%s\t%s\t", withOrWithout(v.rollups), withOrWithout(!v.noLive))
		for _, table := range []string{"speed", "base", "seen", "catalog"} {
			fmt.Fprintf(out, "%d\t", s.unitsOf(table))
		}
		fmt.Fprintf(out, "%d\t\n", s.sum().WriteUnits)
	}
	need(t, out.Flush())
	got := b.String()
	t.Logf("counted:\n%s", got)
	if *update {
		need(t, os.WriteFile(unitsGolden, []byte(got), 0o644))
	}
	if diff := cmp.Diff(string(file(t, unitsGolden)), got); diff != "" {
		t.Errorf("the wire does not carry what %s says (-want +got):\n%s", unitsGolden, diff)
	}
}

func withOrWithout(is bool) string {
	if is {
		return "with"
	}
	return "without"
}

// unitsOf returns the write units of a table by all layers that make calls for events.
func (s story) unitsOf(table string) (units int64) {
	for _, l := range s.layers {
		if l.perEvents() {
			units += l.counts.Sum(func(c wire.Call) bool { return c.Resource == table }).WriteUnits
		}
	}
	return units
}
