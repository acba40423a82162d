package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Sweep finds archived objects whose lines never reached the stream, since ingest died between the two or neither stream nor queue took them,
// and queues them for republish. Batch has counted them; what the sweep mends is what only the stream brings. All fields are needed. A Sweep
// does one thing at a time; several may work on one catalog at once.
//
// Source: docs/design.md 3.1.
type Sweep struct {
	Archive archive.Archive
	Catalog catalog.Catalog
	Sweeps  catalog.Sweeps
	Seen    viewstore.Seen
	Queue   stream.Queue
	Layout  archive.Layout

	After       time.Duration // a run is swept this long after its horizon
	ClockMargin clock.Margin  // by which any two functions' clocks may differ
	Now         func() time.Time
	Log         *slog.Logger

	queued map[archive.Key]time.Time // when this environment queued it last
	ahead  map[uint64]time.Time      // when it last looked at a run beyond a gap
}

// SweepReport says what a tick of the sweep did.
type SweepReport struct {
	Swept   uint64 // the last run whose objects all have receipts
	Queued  int    // objects queued for republish by this tick
	Missing int    // objects without all their receipts, of the runs looked at, queued now or before
}

// Tick sweeps the runs that are old enough and applied, in order, up to the first with an object that lacks a receipt; of those beyond it queues what
// lacks one, too, a few runs at a time.
func (s *Sweep) Tick(ctx context.Context) (SweepReport, error) {
	swept, err := s.Sweeps.Swept(ctx)
	if err != nil {
		return SweepReport{}, fmt.Errorf("read swept: %w", err)
	}
	head, err := s.Catalog.Head(ctx)
	if err != nil {
		return SweepReport{Swept: swept}, fmt.Errorf("read head: %w", err)
	}
	applied, err := s.applied(ctx, head.N)
	if err != nil {
		return SweepReport{Swept: swept}, err
	}
	report := SweepReport{Swept: swept}
	for n, ahead := swept+1, 0; n <= applied && ahead < maxAhead; n++ {
		gap := report.Missing > 0
		if gap && s.looked(n) {
			continue
		}
		run, err := s.reader().Get(ctx, n)
		if err != nil {
			return report, err
		}
		if run.Horizon.Start().Add(s.After).After(s.Now()) {
			break
		}
		if err := s.sweep(ctx, run, &report); err != nil {
			return report, fmt.Errorf("sweep run %d: %w", n, err)
		}
		switch {
		case gap:
			s.ahead[n] = s.Now()
			ahead++
		case report.Missing == 0:
			report.Swept = n
		}
	}
	return report, s.move(ctx, report.Swept, swept)
}

// maxAhead is how many runs beyond one with a gap a tick looks at: after a long outage of the stream all of them have gaps, and one at a time would
// take as long as the outage.
const maxAhead = 16

func (s *Sweep) reader() runs.Reader { return runs.Reader{Archive: s.Archive, Catalog: s.Catalog} }

// looked says whether this environment looked at a run beyond a gap a short while ago.
func (s *Sweep) looked(run uint64) bool {
	if s.ahead == nil || len(s.ahead) > 10_000 {
		s.ahead = map[uint64]time.Time{}
	}
	at, ok := s.ahead[run]
	return ok && s.Now().Before(at.Add(s.After))
}

// applied is the last run that every generation has that answers, or that may be the first to, of those that batch keeps: a view that nothing of serves
// yet answers from what is built first. What a later run holds is not to be streamed yet. Of a slot below the generation's horizon, speed would fold none
// of it, and would drop as its copies what a client has sent again meanwhile, which then nobody counted (found by the model, shared/simulation/model). Of a
// slot above it, speed would fold it, and it would be gone again while batch applies the runs in between (found by a history).
func (s *Sweep) applied(ctx context.Context, head uint64) (uint64, error) {
	views, err := s.Catalog.Views(ctx)
	if err != nil {
		return 0, fmt.Errorf("read views: %w", err)
	}
	for _, v := range views {
		for _, g := range v.Generations {
			answers := g.Run > 0 || v.Serving == ""
			if answers && g.IsKept() && g.Owner() == lifecycle.Batch {
				head = min(head, g.Run)
			}
		}
	}
	return head, nil
}

