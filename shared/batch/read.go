package batch

import (
	"context"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
)

func (b *Batch) reader() runs.Reader {
	return runs.Reader{Archive: b.Archive, Catalog: b.Catalog, Codec: b.Codec, Layout: b.Layout, Parallel: b.Parallel}
}

// read gets the objects of a manifest and finds the duplicates in them.
func (t *tick) read(ctx context.Context, m runs.Manifest) (*runs.Input, error) {
	in, err := t.reader().Read(ctx, t.set.Fields(), m)
	if err != nil {
		return nil, err
	}
	return in, t.reader().MarkDuplicates(ctx, in, runs.Rule{Window: t.Layout.DedupeWindow})
}

// reread reads the input of a real run again and finds the same duplicates as before: they depend only on this run and
// the runs before it.
func (t *tick) reread(ctx context.Context, run lifecycle.Run) (*runs.Input, error) {
	m, err := t.reader().Manifest(ctx, run)
	if err != nil {
		return nil, err
	}
	return t.read(ctx, m)
}

// record returns the run after the head, of an input, without the keys of its objects.
func record(head lifecycle.Run, in *runs.Input) lifecycle.Run {
	run := lifecycle.Run{
		N: in.Manifest.Run, Horizon: in.Manifest.To,
		Objects: int64(len(in.Manifest.Objects)), LateObjects: int64(in.Manifest.LateObjects),
		Events: int64(len(in.Seen)), Duplicates: in.Duplicates, Conflicts: in.Conflicts,
	}
	run.AllObjects, run.AllEvents = head.AllObjects+run.Objects, head.AllEvents+run.Events
	for _, batch := range in.Batches {
		run.Bytes += int64(len(batch.Data))
	}
	run.FirstArrival, run.LastArrival = in.Arrivals()
	return run
}
