package memory

import (
	"bytes"
	"encoding/binary"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// packRecords packs the records of a seen item. A record as a value takes 144 bytes beside its identities, most of them
// for digits that it shares with the record before.
//
// Shape: the number of records; for each, how many digits of its sequence number are those of the record before, how
// many others follow, these digits, its line, its request, the number of identities, and these. Numbers are varints.
func packRecords(records []viewstore.SeenRecord) []byte {
	b := binary.AppendUvarint(nil, uint64(len(records)))
	var before event.Sequence
	for _, r := range records {
		shared := 0
		for shared < min(len(before), len(r.Sequence)) && before[shared] == r.Sequence[shared] {
			shared++
		}
		b = binary.AppendUvarint(b, uint64(shared))
		b = binary.AppendUvarint(b, uint64(len(r.Sequence)-shared))
		b = append(b, r.Sequence[shared:]...)
		b = binary.AppendUvarint(b, uint64(r.Line))
		b = append(b, r.Request[:]...)
		b = binary.AppendUvarint(b, uint64(len(r.Identities)))
		for _, id := range r.Identities {
			b = binary.BigEndian.AppendUint64(b, id.Hi)
			b = binary.BigEndian.AppendUint64(b, id.Lo)
		}
		before = r.Sequence
	}
	return bytes.Clone(b) // without the room to grow
}

// unpackRecords returns what packRecords packed.
func unpackRecords(b []byte) []viewstore.SeenRecord {
	p := packedRecords{rest: b}
	records := make([]viewstore.SeenRecord, p.number())
	var before event.Sequence
	for i := range records {
		r := &records[i]
		shared, others := p.number(), p.number()
		r.Sequence = before[:shared] + event.Sequence(p.next(others))
		r.Line = p.number()
		copy(r.Request[:], p.next(len(r.Request)))
		if n := p.number(); n > 0 {
			r.Identities = make([]event.Identity, n)
		}
		for at := range r.Identities {
			r.Identities[at].Hi = binary.BigEndian.Uint64(p.next(8))
			r.Identities[at].Lo = binary.BigEndian.Uint64(p.next(8))
		}
		before = r.Sequence
	}
	return records
}

// packedRecords is the part of packed records that was not read yet.
type packedRecords struct{ rest []byte }

func (p *packedRecords) number() int {
	n, size := binary.Uvarint(p.rest)
	p.rest = p.rest[size:]
	return int(n)
}

func (p *packedRecords) next(n int) []byte {
	next := p.rest[:n]
	p.rest = p.rest[n:]
	return next
}
