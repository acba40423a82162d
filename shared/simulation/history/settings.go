package history

import (
	"time"
)

// settings are drawn for each history from its seed.
type settings struct {
	slotLength   time.Duration
	commitWithin time.Duration
	margin       time.Duration
	sealDelay    time.Duration
	lookback     time.Duration
	speedWindow  time.Duration
	batchWindow  time.Duration
	lanes        int
	shards       int
	sweepAfter   time.Duration
	runBytes     int64

	active       time.Duration // how long clients send and faults happen
	requestEvery time.Duration // average time between requests
	perRequest   int           // maximum number of new events per request
	maxEvents    int           // maximum number of distinct events
	queryEvery   time.Duration
	pollEvery    time.Duration
	tickEvery    time.Duration
	sweepEvery   time.Duration
	longFreeze   time.Duration
	latencyUpTo  time.Duration
	// edgy makes faults around the commit points more frequent: slow puts, runs that are committed and not applied, and
	// clocks as far apart as the margin allows.
	edgy      bool
	lookUpTo  int           // how many answers of a view to check when its horizon moves; 0: all
	aimed     bool          // requests and ticks aim at the edges of slots
	leaseFor  time.Duration // 0: there are no leases
	retainFor time.Duration // how long a retained generation is kept; longer than any query takes
	// announced: batch announces the views when there are events already. Otherwise the views exist from the beginning.
	announced bool
	redeliver time.Duration // visibility timeout of the republish queue; a delivery waits for one to two of it
	timeouts  [roles]time.Duration
	// fixed clock skew of all environments of a function; drawn for functions that are not listed
	skews map[role]time.Duration

	forgetting
	expiring
	releases
	takeOver

	liveBound, batchBound, sweptBound, patience time.Duration // see bounds and settleDown

	changes

	rates                [faults]float64
	perCall              float64 // sum of the rates of callFaults
	outages              map[Fault]outage
	batchGone, batchBack time.Time
}

// drawSettings draws the settings of this history.
func (h *history) drawSettings() settings {
	s := settings{
		slotLength:   pick(h, 5*time.Second, 10*time.Second, 10*time.Second, 15*time.Second, 20*time.Second),
		commitWithin: pick(h, time.Second, 2*time.Second, 3*time.Second),
		margin:       pick(h, 500*time.Millisecond, time.Second, 2*time.Second),
		sweepAfter:   h.between(5*time.Second, 25*time.Second),
		runBytes:     pick(h, int64(600), 3000, 64<<20, 64<<20),
		requestEvery: h.between(1*time.Second, 4*time.Second),
		perRequest:   1 + h.random.IntN(8),
		maxEvents:    30 + h.random.IntN(100),
		queryEvery:   h.between(2*time.Second, 8*time.Second),
		pollEvery:    h.between(200*time.Millisecond, time.Second),
		longFreeze:   h.between(10*time.Second, 40*time.Second),
		latencyUpTo:  pick(h, 4*time.Millisecond, 20*time.Millisecond, 80*time.Millisecond),
		outages:      map[Fault]outage{},
		redeliver:    time.Second,
		timeouts: [roles]time.Duration{30 * time.Second, 10 * time.Second, 8 * time.Second, 20 * time.Second,
			10 * time.Second, 10 * time.Second, 20 * time.Second,
			20 * time.Second, 10 * time.Second},
		patience: 30 * time.Minute,
	}
	s.announced = h.random.IntN(3) == 0
	s.retainFor = h.between(90*time.Second, 4*time.Minute)
	s.aimed, s.edgy = h.random.IntN(3) > 0, h.random.IntN(3) == 0
	if s.edgy {
		s.aimed, s.margin, s.pollEvery = true, pick(h, time.Second, 2*time.Second), 200*time.Millisecond
		s.perRequest, s.maxEvents, s.requestEvery = 1+
			h.random.IntN(2), 150, h.between(500*time.Millisecond, 1500*time.Millisecond)
	}
	s.sealDelay = s.commitWithin + s.margin + pick(h, 0, 0, time.Second)
	s.active = time.Duration(6+h.random.IntN(8)) * max(s.slotLength, 10*time.Second)
	s.tickEvery = pick(h, s.slotLength/2, s.slotLength, s.slotLength, 2*s.slotLength)
	s.sweepEvery = h.between(5*time.Second, 15*time.Second)
	h.drawRates(&s)
	s.speedWindow = h.between(20*time.Second, 70*time.Second).Truncate(time.Second)
	s.batchWindow = s.speedWindow + h.between(30*time.Second, 90*time.Second).Truncate(time.Second)
	// Longer than a put takes to land. Its last third is shorter, so that only a run that lists all of it finds some.
	s.lookback = 8 * s.longFreeze
	s.lanes, s.shards = 1+h.random.IntN(6), 1+h.random.IntN(4)
	s.bounds()
	return s
}

