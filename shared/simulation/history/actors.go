package history

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
)

// source drives the event source mapping, as Lambda does.
type source struct {
	mapping *eventsource.Mapping
	life    int // grows with each restart; results for an earlier life are ignored
	wakeAt  time.Time
}

func (h *history) mappingSettings() eventsource.Settings {
	s := eventsource.Defaults()
	s.StartingPosition = eventsource.TrimHorizon
	s.BatchSize = pick(h, 1, 2, 3, 5, 10, 100)
	s.MaximumBatchingWindow = pick(h, 0, 300*time.Millisecond, time.Second, 2*time.Second)
	s.ParallelizationFactor = 1 + h.random.IntN(3)
	s.BisectBatchOnFunctionError = h.random.IntN(4) > 0
	s.ReportBatchItemFailures = true
	if h.expires {
		s.MaximumRecordAge = h.streamRetention // it retries a batch until its records expire
	}
	return s
}

// polls lists the shards and answers the mapping's polls, and schedules itself again.
func (h *history) polls() {
	if h.chance(Restarted) {
		h.restart()
	}
	var list []eventsource.Shard
	for _, shard := range h.stream.Shards() {
		entry := eventsource.Shard{ID: eventsource.ShardID(shard.ID)}
		for _, parent := range shard.Parents {
			entry.Parents = append(entry.Parents, eventsource.ShardID(parent))
		}
		list = append(list, entry)
	}
	h.must(h.source.mapping.Shards(list))
	h.expire(list)
	for _, poll := range h.source.mapping.Polls() {
		h.poll(poll)
	}
	if h.chance(Trimmed) {
		h.trim(list)
	}
	h.pump()
	h.after(h.pollEvery, h.polls)
}

func (h *history) must(err error) {
	if err != nil {
		h.fail(oracleItself, "%v", err)
	}
}

func (h *history) poll(p eventsource.Poll) {
	if !h.isSpared() && h.chance(PollFailed) {
		return
	}
	limit := p.Limit
	if h.chance(PollShort) {
		limit = 1 + h.random.IntN(3)
	}
	after := p.From.Sequence
	if p.From.From == eventsource.AtSequence {
		after = before(after)
	}
	found, ended, err := h.stream.Read(string(p.Shard), after, limit)
	h.must(err)
	records := make([]eventsource.Record, len(found))
	for i, r := range found {
		h.addRecord(r)
		records[i] = eventsource.Record{PartitionKey: r.PartitionKey, Sequence: r.Sequence, Data: r.Data, Arrival: r.Arrival}
	}
	h.must(h.source.mapping.Read(p.Shard, records, ended, h.clock))
}

// before returns the sequence number right before the given one.
func before(s event.Sequence) event.Sequence {
	n, _ := new(big.Int).SetString(string(s), 10)
	return event.Sequence(n.Sub(n, big.NewInt(1)).String())
}

// pump starts the invocations that are due, and schedules itself for the time when the next ones are due.
func (h *history) pump() {
	started, gaveUp := h.source.mapping.Invocations(h.clock)
	if len(gaveUp) > 0 && !h.expires {
		h.fail(oracleSpeed, "the mapping gives up %d records", len(gaveUp[0].Records))
	}
	for _, i := range started {
		h.start(i)
	}
	at, timed := h.source.mapping.Wake(h.clock)
	if !timed || at.Equal(h.source.wakeAt) {
		return
	}
	h.source.wakeAt = at
	h.at(at, func() {
		if h.source.wakeAt.Equal(at) {
			h.source.wakeAt = time.Time{}
			h.pump()
		}
	})
}

