package ingest

import (
	"context"
	"errors"
	"slices"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// publisher puts lines into the stream, for ingest and republish alike.
type publisher struct {
	stream stream.Publisher
	codec  *event.Codec
	tries  int
}

// records packs the lines of each lane, in order, into as few records as the stream's size limit allows. A request
// whose lines are all in one record needs no further compression: the record holds what the archive's object holds.
func (p publisher) records(l lines) []stream.Entry {
	packs := l.packs()
	if len(packs) == 1 && l.packed != nil {
		return []stream.Entry{{Lane: packs[0].lane, Data: l.packed}}
	}
	entries := make([]stream.Entry, len(packs))
	for i, pack := range packs {
		entries[i] = stream.Entry{Lane: pack.lane, Data: p.codec.Compress(nil, pack.lines)}
	}
	return entries
}

// pack holds the lines of one record.
type pack struct {
	lane  event.Lane
	lines []byte
}

// packs divides the lines among records. All lanes are of one layout.
func (l lines) packs() []pack {
	if len(l.lanes) == 0 {
		return nil
	}
	if len(l.data) <= maxPack && l.isOneLane() {
		return []pack{{l.lanes[0], l.data}}
	}
	sizes := make([]int, l.lanes[0].Count) // bytes by lane
	l.each(func(lane event.Lane, line []byte) { sizes[lane.N] += len(line) })
	var packs []pack
	last := make([]int, len(sizes)) // the number of a lane's last pack, from 1; 0: it has none
	l.each(func(lane event.Lane, line []byte) {
		// Bound the size before compression: zstd never makes a pack of this size larger than a record may be.
		if n := last[lane.N]; n > 0 && len(packs[n-1].lines)+len(line) <= maxPack {
			packs[n-1].lines = append(packs[n-1].lines, line...)
			return
		}
		packs = append(packs, pack{lane, append(make([]byte, 0, min(sizes[lane.N], maxPack)), line...)})
		last[lane.N] = len(packs)
	})
	return packs
}

// each calls do with every line, in order.
func (l lines) each(do func(lane event.Lane, line []byte)) {
	start := 0
	for i, end := range l.ends {
		do(l.lanes[i], l.data[start:end])
		start = end
	}
}

func (l lines) isOneLane() bool {
	return !slices.ContainsFunc(l.lanes, func(lane event.Lane) bool { return lane != l.lanes[0] })
}

// maxPack bounds the lines of one record, uncompressed.
const maxPack = stream.MaxRecord - 16<<10

// send publishes the entries and retries those that the stream does not take. It returns those that are left, with the
// last error.
func (p publisher) send(ctx context.Context, entries []stream.Entry) (left []stream.Entry, err error) {
	for try := 0; try < p.tries && len(entries) > 0; try++ {
		var failed []int
		if failed, err = p.stream.Publish(ctx, entries); err != nil {
			continue // any of them may have failed
		}
		kept := make([]stream.Entry, 0, len(failed))
		for _, i := range failed {
			kept = append(kept, entries[i])
		}
		entries, err = kept, errNotTaken
	}
	return entries, err
}

// errNotTaken is send's error when the stream answered but did not take all entries.
var errNotTaken = errors.New("the stream did not take them")
