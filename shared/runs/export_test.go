package runs

// SetMergeFrom sets the number of cells from which on a worker's delta is merged, and reports how many cells the
// workers but the first one hold.
func (f *Folder) SetMergeFrom(cells int) (held func() int) {
	f.mergeFrom = cells
	return func() (n int) {
		for _, part := range f.parts[1:] {
			for _, delta := range part {
				n += delta.Len()
			}
		}
		return n
	}
}
