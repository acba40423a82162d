package aggregate

import "encoding/binary"

// total is the state of sum, mean and rate.
type total struct {
	amount  integer // in units of 10^-27
	count   int64   // rows added
	skipped int64   // rows without a number
}

func (t *total) merge(from *total) {
	t.amount.add(&from.amount)
	t.count = addCounts(t.count, from.count)
	t.skipped = addCounts(t.skipped, from.skipped)
}

// totals is the shared part of sum, mean and rate. They differ only in the tag they write and the number they present.
type totals struct {
	exactStates
	tag   tag
	cells []total
}

// maxTotalBytes is tag, head, two counts and the greatest size.
const maxTotalBytes = 2 + 2*maxCountBytes + maxSizeBytes

func (s *totals) Len() int               { return len(s.cells) }
func (s *totals) Grow(n int)             { s.cells = grow(s.cells, n) }
func (s *totals) Reset()                 { s.cells = s.cells[:0] }
func (s *totals) Skipped(cell int) int64 { return s.cells[cell].skipped }

func (s *totals) Skip(cells []int32) {
	for _, cell := range cells {
		s.cells[cell].skipped = addCounts(s.cells[cell].skipped, 1)
	}
}

func (s *totals) Add(rows Rows) {
	args := rows.Columns[0].Numbers[:len(rows.Cells)]
	for i, cell := range rows.Cells {
		t := &s.cells[cell]
		if !args[i].OK {
			t.skipped = addCounts(t.skipped, 1)
			continue
		}
		t.amount.addDecimal(&args[i])
		t.count = addCounts(t.count, 1)
	}
}

func (s *totals) MergeEncoded(cell int, enc []byte) ([]byte, error) {
	var t total
	rest, err := t.decode(s.tag, enc)
	if err != nil {
		return nil, err
	}
	s.cells[cell].merge(&t)
	return rest, nil
}

func (t *total) decode(of tag, enc []byte) (rest []byte, err error) {
	h, rest, err := readHead(enc, of)
	if err != nil {
		return nil, err
	}
	t.skipped = h.skipped
	if h.nothing {
		return rest, nil
	}
	if t.count, rest, err = readCount(rest, of, "count"); err != nil {
		return nil, err
	}
	if t.count == 0 {
		return nil, corrupt(of, "count: 0 must be left out")
	}
	limit := reach(t.count)
	amount, rest, err := readAmount(rest, h, of, &limit)
	if err != nil {
		return nil, err
	}
	t.amount = amount.signed(h.negative)
	return rest, nil
}

// reach returns the largest absolute value that this number of rows can sum up to.
func reach(count int64) natural {
	limit := maxDecimal
	limit.multiplyAdd(uint64(count), 0)
	return limit
}

func (s *totals) AppendEncoded(dst []byte, cell int) []byte {
	return s.cells[cell].appendEncoded(dst, s.tag)
}

func (t *total) appendEncoded(dst []byte, of tag) []byte {
	if t.count == 0 {
		return appendHead(dst, of, headNothing, t.skipped)
	}
	negative, size := t.amount.size()
	dst = appendHead(dst, of, headOf(negative, &size), t.skipped)
	dst = binary.AppendUvarint(dst, uint64(t.count))
	return appendSize(dst, &size)
}