// move makes it known how far the sweep has come.
func (s *Sweep) move(ctx context.Context, to, from uint64) error {
	if to == from {
		return nil
	}
	// Commit point: runs up to here need no look again. A crash before has them looked at again, which changes nothing.
	if err := s.Sweeps.PutSwept(ctx, to, from); err != nil && !errors.Is(err, catalog.ErrConflict) {
		return fmt.Errorf("move swept to run %d: %w", to, err)
	}
	return nil
}

// sweep looks for the receipts of a run's objects, and queues the lanes that lack one.
func (s *Sweep) sweep(ctx context.Context, run lifecycle.Run, report *SweepReport) error {
	if run.Manifest == "" {
		return nil
	}
	m, err := s.reader().Manifest(ctx, run)
	if err != nil {
		return err
	}
	streamed, err := s.receipts(ctx, m, run)
	if err != nil {
		return err
	}
	for _, object := range m.Objects {
		_, request, err := archive.ParseEventsKey(object.Key)
		if err != nil {
			return err
		}
		if lacking := s.lacking(object, request, streamed); len(lacking) > 0 {
			report.Missing++
			if err := s.queue(ctx, object.Key, lacking, report); err != nil {
				return err
			}
		}
	}
	return nil
}

// receipt names a request's lines of one lane.
type receipt struct {
	request ulid.ULID
	lane    int
}

// receipts are the identities that were streamed. A lane's lines of one request may stand in several records, of which some may be lost, and others
// may be there twice: only what is told apart can be counted.
type receipts map[receipt]map[uint64]bool

func (r receipts) add(lane int, record viewstore.SeenRecord) {
	at := receipt{record.Request, lane}
	if r[at] == nil {
		r[at] = make(map[uint64]bool, len(record.Identities))
	}
	for _, identity := range record.Identities {
		r[at][identity] = true
	}
}

// receipts reads the seen items of the run's lanes that can hold one of its requests: those recorded after its first event arrived.
func (s *Sweep) receipts(ctx context.Context, m archive.Manifest, run lifecycle.Run) (receipts, error) {
	all := receipts{}
	read := map[int]bool{}
	for _, object := range m.Objects {
		for _, l := range object.Lanes {
			if read[l.Lane] {
				continue
			}
			read[l.Lane] = true
			items, err := s.Seen.Since(ctx, s.lane(l.Lane), run.FirstArrival-s.ClockMargin.Apart().Milliseconds())
			if err != nil {
				return nil, fmt.Errorf("read seen items of lane %s: %w", s.lane(l.Lane), err)
			}
			for _, item := range items {
				for _, r := range item.Records {
					all.add(l.Lane, r)
				}
			}
		}
	}
	return all, nil
}

func (s *Sweep) lane(n int) event.Lane {
	return event.Lane{Layout: s.Layout.Number, Count: s.Layout.Lanes, N: n}
}

// lacking are the lanes in which some of the object's events were not streamed.
func (s *Sweep) lacking(object archive.Input, request ulid.ULID, streamed receipts) []string {
	var names []string
	for _, l := range object.Lanes {
		if len(streamed[receipt{request, l.Lane}]) < l.Events {
			names = append(names, s.lane(l.Lane).String())
		}
	}
	return names
}

// queue asks for the lanes to be republished, unless this environment has done so a short while ago: what was merely slow would come twice,
// which is harmless, and costs.
func (s *Sweep) queue(ctx context.Context, key archive.Key, lanes []string, report *SweepReport) error {
	now := s.Now()
	if at, ok := s.queued[key]; ok && now.Before(at.Add(s.After)) {
		return nil
	}
	if err := s.Queue.Enqueue(ctx, stream.Republish{Object: string(key), Lanes: lanes}); err != nil {
		return fmt.Errorf("queue %s: %w", key, err)
	}
	s.Log.WarnContext(ctx, "object without a receipt of the stream; queued", "object", key, "lanes", lanes)
	if s.queued == nil || len(s.queued) > 10_000 {
		s.queued = map[archive.Key]time.Time{}
	}
	s.queued[key] = now
	report.Queued++
	return nil
}
