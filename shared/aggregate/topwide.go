package aggregate

// decodeWide reads weights of any size. It says what is wrong with them.
func (h *heavy) decodeWide(enc []byte, dropped bool) (rest []byte, err error) {
	sizes := wideSizes{rest: enc, exponent: h.exponent, uneven: h.exponent == decimals}
	var missed, total, known natural
	if dropped {
		missed, total = sizes.next(), sizes.next()
		sizes.check(!missed.isZero(), "missing weight: 0 must be left out")
	}
	h.wide = append(make([]natural, 0, 2+2*len(h.counters)), missed, total)
	for i := range h.counters {
		weight := sizes.next()
		above, more := weight, natural{}
		if dropped {
			more = sizes.next()
		}
		sizes.check(!weight.isZero(), "weight of a value: 0 must be left out")
		known.addWeight(&weight)
		(*integer)(&above).add((*integer)(&more))
		sizes.check(!more.exceeds(&missed) && !missed.exceeds(&above) && !above.exceeds(&maxWeight),
			"what a value may have more: does not fit what is missing")
		less := integer(missed.negated())
		(*integer)(&above).add(&less)
		h.counters[i].weight, h.counters[i].above = amount(len(h.wide)), amount(len(h.wide)+1)
		h.wide = append(h.wide, weight, above)
	}
	sizes.check(sizes.uneven, "weights: the exponent is not the largest possible one")
	if !dropped {
		h.wide[1] = known
	}
	sizes.check(!known.exceeds(&h.wide[1]), "sum of weights: below the sum of the values")
	h.missed, h.total, h.exponent = 0, 1, 0
	return sizes.rest, sizes.err
}

// wideSizes reads sizes until an error.
type wideSizes struct {
	rest     []byte
	err      error
	exponent int
	uneven   bool // whether one was no multiple of ten
}

// next returns the weight of a size.
func (s *wideSizes) next() (weight natural) {
	if s.err != nil {
		return natural{}
	}
	if weight, s.rest, s.err = readSize(s.rest, topTag); s.err != nil {
		return natural{}
	}
	tenth := weight
	s.uneven = s.uneven || !tenth.divideExactly(1)
	beyond := weight.scale(s.exponent)
	s.check(beyond == 0 && !weight.exceeds(&maxWeight), "weight: larger than any number of rows allows")
	return weight
}

// check keeps the first error.
func (s *wideSizes) check(ok bool, otherwise string) {
	if s.err == nil && !ok {
		s.rest, s.err = nil, corrupt(topTag, "%s", otherwise)
	}
}
