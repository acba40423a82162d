package present

import (
	"encoding/json"

	"github.com/anabranch/anabranch/shared/serving"
)

// Line is one row as a line of JSON, which needs no other line to be understood.
type Line struct {
	Key Object `json:"key"`
	Row
	Complete *string `json:"complete,omitempty"` // of a Kappa generation, as in Head
}

// presentLines writes one line of JSON per row. The horizon of a line is the row's own, or else the answer's.
//
// Source: https://github.com/ndjson/ndjson-spec.
func presentLines(w tagged, r serving.Result, parts bool) (rows int, err error) {
	p := newPresenting(r)
	for i := range r.Rows {
		p.text = p.text[:0]
		row := &r.Rows[i]
		line := Line{Key: Key(r.Fields(), r.KeyOf(row)), Row: p.row(row, parts), Complete: timeOrNull(r.Complete)}
		if line.Horizon == nil {
			line.Horizon = timeOrNull(r.Horizon)
		}
		text, err := json.Marshal(line)
		if err != nil {
			return i, err
		}
		if _, err := w.Write(append(text, '\n')); err != nil {
			return i, err
		}
	}
	return len(r.Rows), nil
}
