package speed

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

// ErrSeenExpired: replay came to the events that arrived right before a generation was live when the seen items that tell which of their copies the live
// half has counted may have expired. What it would make of them is a guess, so it makes nothing: the view has to be rebuilt, which begins a generation
// that is live from a later slot.
var ErrSeenExpired = errors.New("seen items that tell what the live half has counted may have expired; rebuild the view")

// edge is from when on an event may have a copy in the live half: the speed window before LiveFrom.
func (t *replayTick) edge(live slot.Slot) event.Millis {
	return live.Millis().Add(-t.Layout.SpeedWindow)
}

// edgeLane is a lane around the slot from which a generation is live.
type edgeLane struct {
	live slot.Slot
	lane event.Lane
}

// dropCounted drops the rows of which the live half has counted a copy. That half counts a copy when it comes first in the lane, as it does when what
// arrived earlier reached the stream by the sweep only. Runs that have such rows are swept, so every row has its place in the lane: whether a copy comes
// before it is settled, and the verdict is the same whenever it is asked for.
//
// Source: docs/design.md 3.8.
func (t *replayTick) dropCounted(ctx context.Context, live slot.Slot, in *replayInput) error {
	for row, s := range in.seen {
		if in.duplicate[row] || s.Arrival < t.edge(live) {
			continue
		}
		if row >= in.untold {
			// Of a run that the sweep has passed by, or a later one: an event may have no place in its lane, and whether a copy was counted would be a guess.
			// The generation is marked to lack such events.
			in.duplicate[row] = true
			continue
		}
		m, err := t.around(ctx, edgeLane{live, t.Layout.Lane(s.Identity)})
		if err != nil {
			return err
		}
		in.duplicate[row] = m.counted(s.Identity.Lo, s.Arrival, live, t.Layout.SpeedWindow)
	}
	return nil
}

// around is what was seen in a lane around LiveFrom: all that came so near to it that it may bear on a verdict. It is read once in a tick, after it is known
// how far the sweep has come.
func (t *replayTick) around(ctx context.Context, l edgeLane) (*laneMemory, error) {
	if m, ok := t.lanes[l]; ok {
		return m, nil
	}
	// What arrived then was recorded after that, whoever's clock told.
	recorded := t.edge(l.live).Add(-t.ClockMargin.Apart())
	items, err := t.Seen.Since(ctx, l.lane, recorded)
	if err != nil {
		return nil, fmt.Errorf("read seen items of lane %s: %w", l.lane, err)
	}
	if kept := recorded.Time().Add(t.RetainSeen - t.ClockMargin.Apart()); !t.Now().Before(kept) {
		return nil, fmt.Errorf("events of the window before %s, when the generation was live: %w", l.live, ErrSeenExpired)
	}
	m := &laneMemory{}
	m.begin(recorded)
	last := l.live.Millis().Add(2 * t.Layout.SpeedWindow)
	for _, item := range items {
		for _, r := range item.Records {
			if arrival := event.ArrivalOf(r.Request); arrival >= t.edge(l.live) && arrival <= last {
				m.addRecord(r)
			}
		}
	}
	if t.lanes == nil {
		t.lanes = map[edgeLane]*laneMemory{}
	}
	t.lanes[l] = m
	return m, nil
}
