package aggregate

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// quantilesFunction is quantiles(x). Its reading p99.9 is the number at place floor(99.9 % of (n-1)) of the n numbers
// in ascending order, counted from 0, with an error of at most 1 %. So p0 is about the least number and p100 about the
// greatest. Numbers between -10^-9 and 10^-9 count as 0. A cell without numbers presents as null.
var quantilesFunction = properties{
	name:      "quantiles",
	tag:       quantilesTag,
	arguments: []Kind{Numbers},
	encoded:   sized(typicalQuantilesBytes, maxQuantilesBytes),
	states:    newQuantiles,
	readings:  []Reading{{"p50", 50 * percent}, {"p90", 90 * percent}, {"p95", 95 * percent}, {"p99", 99 * percent}},
	parse:     parseQuantile,
}

const (
	quantilesTag tag = 1<<4 | 13

	percent          = 10_000 // the Value of a Reading counts ten-thousandths of a percent
	quantileDecimals = 4      // so many decimals may a percentage have

	// 400 bins span three decades. Each takes a byte for its distance from the one before, and two for its count.
	typicalQuantilesBytes = 1200

	// Each bin of both signs takes a byte for its distance, the first one two, and a whole count.
	maxQuantilesBytes = 1 + maxCountBytes + 2 + 1 + (2*binsOfSign+1)*(1+maxCountBytes)
)

// parseQuantile reads p and a percentage from 0 to 100 with up to 4 decimals: p50, p99.9.
func parseQuantile(name string) (r Reading, ok bool) {
	text, ok := strings.CutPrefix(name, "p")
	whole, fraction, point := strings.Cut(text, ".")
	if !ok || len(whole) > 3 || len(fraction) > quantileDecimals || point && fraction == "" ||
		len(whole) > 1 && whole[0] == '0' || strings.Trim(whole+fraction, "0123456789") != "" || whole == "" {
		return r, false
	}
	value, err := strconv.Atoi(whole + fraction + strings.Repeat("0", quantileDecimals-len(fraction)))
	return Reading{name, value}, err == nil && value <= 100*percent
}

type quantileStates struct {
	sketches[quantiles, *quantiles]
}

func newQuantiles(Function) States {
	return &quantileStates{sketches[quantiles, *quantiles]{tag: quantilesTag}}
}

// quantiles holds the counts of numbers by bin, sorted by bin: a DDSketch.
//
// DataDog/sketches-go v1.4.8 finds bins with float64 logarithms or polynomials, which are not the same on every
// architecture, and its bytes depend on the order of the rows. It added a number to a cell of 500 bins in a quarter of
// the time; to 5,000 cells of 26 numbers in the same time.
type quantiles []binCount

// binCount is how many numbers fell into a bin. Bin 0 holds the numbers that count as 0. Bin i+1 holds the numbers of
// bin i of the table, and bin -i-1 their negatives.
type binCount struct {
	bin   int
	count int64
}

func (s *quantileStates) Add(rows Rows) {
	numbers := rows.Columns[0].Numbers[:len(rows.Cells)]
	for i, cell := range rows.Cells {
		if c := &s.cells[cell]; numbers[i].OK {
			c.sketch.add(signedBin(&numbers[i]))
		} else {
			c.skip(1)
		}
	}
}

func signedBin(d *Decimal) int {
	negative, size := d.size()
	bin, ok := allBins.of(&size)
	switch {
	case !ok:
		return 0
	case negative:
		return -bin - 1
	}
	return bin + 1
}

func (q *quantiles) add(bin int) {
	at, found := slices.BinarySearchFunc(*q, bin, func(b binCount, bin int) int { return b.bin - bin })
	if !found {
		*q = slices.Insert(*q, at, binCount{bin: bin})
	}
	(*q)[at].count = addCounts((*q)[at].count, 1)
}

func (q *quantiles) merge(from *quantiles, _ int) {
	all, i, missing := *q, 0, 0
	for _, b := range *from {
		for i < len(all) && all[i].bin < b.bin {
			i++
		}
		if i < len(all) && all[i].bin == b.bin {
			all[i].count = addCounts(all[i].count, b.count)
		} else {
			missing++
		}
	}
	if missing > 0 {
		q.insert(*from, missing)
	}
}