// drawRates enables some kinds of faults, each at its own rate.
func (h *history) drawRates(s *settings) {
	// How wild the history is as a whole: the share of calls that meet a fault.
	wild := pick(h, 0.0, 0.03, 0.06, 0.1, 0.15, 0.25)
	sum := 0.0
	for _, f := range callFaults {
		if h.random.IntN(2) == 0 {
			s.rates[f] = h.random.Float64()
			sum += s.rates[f]
		}
	}
	for _, f := range callFaults {
		if sum > 0 {
			s.rates[f] *= wild / sum
		}
	}
	if sum > 0 {
		s.perCall = wild
	}
	for _, r := range otherRates {
		if h.random.IntN(2) == 0 {
			s.rates[r.fault] = h.random.Float64() * r.most
		}
	}
	if s.edgy {
		s.rates[DoubledAtEdge], s.rates[EnvironmentEnd] = 0.4, 0.3
	}
	for _, f := range []Fault{StreamDown, DynamoDown, S3Down} {
		if h.random.IntN(4) == 0 {
			from := epoch.Add(h.between(0, s.active))
			s.outages[f] = outage{from, from.Add(h.between(time.Second, s.active/3))}
		}
	}
	if h.random.IntN(4) == 0 {
		s.batchGone = epoch.Add(h.between(0, s.active))
		s.batchBack = s.batchGone.Add(h.between(0, s.active/2))
	}
}

// otherRates are the maximum rates of the faults that do not belong to a call. A rate is per occasion at which the
// fault can happen.
var otherRates = []struct {
	fault Fault
	most  float64
}{
	{ResultLost, 0.2}, {NotInvoked, 0.2}, {ColdStart, 0.3}, {EnvironmentEnd, 0.2}, {Skewed, 1}, {Restarted, 0.08},
	{PollFailed, 0.3}, {PollShort, 0.5},
	{ShardSplit, 0.3}, {ShardsMerged, 0.5}, {Trimmed, 0.1}, {Junk, 0.1}, {BatchTwice, 0.5}, {BatchMissed, 0.5},
	{SweepTwice, 0.5}, {DefinitionChanged, 0.15}, {QueueTwice, 1},
	{Unheard, 0.3}, {DoubledAtOnce, 0.3}, {DoubledWithin, 0.1}, {DoubledAtEdge, 0.3}, {DoubledLater, 0.3},
	{BeyondSpeed, 0.3}, {BeyondBatch, 0.3}, {Conflicting, 0.5}, {LateEvent, 0.3},
	{FutureEvent, 0.2}, {Timeless, 0.2}, {BadEvent, 0.2}, {BadRequest, 0.1},
}

// latency returns how long a call takes when nothing is wrong. Most calls are short, so functions overlap and any of
// them may be next.
func (h *history) latency() time.Duration {
	h.calls++
	d := time.Duration(h.random.Int64N(int64(h.latencyUpTo)))
	if h.random.IntN(16) == 0 {
		d *= 8
	}
	return d
}
