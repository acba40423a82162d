package dynamoviews

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// The records of a seen item: the format's version, then per record
//
//	the step from the sequence number before it: its length in bytes (one byte), and that many bytes, big-endian, without
//	leading zeros
//	its first line (uvarint)
//	its request: 16 bytes
//	the number of its identities (uvarint), and 16 bytes for each, big-endian
//
// Sequence numbers of a lane grow, so a step is never negative; it is 0 when lines of two requests stand in one record.

const (
	recordsVersion = 2 // version 1 had the lower 8 bytes of each identity
	identitySize   = 16
	maxDigits      = 129 // of a sequence number. Source: Kinesis API Reference, SequenceNumber
)

var errRecords = errors.New("corrupt records of a seen item")

func encodeRecords(all []viewstore.SeenRecord) ([]byte, error) {
	size := 1
	for _, r := range all {
		size += r.MaxBytes()
	}
	b := append(make([]byte, 0, size), recordsVersion)
	before, step := new(big.Int), new(big.Int)
	for _, r := range all {
		at, ok := number(r.Sequence)
		if !ok || step.Sub(at, before).Sign() < 0 || r.Line < 0 {
			return nil, fmt.Errorf("record %q, line %d: the sequence number must be in decimal digits and not below the one "+
				"before it, the line 0 or more", r.Sequence, r.Line)
		}
		b = append(append(b, byte((step.BitLen()+7)/8)), step.Bytes()...)
		b = binary.AppendUvarint(b, uint64(r.Line))
		b = append(b, r.Request[:]...)
		b = binary.AppendUvarint(b, uint64(len(r.Identities)))
		for _, identity := range r.Identities {
			b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, identity.Hi), identity.Lo)
		}
		before = at
	}
	return b, nil
}

// number returns the value of a sequence number, if it is written as Kinesis writes it: digits without leading zeros.
func number(s event.Sequence) (*big.Int, bool) {
	if s == "" || len(s) > maxDigits || s[0] == '0' && len(s) > 1 {
		return nil, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return nil, false
		}
	}
	return new(big.Int).SetString(string(s), 10)
}

func decodeRecords(b []byte) ([]viewstore.SeenRecord, error) {
	if len(b) == 0 || b[0] != recordsVersion {
		return nil, fmt.Errorf("%w: unknown format: this version reads format %d", errRecords, recordsVersion)
	}
	r := reader{rest: b[1:]}
	var all []viewstore.SeenRecord
	at := new(big.Int)
	for len(r.rest) > 0 && !r.bad {
		all = append(all, r.record(at))
	}
	if r.bad || len(all) == 0 {
		return nil, fmt.Errorf("%w: record %d of %d bytes ends early or is out of bounds", errRecords, len(all), len(b))
	}
	return all, nil
}

// reader reads records. After invalid input it is bad and returns only zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// uvarint reads a uvarint that is written in as few bytes as possible.
func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if r.bad || size <= 0 || n > math.MaxInt32 || size > 1 && n>>(7*(size-1)) == 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// record reads a record. It moves at from the previous sequence number to that of the record.
func (r *reader) record(at *big.Int) (record viewstore.SeenRecord) {
	if length := r.take(1); !r.bad {
		step := r.take(uint64(length[0]))
		r.bad = r.bad || len(step) > 0 && step[0] == 0
		at.Add(at, new(big.Int).SetBytes(step))
	}
	record.Sequence = event.Sequence(at.String())
	r.bad = r.bad || len(record.Sequence) > maxDigits
	record.Line = int(r.uvarint())
	copy(record.Request[:], r.take(uint64(len(record.Request))))
	identities := r.take(identitySize * r.uvarint())
	if len(identities) > 0 {
		record.Identities = make([]event.Identity, len(identities)/identitySize)
	}
	for i := range record.Identities {
		one := identities[identitySize*i:]
		record.Identities[i] = event.Identity{Hi: binary.BigEndian.Uint64(one), Lo: binary.BigEndian.Uint64(one[8:])}
	}
	return record
}
