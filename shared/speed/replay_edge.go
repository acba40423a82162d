package speed

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// ErrSeenExpired means that replay reached the events that arrived right before a generation was live too late: the
// seen items that show which copies the live half has counted may have expired. Replay does not guess, so it stops. Do
// not retry: rebuild the view, which begins a generation that is live from a later slot.
var ErrSeenExpired = errors.New("the seen items of what the live half has counted may have expired: rebuild the view")

// edge returns the first arrival that may have a copy in the live half: the speed window before LiveFrom.
func (t *replayTick) edge(live slot.Slot) event.Millis {
	return live.Millis().Add(-t.Layout.SpeedWindow)
}

// edgeLane is a lane around the first live slot of a generation.
type edgeLane struct {
	live slot.Slot
	lane event.Lane
}

// dropCounted drops the rows of events whose copy the live half has counted. The live half counts a copy that comes
// first in the lane. That happens when the earlier event reached the stream only by the sweep. The sweep has finished
// all runs with such rows, so every row has its place in the lane and the order of the copies is final. So the result
// is the same every time.
//
// Source: docs/design.md 3.8.
func (t *replayTick) dropCounted(ctx context.Context, live slot.Slot, in *replayInput) error {
	for row, s := range in.seen {
		if in.duplicate[row] || s.Arrival < t.edge(live) {
			continue
		}
		if row >= in.untold {
			// The sweep skipped the row's run, or an earlier run. So the event may have no place in its lane, and replay cannot
			// tell whether a copy was counted. The generation is marked as lacking such events.
			in.duplicate[row] = true
			continue
		}
		m, err := t.around(ctx, edgeLane{live, t.Layout.Lane(s.Identity)})
		if err != nil {
			return err
		}
		in.duplicate[row] = m.counted(s.Identity, s.Arrival, live)
	}
	return nil
}

// around returns what speed has seen in a lane around LiveFrom: every record that arrived near enough to matter. A tick
// reads it once per lane, after it has read how far the sweep has come.
func (t *replayTick) around(ctx context.Context, l edgeLane) (*laneMemory, error) {
	if m, ok := t.lanes[l]; ok {
		return m, nil
	}
	// An event that arrived at the edge was recorded after this instant, whichever function's clock recorded it.
	recorded := t.edge(l.live).Add(-t.ClockMargin.Apart())
	m := &laneMemory{}
	m.begin(t.edge(l.live), t.Layout.SpeedWindow)
	last := l.live.Millis().Add(2 * t.Layout.SpeedWindow)
	err := t.Seen.Newest(ctx, l.lane, func(item viewstore.SeenItem) bool {
		if item.Recorded < recorded {
			return false
		}
		for _, r := range item.Records {
			if arrival := event.ArrivalOf(r.Request); arrival <= last {
				m.addRecord(r, nil)
			}
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("read seen items of lane %s: %w", l.lane, err)
	}
	if kept := recorded.Time().Add(t.RetainSeen - t.ClockMargin.Apart()); !t.Now().Before(kept) {
		return nil, fmt.Errorf("events of the window before %s, when the generation was live: %w", l.live, ErrSeenExpired)
	}
	if t.lanes == nil {
		t.lanes = map[edgeLane]*laneMemory{}
	}
	t.lanes[l] = m
	return m, nil
}
