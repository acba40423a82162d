package view

import (
	"strings"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// SkippedKey is the key under which a view keeps what it could not use: see Program.Skipped. An encoded key is empty,
// ends with the byte 0, or begins with the number of a subset, at most MaxRollups. So SkippedKey equals no encoded key,
// whatever the key's values are.
const SkippedKey Key = "\xff"

// SkippedName is the name of the one aggregate of Program.Skipped.
const SkippedName = "skipped"

// newSkipped makes the program of what p cannot use. It has p's windows, one key, and one aggregate, and is folded,
// stored, merged and read like any program. Its places are those of p.
func (p *Program) newSkipped() *Program {
	places := 2 + len(p.keys) + len(p.inputs)
	skipped := &Program{
		Definition: Definition{
			Name: p.Definition.Name, Architecture: p.Definition.Architecture, Window: p.Definition.Window,
			Aggregates: []Aggregate{{Name: SkippedName}},
		},
		Hash:      p.Hash,
		Functions: []aggregate.Function{aggregate.Skipped(places)},
		windowMs:  p.windowMs,
		skipsOf:   p,

		windowOrigin: p.windowOrigin, first: p.first, last: p.last,

		seed: p.seed,
	}
	skipped.perPage = skipped.windowsPerPage()
	return skipped
}

// For returns the program of the items of a key: p itself, or Skipped for SkippedKey.
func (p *Program) For(key Key) *Program {
	if key == SkippedKey {
		return p.Skipped
	}
	return p
}

// KeyOf encodes a key of the program's items: the values of a subset's fields, in the key's order.
func (p *Program) KeyOf(s Subset, values []string) Key {
	if p.skipsOf != nil {
		return SkippedKey
	}
	return p.Definition.KeyOf(s, values)
}

// MaySkip reports whether aggregate i may skip events that count in its row.
func (p *Program) MaySkip(i int) bool { return p.inputOf[i] != noInput }

// The places of Program.Skipped: the where, then the key fields, then the distinct inputs of aggregates, then the time.
const placeOfWhere = 0

func (p *Program) placeOfKey(field int) int   { return 1 + field }
func (p *Program) placeOfInput(input int) int { return 1 + len(p.keys) + input }
func (p *Program) placeOfTime() int           { return 1 + len(p.keys) + len(p.inputs) }

// Skip is the events that a view could not use at one place for one reason. An event that where or a key field fails
// for counts in no row, nor does one whose window does not lie within the years 0000 to 9999; it is noted in the window
// of its arrival. An event without a usable argument, or whose condition cannot be evaluated, counts in its row,
// but not in that aggregate. Such an event counts once for each aggregate with the argument and condition.
type Skip struct {
	Place  Place  // WherePart, KeyPart, AggregatePart or TimePart
	Name   string // of the place: see Definition.PlaceName
	Reason aggregate.Reason
	Events int64

	// The sample: of these events, the one with the smallest source and then id, each cut to aggregate.SampleBytes.
	Source, ID string
}

// PlaceName names a place of a Skip as an answer does: "where", "key.path", "aggregates.bytes", "time".
func (d Definition) PlaceName(p Place) string {
	switch p.Part {
	case WherePart:
		return "where"
	case TimePart:
		return "time"
	case KeyPart:
		return "key." + d.Key[p.Index].Field
	}
	return "aggregates." + d.Aggregates[p.Index].Name
}

// Skips returns what the view could not use in a window, in order of place and reason. w must be of a Program.Skipped.
func (w *Windows) Skips(window Window) []Skip {
	cell, ok := w.cells[window]
	if !ok {
		return nil
	}
	var all []Skip
	for _, one := range w.states[0].(*aggregate.SkippedStates).Skips(cell) {
		for _, place := range w.program.skipsOf.placesOf(one.Place) {
			all = append(all, Skip{
				Place: place, Name: w.program.skipsOf.Definition.PlaceName(place), Reason: one.Reason, Events: one.Rows,
				Source: strings.ToValidUTF8(one.Source, ""), ID: strings.ToValidUTF8(one.ID, ""),
			})
		}
	}
	return all
}

// placesOf returns the parts of the definition that a stored place stands for: several where aggregates share an
// input.
func (p *Program) placesOf(stored int) []Place {
	switch {
	case stored == placeOfWhere:
		return []Place{{Part: WherePart}}
	case stored == p.placeOfTime():
		return []Place{{Part: TimePart}}
	case stored <= len(p.keys):
		return []Place{{KeyPart, stored - 1}}
	}
	var all []Place
	for i, input := range p.inputOf {
		if input != noInput && p.placeOfInput(input) == stored {
			all = append(all, Place{AggregatePart, i})
		}
	}
	return all
}

// Skips returns all that the view could not use of the events so far, in order of place and reason.
func (d *Delta) Skips() []Skip {
	if d.skipped == nil {
		return nil
	}
	windows := d.program.Skipped.NewWindows()
	for page := range d.skipped.Pages() {
		page.MergeInto(windows)
	}
	return windows.Total(windows.Sorted()).Skips(0)
}

// unusable is a row that could not be used at a place.
type unusable struct {
	row    int32 // of the batch
	place  int32
	reason aggregate.Reason
}

func (e *Evaluation) noteUnusable(row int32, place int, reason aggregate.Reason) {
	e.unusable = append(e.unusable, unusable{row, int32(place), reason})
}

// losesEvent reports whether an event that cannot be used at a place counts in no row.
func (p *Program) losesEvent(place int) bool {
	return place <= len(p.keys) || place == p.placeOfTime()
}

// skip adds what an evaluation could not use. Of a duplicate it only touches the page.
func (d *Delta) skip(e *Evaluation) {
	if len(e.unusable) > 0 && d.skipped == nil {
		d.skipped = d.program.Skipped.NewDelta()
	}
	for _, u := range e.unusable {
		s := &d.skipped.parts[0]
		hash := s.program.seed.ofKey([]byte(SkippedKey))
		cell := s.cell(hash, s.cells.key(hash, []byte(SkippedKey)), e.windowOfUnusable(u.row))
		if e.isDuplicate(u.row) {
			continue
		}
		if d.program.losesEvent(int(u.place)) {
			d.counts.Skipped++
		}
		s.counted[cell] = true
		s.grow()
		e.addTo(s.states[0].(*aggregate.SkippedStates), cell, u)
	}
}

// windowOfUnusable returns the window in which a row that could not be used is noted.
func (e *Evaluation) windowOfUnusable(row int32) Window {
	if window := e.program.windowOf(e.batch.Times[row]); e.program.isInCalendar(window) {
		return window
	}
	return e.program.windowOf(e.batch.Stamps[row].Arrival())
}

func (e *Evaluation) addTo(s *aggregate.SkippedStates, cell int32, u unusable) {
	b, place := e.batch, int(u.place)
	if u.reason == aggregate.Missing && place < len(e.program.readsData) && e.program.readsData[place] &&
		b.HasTextOfJSON(int(u.row)) {
		u.reason = aggregate.TextOfJSON
	}
	source, _ := b.Text(b.Sources[u.row], nil)
	id, _ := b.Text(b.IDs[u.row], nil)
	s.AddSkip(int(cell), place, u.reason, source, id)
}
