package event

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/dchest/siphash"
)

// HashKey is the secret key of one archive for hashing identities. Because of it, nobody outside can choose identities
// that collide or that fall into one lane. The layout holds it, and it never changes.
type HashKey [16]byte

// MarshalText writes the key as 32 hexadecimal digits.
func (k HashKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (k *HashKey) UnmarshalText(text []byte) error {
	if len(text) != 2*len(k) {
		return fmt.Errorf("invalid hash key of %d characters: must be %d hexadecimal digits", len(text), 2*len(k))
	}
	var read HashKey
	if _, err := hex.Decode(read[:], text); err != nil {
		return fmt.Errorf("invalid hash key: must be %d hexadecimal digits: %w", 2*len(k), err)
	}
	*k = read
	return nil
}

// Identity is the keyed 128-bit hash of an event's (source, id). Two events with equal identities are copies of one
// another. Under a secret key, about 2^64 events are needed before two different pairs are likely to share a hash.
//
// Source: docs/design.md 1 and 3.5; SipHash-2-4 with 128 bits, Aumasson and Bernstein 2012.
type Identity struct{ Hi, Lo uint64 }

// Identity hashes the pair. source and id are the text of the attributes, without JSON escapes. scratch is memory to
// reuse; Identity returns it.
func (k HashKey) Identity(source, id, scratch []byte) (Identity, []byte) {
	// The length prefix makes ("ab", "c") and ("a", "bc") different.
	scratch = binary.AppendUvarint(scratch[:0], uint64(len(source)))
	scratch = append(scratch, source...)
	scratch = append(scratch, id...)
	hi, lo := siphash.Hash128(binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:]), scratch)
	return Identity{Hi: hi, Lo: lo}, scratch
}
