package compare

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// cursor says where a diff continues, and which two generations it compares.
type cursor struct {
	Serving   lifecycle.GenerationID `json:"s"`
	Candidate lifecycle.GenerationID `json:"c"`
	place
}

// place is a place in the keys of all sources: a source, a store's cursor in it, and a key after it.
type place struct {
	Source int    `json:"n"`
	Store  []byte `json:"a,omitempty"` // the store's cursor; none: its beginning
	Key    []byte `json:"k,omitempty"` // if Within: keys up to this one were already compared
	Within bool   `json:"w,omitempty"`
}

func (c cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings, bytes and a number always marshal
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseCursor reads a cursor of two generations; "" is the beginning. sources is the number of sources.
func parseCursor(text string, serving, candidate lifecycle.Generation, sources int) (place, error) {
	c := cursor{Serving: serving.ID, Candidate: candidate.ID}
	if text == "" {
		return c.place, nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, &c)
	}
	switch {
	case err != nil || c.Source < 0:
		return c.place, badParameter("cursor", "invalid cursor: send the next of an earlier page, or omit it to begin")
	case c.Serving != serving.ID || c.Candidate != candidate.ID:
		return c.place, badParameter(
			"cursor", "the cursor belongs to generations %.80q and %.80q, not %s and %s; omit it to begin again",
			c.Serving, c.Candidate, serving.ID, candidate.ID)
	case c.Source >= sources:
		return c.place, badParameter("cursor", "the cursor is beyond the end; omit it to begin again")
	}
	return c.place, nil
}

func badParameter(name, format string, args ...any) error {
	return &serving.ParameterError{Parameter: name, Detail: fmt.Sprintf(format, args...)}
}

// left returns the keys of a scan that are not yet compared, each once, in order. It leaves out what the views could
// not use: the places of two definitions cannot be compared.
func (at place) left(keys []view.Key) []view.Key {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return slices.DeleteFunc(keys, func(key view.Key) bool {
		return key == view.SkippedKey || at.Within && string(key) <= string(at.Key)
	})
}

// behind returns the place after a key that a scan from here returned.
func (at place) behind(key view.Key) *place {
	return &place{Source: at.Source, Store: at.Store, Key: []byte(key), Within: true}
}
