package history

import (
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
)

// mostCopies is how many copies of records may wait for speed in the stream when the faults stop.
const mostCopies = 200

// eachRecord calls do for every record in the stream, parent shards before child shards, until do returns false.
func (h *history) eachRecord(do func(memory.StreamRecord) bool) {
	for _, shard := range h.stream.Shards() {
		after := event.Sequence("")
		for {
			found, _, err := h.stream.Read(shard.ID, after, 100)
			h.must(err)
			for _, r := range found {
				if !do(r) {
					return
				}
				after = r.Sequence
			}
			if len(found) < 100 {
				break
			}
		}
	}
}

// isDone reports whether speed has reported a record as applied.
func (h *history) isDone(r memory.StreamRecord) bool {
	d := h.delivered[r.Sequence]
	return d != nil && d.done != 0
}

// checkBacklog checks what waits for speed when the faults stop. Copies of records that are in the stream already make
// a lag longer. A sweep that makes copies whenever something waits makes the lag endless. Some copies are allowed, but
// few: ingest, republish and the sweep put a record again when they do not know whether the stream took it.
func (h *history) checkBacklog() {
	met := map[*copyOf]bool{}
	for _, r := range h.delivered { // records that are done may have left the stream
		for _, p := range r.lines {
			met[p.copyOf] = met[p.copyOf] || r.done != 0
		}
	}
	waiting, copies := 0, 0
	h.eachRecord(func(r memory.StreamRecord) bool {
		fresh := false
		for _, c := range h.published[string(r.Data)] {
			fresh = fresh || !met[c]
			met[c] = true
		}
		if !h.isDone(r) {
			waiting++
			if !fresh {
				copies++
			}
		}
		return true
	})
	h.backlogThen = backlog{waiting, copies}
	if copies > mostCopies {
		h.fail(oracleBacklog, "%d records wait for speed when the faults stop, and %d of them are copies of records in the "+
			"stream; maximum is %d",
			waiting, copies, mostCopies)
	}
}

// backlog is the number of records that wait for speed, and how many of them are copies.
type backlog struct{ records, copies int }
