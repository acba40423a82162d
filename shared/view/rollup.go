package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// MaxRollups is the maximum number of roll-ups of a definition.
const MaxRollups = 8

// Subset is a set of key fields under which a view keeps rows, by its number: FullKey, or n for the roll-up
// Definition.Rollups[n-1].
type Subset int

// FullKey is the subset of all key fields.
const FullKey Subset = 0

// Subsets returns the number of subsets: one, and one more for each roll-up.
func (d Definition) Subsets() int { return 1 + len(d.Rollups) }

// Fields returns the key fields of a subset, in the key's order.
func (d Definition) Fields(s Subset) []KeyField {
	if s == FullKey {
		return d.Key
	}
	fields := []KeyField{}
	for _, at := range d.placesOf(s) {
		fields = append(fields, d.Key[at])
	}
	return fields
}

// placesOf returns the places in the key of the fields of a roll-up.
func (d Definition) placesOf(s Subset) (places []int) {
	for at, k := range d.Key {
		if slices.Contains(d.Rollups[s-1], k.Field) {
			places = append(places, at)
		}
	}
	return places
}

// FieldNames returns the names of the key fields of a subset, in the key's order. The list is never nil.
func (d Definition) FieldNames(s Subset) []string {
	names := []string{}
	for _, k := range d.Fields(s) {
		names = append(names, k.Field)
	}
	return names
}

// PlanKeys plans a question that names some key fields: it returns the smallest subset that contains all of them; of
// several, the first one in the definition. So the plan depends on the definition alone, never on the keys that there
// are. ok is false when a field is no key field.
func (d Definition) PlanKeys(asked []string) (plan Subset, ok bool) {
	size := len(d.Key) + 1
	for s := range Subset(d.Subsets()) {
		names := d.FieldNames(s)
		without := func(field string) bool { return !slices.Contains(names, field) }
		if len(names) < size && !slices.ContainsFunc(asked, without) {
			size, plan, ok = len(names), s, true
		}
	}
	return plan, ok
}

// rollups returns the fields of each roll-up, in the key's order.
func (d Definition) rollups() (all [][]string) {
	for i := range d.Rollups {
		all = append(all, d.FieldNames(Subset(i+1)))
	}
	return all
}

// checkRollups says what is wrong with each roll-up and with its fields.
func (d Definition) checkRollups() (faults []Fault) {
	if len(d.Rollups) > MaxRollups {
		return appendFault(nil, RollupPart, MaxRollups, fmt.Sprintf("there are %d roll-ups; the maximum is %d",
			len(d.Rollups), MaxRollups))
	}
	place := 0
	for i, rollup := range d.Rollups {
		fit := true
		for j, field := range rollup {
			fault := d.checkRollupField(field, rollup[:j])
			faults = appendFault(faults, RollupFieldPart, place, fault)
			fit = fit && fault == ""
			place++
		}
		if fit {
			faults = appendFault(faults, RollupPart, i, d.checkRollup(i))
		}
	}
	return faults
}

func (d Definition) checkRollupField(field string, before []string) string {
	names := d.FieldNames(FullKey)
	switch {
	case len(names) == 0:
		return fmt.Sprintf("unknown key field %q; the view has no key fields", spelling.Shorten(field))
	case !slices.Contains(names, field):
		return fmt.Sprintf("unknown key field %q; %s", spelling.Shorten(field), spelling.Suggest(field, "key fields", names))
	case slices.Contains(before, field):
		return fmt.Sprintf("the key field %q appears twice in this roll-up; remove one", field)
	}
	return ""
}

// checkRollup checks a roll-up whose fields are valid.
func (d Definition) checkRollup(i int) string {
	names := d.FieldNames(Subset(i + 1))
	if len(names) == len(d.Key) {
		return fmt.Sprintf("the roll-up %s has all key fields, and the view keeps these rows anyway; remove the roll-up, "+
			"or leave out a field", WriteFields(names))
	}
	for s := range Subset(i) {
		if slices.Equal(d.FieldNames(s+1), names) {
			return fmt.Sprintf("the roll-up %s appears twice; remove one", WriteFields(names))
		}
	}
	return ""
}

// WriteFields writes the names of a subset's fields as a views file does: [status], or [].
func WriteFields(names []string) string { return "[" + strings.Join(names, ", ") + "]" }

// rollupPlaces returns, per roll-up, the places of its fields in the key.
func (d Definition) rollupPlaces() (all [][]int) {
	for i := range d.Rollups {
		all = append(all, d.placesOf(Subset(i+1)))
	}
	return all
}

// appendRollup appends to e.text the key of roll-up i that belongs to the full key before it.
func (e *Evaluation) appendRollup(i int, fields []int) {
	e.text = append(e.text, byte(i+1))
	for _, field := range fields {
		e.text = append(e.text, e.text[e.ends[field]:e.ends[field+1]]...)
	}
}
