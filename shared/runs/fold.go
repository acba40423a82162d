package runs

import (
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/view"
)

// Fold returns one delta of the input per program: it folds the events that count, and touches the pages of duplicates.
// The workers share the batches; fewer than one counts as one. Their number does not change the deltas.
func (in *Input) Fold(programs []*view.Program, parallel runner.Runner, workers int) []*view.Delta {
	workers = max(1, min(workers, len(in.Batches)))
	parts := make([][]*view.Delta, workers)
	// The work cannot fail.
	_ = parallel(workers, func(first int) error {
		parts[first] = in.foldEvery(workers, first, programs)
		return nil
	})
	for _, part := range parts[1:] {
		for i, delta := range part {
			parts[0][i].Merge(delta)
		}
	}
	return parts[0]
}

// FoldEach returns one delta per batch.
func (in *Input) FoldEach(program *view.Program, parallel runner.Runner) []*view.Delta {
	deltas := make([]*view.Delta, len(in.Batches))
	// The work cannot fail.
	_ = parallel(len(deltas), func(batch int) error {
		deltas[batch] = in.foldEvery(len(deltas), batch, []*view.Program{program})[0]
		return nil
	})
	return deltas
}

// foldEvery folds every n-th batch from the first on.
func (in *Input) foldEvery(n, first int, programs []*view.Program) []*view.Delta {
	deltas := make([]*view.Delta, len(programs))
	for i, program := range programs {
		deltas[i] = program.NewDelta()
	}
	var rows, duplicates []int32
	for b := first; b < len(in.Batches); b += n {
		rows, duplicates = in.Rows(b, rows, duplicates)
		for _, delta := range deltas {
			delta.Fold(in.Batches[b], rows)
			delta.Touch(in.Batches[b], duplicates)
		}
	}
	return deltas
}
