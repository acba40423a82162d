package runs

import (
	"context"
	"fmt"
	"iter"
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

	// Memory for the next readInto.
	batches []*event.Batch
	seen    [][]Seen // per object
}

// Read gets the objects of a manifest, several at once, and scans them for the fields. Every event counts until
// MarkDuplicates marks it. The input's manifest lists the lanes of every object, even where the given manifest does not
// yet; Read does not change the given manifest.
//
// Errors: the error names the object that cannot be read.
func (r Reader) Read(ctx context.Context, fields *event.Fields, m Manifest) (*Input, error) {
	in := &Input{}
	remember := func(i int) { in.seen[i] = r.remember(in.Batches[i], in.seen[i]) }
	if err := r.readInto(ctx, fields, m, in, remember); err != nil {
		return nil, err
	}
	in.batches, in.seen = nil, nil
	return in, nil
}

// readInto reads into the memory of an input that was read with the same fields, or of none. It calls remember for each
// object once it has scanned the lines, while they are in the cache of a processor. remember fills in.seen of the
// object, whose memory it may use. It is called for several objects at once. After an error the input is undefined.
func (r Reader) readInto(
	ctx context.Context, fields *event.Fields, m Manifest, in *Input, remember func(object int),
) error {
	m.Objects = slices.Clone(m.Objects)
	in.reset(m)
	err := r.Parallel(len(m.Objects), func(i int) error {
		key := m.Objects[i].Key
		body, _, err := r.Archive.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("get %s: %w", key, err)
		}
		if err := r.decode(fields, body, in.Batches[i]); err != nil {
			return fmt.Errorf("object %s: %w", key, err)
		}
		remember(i)
		return nil
	})
	if err != nil {
		return err
	}
	for i, s := range in.seen[:len(m.Objects)] {
		in.Starts[i] = len(in.Seen)
		in.Seen = append(in.Seen, s...)
		if m.Objects[i].Lanes == nil {
			m.Objects[i].Lanes = r.lanesOf(s)
		}
	}
	in.Duplicate = slices.Grow(in.Duplicate, len(in.Seen))[:len(in.Seen)]
	return nil
}

// reset empties the input, for the objects of a manifest.
func (in *Input) reset(m Manifest) {
	n := len(m.Objects)
	for len(in.batches) < n {
		in.batches, in.seen = append(in.batches, &event.Batch{}), append(in.seen, nil)
	}
	clear(in.Duplicate)
	in.Manifest, in.Batches, in.Starts = m, in.batches[:n:n], slices.Grow(in.Starts[:0], n)[:n]
	in.Seen, in.Duplicate, in.Duplicates, in.Conflicts = in.Seen[:0], in.Duplicate[:0], 0, 0
}

// decode reads the lines of an object into a batch, whose memory it uses again.
func (r Reader) decode(fields *event.Fields, body []byte, into *event.Batch) (err error) {
	into.Reset()
	if into.Data, err = r.Codec.Decompress(into.Data, body); err != nil {
		return err
	}
	return fields.ScanData(into)
}

// remember appends what a run stores of each event of a batch.
func (r Reader) remember(b *event.Batch, seen []Seen) []Seen {
	seen = r.identify(b, seen)
	for i := range seen {
		seen[i].Payload = xxhash.Sum64(b.Payload(i))
	}
	return seen
}

// identify is remember without the hashes of the payloads.
func (r Reader) identify(b *event.Batch, seen []Seen) []Seen {
	seen = slices.Grow(seen, b.Len())[:b.Len()]
	var scratch []byte
	for i := range seen {
		seen[i] = Seen{Arrival: b.Stamps[i].Arrival()}
		seen[i].Identity, scratch = b.Identity(i, r.Layout.HashKey, scratch)
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
		if distinct.add(s.Identity) {
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

// duplicatesOf returns which rows of a batch are duplicates.
func (in *Input) duplicatesOf(batch int) []bool {
	start := in.Starts[batch]
	return in.Duplicate[start : start+in.Batches[batch].Len()]
}

// pieceBytes is the most bytes of stored objects that a piece of a manifest has, unless it has one object.
const pieceBytes = 2 << 20

// Pieces divides a manifest into manifests of a few objects each, so that a reader that takes one after the other holds
// only little of a run.
func (m Manifest) Pieces() iter.Seq[Manifest] {
	return func(yield func(Manifest) bool) {
		for rest := m.Objects; len(rest) > 0; {
			n, size := 1, rest[0].Size
			for ; n < len(rest) && size+rest[n].Size <= pieceBytes; n++ {
				size += rest[n].Size
			}
			m.Objects = rest[:n]
			if !yield(m) {
				return
			}
			rest = rest[n:]
		}
	}
}
