// Package access says who may do what: the keys of an API, and the scope that each of them has.
//
// It knows no route and no store. shared/api says which scope a route needs, functions/authorizer compares keys, and
// infra/keys prints them.
package access

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Scope is what a key opens, and what a route needs.
type Scope string

// The scopes.
const (
	Write Scope = "write" // events in
	Read  Scope = "read"  // views and queries
	Admin Scope = "admin" // everything
)

// Opens says whether whoever has the scope may do what needs the other one.
func (s Scope) Opens(needed Scope) bool { return s == needed || s == Admin }

// Keys are the three keys of an API.
type Keys struct{ Write, Read, Admin string }

// Lengths of keys.
const (
	keyLength    = 32 // of each of the three that are generated as one text
	leastKeySize = 20 // of one that somebody has chosen
)

// ErrKeys: the secret does not hold keys.
var ErrKeys = errors.New("secret holds no keys")

// ParseKeys reads the secret's text, which is JSON in one of two forms:
//
//	{"keys": "<96 characters>"}                       generated with the stack, since CloudFormation makes one random text per secret: the first 32
//	                                                  are the write key, then read, then admin
//	{"write": "...", "read": "...", "admin": "..."}   chosen, as when a key is replaced: at least 20 characters each, no two alike
//
// Other members are not looked at.
//
// Errors: ErrKeys; it never shows what the secret holds.
func ParseKeys(secret string) (Keys, error) {
	var text struct{ Keys, Write, Read, Admin string }
	if json.Unmarshal([]byte(secret), &text) != nil { // its error may quote the secret
		return Keys{}, fmt.Errorf("%w: want a JSON object of texts", ErrKeys)
	}
	if text.Keys != "" {
		if text.Write != "" || text.Read != "" || text.Admin != "" {
			return Keys{}, fmt.Errorf("%w: keys stands beside write, read or admin; want the one or the three", ErrKeys)
		}
		if len(text.Keys) != 3*keyLength {
			return Keys{}, fmt.Errorf("%w: keys has %d characters; want %d", ErrKeys, len(text.Keys), 3*keyLength)
		}
		text.Write, text.Read, text.Admin = text.Keys[:keyLength], text.Keys[keyLength:2*keyLength], text.Keys[2*keyLength:]
	}
	for _, key := range []string{text.Write, text.Read, text.Admin} {
		if len(key) < leastKeySize {
			return Keys{}, fmt.Errorf("%w: want write, read and admin with at least %d characters each", ErrKeys, leastKeySize)
		}
	}
	if text.Write == text.Read || text.Read == text.Admin || text.Admin == text.Write {
		return Keys{}, fmt.Errorf("%w: two of them are alike", ErrKeys)
	}
	return Keys{text.Write, text.Read, text.Admin}, nil
}
