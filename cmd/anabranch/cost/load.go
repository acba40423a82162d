// Package cost computes the bill of a stack for a load: it measures on a sample of events what the formulas of
// infra/costs need, and evaluates these formulas.
//
// Place in the flow: anabranch cost prints it, and docs/cost.md shows it for some loads. The sample is folded with the
// code that the layers run.
package cost

import (
	"fmt"
	"math"
	"time"

	"github.com/anabranch/anabranch/infra/costs"
	"github.com/anabranch/anabranch/shared/event"
)

// Load says which events come to a stack, and how the stack is set up.
type Load struct {
	EventsPerSecond float64
	PerRequest      int // events of a request, from 1
	Lanes           int
	Shards          int // of the stream; 0: on demand
	Retention       int // hours for which the stream keeps records
	Slot            time.Duration
	Window          time.Duration // BatchingWindow: for this long Lambda gathers records for an invocation of speed
	AuditEvery      time.Duration
}

// DefaultLoad returns the defaults of the template, for 50 events a second and 100 a request.
func DefaultLoad(c costs.Costs) Load {
	is := c.Values()
	return Load{
		EventsPerSecond: 50, PerRequest: 100, Lanes: int(is["lanes"]), Shards: int(is["shards"]),
		Retention: int(is["retention"]), Slot: time.Duration(is["slot"]) * time.Second,
		Window:     time.Duration(is["window"]) * time.Second,
		AuditEvery: time.Duration(monthHours / is["audits"] * float64(time.Hour)),
	}
}

// setup returns how the stack is set up, as the formulas name it.
func (l Load) setup() map[string]float64 {
	return map[string]float64{
		"lanes": float64(l.Lanes), "shards": float64(l.Shards), "retention": float64(l.Retention),
		"slot": l.Slot.Seconds(), "window": l.Window.Seconds(), "audits": monthHours / l.AuditEvery.Hours(),
	}
}

const monthHours = 720 // of a month of 30 days

// Limits of a shard, and of a lane. Source: Kinesis Data Streams quotas; docs/deploy.md.
const (
	shardRecords = 1000
	shardBytes   = 1 << 20
	laneEvents   = 10_000
)

// check refuses a load that the stack cannot carry: its bill would be wrong.
func (l Load) check(m Measured) error {
	events, requests := l.EventsPerSecond, l.EventsPerSecond/float64(l.PerRequest)
	if need := int(math.Ceil(events / laneEvents)); need > l.Lanes {
		return fmt.Errorf("--lanes=%d: too few for %.15g events a second: a lane carries %d, so use at least %d", l.Lanes,
			events, laneEvents, need)
	}
	records, bytes := requests*m["records"], events*m["out_kb"]*1024
	need := int(math.Ceil(max(records/shardRecords, bytes/shardBytes)))
	switch {
	case l.Shards > 0 && need > l.Shards:
		return fmt.Errorf("--shards=%d: too few for %.0f records and %.0f KB a second: a shard carries 1,000 records and "+
			"1,024 KB, and one lane; use at least --shards=%d --lanes=%[4]d, or more events a request", l.Shards, records,
			bytes/1024, need)
	case need > l.Lanes:
		return fmt.Errorf("--lanes=%d: too few for %.0f records and %.0f KB a second: one shard carries a lane, which is "+
			"1,000 records and 1,024 KB; use at least --lanes=%d, or more events a request", l.Lanes, records, bytes/1024,
			need)
	case l.Shards > l.Lanes:
		return fmt.Errorf("--shards=%d: more than --lanes=%d: one shard carries a whole lane, so the others would be idle",
			l.Shards, l.Lanes)
	}
	return nil
}

// Check refuses values that no stack can have.
func (l Load) Check() error {
	switch {
	case !(l.EventsPerSecond >= minRate && l.EventsPerSecond <= maxRate):
		return fmt.Errorf("--events-per-second: %g is not between %g and %d", l.EventsPerSecond, minRate, int(maxRate))
	case l.PerRequest < 1 || l.PerRequest > maxPerRequest:
		return fmt.Errorf("--per-request: %d is not between 1 and %d", l.PerRequest, maxPerRequest)
	case l.Lanes < 1 || l.Lanes > event.MaxLanes:
		return fmt.Errorf("--lanes: %d is not between 1 and %d", l.Lanes, event.MaxLanes)
	case l.Shards < 0 || l.Shards > maxShards:
		return fmt.Errorf("--shards: %d is not between 0 and %d; 0 is a stream on demand", l.Shards, maxShards)
	case l.Retention < leastRetention || l.Retention > mostRetention:
		return fmt.Errorf("--retention: %d hours is not between %d and %d", l.Retention, leastRetention, mostRetention)
	case l.Slot < time.Second || 24*time.Hour%l.Slot != 0 || l.Slot%time.Second != 0:
		return fmt.Errorf("--slot: invalid slot length %s: must be whole seconds that divide 24h", l.Slot)
	case l.Window < time.Second || l.Window > maxWindow:
		return fmt.Errorf("--batching-window: %s is not between 1s and %s", l.Window, maxWindow)
	case l.AuditEvery < time.Hour:
		return fmt.Errorf("--audit-every: %s is below 1h", l.AuditEvery)
	}
	return nil
}

// Limits of the template's parameters, of a request, and of what the formulas are meant for.
const (
	minRate        = 0.001
	maxRate        = 1e6
	maxWindow      = 300 * time.Second
	maxPerRequest  = 1000
	maxShards      = 200
	leastRetention = 24
	mostRetention  = 8760
)
