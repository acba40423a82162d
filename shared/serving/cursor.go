package serving

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// ErrCursorGone means that a cursor belongs to a generation that the view has no longer: begin again without a cursor.
var ErrCursorGone = errors.New("the cursor belongs to a generation that is gone; begin again without a cursor")

// cursor says where a list of keys or of groups continues, and in which generation.
type cursor struct {
	Generation lifecycle.GenerationID `json:"g"`
	Last       []byte                 `json:"k"`           // the last key of the page before
	Value      string                 `json:"v,omitempty"` // of groups in an order: the value of the last group
	Of         string                 `json:"o,omitempty"` // of groups: how they are made and ordered
}

func (c cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and bytes always marshal
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// last returns the key behind which the list continues; nil: it begins.
func (c cursor) last() *view.Key {
	if c.Generation == "" {
		return nil
	}
	last := view.Key(c.Last)
	return &last
}

func parseCursor(text string) (c cursor, err error) {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, &c)
	}
	if err != nil || c.Generation == "" || len(c.Last) > view.MaxKey {
		return c, &ParameterError{"cursor", "invalid cursor: send the next of an earlier page, or omit it to begin"}
	}
	return c, nil
}

// generationOf returns the generation that answers a request: the one that its cursor names, or without a cursor the
// one that answers now.
func generationOf(v lifecycle.View, text string) (lifecycle.Generation, cursor, error) {
	if text == "" {
		g, ok := v.Answering()
		if !ok {
			return g, cursor{}, fmt.Errorf("%w: %s: %s", ErrNotServing, v.Name, v.WhyNoAnswer())
		}
		return g, cursor{}, nil
	}
	at, err := parseCursor(text)
	if err != nil {
		return lifecycle.Generation{}, at, err
	}
	g, ok := v.Generation(at.Generation)
	if !ok || !g.IsKept() {
		return g, at, fmt.Errorf("view %s: %w", v.Name, ErrCursorGone)
	}
	return g, at, nil
}
