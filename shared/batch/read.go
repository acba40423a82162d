package batch

import (
	"context"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/view"
)

// heldBytes is the most bytes of stored objects that a run holds decoded: some 200,000 events.
const heldBytes = 4 << 20

func (b *Batch) reader() runs.Reader {
	return runs.Reader{Archive: b.Archive, Catalog: b.Catalog, Codec: b.Codec, Layout: b.Layout, Parallel: b.Parallel}
}

// input is the input of a run. Of a large run it has no batches, but the identities and the duplicates: batch reads the
// objects again to fold them, a piece at a time. So the memory of a run grows by some 60 bytes an event and not by its
// lines, however much a slot holds.
type input struct {
	*runs.Input
	bytes   int64 // length of the lines
	inParts bool  // it has no batches
}

// read gets the objects of a manifest and finds the duplicates in them.
func (t *tick) read(ctx context.Context, m runs.Manifest) (*input, error) {
	size := int64(0)
	for _, object := range m.Objects {
		size += object.Size
	}
	in, err := &input{inParts: size > t.HeldBytes}, error(nil)
	if in.inParts {
		err = t.readIdentities(ctx, m, in)
	} else if in.Input, err = t.reader().Read(ctx, t.set.Fields(), m); err == nil {
		in.bytes = bytesOf(in.Input)
	}
	if err != nil {
		return nil, err
	}
	return in, t.reader().MarkDuplicates(ctx, in.Input, runs.Rule{Window: t.Layout.DedupeWindow})
}

// readIdentities reads what a large run keeps of its events.
func (t *tick) readIdentities(ctx context.Context, m runs.Manifest, in *input) error {
	whole := &runs.Input{Manifest: m}
	whole.Manifest.Objects = nil
	for piece := range m.Pieces() {
		part, err := t.reader().Read(ctx, event.NewFields(nil), piece)
		if err != nil {
			return err
		}
		whole.Manifest.Objects = append(whole.Manifest.Objects, part.Manifest.Objects...)
		whole.Seen = append(whole.Seen, part.Seen...)
		in.bytes += bytesOf(part)
	}
	whole.Duplicate = make([]bool, len(whole.Seen))
	in.Input = whole
	return nil
}

// fold returns one delta per program: the fold of the input. Errors: an object of a large run cannot be read again.
func (t *tick) fold(ctx context.Context, in *input, programs []*view.Program) ([]*view.Delta, error) {
	folder := runs.NewFolder(programs, t.Parallel, t.Workers)
	if !in.inParts {
		folder.Add(in.Input)
		return folder.Deltas(), nil
	}
	duplicate := in.Duplicate
	for piece := range in.Manifest.Pieces() {
		part, err := t.reader().Read(ctx, t.set.Fields(), piece)
		if err != nil {
			return nil, err
		}
		part.Duplicate, duplicate = duplicate[:len(part.Seen)], duplicate[len(part.Seen):]
		folder.Add(part)
	}
	return folder.Deltas(), nil
}

// bytesOf returns the length of the lines of an input.
func bytesOf(in *runs.Input) (n int64) {
	for _, batch := range in.Batches {
		n += int64(len(batch.Data))
	}
	return n
}

// reread reads the input of a real run again and finds the same duplicates as before: they depend only on this run and
// the runs before it.
func (t *tick) reread(ctx context.Context, run lifecycle.Run) (*input, error) {
	m, err := t.reader().Manifest(ctx, run)
	if err != nil {
		return nil, err
	}
	return t.read(ctx, m)
}

// record returns the run after the head, of an input, without the keys of its objects.
func record(head lifecycle.Run, in *input) lifecycle.Run {
	run := lifecycle.Run{
		N: in.Manifest.Run, Horizon: in.Manifest.To,
		Objects: int64(len(in.Manifest.Objects)), LateObjects: int64(in.Manifest.LateObjects),
		Events: int64(len(in.Seen)), Duplicates: in.Duplicates, Conflicts: in.Conflicts, Bytes: in.bytes,
	}
	run.AllObjects, run.AllEvents = head.AllObjects+run.Objects, head.AllEvents+run.Events
	run.FirstArrival, run.LastArrival = in.Arrivals()
	return run
}
