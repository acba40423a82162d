package runs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/anabranch/anabranch/shared/event"
)

// Seen is what a run records about one event, counted or dropped.
type Seen struct {
	Identity event.Identity
	Arrival  event.Millis // arrival of the stamp
	Payload  uint64       // hash of the line without its stamp; another payload with the same identity is a conflict
}

const (
	identitiesMagic = "ABID\x01" // the last byte is the format's version
	seenSize        = 32
)

// ErrCorrupt means that the content of an object does not have the format that its key promises. Retrying does not
// help.
var ErrCorrupt = errors.New("corrupt object")

// EncodeIdentities encodes a run's identities in archive order: 32 bytes each, big-endian, after a short header.
func EncodeIdentities(all []Seen) []byte {
	out := make([]byte, 0, len(identitiesMagic)+seenSize*len(all))
	out = append(out, identitiesMagic...)
	for _, s := range all {
		out = binary.BigEndian.AppendUint64(out, s.Identity.Hi)
		out = binary.BigEndian.AppendUint64(out, s.Identity.Lo)
		out = binary.BigEndian.AppendUint64(out, uint64(s.Arrival))
		out = binary.BigEndian.AppendUint64(out, s.Payload)
	}
	return out
}

// DecodeIdentities calls each for every identity in order.
//
// Errors: ErrCorrupt, before the first call.
func DecodeIdentities(data []byte, each func(Seen)) error {
	identities, err := checkIdentities(data)
	if err != nil {
		return err
	}
	for s := range identities.all() {
		each(s)
	}
	return nil
}

// identitiesData is what EncodeIdentities writes behind the header.
type identitiesData []byte

func checkIdentities(data []byte) (identitiesData, error) {
	if len(data) < len(identitiesMagic) || string(data[:len(identitiesMagic)]) != identitiesMagic {
		return nil, fmt.Errorf("identities without the header %q: %w", identitiesMagic, ErrCorrupt)
	}
	data = data[len(identitiesMagic):]
	if len(data)%seenSize != 0 {
		return nil, fmt.Errorf("identities of %d bytes, which is not a multiple of %d: %w", len(data), seenSize, ErrCorrupt)
	}
	return data, nil
}

// all yields the identities in order.
func (d identitiesData) all() iter.Seq[Seen] {
	return func(yield func(Seen) bool) {
		for rest := d; len(rest) > 0; rest = rest[seenSize:] {
			if !yield(Seen{
				Identity: event.Identity{Hi: binary.BigEndian.Uint64(rest), Lo: binary.BigEndian.Uint64(rest[8:])},
				Arrival:  event.Millis(binary.BigEndian.Uint64(rest[16:])),
				Payload:  binary.BigEndian.Uint64(rest[24:]),
			}) {
				return
			}
		}
	}
}
