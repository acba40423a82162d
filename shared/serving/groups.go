package serving

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runner"
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

// isOfOneKey reports whether the rows of a selection are those of one key: of the full key, or of a roll-up.
func (s Selection) isOfOneKey(d view.Definition) bool {
	if g := s.Grouping; g.Whole || g.Order != (Order{}) || g.Limit > 0 || g.Cursor != "" {
		return false
	}
	subset, ok := s.subset(d)
	return ok && !slices.ContainsFunc(d.FieldNames(subset), func(field string) bool { return len(s.Key[field]) != 1 })
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

// groupsOf returns how the rows of one key came, and the values of their Groups.By; nil without a grouping.
func (s Selection) groupsOf(d view.Definition, values []string) (groups *Groups, key []string) {
	if s.By == nil {
		return nil, nil
	}
	subset, _ := s.subset(d)
	groups, key = &Groups{By: []view.KeyField{}, Subset: subset, Keys: 1}, []string{}
	for i, k := range d.Fields(subset) {
		if slices.Contains(s.By, k.Field) {
			groups.By, key = append(groups.By, k), append(key, values[i])
		}
	}
	return groups, key
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

// groupReader reads selections of many keys from one generation.
type groupReader struct {
	Reader
	maxKeys, maxItems int
	parallel          runner.Runner // runs the reads of keys
}

// question is a selection of many keys, as a program understands it.
type question struct {
	Selection
	at     span        // of no key
	subset view.Subset // whose keys answer
	fields []string    // of the subset
	by     []int       // places of the fields of a group among them
	order  ordering
	from   cursor
}

// namesAll reports whether the question gives values to all fields of its subset, so that its keys are known.
func (q question) namesAll() bool {
	return !slices.ContainsFunc(q.fields, func(field string) bool { return len(q.Key[field]) == 0 })
}

// isPaged reports whether the directory lists the groups in their order, so that only the keys of one page are read.
func (q question) isPaged() bool {
	return q.Limit > 0 && q.By == nil && q.Order.By == "" && !q.namesAll()
}

// ask reads a selection, and refuses what can be refused before a read. Errors: *FieldError, *ParameterError,
// ErrTooManyRows.
func (r groupReader) ask(s Selection) (q question, err error) {
	d := r.Program.Definition
	q.Selection = s
	if err := checkFields(d.Name, d.FieldNames(view.FullKey), s.Key); err != nil {
		return q, err
	}
	if s.Total {
		return q, &ParameterError{"total", "total merges the rows of one key; for many keys, leave out total and ask for " +
			"step=all: with an empty group_by, all keys are one row"}
	}
	if s.Whole && s.Fill {
		return q, &ParameterError{"fill", "fill adds rows without events between others; with step=all there is one row"}
	}
	if err = r.plan(&q); err != nil {
		return q, err
	}
	if q.order, err = r.orderingOf(s.Order); err != nil {
		return q, err
	}
	if q.at, err = locateRange(r.Program, s); err != nil {
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

// ofCursor says what a cursor of the question's groups fits.
func (q question) ofCursor() string {
	return fmt.Sprintf("%s %t %t %q %d", q.Order.By, q.Order.Down, q.Whole, q.By, q.subset)
}

// plan chooses the keys that answer a question, and finds the fields of its groups. Errors: *ParameterError.
func (r groupReader) plan(q *question) error {
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
	return nil
}

// read reads the groups of a selection. The keys are listed first: live keys, then entries; then items are read. So an
// exact row lacks no key: each that has an event below the horizon of the pointer had its entry before the pointer got
// there.
//
// Errors: as Serving.Read, for a reader.
func (r groupReader) read(ctx context.Context, s Selection) (Result, error) {
	q, err := r.ask(s)
	if err != nil {
		return Result{}, err
	}
	keys, last, err := r.listKeys(ctx, q)
	if err != nil {
		return Result{}, err
	}
	g := r.newGrouping(q)
	if err := g.readAll(ctx, keys); err != nil {
		return Result{}, err
	}
	result, err := g.result()
	if err == nil && last != nil {
		result.Groups.Next = q.next(r.Generation.ID, *last, "")
	}
	return result, err
}

func (q question) next(id lifecycle.GenerationID, last view.Key, value string) string {
	return cursor{Generation: id, Last: []byte(last), Value: value, Of: q.ofCursor()}.String()
}

// mostLists bounds the calls of ListKeys of one question, each of which looks at a part of the directory.
const mostLists = 5

// listKeys returns the keys that a question selects. last is the key after which a page of the directory continues; nil
// where all keys are listed.
func (r groupReader) listKeys(ctx context.Context, q question) (keys []ListedKey, last *view.Key, err error) {
	if q.namesAll() {
		keys, err = r.namedKeys(q)
		return keys, nil, err
	}
	filter := KeyFilter{Subset: q.subset, Fields: q.Key, Accept: q.Accept, Limit: r.maxKeys + 1}
	if q.isPaged() {
		filter.Limit, filter.After = min(q.Limit, r.maxKeys), q.from.last()
	}
	for range mostLists {
		list, err := r.ListKeys(ctx, filter, r.parallel)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, list.Keys...)
		switch {
		case q.isPaged():
			return keys, list.Last, nil
		case len(keys) > r.maxKeys:
			return nil, nil, r.tooMany(q, fmt.Sprintf("more than %d keys, the maximum", r.maxKeys))
		case list.Last == nil:
			return keys, nil, nil
		}
		filter.After = list.Last
	}
	return nil, nil, r.tooMany(q, fmt.Sprintf("few keys among more than %d", mostLists*mostLooked))
}

// namedKeys returns the keys of all combinations of a question's values, in order. Any of them may have speed items.
func (r groupReader) namedKeys(q question) ([]ListedKey, error) {
	all := [][]string{nil}
	for _, field := range q.fields {
		var longer [][]string
		for _, values := range all {
			for _, value := range q.Key[field] {
				longer = append(longer, append(slices.Clip(values), value))
			}
		}
		if all = longer; len(all) > r.maxKeys {
			return nil, r.tooMany(q, fmt.Sprintf("more than %d keys, the maximum", r.maxKeys))
		}
	}
	var keys []ListedKey
	for _, values := range all {
		if err := checkLength(q.fields, values); err != nil {
			return nil, err
		}
		if q.Accept == nil || q.Accept(values) {
			keys = append(keys, ListedKey{Key: r.Program.KeyOf(q.subset, values), Values: values, Live: true})
		}
	}
	slices.SortFunc(keys, func(a, b ListedKey) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return keys, nil
}

// tooMany returns an ErrTooManyKeys with what would do: a roll-up that has only what the question needs, or values.
func (r groupReader) tooMany(q question, what string) error {
	var free, needed []string
	for i, field := range q.fields {
		isNamed := len(q.Key[field]) > 0
		if !isNamed {
			free = append(free, "key."+field+"=VALUE")
		}
		if isNamed || slices.Contains(q.by, i) {
			needed = append(needed, field)
		}
	}
	remedy := "narrow the keys with " + strings.Join(free, " or ")
	if len(free) == 0 {
		remedy = "name fewer values"
	}
	if len(needed) < len(q.fields) {
		remedy += fmt.Sprintf(", or add rollups: [%s] to the view's definition", view.WriteFields(needed))
	} else if q.By == nil && q.Order.By == "" && len(free) > 0 {
		remedy += ", or ask for pages with limit and cursor"
	}
	return fmt.Errorf("%w: the selection has %s; %s", ErrTooManyKeys, what, remedy)
}
