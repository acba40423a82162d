package speed

import (
	"context"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

// runsAtOnce is the number of runs that one request asks for.
const runsAtOnce = 256

func (t *replayTick) reader() runs.Reader {
	return runs.Reader{Archive: t.archive, Catalog: t.Catalog, Codec: t.Codec, Layout: t.Layout, Parallel: t.Parallel}
}

// part holds the runs that one step brings in.
type part struct {
	through lifecycle.Run // the last run; the zero Run when there is none
	runs    int
	bytes   int64 // of the chosen objects
	chosen  []chosen
}

// chosen holds the objects that a step reads of a run: those of slots below LiveFrom.
type chosen struct {
	manifest runs.Manifest
	places   []int        // of the objects in the run's manifest
	bytes    int64        // of the objects as stored
	last     event.Millis // when the last of them arrived
}

// chooseBelow returns the objects of a manifest that belong to slots below live.
func chooseBelow(m runs.Manifest, live slot.Slot) (chosen, error) {
	c := chosen{manifest: m}
	c.manifest.Objects = nil
	for place, object := range m.Objects {
		s, request, err := archive.ParseEventsKey(object.Key)
		if err != nil {
			return c, fmt.Errorf("manifest of run %d: %w", m.Run, err)
		}
		if s >= live {
			continue
		}
		c.manifest.Objects, c.places = append(c.manifest.Objects, object), append(c.places, place)
		c.bytes, c.last = c.bytes+object.Size, max(c.last, event.ArrivalOf(request))
	}
	return c, nil
}

// choose takes the next runs until the part is full or a run must be swept first. A run alone may be of any size.
// choose skips a run without events that arrived before LiveFrom, and does not read its manifest.
func (t *replayTick) choose(ctx context.Context, live slot.Slot, from uint64) (p part, err error) {
	for run, err := range t.listRuns(ctx, from) {
		if err != nil {
			return p, err
		}
		if run.Events > 0 && run.FirstArrival < live.Millis() {
			m, err := t.reader().Manifest(ctx, run)
			if err != nil {
				return p, err
			}
			c, err := chooseBelow(m, live)
			if err != nil {
				return p, err
			}
			if t.waitsForSweep(run, c, live) || t.isFull(p, c) {
				return p, nil
			}
			p.chosen, p.bytes = append(p.chosen, c), p.bytes+c.bytes
		}
		p.through, p.runs = run, p.runs+1
	}
	return p, nil
}

// waitsForSweep says whether the live half may have copies of a run's events, and the sweep has not finished the run
// yet.
func (t *replayTick) waitsForSweep(run lifecycle.Run, c chosen, live slot.Slot) bool {
	return c.last >= t.edge(live) && run.N > t.swept
}

// isFull says whether a part has no room for the chosen objects of one more run. The first run always fits.
func (t *replayTick) isFull(p part, c chosen) bool {
	return len(p.chosen) > 0 && p.bytes+c.bytes > t.Bytes
}

// listRuns reads the runs after number from, up to the head, in order. It ends with the first error.
func (t *replayTick) listRuns(ctx context.Context, from uint64) iter.Seq2[lifecycle.Run, error] {
	return func(yield func(lifecycle.Run, error) bool) {
		for next := from + 1; next <= t.head.N; {
			last := min(next+runsAtOnce-1, t.head.N)
			some, err := t.Catalog.Runs(ctx, next, last)
			if err == nil && (len(some) == 0 || some[0].N != next) {
				err = fmt.Errorf("run %d is missing", next)
			}
			if err != nil {
				yield(lifecycle.Run{}, fmt.Errorf("read runs from %d to %d: %w", next, last, err))
				return
			}
			for _, run := range some {
				if !yield(run, nil) {
					return
				}
				next = run.N + 1
			}
		}
	}
}

// replayInput is the input that a step folds.
type replayInput struct {
	considered
	seen      []runs.Seen // of all rows
	duplicate []bool
	untold    int // rows from here on belong to the first run that the generations lack events of, or to later runs
}

// rows returns the rows that count.
func (in *replayInput) rows() []int32 {
	rows := make([]int32, 0, len(in.duplicate))
	for row, duplicate := range in.duplicate {
		if !duplicate {
			rows = append(rows, int32(row))
		}
	}
	return rows
}

// read gets the objects of the chosen runs and finds the duplicates in them: copies of an earlier event of a slot below
// LiveFrom, within the speed window, and copies of events that the live half has counted.
func (t *replayTick) read(ctx context.Context, fields *event.Fields, g *replayTarget, p part) (*replayInput, error) {
	live := g.LiveFrom
	all := &replayInput{untold: math.MaxInt}
	for _, c := range p.chosen {
		if g.Lacks > 0 && c.manifest.Run >= g.Lacks {
			all.untold = min(all.untold, len(all.seen))
		}
		in, err := t.reader().Read(ctx, fields, c.manifest)
		if err == nil {
			err = t.reader().MarkDuplicates(ctx, in, runs.Rule{Window: t.Layout.SpeedWindow, Below: live})
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

// placeOf returns the sequence number of an object in the archive, read as a stream. It grows with the runs and with
// the places in their manifests.
func placeOf(run uint64, place int) event.Sequence {
	return event.Sequence(fmt.Sprintf("%d%010d", run, place))
}

// recent caches manifests and identities, which never change. Replay needs those of a run again for each later run
// within the window.
type recent struct {
	archive.Archive

	mu     sync.Mutex
	bodies map[archive.Key][]byte
	bytes  int
}

const recentBytes = 32 << 20

// Get implements archive.Archive. Callers must not change the body.
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
