package runs

import (
	"context"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/view"
)

// Builder folds runs for one program, without the duplicates over all history. It takes runs in their order, and holds
// only little of one at a time. It is not safe for concurrent use.
type Builder struct {
	reader Reader
	fields *event.Fields
	folder *Folder
	known  Known
	in     Input // each piece takes the memory of the one before
}

// NewBuilder makes a Builder. fields are those of the program's Set. Fewer than one worker counts as one.
func (r Reader) NewBuilder(
	fields *event.Fields, program *view.Program, parallel runner.Runner, workers int,
) *Builder {
	return &Builder{reader: r, fields: fields, folder: NewFolder([]*view.Program{program}, parallel, workers)}
}

// Add folds a run.
//
// Errors: those of Reader.Manifest and Reader.Read. The Builder must not be used afterwards.
func (b *Builder) Add(ctx context.Context, m Manifest) error {
	in := &b.in
	for piece := range m.Pieces() {
		b.folder.begin(len(piece.Objects))
		// An object is evaluated before its duplicates are known, since its lines are still in the cache of a processor.
		err := b.reader.readInto(ctx, b.fields, piece, in, func(i int) {
			in.seen[i] = b.reader.identify(in.Batches[i], in.seen[i])
			b.folder.evaluate(i, in.Batches[i])
		})
		if err != nil {
			return err
		}
		b.known.MarkDuplicates(in, b.folder.parallel)
		b.folder.fold(in, 0, len(in.Batches))
	}
	return nil
}

// Delta returns the delta of all runs so far. The Builder must not be used afterwards.
func (b *Builder) Delta() *view.Delta { return b.folder.Deltas()[0] }
