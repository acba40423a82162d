package runs

import (
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/view"
)

// Folder folds inputs, one after another, into one delta per program: the events that count, and the pages of
// duplicates. Its workers first evaluate batches, and then fold parts of the deltas, so that no two hold states of one
// key. The number of workers does not change the result. A Folder is not safe for concurrent use.
type Folder struct {
	programs    []*view.Program
	parallel    runner.Runner
	workers     int
	deltas      []*view.Delta        // one per program
	evaluations [][]*view.Evaluation // per program, one per batch of a step
}

const (
	// parts is the number of parts of a delta: so many that the states of one stay in the cache of a processor while
	// rows are added to them.
	parts = 32

	// stepRows is the number of rows, of all programs together, from which on evaluated batches are folded, before others
	// are evaluated in their memory. A row takes about 150 bytes.
	stepRows = 1 << 16

	// batchRows is the number of rows that take as much memory as an evaluated batch does besides its rows.
	batchRows = 12
)

// NewFolder makes a Folder. Fewer than one worker counts as one.
func NewFolder(programs []*view.Program, parallel runner.Runner, workers int) *Folder {
	f := &Folder{
		programs: programs, parallel: parallel, workers: max(1, workers), deltas: make([]*view.Delta, len(programs)),
		evaluations: make([][]*view.Evaluation, len(programs)),
	}
	for i, program := range programs {
		f.deltas[i] = program.NewDeltaOf(parts)
	}
	return f
}

// Add folds an input. It keeps nothing of it.
func (f *Folder) Add(in *Input) {
	for first := 0; first < len(in.Batches); {
		last, rows := first, 0
		for ; last < len(in.Batches) && rows*len(f.programs) < stepRows; last++ {
			rows += in.Batches[last].Len() + batchRows
		}
		f.begin(last - first)
		f.each(last-first, func(i int) { f.evaluate(i, in.Batches[first+i]) })
		f.fold(in, first, last)
		first = last
	}
}

// begin makes evaluations for a number of batches.
func (f *Folder) begin(batches int) {
	for i, program := range f.programs {
		for len(f.evaluations[i]) < batches {
			f.evaluations[i] = append(f.evaluations[i], program.NewEvaluation())
		}
	}
}

// evaluate evaluates a batch, the i-th of a step. It is safe for concurrent use for different i.
func (f *Folder) evaluate(i int, b *event.Batch) {
	for _, all := range f.evaluations {
		all[i].EvaluateAll(b, parts)
	}
}

// fold folds the batches from first to the one before last, which have been evaluated.
func (f *Folder) fold(in *Input, first, last int) {
	n := last - first
	for i := range n {
		for _, all := range f.evaluations {
			all[i].Exclude(in.duplicatesOf(first + i))
		}
	}
	f.each(parts, func(part int) {
		for i, delta := range f.deltas {
			delta.Add(part, f.evaluations[i][:n])
		}
	})
	for i, delta := range f.deltas {
		delta.Note(f.evaluations[i][:n])
	}
}

// each calls do for each number below n; each worker takes every so many-th.
func (f *Folder) each(n int, do func(i int)) {
	workers := min(n, f.workers)
	// The work cannot fail.
	_ = f.parallel(workers, func(worker int) error {
		for i := worker; i < n; i += workers {
			do(i)
		}
		return nil
	})
}

// Deltas returns the deltas of all inputs so far. The Folder must not be used afterwards.
func (f *Folder) Deltas() []*view.Delta { return f.deltas }

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
		rows, duplicates := in.Rows(batch, nil, nil)
		deltas[batch] = program.NewDelta()
		deltas[batch].Fold(in.Batches[batch], rows)
		deltas[batch].Touch(in.Batches[batch], duplicates)
		return nil
	})
	return deltas
}