// start invokes speed with a batch.
func (h *history) start(i eventsource.Invocation) {
	life := h.source.life
	finished := func(result eventsource.Result) {
		if life != h.source.life {
			return
		}
		_, err := h.source.mapping.Finished(i.ID, result, h.clock)
		h.must(err)
		h.pump()
	}
	if !h.isSpared() && h.chance(NotInvoked) || h.isDown(NotInvoked) || h.standsStill() && !h.halfway {
		h.after(20*time.Millisecond, func() { finished(eventsource.Result{Outcome: eventsource.Throttled}) })
		return
	}
	records := make([]stream.Record, len(i.Records))
	for n, r := range i.Records {
		records[n] = stream.Record{PartitionKey: r.PartitionKey, Sequence: r.Sequence, Put: event.MillisOf(r.Arrival),
			Data: r.Data}
	}
	var (
		applied int
		failed  error
	)
	body := func(ctx context.Context, e *environment) {
		applied, _, failed = e.speed.Apply(ctx, records)
		if failed == nil && e.isChecked() {
			h.noteDone(records[:applied])
		}
	}
	what := fmt.Sprintf("%s: %d records from %s", i.Shard, len(records), short(string(records[0].Sequence)))
	inv := h.invoke(speedRole, what, body, func(ok bool) {
		switch {
		case !ok || failed != nil || !h.isSpared() && h.chance(ResultLost):
			finished(eventsource.Result{Outcome: eventsource.FunctionError})
		case applied < len(records):
			finished(eventsource.Result{Outcome: eventsource.Returned, Failures: []event.Sequence{records[applied].Sequence}})
		default:
			finished(eventsource.Result{Outcome: eventsource.Returned})
		}
	})
	h.noteGiven(inv, records)
}

// noteDone records that speed has reported these records as applied.
func (h *history) noteDone(records []stream.Record) {
	for _, r := range records {
		if d := h.delivered[r.Sequence]; d.done == 0 {
			d.done = h.step
			h.checkRetention(d.put)
			h.setUnsure(d, false)
			if h.isPassedOver(d) {
				h.count(PassedOver)
				h.expireRecord(d)
			}
		}
	}
}

// restart starts a new mapping from the checkpoint of the old one. Running invocations continue, but nobody receives
// their results.
func (h *history) restart() {
	snapshot := h.source.mapping.Snapshot()
	m, err := eventsource.Restore(h.mappingSettings(), snapshot)
	h.must(err)
	if err == nil {
		h.source = source{mapping: m, life: h.source.life + 1}
		h.line("mapping", "restarts", "", "")
	}
}

// trim deletes records that are done from the stream, as retention would.
func (h *history) trim(list []eventsource.Shard) {
	for _, shard := range list {
		switch at, ok := h.source.mapping.Checkpoint(shard.ID); {
		case ok && at.From == eventsource.AfterSequence:
			h.stream.Trim(string(shard.ID), at.Sequence)
		case ok && at.From == eventsource.AtSequence:
			h.stream.Trim(string(shard.ID), before(at.Sequence))
		}
	}
}

// reshard splits and merges shards now and then, and puts records that no ingest made.
func (h *history) reshard() {
	if h.calm {
		return
	}
	open := h.openShards()
	if len(open) < 8 && h.chance(ShardSplit) {
		h.line("stream", "splits", short(open[h.splitAt(open)]), "")
	}
	if len(open) > 1 && h.rates[ShardsMerged] > 0 && h.random.Float64() < h.rates[ShardsMerged] {
		left, right := open[h.random.IntN(len(open))], open[h.random.IntN(len(open))]
		if left != right && h.stream.Merge(left, right) == nil { // Merge refuses shards that are not adjacent
			h.count(ShardsMerged)
			h.line("stream", "merges", short(left)+" "+short(right), "")
		}
	}
	if h.chance(Junk) {
		h.stream.PutRecord(pick(h, "x", "1."+strconv.Itoa(h.layout.Lanes)+".0"), []byte("junk"))
	}
	h.after(h.between(0, 4*time.Second), h.reshard)
}

func (h *history) openShards() []string {
	var open []string
	for _, shard := range h.stream.Shards() {
		if !shard.Closed {
			open = append(open, shard.ID)
		}
	}
	return open
}

func (h *history) splitAt(open []string) int {
	n := h.random.IntN(len(open))
	h.must(h.stream.Split(open[n]))
	return n
}

// scheduleTicks schedules batch.
func (h *history) scheduleTicks() {
	if h.chance(DefinitionChanged) {
		h.deploy(h.choices[h.random.IntN(len(h.choices))])
	}
	switch {
	case !h.calm && h.clock.Before(h.batchBack) && !h.clock.Before(h.batchGone):
		h.count(BatchStopped)
	case h.chance(BatchMissed):
	default:
		h.tick()
		if h.chance(BatchTwice) {
			h.after(h.between(0, 300*time.Millisecond), h.tick)
		}
	}
	wait := h.tickEvery
	if h.aimed {
		// As early as any function's clock allows it to claim a slot, or while the slot is being sealed.
		after := h.drawSealDelay() + pick(h, -h.margin, -h.margin, 0, h.margin) +
			h.between(-50*time.Millisecond, 500*time.Millisecond)
		if h.random.IntN(3) == 0 {
			after = h.between(0, h.sealDelay)
		}
		wait = h.untilEdge(wait/2, after)
	}
	h.after(wait, h.scheduleTicks)
}

