package history

import (
	"fmt"
	"time"
)

// Drill is an outage or another incident of realistic length, at the default settings of a deployment: slots of 5
// minutes, a margin of 30 s, a speed window of an hour. Nothing else goes wrong. The oracles are those of every
// history.
type Drill struct {
	Name string
	// Out is what fails for the time For, after an hour of normal traffic; -1: nothing.
	Out Fault
	For time.Duration
	// RequestEvery is the average time between requests.
	RequestEvery time.Duration
	Reshards     int // splits and merges, spread over the time
	// Skew is how far ingest's clock is behind the store's clock, and batch's clock ahead of it. A negative Skew means the
	// reverse.
	Skew    time.Duration
	Kappa   bool // whether the views are Kappa
	Refused bool // whether the skew must make the system refuse all work
}

// CatchUp describes the time from the end of the incident until all work had ended: every event in a run, every record
// applied, every run swept.
type CatchUp struct {
	Time     time.Duration
	Runs     int // runs made in that time
	Ticks    int // ticks of batch in that time
	Requests int // requests sent during the whole drill
	Acked    int // events acknowledged during the whole drill
	Records  int // records put into the stream during the whole drill
}

func (c CatchUp) String() string {
	return fmt.Sprintf("caught up in %s: %d runs, %d ticks (%d requests, %d events acknowledged, %d records)",
		c.Time.Round(time.Second), c.Runs, c.Ticks,
		c.Requests, c.Acked, c.Records)
}

// Play plays the drill. It returns the same errors as Run.
func (d Drill) Play(seed uint64) (CatchUp, Result, error) {
	var done CatchUp
	result, err := run(seed, options{
		adjust: d.adjust,
		stands: d.Refused,
		begin: func(h *history) {
			for i := range d.Reshards {
				h.after(time.Duration(i+1)*h.active/time.Duration(d.Reshards+1), h.reshardOnce)
			}
			h.at(epoch.Add(h.active), func() { done.Runs, done.Ticks = -len(h.runs), -h.ticked })
		},
		end: func(h *history) {
			done.Time = h.drainedAt.Sub(epoch.Add(h.active))
			done.Runs, done.Ticks, done.Requests, done.Records = done.Runs+h.runsThen, done.Ticks+
				h.ticksThen, h.requests, len(h.delivered)
			for _, e := range h.identities {
				if e.acked {
					done.Acked++
				}
			}
			if d.Refused && (done.Acked > 0 || len(h.runs) > 0) {
				h.fail(oracleSkew, "%d events acknowledged and %d runs made, although clocks are off by %s", done.Acked,
					len(h.runs), d.Skew)
			}
		},
	})
	return done, result, err
}

// adjust replaces the settings that were drawn.
func (d Drill) adjust(s *settings) {
	*s = settings{
		slotLength: 5 * time.Minute, commitWithin: 10 * time.Second, margin: 30 * time.Second, sealDelay: time.Minute,
		lookback:    3 * time.Hour,
		speedWindow: time.Hour, batchWindow: 24 * time.Hour, lanes: 4, shards: 3, sweepAfter: 10 * time.Minute,
		runBytes: 64 << 20,
		active:   time.Hour + d.For, requestEvery: d.RequestEvery, perRequest: 4, maxEvents: 1 << 20,
		queryEvery: 10 * time.Minute, pollEvery: 5 * time.Second, lookUpTo: 1,
		tickEvery: 5 * time.Minute, sweepEvery: 5 * time.Minute, longFreeze: time.Minute, latencyUpTo: 20 * time.Millisecond,
		redeliver: 6 * time.Minute,
		timeouts: [roles]time.Duration{30 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, time.Minute,
			30 * time.Second, 5 * time.Minute,
			5 * time.Minute, 30 * time.Second},
		changes:  changes{choices: plainDeployments, replayEvery: time.Minute, replayBytes: 32 << 20},
		patience: 48 * time.Hour, liveBound: 5 * time.Minute, batchBound: 20 * time.Minute,
		outages: map[Fault]outage{}, skews: map[role]time.Duration{},
	}
	if d.Kappa {
		s.changes.choices, s.sweptBound = []deployment{kappa}, time.Hour
	}
	from, to := epoch.Add(time.Hour), epoch.Add(time.Hour+d.For)
	switch d.Out {
	case BatchStopped:
		s.batchGone, s.batchBack = from, to
		s.runBytes = 10_000 // the backlog then takes several runs
	case StreamDown, DynamoDown, S3Down, NotInvoked:
		s.outages[d.Out] = outage{from, to}
	}
	if d.Skew != 0 {
		s.skews[ingestRole], s.skews[speedRole], s.skews[batchRole], s.skews[sweepRole] = -d.Skew, d.Skew, d.Skew, -d.Skew
	}
}

// reshardOnce splits or merges a shard.
func (h *history) reshardOnce() {
	h.rates[ShardSplit], h.rates[ShardsMerged] = 0, 0
	open := h.openShards()
	if len(open) < 4 || h.random.IntN(2) == 0 {
		h.count(ShardSplit)
		h.splitAt(open)
		return
	}
	for _, left := range open {
		for _, right := range open {
			if left != right && h.stream.Merge(left, right) == nil {
				h.count(ShardsMerged)
				return
			}
		}
	}
}
