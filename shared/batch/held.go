package batch

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

// held remembers the objects that real runs hold, for the slots that ticks list again: 16 bytes an object. Real runs
// never change, so the memory stays true from one invocation to the next.
type held struct {
	requests map[slot.Slot][]ulid.ULID // in order
	through  uint64                    // the last run read
	from     slot.Slot
}

func (h *held) has(o listedObject) bool {
	_, found := slices.BinarySearchFunc(h.requests[o.slot], o.request, compareRequests)
	return found
}

func compareRequests(a, b ulid.ULID) int { return bytes.Compare(a[:], b[:]) }

// read brings h up to the head, for objects of slots from the given one on.
func (h *held) read(ctx context.Context, b *Batch, head lifecycle.Run, from slot.Slot) error {
	reader := b.reader()
	later, err := reader.RunsDownTo(ctx, head.N, func(r lifecycle.Run) bool { return r.N > h.through && r.Horizon > from })
	if err != nil {
		return err
	}
	for _, r := range later {
		m, err := reader.Manifest(ctx, r)
		if err != nil {
			return err
		}
		if err := h.keep(m); err != nil {
			return err
		}
	}
	h.through = head.N
	if from > h.from {
		for s := range h.requests {
			if s < from {
				delete(h.requests, s) // it is no longer listed
			}
		}
		h.from = from
	}
	return nil
}

// add takes in a run that this tick made.
func (h *held) add(run uint64, m runs.Manifest) error {
	if h.through != run-1 {
		return nil
	}
	h.through = run
	return h.keep(m)
}

func (h *held) keep(m runs.Manifest) error {
	if h.requests == nil {
		h.requests = map[slot.Slot][]ulid.ULID{}
	}
	for _, o := range m.Objects {
		s, request, err := archive.ParseEventsKey(o.Key)
		if err != nil {
			return fmt.Errorf("manifest of run %d: %w", m.Run, err)
		}
		// Most objects come after all others of their slot.
		all := h.requests[s]
		at, found := slices.BinarySearchFunc(all, request, compareRequests)
		if !found {
			h.requests[s] = slices.Insert(all, at, request)
		}
	}
	return nil
}
