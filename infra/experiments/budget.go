package experiments

import (
	"fmt"
	"io"

	"github.com/anabranch/anabranch/infra/costs"
)

// Use bounds what an experiment uses of a stack.
type Use struct {
	Requests   float64 // requests with events
	Events     float64
	Seconds    float64 // for which events come
	Shards     float64 // shard-hours of a provisioned stream
	Writes     float64 // DynamoDB write units besides those of each invocation of speed
	GBSeconds  float64 // of Lambda, besides those per request
	S3Requests float64 // besides those per request
}

func usesNothing(Sizes) Use { return Use{} }

func usesReshard(s Sizes) Use {
	n := s.Reshard.Seconds() * s.Rate
	return Use{Requests: n, Events: n, Seconds: s.Reshard.Seconds(), Shards: 12} // 4 shards, and 8 more for an hour
}

func usesStopped(s Sizes) Use {
	n := s.Stopped.Seconds() * s.Rate
	return Use{Requests: n, Events: n, Seconds: s.Stopped.Seconds()}
}

func usesBuild(s Sizes) Use {
	n := float64(s.Events / s.PerRequest)
	// The runs and the build may each take an invocation of batch of 15 minutes.
	return Use{Requests: n, Events: float64(s.Events), Seconds: n / s.Rate, GBSeconds: 2 * 900 * 2}
}

func usesWindows(s Sizes) Use {
	n := float64(s.Windows)
	return Use{Requests: n / 100, Events: n, Seconds: n / 100 / s.Rate, Writes: 9 * n}
}

func usesTimes(s Sizes) Use {
	n := float64(s.Samples)
	return Use{Requests: n, Events: n, Seconds: n / s.Rate, S3Requests: 3 * n}
}

// dollars estimates what a use costs, with the prices and assumptions of infra/costs.
func (u Use) dollars(c costs.Costs) (float64, error) {
	values := c.Values()
	for name, value := range map[string]float64{
		"requests": u.Requests / 1e6, "events": u.Events / 1e6, "shards": u.Shards, "writes": u.Writes / 1e6,
		"gb_seconds": u.GBSeconds / 1e6, "s3": u.S3Requests / 1e6, "calls": u.Seconds / 1e6,
	} {
		values[name] = value
	}
	return costs.Evaluate(estimate, values)
}

// estimate is the formula of an estimate in dollars. A request brings its records to each lane, and speed is called for
// each lane and BatchingWindow. Each call writes and reads a few items, and 0.02 units an event for seen items.
const estimate = "requests * (api + invocation + ingest_gb * ingest_ms / 1000 * memory + put + get" +
	" + (lookback / 3 + (lookback + 10 * slot) / 10) / slot / 1000 * put" +
	" + batch_gb * object_ms / 1000 * memory + request_log / 1000000 * 1000 * log)" +
	" + events * ingest_gb * ingest_event_ms / 1000 * memory" +
	" + (requests * lanes + events * 0.4) * (stream_in + stream_out + max(retention - 24, 0) / 720 * stream_kept)" +
	" + calls * lanes / window * (invocation + speed_gb * speed_ms / 1000 * memory + 20 * (write_unit + read_unit))" +
	" + events * 0.02 * write_unit + writes * write_unit" +
	" + shards * (shard_hour + shard_kept) + gb_seconds * memory + s3 * put"

// CheckBudget prints what each experiment is estimated to cost, and refuses them if the sum is above a budget.
//
// Errors: a size is too small; the estimate is above the budget. Do not retry with the same arguments.
func CheckBudget(out io.Writer, chosen []Experiment, s Sizes, budget float64) error {
	if s.Events < s.PerRequest {
		return fmt.Errorf("EVENTS=%d: must be at least %d, the events of a request", s.Events, s.PerRequest)
	}
	if s.Stopped <= 0 {
		return fmt.Errorf("MINUTES=%g: must be at least 1", s.Stopped.Minutes())
	}
	c, err := costs.Read()
	if err != nil {
		return err
	}
	sum := 0.0
	for _, e := range chosen {
		dollars, err := e.Uses(s).dollars(c)
		if err != nil {
			return err
		}
		sum += dollars
		if _, err := fmt.Fprintf(out, "estimate   $%.2f  %s\n", dollars, e.Name); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "estimate   $%.2f  in all; BUDGET=%g\n", sum, budget); err != nil {
		return err
	}
	if sum > budget {
		return fmt.Errorf("the experiments are estimated at $%.2f, above BUDGET=%g: raise BUDGET, choose some with ONLY=%s, "+
			"or make them smaller with EVENTS and MINUTES", sum, budget, chosen[0].Name)
	}
	return nil
}
