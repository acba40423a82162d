package runs

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/anabranch/anabranch/shared/event"
)

// Input is what a run reads: its objects as batches, in archive order, and the identity, arrival and payload hash of
// every event.
type Input struct {
	Manifest Manifest
	Batches  []*event.Batch // one per object
	Starts   []int          // the index of each batch's first event in Seen
	Seen     []Seen         // all events, in archive order

	Duplicate  []bool // for each event of Seen: it is a duplicate and does not count
	Duplicates int64  // number of duplicates
	Conflicts  int64  // number of duplicates whose payload differs from the earlier copy's
}

// Read gets the objects of a manifest, several at once, and scans them for the fields. Every event counts until
// MarkDuplicates marks it. The input's manifest lists the lanes of every object, even where the given manifest does not
// yet; Read does not change the given manifest.
//
// Errors: the error names the object that cannot be read.
func (r Reader) Read(ctx context.Context, fields *event.Fields, m Manifest) (*Input, error) {
	m.Objects = slices.Clone(m.Objects)
	in := &Input{Manifest: m, Batches: make([]*event.Batch, len(m.Objects)), Starts: make([]int, len(m.Objects))}
	seen := make([][]Seen, len(m.Objects))
	err := r.Parallel(len(m.Objects), func(i int) error {
		key := m.Objects[i].Key
		body, _, err := r.Archive.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("get %s: %w", key, err)
		}
		if in.Batches[i], err = r.decode(fields, body); err != nil {
			return fmt.Errorf("object %s: %w", key, err)
		}
		seen[i] = r.remember(in.Batches[i])
		return nil
	})
	if err != nil {
		return nil, err
	}
	total := 0
	for _, s := range seen {
		total += len(s)
	}
	in.Seen = make([]Seen, 0, total)
	for i, s := range seen {
		in.Starts[i] = len(in.Seen)
		in.Seen = append(in.Seen, s...)
		if m.Objects[i].Lanes == nil {
			m.Objects[i].Lanes = r.lanesOf(s)
		}
	}
	in.Duplicate = make([]bool, len(in.Seen))
	return in, nil
}

func (r Reader) decode(fields *event.Fields, body []byte) (*event.Batch, error) {
	lines, err := r.Codec.Decompress(nil, body)
	if err != nil {
		return nil, err
	}
	return fields.NewBatch(lines)
}

// remember returns what a run stores of each event of a batch.
func (r Reader) remember(b *event.Batch) []Seen {
	seen := make([]Seen, b.Len())
	var scratch []byte
	for i := range seen {
		seen[i].Identity, scratch = b.Identity(i, r.Layout.HashKey, scratch)
		seen[i].Arrival = b.Stamps[i].Arrival()
		seen[i].Payload = xxhash.Sum64(b.Payload(i))
	}
	return seen
}

// lanesOf counts the distinct events of an object in each lane. The sweep looks for their receipts there. Events that
// arrived before the layout began have no lane: nobody puts them into its stream.
func (r Reader) lanesOf(seen []Seen) []LaneEvents {
	var distinct identities
	perLane := map[int]int{}
	for _, s := range seen {
		if s.Arrival < r.Layout.Begins.Millis() {
			continue
		}
		if _, added := distinct.add(s.Identity); added {
			perLane[r.Layout.Lane(s.Identity).N]++
		}
	}
	all := make([]LaneEvents, 0, len(perLane))
	for _, n := range slices.Sorted(maps.Keys(perLane)) {
		all = append(all, LaneEvents{Lane: n, Events: perLane[n]})
	}
	return all
}

// Arrivals returns the first and the last arrival of the input's events, both inclusive; event.Never when there are
// none.
func (in *Input) Arrivals() (first, last event.Millis) {
	for i, s := range in.Seen {
		if i == 0 || s.Arrival < first {
			first = s.Arrival
		}
		last = max(last, s.Arrival)
	}
	return first, last
}

// Rows splits a batch into the rows that count and the duplicates. It reuses the memory of the given slices.
func (in *Input) Rows(batch int, rows, duplicates []int32) (counted, dropped []int32) {
	rows, duplicates = rows[:0], duplicates[:0]
	start := in.Starts[batch]
	for row := range in.Batches[batch].Len() {
		if in.Duplicate[start+row] {
			duplicates = append(duplicates, int32(row))
		} else {
			rows = append(rows, int32(row))
		}
	}
	return rows, duplicates
}

// drop marks event i as a duplicate of an earlier copy with the given payload.
func (in *Input) drop(i int, payload uint64) {
	in.Duplicate[i] = true
	in.Duplicates++
	if in.Seen[i].Payload != payload {
		in.Conflicts++
	}
}
