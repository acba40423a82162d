package batch

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
)

// input is what a run reads: its objects as batches, in archive order, and of every event what a run remembers of it.
type input struct {
	manifest archive.Manifest
	batches  []*event.Batch
	starts   []int          // the place of each batch's first event among all
	seen     []archive.Seen // of all events, in archive order

	duplicate []bool // of the same: not counted
	overlap   int64
	conflicts int64
}

// read gets the objects of a manifest, several at once.
func (t *tick) read(ctx context.Context, m archive.Manifest) (*input, error) {
	in := &input{manifest: m, batches: make([]*event.Batch, len(m.Objects)), starts: make([]int, len(m.Objects))}
	seen := make([][]archive.Seen, len(m.Objects))
	err := t.Run(len(m.Objects), func(i int) error {
		key := m.Objects[i].Key
		body, _, err := t.Archive.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("get %s: %w", key, err)
		}
		if in.batches[i], err = t.decode(body); err != nil {
			return fmt.Errorf("object %s: %w", key, err)
		}
		seen[i] = t.remember(in.batches[i])
		return nil
	})
	if err != nil {
		return nil, err
	}
	total := 0
	for _, s := range seen {
		total += len(s)
	}
	in.seen = make([]archive.Seen, 0, total)
	for i, s := range seen {
		in.starts[i] = len(in.seen)
		in.seen = append(in.seen, s...)
		in.manifest.Objects[i].Lanes = t.lanesOf(s)
	}
	in.duplicate = make([]bool, len(in.seen))
	return in, nil
}

func (t *tick) decode(body []byte) (*event.Batch, error) {
	lines, err := t.Codec.Decompress(nil, body)
	if err != nil {
		return nil, err
	}
	return t.set.Fields().NewBatch(lines)
}

// remember is what a run keeps of each event of a batch.
func (t *tick) remember(b *event.Batch) []archive.Seen {
	seen := make([]archive.Seen, b.Len())
	var scratch []byte
	for i := range seen {
		seen[i].Identity, scratch = b.Identity(i, t.Layout.HashKey, scratch)
		seen[i].Arrival = b.Stamps[i].Arrival()
		seen[i].Payload = xxhash.Sum64(b.Payload(i))
	}
	return seen
}

// lanesOf are the lanes of an object's events, with how many each: where the sweep looks for receipts of them.
func (t *tick) lanesOf(seen []archive.Seen) []archive.LaneEvents {
	met := make(map[uint64]bool, len(seen))
	perLane := map[int]int{}
	for _, s := range seen {
		if !met[s.Identity.Lo] {
			met[s.Identity.Lo] = true
			perLane[t.Layout.Lane(s.Identity).N]++
		}
	}
	all := make([]archive.LaneEvents, 0, len(perLane))
	for _, n := range slices.Sorted(maps.Keys(perLane)) {
		all = append(all, archive.LaneEvents{Lane: n, Events: perLane[n]})
	}
	return all
}

// reread gets the input of a real run again, with the verdicts it had: they depend on it and on the runs before it only.
func (t *tick) reread(ctx context.Context, run catalog.Run) (*input, error) {
	m, err := t.manifest(ctx, run)
	if err != nil {
		return nil, err
	}
	in, err := t.read(ctx, m)
	if err != nil {
		return nil, err
	}
	return in, t.judge(ctx, in, catalog.Run{N: run.N - 1})
}

// record is the run that the input makes.
func (in *input) record() catalog.Run {
	run := catalog.Run{
		N: in.manifest.Run, Horizon: in.manifest.To, Objects: int64(len(in.manifest.Objects)), Stragglers: int64(in.manifest.Stragglers),
		Events: int64(len(in.seen)), Overlap: in.overlap, Conflicts: in.conflicts,
	}
	run.FirstArrival, run.LastArrival = in.arrivals()
	return run
}

// arrivals are the first and the last arrival of the input's events.
func (in *input) arrivals() (first, last int64) {
	for i, s := range in.seen {
		if i == 0 || s.Arrival < first {
			first = s.Arrival
		}
		last = max(last, s.Arrival)
	}
	return first, last
}

// rows splits a batch into the rows that count and the duplicates.
func (in *input) rows(batch int, rows, duplicates []int32) ([]int32, []int32) {
	rows, duplicates = rows[:0], duplicates[:0]
	start := in.starts[batch]
	for row := range in.batches[batch].Len() {
		if in.duplicate[start+row] {
			duplicates = append(duplicates, int32(row))
		} else {
			rows = append(rows, int32(row))
		}
	}
	return rows, duplicates
}
