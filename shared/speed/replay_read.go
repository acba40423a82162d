package speed

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

// runsAtOnce is how many runs are asked for at once.
const runsAtOnce = 256

func (t *replaying) reader() runs.Reader {
	return runs.Reader{Archive: t.archive, Catalog: t.Catalog, Codec: t.Codec, Layout: t.Layout, Run: t.Run}
}

// choose takes the next runs, at least one, up to a number of bytes or to one that has to be swept first. Runs without an event that arrived before
// Live are passed over without a look at what they read.
func (t *replaying) choose(ctx context.Context, live slot.Slot, from uint64) (p part, err error) {
	for n := from; n < t.head.N; n = p.through.N {
		some, err := t.Catalog.Runs(ctx, n+1, min(n+runsAtOnce, t.head.N))
		if err != nil {
			return p, fmt.Errorf("read runs from %d: %w", n+1, err)
		}
		if len(some) == 0 || some[0].N != n+1 {
			return p, fmt.Errorf("read runs from %d to %d: run %d is not among them", n+1, t.head.N, n+1)
		}
		for _, run := range some {
			if run.Events > 0 && run.FirstArrival < int64(live) {
				m, err := t.reader().Manifest(ctx, run)
				if err != nil {
					return p, err
				}
				c, size, last, err := slotsBelow(m, live)
				if err != nil {
					return p, err
				}
				if last >= t.edge(live) && run.N > t.swept || len(p.chosen) > 0 && p.bytes+size > t.Bytes {
					return p, nil
				}
				p.chosen, p.bytes = append(p.chosen, c), p.bytes+size
			}
			p.through, p.runs = run, p.runs+1
		}
	}
	return p, nil
}

// replayInput is what a step folds.
type replayInput struct {
	considered
	seen      []archive.Seen // of all rows
	duplicate []bool
	untold    int // rows from here on are of runs from which on the generations lack events
}

// rows are those that count.
func (in *replayInput) rows() []int32 {
	rows := make([]int32, 0, len(in.duplicate))
	for row, duplicate := range in.duplicate {
		if !duplicate {
			rows = append(rows, int32(row))
		}
	}
	return rows
}

// read gets the objects of the chosen runs and finds the duplicates in them: copies of an earlier event of a slot below Live, within the speed window,
// and copies of what the live half has counted.
func (t *replaying) read(ctx context.Context, fields *event.Fields, g *toReplay, p part) (*replayInput, error) {
	live := g.Live
	all := &replayInput{untold: math.MaxInt}
	for _, c := range p.chosen {
		if g.Lacks > 0 && c.manifest.Run >= g.Lacks {
			all.untold = min(all.untold, len(all.seen))
		}
		in, err := t.reader().Read(ctx, fields, c.manifest)
		if err == nil {
			err = t.reader().Judge(ctx, in, runs.Rule{Window: t.Layout.SpeedWindow, Below: live})
		}
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", c.manifest.Run, err)
		}
		for i, batch := range in.Batches {
			all.batches = append(all.batches, batch)
			all.sequences = append(all.sequences, placeOf(c.manifest.Run, c.places[i]))
			all.ends = append(all.ends, len(all.seen)+in.Starts[i]+batch.Len())
		}
		all.seen, all.duplicate = append(all.seen, in.Seen...), append(all.duplicate, in.Duplicate...)
	}
	return all, t.dropCounted(ctx, live, all)
}

// placeOf is where an object stands in the archive as if it were a stream: a number that grows over runs and the places in their manifests.
func placeOf(run uint64, place int) event.Sequence {
	return event.Sequence(fmt.Sprintf("%d%010d", run, place))
}

// recent keeps manifests and identities that were read, which never change: those of a run are asked for again with each run in the window after it.
type recent struct {
	archive.Archive

	mu     sync.Mutex
	bodies map[archive.Key][]byte
	bytes  int
}

const recentBytes = 32 << 20

// Get implements archive.Archive. The body is not to be changed.
func (r *recent) Get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	if !key.IsOfRun() {
		return r.Archive.Get(ctx, key)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if body, ok := r.bodies[key]; ok {
		return body, time.Time{}, nil
	}
	body, date, err := r.Archive.Get(ctx, key)
	if err != nil {
		return nil, date, err
	}
	if r.bodies == nil || r.bytes+len(body) > recentBytes {
		r.bodies, r.bytes = map[archive.Key][]byte{}, 0
	}
	r.bodies[key] = body
	r.bytes += len(body)
	return body, date, nil
}
