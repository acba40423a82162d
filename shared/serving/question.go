package serving

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Grouping says how many keys become rows. The zero Grouping gives rows of each key, in the order of keys.
type Grouping struct {
	By     []string // merge keys with the same values of these key fields; nil: each key is a group of its own
	Whole  bool     // merge all windows of a group into one row
	Order  Order    // of the groups
	Limit  int      // maximum number of groups; 0: all
	Cursor string   // Groups.Next of the answer before; "": from the first group on
	Parts  bool     // also return the two halves of each row; a selection of one key always does
}

// Groups says how the rows of a result came from many keys.
type Groups struct {
	By     []view.KeyField // fields of every Row.Key, in the order of the definition
	Subset view.Subset     // of the key fields, whose keys were read: the full key, or a roll-up
	Keys   int             // number of keys that were read; some of them may have no rows
	Next   string          // cursor of the groups that come next; "": there are none
}

// subset returns the key fields whose rows answer a selection, by the definition alone: the smallest roll-up that has
// all fields that the selection names and groups by, or else the full key. Without a grouping, rows belong to full
// keys. ok is false when a field of the grouping is no key field.
func (s Selection) subset(d view.Definition) (subset view.Subset, ok bool) {
	if s.By == nil {
		return view.FullKey, true
	}
	return d.PlanKeys(slices.Concat(named(d, s), s.By))
}

// named returns the key fields of a definition that a selection names, in order.
func named(d view.Definition, s Selection) (fields []string) {
	for _, k := range d.Key {
		if len(s.Key[k.Field]) > 0 {
			fields = append(fields, k.Field)
		}
	}
	return fields
}

// question is a selection, as a program understands it. A question of one key is one of many with a single group, which
// is in the answer even where it has no events.
type question struct {
	Selection
	isOfOneKey bool        // each field of the subset has one value; of Grouping, only By is asked for, and no Accept
	subset     view.Subset // whose keys answer
	fields     []string    // of the subset
	by         []int       // places of the fields of a group among them
	named      []ListedKey // the keys whose values the selection names; nil: the keys are listed
	at         span
	order      ordering
	from       cursor
}

// namesAll reports whether the question gives values to all fields of its subset, so that its keys are known.
func (q question) namesAll() bool {
	return !slices.ContainsFunc(q.fields, func(field string) bool { return len(q.Key[field]) == 0 })
}

// isPaged reports whether the list of keys has the groups in order, so that only the keys of one page are read. It
// does not suffice for rows of the whole range with an open end: they begin and end where the rows of all groups do.
func (q question) isPaged() bool {
	isOpen := q.Whole && (q.From == nil || q.To == nil)
	return q.Limit > 0 && q.By == nil && q.Order.By == "" && !q.namesAll() && !isOpen
}

// ask reads a selection, and refuses what can be refused before a read. Errors: *FieldError, *ParameterError,
// ErrTooManyKeys, ErrTooManyWindows.
func (r Reader) ask(s Selection) (q question, err error) {
	d := r.Program.Definition
	q.Selection = s
	if err := checkFields(d.Name, d.FieldNames(view.FullKey), s.Key); err != nil {
		return q, err
	}
	if err = r.plan(&q); err != nil {
		return q, err
	}
	if err = q.checkGrouping(); err != nil {
		return q, err
	}
	if q.order, err = r.orderingOf(s.Order); err != nil {
		return q, err
	}
	if q.namesAll() {
		if q.named, err = r.namedKeys(q); err != nil {
			return q, err
		}
	}
	if q.at, err = locate(r.Program, s); err != nil {
		return q, err
	}
	if s.Cursor != "" {
		if q.from, err = parseCursor(s.Cursor); err != nil {
			return q, err
		}
		if q.from.Of != q.ofCursor() {
			return q, &ParameterError{"cursor", "the cursor belongs to a query with other parameters; send it with those of " +
				"the page before"}
		}
	}
	return q, r.checkAsked(q.at)
}

// checkGrouping refuses what rows of a whole range, or of many keys, cannot have.
func (q question) checkGrouping() error {
	if q.Total && !q.isOfOneKey {
		return &ParameterError{"total", "total merges the rows of one key; for many keys, leave out total and ask for " +
			"step=all: with an empty group_by, all keys are one row"}
	}
	if q.Whole && q.Fill {
		return &ParameterError{"fill", "fill adds rows without events between others; with step=all there is one row"}
	}
	return nil
}

// ofCursor says what a cursor of the question's groups fits.
func (q question) ofCursor() string {
	return fmt.Sprintf("%s %t %t %q %d", q.Order.By, q.Order.Down, q.Whole, q.By, q.subset)
}

// plan chooses the keys that answer a question, and finds the fields of its groups. Errors: *ParameterError.
func (r Reader) plan(q *question) error {
	d := r.Program.Definition
	all := d.FieldNames(view.FullKey)
	by := q.By
	if by == nil {
		by = all
	}
	for i, field := range by {
		switch {
		case !slices.Contains(all, field):
			return &ParameterError{"group_by", fmt.Sprintf("group_by=%.80q is no key field; view %s has %s", field, d.Name,
				strings.Join(all, ", "))}
		case slices.Contains(by[:i], field):
			return &ParameterError{"group_by", fmt.Sprintf("group_by has the key field %s twice", field)}
		}
	}
	q.subset, _ = q.Selection.subset(d) // the full key has all fields
	q.fields = d.FieldNames(q.subset)
	for i, field := range q.fields {
		if slices.Contains(by, field) {
			q.by = append(q.by, i)
		}
	}
	isOne := func(field string) bool { return len(q.Key[field]) == 1 }
	several := slices.DeleteFunc(slices.Clone(q.fields), isOne)
	q.isOfOneKey = len(several) == 0 && q.Accept == nil && !q.Whole && q.Order == (Order{}) && q.Limit == 0 &&
		q.Cursor == ""
	return nil
}

func (q question) next(id lifecycle.GenerationID, last view.Key, value string) string {
	return cursor{Generation: id, Last: []byte(last), Value: value, Of: q.ofCursor()}.String()
}
