package aggregate

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The encoding of a state begins with its tag: the encoding version of its function in the high four bits, the code of
// its function in the low four. The codes from 7 on are those of rate, variance, stddev, first, last, distinct,
// quantiles and top. After the tag:
//
//	count      [skipped] count                   skipped only in version 2, which is written only where it is not 0
//	sum, mean, rate     head [skipped] [count amount]     count and amount only when the count is not 0
//	variance, stddev    head [skipped] [count amount exponent squares]
//	min, max   head [skipped] [amount]           amount only when there is one
//	skipped    count (place reason count length source length id)*     reason is a byte
//
// head is a byte: bits 0 to 4 the exponent of the amount, or 31 where there is no amount; bit 5 its sign, 1 below zero;
// bit 6 whether skipped, which is then at least 1, follows; bit 7 is 0. The amount is size * 10^exponent in units of
// 10^-27; only the size follows. The sum of squares is squares * 10^exponent in units of 10^-54; the exponent, a byte,
// is the greatest up to 54 that keeps it whole. A count, a size or squares is a base-128 varint, lowest group first.
//
// Everything has one form: varints are as short as can be, counts below 2^63, and the exponent is the greatest up to 27
// that keeps the size whole; that makes it 27 for every integer, so a small integer is small. Zero has exponent 27 and
// no sign. An amount is within the reach of its rows.

// tag is the first byte of an encoded state.
type tag byte

// function is the name of the function that writes this tag.
func (t tag) function() string {
	for i := range functions {
		if functions[i].tag.code() == t.code() {
			return functions[i].name
		}
	}
	if t.code() == skippedTag.code() {
		return "skipped"
	}
	return fmt.Sprintf("function %d", t.code())
}

func (t tag) code() byte    { return byte(t) & 0x0f }
func (t tag) version() byte { return byte(t) >> 4 }

// readTag checks that a state begins with the tag want, and returns the bytes after the tag.
func readTag(enc []byte, want tag) (rest []byte, err error) {
	if len(enc) == 0 {
		return nil, corrupt(want, "the encoding is empty")
	}
	found := tag(enc[0])
	switch {
	case found == want:
		return enc[1:], nil
	case found.code() != want.code():
		return nil, corrupt(want, "the state belongs to %s", found.function())
	case found.version() > want.version():
		return nil, fmt.Errorf("%w: %s: encoding version %d: this engine reads versions up to %d", ErrVersion,
			want.function(), found.version(), want.version())
	}
	return nil, corrupt(want, "unknown encoding version %d", found.version())
}

const (
	headExponent = 0x1f
	headNothing  = 0x1f // as exponent: there is no amount
	headNegative = 0x20
	headSkipped  = 0x40
)

// head is the decoded head of a state.
type head struct {
	nothing  bool
	negative bool
	exponent int
	skipped  int64
}

// appendHead appends tag, head byte and skipped.
func appendHead(dst []byte, t tag, first byte, skipped int64) []byte {
	if skipped == 0 {
		return append(dst, byte(t), first)
	}
	return binary.AppendUvarint(append(dst, byte(t), first|headSkipped), uint64(skipped))
}

func readHead(enc []byte, t tag) (h head, rest []byte, err error) {
	rest, err = readTag(enc, t)
	if err != nil {
		return h, nil, err
	}
	if len(rest) == 0 {
		return h, nil, corrupt(t, "the encoding ends before its head")
	}
	first, rest := rest[0], rest[1:]
	h.exponent = int(first & headExponent)
	h.nothing = h.exponent == headNothing
	h.negative = first&headNegative != 0
	if first&0x80 != 0 || !h.nothing && h.exponent > decimals || h.nothing && h.negative {
		return h, nil, corrupt(t, "invalid head %#02x", first)
	}
	if first&headSkipped == 0 {
		return h, rest, nil
	}
	h.skipped, rest, err = readCount(rest, t, "number of skipped rows")
	if err == nil && h.skipped == 0 {
		err = corrupt(t, "number of skipped rows: 0 must be left out")
	}
	return h, rest, err
}

// readCount reads a varint below 2^63 in its shortest form.
func readCount(enc []byte, t tag, what string) (count int64, rest []byte, err error) {
	value, n := binary.Uvarint(enc)
	switch {
	case n == 0:
		return 0, nil, corrupt(t, "the encoding ends inside its %s", what)
	case n < 0 || value > math.MaxInt64:
		return 0, nil, corrupt(t, "%s: above 2^63-1", what)
	case n > 1 && enc[n-1] == 0:
		return 0, nil, corrupt(t, "%s: not the shortest form", what)
	}
	return int64(value), enc[n:], nil
}

// maxSizeBytes is the length of the greatest size: 253 bits in groups of seven, since 2^63-1 rows below 10^57 stay
// below 2^253.
const maxSizeBytes = 37

// headOf returns the head byte of an amount. It divides size by the power of ten that the head names; appendSize then
// writes the rest.
func headOf(negative bool, size *natural) (first byte) {
	first = byte(size.stripZeros())
	if negative {
		first |= headNegative
	}
	return first
}

// appendSize appends a size as a varint.
func appendSize(dst []byte, size *natural) []byte {
	n := *size
	for n[1]|n[2]|n[3] != 0 {
		dst = append(dst, byte(n[0])|0x80)
		n[0] = n[0]>>7 | n[1]<<57
		n[1] = n[1]>>7 | n[2]<<57
		n[2] = n[2]>>7 | n[3]<<57
		n[3] >>= 7
	}
	return binary.AppendUvarint(dst, n[0])
}

// readAmount reads a size and returns the amount's size, size * 10^exponent. An amount above limit is corrupt.
func readAmount(enc []byte, h head, t tag, limit *natural) (amount natural, rest []byte, err error) {
	size, rest, err := readSize(enc, t)
	if err != nil {
		return amount, nil, err
	}
	if tenth := size; h.exponent < decimals && tenth.divideExactly(1) {
		return amount, nil, corrupt(t, "amount: the exponent is not the largest possible one")
	}
	if h.negative && size.isZero() {
		return amount, nil, corrupt(t, "amount: zero must not have a sign")
	}
	if beyond := size.scale(h.exponent); beyond != 0 || size.exceeds(limit) {
		return amount, nil, corrupt(t, "amount: larger than its number of rows allows")
	}
	return size, rest, nil
}

func readSize(enc []byte, t tag) (size natural, rest []byte, err error) {
	if len(enc) > 0 && enc[0] < 0x80 { // most are short
		return natural{uint64(enc[0])}, enc[1:], nil
	}
	for i, b := range enc {
		if i == maxSizeBytes {
			return size, nil, corrupt(t, "amount: more than %d bytes", maxSizeBytes)
		}
		word, bit := i*7/64, i*7%64
		size[word] |= uint64(b&0x7f) << bit
		if bit > 57 && word+1 == len(size) {
			if b&0x7f>>(64-bit) != 0 {
				return size, nil, corrupt(t, "amount: more than 256 bits")
			}
		} else if bit > 57 {
			size[word+1] |= uint64(b&0x7f) >> (64 - bit)
		}
		if b < 0x80 {
			if b == 0 && i > 0 {
				return size, nil, corrupt(t, "amount: not the shortest form")
			}
			return size, enc[i+1:], nil
		}
	}
	return size, nil, corrupt(t, "the encoding ends inside its amount")
}
