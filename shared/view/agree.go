package view

// Agrees reports whether w and other, of one program, have the same windows, and whether the states of each window may
// be those of the same events. Such states are equal, except for those of top past its bound: see aggregate.States.
func (w *Windows) Agrees(other *Windows) bool {
	if len(w.cells) != len(other.cells) {
		return false
	}
	for window := range w.cells {
		if !w.AgreesAt(other, window) {
			return false
		}
	}
	return true
}

// AgreesAt is Agrees for one window, which both may lack.
func (w *Windows) AgreesAt(other *Windows, window Window) bool {
	if w.Has(window) != other.Has(window) {
		return false
	}
	for i := range w.states {
		if w.Has(window) && !w.AggregateAgrees(i, window, other, i, window) {
			return false
		}
	}
	return true
}

// AggregateAgrees compares aggregate i of a window, which w has, with an aggregate of a window that other has. Those of
// different functions do not agree.
func (w *Windows) AggregateAgrees(i int, window Window, other *Windows, otherI int, otherWindow Window) bool {
	return w.program.Functions[i] == other.program.Functions[otherI] &&
		w.states[i].Agrees(w.cells[window], other.states[otherI], other.cells[otherWindow])
}
