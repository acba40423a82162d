package aggregate

// extreme is the state of min and max.
type extreme struct {
	value   Decimal // not OK: none yet
	skipped int64   // rows without a number
}

// extremes is the shared part of min and max. They differ only in the tag they write and in which of two numbers they
// keep.
type extremes struct {
	exactStates
	tag      tag
	greatest bool // keep the greater number
	cells    []extreme
}

// maxExtremeBytes is tag, head, skipped and a size of 190 bits.
const maxExtremeBytes = 2 + maxCountBytes + 28

func (s *extremes) Len() int               { return len(s.cells) }
func (s *extremes) Grow(n int)             { s.cells = grow(s.cells, n) }
func (s *extremes) Reset()                 { s.cells = s.cells[:0] }
func (s *extremes) Skipped(cell int) int64 { return s.cells[cell].skipped }

// replaces reports whether number takes the place of kept. When they are equal, either may stay.
func (s *extremes) replaces(number, kept *Decimal) bool {
	return !kept.OK || number.less(*kept) != s.greatest
}

func (s *extremes) Skip(cells []int32) {
	for _, cell := range cells {
		s.cells[cell].skipped = addCounts(s.cells[cell].skipped, 1)
	}
}

func (s *extremes) Add(rows Rows) {
	args := rows.Columns[0].Numbers[:len(rows.Cells)]
	for i, cell := range rows.Cells {
		e := &s.cells[cell]
		if !args[i].OK {
			e.skipped = addCounts(e.skipped, 1)
		} else if s.replaces(&args[i], &e.value) {
			e.value = args[i]
		}
	}
}

func (s *extremes) merge(cell int, from extreme) {
	e := &s.cells[cell]
	if from.value.OK && s.replaces(&from.value, &e.value) {
		e.value = from.value
	}
	e.skipped = addCounts(e.skipped, from.skipped)
}

func (s *extremes) MergeEncoded(cell int, enc []byte) ([]byte, error) {
	h, rest, err := readHead(enc, s.tag)
	if err != nil {
		return nil, err
	}
	e := extreme{skipped: h.skipped}
	if !h.nothing {
		var size natural
		if size, rest, err = readAmount(rest, h, s.tag, &maxDecimal); err != nil {
			return nil, err
		}
		e.value = decimalOf(h.negative, &size)
	}
	s.merge(cell, e)
	return rest, nil
}

func (s *extremes) AppendEncoded(dst []byte, cell int) []byte {
	e := &s.cells[cell]
	if !e.value.OK {
		return appendHead(dst, s.tag, headNothing, e.skipped)
	}
	negative, size := e.value.size()
	dst = appendHead(dst, s.tag, headOf(negative, &size), e.skipped)
	return appendSize(dst, &size)
}

func (s *extremes) AppendPresented(dst []byte, cell int, _ Present) []byte {
	return s.cells[cell].value.AppendText(dst)
}
