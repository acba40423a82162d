package serving

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/view"
)

// mostLists bounds the calls of ListKeys of one question, each of which looks at a part of the keys.
const mostLists = 5

func (l Limits) mostKeys() int { return cmp.Or(l.MaxKeys, mostLooked) }

// listKeys returns the keys that a question selects. last is the key after which a page of the list continues; nil
// where all keys are listed.
func (r Reader) listKeys(ctx context.Context, q question) (keys []ListedKey, last *view.Key, err error) {
	if q.named != nil {
		return q.named, nil, nil
	}
	filter := KeyFilter{Subset: q.subset, Fields: q.Key, Accept: q.Accept, Limit: r.mostKeys() + 1}
	if q.isPaged() {
		filter.Limit, filter.After = min(q.Limit, r.mostKeys()), q.from.last()
	}
	for range mostLists {
		list, err := r.ListKeys(ctx, filter, r.Parallel)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, list.Keys...)
		switch {
		case q.isPaged():
			return keys, list.Last, nil
		case len(keys) > r.mostKeys():
			return nil, nil, r.tooMany(q, fmt.Sprintf("more than %d keys, the maximum", r.mostKeys()))
		case list.Last == nil:
			return keys, nil, nil
		}
		filter.After = list.Last
	}
	return nil, nil, r.tooMany(q, fmt.Sprintf("few keys among more than %d", mostLists*mostLooked))
}

// namedKeys returns the keys of all combinations of a question's values, in order. Any of them may have speed items.
func (r Reader) namedKeys(q question) ([]ListedKey, error) {
	all := [][]string{{}}
	for _, field := range q.fields {
		if len(all)*len(q.Key[field]) > r.mostKeys() { // before the work
			return nil, r.tooMany(q, fmt.Sprintf("more than %d keys, the maximum", r.mostKeys()))
		}
		var longer [][]string
		for _, values := range all {
			for _, value := range q.Key[field] {
				longer = append(longer, append(slices.Clip(values), value))
			}
		}
		all = longer
	}
	keys := []ListedKey{}
	for _, values := range all {
		if err := checkLength(q.fields, values); err != nil {
			return nil, err
		}
		if q.Accept == nil || q.Accept(values) {
			keys = append(keys, ListedKey{Key: r.Program.KeyOf(q.subset, values), Values: values, Live: true})
		}
	}
	slices.SortFunc(keys, func(a, b ListedKey) int { return strings.Compare(string(a.Key), string(b.Key)) })
	// A value may be given twice.
	return slices.CompactFunc(keys, func(a, b ListedKey) bool { return a.Key == b.Key }), nil
}

// tooMany returns an ErrTooManyKeys with what would do: a roll-up that has only what the question needs, or values.
func (r Reader) tooMany(q question, what string) error {
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
