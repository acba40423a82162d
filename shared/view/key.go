package view

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	maxKey       = 900 // bytes an encoded key may have
	keptOfKey    = 800 // bytes of a longer key that stand before its hash
	hashOfKey    = 16
	shortenedKey = keptOfKey + hashOfKey
)

// Key is the values of a key in the order of the definition's key fields. Each value comes after its length, so
// different keys have different encodings. A key longer than 900 bytes is stored as its first 800 bytes and a 128-bit
// hash of the whole. Every layer does the same, so no item's key is too large to write.
//
// Source: docs/design.md 5; DynamoDB Developer Guide, limits of partition keys.
type Key string

// EncodeKey encodes a key from the texts of its values.
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

// boundKey shortens a key in place when it is too long. Where a value ends exactly at 800 bytes, the hash could be read
// as more values. So every key of the length of a shortened key is shortened too: no key can be made to look like a
// shortened one.
func boundKey(key []byte) []byte {
	if len(key) <= maxKey && len(key) != shortenedKey {
		return key
	}
	hash := sha256.Sum256(key)
	return append(key[:keptOfKey], hash[:hashOfKey]...)
}