func (h *history) tick() {
	h.ticked++
	left := h.leftOut()
	h.invoke(batchRole, "tick", func(ctx context.Context, e *environment) {
		own := e.batch.Definitions
		e.batch.Definitions = slices.DeleteFunc(slices.Clone(own), func(d lifecycle.Definition) bool {
			return d.Name == left
		})
		defer func() { e.batch.Definitions = own }()
		report, err := e.batch.Tick(ctx)
		h.onHeld(report.Lease)
		h.onRefused(e, err)
		h.backlog = report.Backlog || err != nil
		h.line(e.current.name, "made", strconv.Itoa(len(report.Runs))+" runs", outcome(err))
	}, func(bool) {})
	if !h.calm && h.random.IntN(2) == 0 {
		// This query reads while the tick writes.
		h.after(h.between(0, 100*h.latencyUpTo), func() { h.askSomething(marks) })
	}
}

// leftOut returns the view that the file of this tick leaves out, or "" for none. No view may be left out for so long
// that it is dropped. So a view that is already retired is left out again only soon after it was retired, and no view
// is left out right before batch stops for a while.
func (h *history) leftOut() view.Name {
	if h.clock.Add(h.retainFor).After(h.batchGone) && h.clock.Before(h.batchBack) || !h.chance(ViewLeftOut) {
		return ""
	}
	v := h.pointers[parseName(h.random.IntN(views))]
	if v.Retired != event.Never && h.clock.Sub(v.Retired.Time()) > h.retainFor/4 {
		return ""
	}
	return v.Name
}

// scheduleSweeps schedules the sweep.
func (h *history) scheduleSweeps() {
	h.sweepOnce()
	if h.chance(SweepTwice) {
		h.after(h.between(0, 200*time.Millisecond), h.sweepOnce)
	}
	h.after(h.sweepEvery, h.scheduleSweeps)
}

func (h *history) sweepOnce() {
	h.invoke(sweepRole, "tick", func(ctx context.Context, e *environment) {
		report, err := e.sweep.Tick(ctx)
		h.onHeld(report.Lease)
		if report.Queued > 0 {
			h.count(Swept)
		}
		h.line(e.current.name, "queued", strconv.Itoa(report.Queued), outcome(err))
	}, func(bool) {})
}

// scheduleRepublish delivers the requests of the queue, at least once each.
func (h *history) scheduleRepublish() {
	for _, r := range h.queue.Take(10) {
		h.republish(r, 1)
		h.keepLetter(r)
		if h.chance(QueueTwice) {
			queue := h.queue
			h.after(h.between(0, 2*time.Second), func() {
				if queue == h.queue {
					h.republish(r, 1)
				}
			})
		}
	}
	h.after(time.Second, h.scheduleRepublish)
}

// receives is how often the queue delivers a request before it moves it to the dead letters (maxReceiveCount). The
// sweep then finds the objects that the request named.
const receives = 10

func (h *history) republish(r stream.Republish, nth int) {
	var err error
	queue := h.queue
	h.invoke(republishRole, short(r.Object), func(ctx context.Context, e *environment) {
		err = e.republisher.Republish(ctx, r)
	}, func(ok bool) {
		if ok && err == nil || queue != h.queue { // a queue ends with its stack
			return
		}
		if errors.Is(err, ingest.ErrTooOld) {
			h.count(TooOld)
		}
		if nth == receives {
			h.count(DeadLetter)
			return
		}
		queue.waiting++
		h.after(h.between(h.redeliver, 2*h.redeliver), func() { // after the queue's visibility timeout
			if queue.waiting--; queue == h.queue {
				h.republish(r, nth+1)
			}
		})
	})
}

// isDown reports whether a service is out.
func (h *history) isDown(service Fault) bool {
	if h.calm || service < 0 {
		return false
	}
	o := h.outages[service]
	return !h.clock.Before(o.from) && h.clock.Before(o.to)
}

// outage is the time during which a service is out.
type outage struct{ from, to time.Time }
