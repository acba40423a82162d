package event

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/dchest/siphash"
)

// HashKey is the secret of one archive under which identities are hashed, so that nobody outside can choose identities that fall into one
// lane or collide. It is kept in the layout and never changes.
type HashKey [16]byte

// MarshalText writes the key as 32 hexadecimal digits.
func (k HashKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (k *HashKey) UnmarshalText(text []byte) error {
	if len(text) != 2*len(k) {
		return fmt.Errorf("hash key has %d characters; %d hexadecimal digits are needed", len(text), 2*len(k))
	}
	var read HashKey
	if _, err := hex.Decode(read[:], text); err != nil {
		return fmt.Errorf("hash key needs %d hexadecimal digits: %w", 2*len(k), err)
	}
	*k = read
	return nil
}

// Identity is the keyed 128-bit hash of an event's (source, id): two events are copies of one another when their identities are equal.
// Under a secret key, two different pairs share a hash once in about 2^64 events.
//
// Source: docs/design.md 1 and 3.5; SipHash-2-4 with 128 bits, Aumasson and Bernstein 2012.
type Identity struct{ Hi, Lo uint64 }

// Identity hashes the pair. source and id are the attributes' text, without JSON escapes. scratch is memory to reuse, and is returned.
func (k HashKey) Identity(source, id, scratch []byte) (Identity, []byte) {
	// The length in front keeps ("ab", "c") and ("a", "bc") apart.
	scratch = binary.AppendUvarint(scratch[:0], uint64(len(source)))
	scratch = append(scratch, source...)
	scratch = append(scratch, id...)
	hi, lo := siphash.Hash128(binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:]), scratch)
	return Identity{Hi: hi, Lo: lo}, scratch
}