// insert inserts those bins of from that q does not have. It goes from behind, so that nothing is overwritten before it
// has moved, and ends with the last of them: the bins before it stay where they are.
func (q *quantiles) insert(from quantiles, missing int) {
	i, j := len(*q)-1, len(from)-1
	all := slices.Grow(*q, missing)[:len(*q)+missing]
	for to := len(all) - 1; to > i; to-- {
		switch {
		case i < 0 || all[i].bin < from[j].bin:
			all[to] = from[j]
			j--
			continue
		case all[i].bin == from[j].bin:
			j--
		}
		all[to] = all[i]
		i--
	}
	*q = all
}

func (q *quantiles) bytes() int { return 32 + len(*q)*16 }

// appendEncoded appends the number of bins, and the bins in order. The first one is its number, as a signed varint, and
// its count. Each other one is how many bins lie between it and the one before, and its count.
func (q *quantiles) appendEncoded(dst []byte, _ int) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(*q)))
	for i, b := range *q {
		if i == 0 {
			dst = binary.AppendVarint(dst, int64(b.bin))
		} else {
			dst = binary.AppendUvarint(dst, uint64(b.bin-(*q)[i-1].bin-1))
		}
		dst = binary.AppendUvarint(dst, uint64(b.count))
	}
	return dst
}

func (q *quantiles) decode(enc []byte, _ int) (rest []byte, err error) {
	length, rest, err := readCount(enc, quantilesTag, "number of bins")
	if err != nil {
		return nil, err
	}
	if length > int64(len(rest)) {
		return nil, corrupt(quantilesTag, "the encoding ends inside its bins")
	}
	*q = slices.Grow((*q)[:0], int(min(length, 2*binsOfSign+1)))
	var bin, distance, count int64
	for i := range length {
		if distance, rest, err = readSmallCount(rest, "bin"); err != nil {
			return nil, err
		}
		if i == 0 {
			bin = distance>>1 ^ -(distance & 1) // as binary.Varint reads it
		} else if bin++; distance <= 2*binsOfSign {
			bin += distance
		} else {
			bin = distance
		}
		if bin < -binsOfSign || bin > binsOfSign {
			return nil, corrupt(quantilesTag, "bin %d: there are %d of each sign", bin, binsOfSign)
		}
		if count, rest, err = readSmallCount(rest, "count of a bin"); err != nil {
			return nil, err
		}
		if count == 0 {
			return nil, corrupt(quantilesTag, "count of a bin: 0 must be left out")
		}
		*q = append(*q, binCount{int(bin), count})
	}
	return rest, nil
}

// readSmallCount is readCount. It is short for a count of one byte, as most are.
func readSmallCount(enc []byte, what string) (count int64, rest []byte, err error) {
	if len(enc) > 0 && enc[0] < 0x80 {
		return int64(enc[0]), enc[1:], nil
	}
	return readCount(enc, quantilesTag, what)
}

func (s *quantileStates) AppendPresented(dst []byte, cell int, how Present) []byte {
	q := s.cells[cell].sketch
	if len(q) == 0 {
		return append(dst, "null"...)
	}
	switch bin := q.find(how.Reading.Value); {
	case bin > 0:
		return allBins.appendNumber(dst, false, bin-1)
	case bin < 0:
		return allBins.appendNumber(dst, true, -bin-1)
	}
	return append(dst, '0')
}

// find returns the bin of a quantile, in units of 1/percent.
func (q quantiles) find(quantile int) int {
	var total int64
	for _, b := range q {
		total = addCounts(total, b.count)
	}
	high, low := bits.Mul64(uint64(total-1), uint64(quantile))
	place, _ := bits.Div64(high, low, 100*percent)
	var before int64
	for _, b := range q {
		if before = addCounts(before, b.count); uint64(before) > place {
			return b.bin
		}
	}
	return q[len(q)-1].bin
}

func (s *quantileStates) AppendError(dst []byte, cell int) []byte {
	if len(s.cells[cell].sketch) > 0 {
		dst = append(dst, `{"relative":0.01}`...)
	}
	return dst
}
