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

// records packs the lines of each lane, in order, into as few records as the stream's size limit allows.
func (p publisher) records(l lines) []stream.Entry {
	perLane := map[event.Lane][][]byte{}
	var order []event.Lane
	start := 0
	for i, end := range l.ends {
		lane, line := l.lanes[i], l.data[start:end]
		start = end
		packs := perLane[lane]
		if packs == nil {
			order = append(order, lane)
		}
		// Bound the size before compression: zstd never makes a pack of this size larger than a record may be.
		if last := len(packs) - 1; last >= 0 && len(packs[last])+len(line) <= maxPack {
			packs[last] = append(packs[last], line...)
		} else {
			packs = append(packs, slices.Clone(line))
		}
		perLane[lane] = packs
	}
	var entries []stream.Entry
	for _, lane := range order {
		for _, pack := range perLane[lane] {
			entries = append(entries, stream.Entry{Lane: lane, Data: p.codec.Compress(nil, pack)})
		}
	}
	return entries
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
