// Package access defines who may do what: the keys of an API, and the scope of each key.
//
// It knows no route and no store. shared/api says which scope a route needs, functions/authorizer compares keys, and
// infra/keys prints them.
package access

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Scope is what a key permits, and what a route requires.
type Scope string

// The scopes.
const (
	Write Scope = "write" // sending events
	Read  Scope = "read"  // views and queries
	Admin Scope = "admin" // everything

	Anyone Scope = "" // of a route that needs no key; no key has it
)

// Opens reports whether a key with scope s may use a route that requires needed.
func (s Scope) Opens(needed Scope) bool { return needed == Anyone || s == needed || s == Admin }

// Keys are the three keys of an API.
type Keys struct{ Write, Read, Admin string }

// Lengths of keys.
const (
	keyLength    = 32 // characters of each of the three keys that are generated as one text
	leastKeySize = 20 // minimum characters of a chosen key
)

// ErrKeys means that the secret does not hold valid keys. Retrying does not help until the secret changes.
var ErrKeys = errors.New("invalid keys in secret")

// ParseKeys reads the secret's text, which is JSON in one of two forms:
//
//	{"keys": "<96 characters>"}
//	{"write": "...", "read": "...", "admin": "..."}
//
// The stack generates the first form, since CloudFormation makes one random text per secret: the first 32 characters
// are the write key, the next 32 the read key, the last 32 the admin key. The second form holds chosen keys, for
// example after replacing one: at least 20 characters each, all different. Other members are ignored.
//
// Errors: ErrKeys. The error never shows the content of the secret.
func ParseKeys(secret string) (Keys, error) {
	var text struct{ Keys, Write, Read, Admin string }
	if json.Unmarshal([]byte(secret), &text) != nil { // its error may quote the secret
		return Keys{}, fmt.Errorf("%w: the secret must be a JSON object of strings", ErrKeys)
	}
	if text.Keys != "" {
		if text.Write != "" || text.Read != "" || text.Admin != "" {
			return Keys{}, fmt.Errorf(
				"%w: the secret has keys together with write, read or admin; use either keys or the other three", ErrKeys,
			)
		}
		if len(text.Keys) != 3*keyLength {
			return Keys{}, fmt.Errorf("%w: keys has %d characters; must be %d", ErrKeys, len(text.Keys), 3*keyLength)
		}
		text.Write, text.Read, text.Admin = text.Keys[:keyLength], text.Keys[keyLength:2*keyLength], text.Keys[2*keyLength:]
	}
	for _, key := range []string{text.Write, text.Read, text.Admin} {
		if len(key) < leastKeySize {
			return Keys{}, fmt.Errorf("%w: write, read and admin must each have at least %d characters", ErrKeys, leastKeySize)
		}
	}
	if text.Write == text.Read || text.Read == text.Admin || text.Admin == text.Write {
		return Keys{}, fmt.Errorf("%w: two keys are equal; all three must differ", ErrKeys)
	}
	return Keys{text.Write, text.Read, text.Admin}, nil
}
