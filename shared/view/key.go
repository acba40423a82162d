package view

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	maxKey       = 900 // bytes an encoded key may have
	keptOfKey    = 800 // of a longer one, in front of its hash
	hashOfKey    = 16
	shortenedKey = keptOfKey + hashOfKey
)

// Key is a key's values in the order of the definition's key fields, encoded so that no two keys are alike: each value
// behind its length. A key that would pass 900 bytes is kept as its first 800 and a 128-bit hash of the whole, in every
// layer alike, so that no item's key is ever too large to write.
//
// Source: docs/design.md 5; DynamoDB Developer Guide, limits of partition keys.
type Key string

// EncodeKey encodes a key from its values' texts.
func EncodeKey(values []string) Key {
	var b []byte
	for _, value := range values {
		b = appendKeyValue(b, []byte(value))
	}
	return Key(boundKey(b))
}

func appendKeyValue(dst, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// boundKey shortens a key in place when it is too long. Where a value ends right after 800 bytes, the hash could be
// read as values itself; so that no key can be made to look like another that was shortened, every key of that very
// length is shortened too.
func boundKey(key []byte) []byte {
	if len(key) <= maxKey && len(key) != shortenedKey {
		return key
	}
	hash := sha256.Sum256(key)
	return append(key[:keptOfKey], hash[:hashOfKey]...)
}
