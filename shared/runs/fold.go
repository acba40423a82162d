package runs

import (
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/view"
)

// Folder folds inputs, one after another, into one delta per program: the events that count, and the pages of
// duplicates. Its workers share the batches of an input, and each keeps deltas of its own until they are merged. The
// number of workers does not change the result, except for estimates of top, which stay within their bounds. A Folder
// is not safe for concurrent use.
type Folder struct {
	programs []*view.Program
	parallel runner.Runner
	parts    [][]*view.Delta // one per worker

	// mergeFrom is the number of cells from which on the delta of a worker is merged into the first one's. A key that is
	// in many inputs would otherwise be held once per worker for as long as inputs come.
	mergeFrom int
}

// NewFolder makes a Folder. Fewer than one worker counts as one.
func NewFolder(programs []*view.Program, parallel runner.Runner, workers int) *Folder {
	f := &Folder{
		programs: programs, parallel: parallel, parts: make([][]*view.Delta, max(1, workers)), mergeFrom: 1 << 16,
	}
	for i := range f.parts {
		f.parts[i] = newDeltas(programs)
	}
	return f
}

func newDeltas(programs []*view.Program) []*view.Delta {
	deltas := make([]*view.Delta, len(programs))
	for i, program := range programs {
		deltas[i] = program.NewDelta()
	}
	return deltas
}

// Add folds an input.
func (f *Folder) Add(in *Input) {
	workers := min(len(f.parts), len(in.Batches))
	// The work cannot fail.
	_ = f.parallel(workers, func(first int) error {
		in.foldEvery(workers, first, f.parts[first])
		return nil
	})
	f.merge(f.mergeFrom)
}

// merge merges the deltas of at least this many cells into those of the first worker.
func (f *Folder) merge(cells int) {
	for _, part := range f.parts[1:] {
		for i, delta := range part {
			if delta.Len() >= cells {
				f.parts[0][i].Merge(delta)
				part[i] = f.programs[i].NewDelta()
			}
		}
	}
}

// Deltas returns the deltas of all inputs so far. The Folder must not be used afterwards.
func (f *Folder) Deltas() []*view.Delta {
	f.merge(0)
	return f.parts[0]
}

// Fold returns one delta of the input per program, as a Folder does.
func (in *Input) Fold(programs []*view.Program, parallel runner.Runner, workers int) []*view.Delta {
	f := NewFolder(programs, parallel, workers)
	f.Add(in)
	return f.Deltas()
}

// FoldEach returns one delta per batch.
func (in *Input) FoldEach(program *view.Program, parallel runner.Runner) []*view.Delta {
	deltas := make([]*view.Delta, len(in.Batches))
	// The work cannot fail.
	_ = parallel(len(deltas), func(batch int) error {
		deltas[batch] = program.NewDelta()
		in.foldEvery(len(deltas), batch, deltas[batch:batch+1])
		return nil
	})
	return deltas
}

// foldEvery folds every n-th batch from the first on into the deltas.
func (in *Input) foldEvery(n, first int, into []*view.Delta) {
	var rows, duplicates []int32
	for b := first; b < len(in.Batches); b += n {
		rows, duplicates = in.Rows(b, rows, duplicates)
		for _, delta := range into {
			delta.Fold(in.Batches[b], rows)
			delta.Touch(in.Batches[b], duplicates)
		}
	}
}
