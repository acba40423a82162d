package infra_test

import (
	"math"
	"testing"
	"time"

	"github.com/anabranch/anabranch/infra/costs"
)

// TestCountedFigures checks that the costs are computed with the defaults of the template.
func TestCountedFigures(t *testing.T) {
	app := application(t)
	c, err := costs.Read()
	if err != nil {
		t.Fatal(err)
	}
	is := c.Values()
	of := func(parameter string) float64 { return float64(number(t, app.parameter(parameter)["Default"])) }
	span := func(parameter string) time.Duration {
		d, err := time.ParseDuration(text(app.parameter(parameter)["Default"]))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for figure, want := range map[string]float64{
		"lanes":      of("Lanes"),
		"window":     of("BatchingWindow"),
		"shards":     of("Shards"),
		"retention":  of("StreamRetention"),
		"slot":       span("Slot").Seconds(),
		"lookback":   span("Lookback").Seconds(),
		"batch_size": of("BatchSize"),
		"audits":     (30 * 24 * time.Hour).Hours() / span("AuditEvery").Hours(),
		"ticks":      30 * 24 * 60 / of("BatchEvery") / 1e6,
		"alarms":     float64(len(app.resources("AWS::CloudWatch::Alarm"))),
		"ingest_gb":  of("IngestMemory") / 1024,
		"speed_gb":   of("SpeedMemory") / 1024,
		"batch_gb":   of("BatchMemory") / 1024,
	} {
		if got := is[figure]; math.Abs(got-want) > 1e-9 {
			t.Errorf("infra/costs/costs.yaml has %s = %v, but the template %v", figure, got, want)
		}
	}
	for _, parameter := range []string{"ReplayMemory", "AuditMemory"} {
		if got := of(parameter) / 1024; got != is["batch_gb"] {
			t.Errorf("%s is %v GB, but infra/costs/costs.yaml has batch_gb for it, %v", parameter, got, is["batch_gb"])
		}
	}
}
