package serving

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// KeyFilter selects keys of a generation.
type KeyFilter struct {
	Subset view.Subset         // whose keys are listed
	Fields map[string][]string // the values that a key field may have; a field that is left out may have any
	Prefix string              // beginning of the first key field that Fields leaves out
	Accept func([]string) bool // whether to list a key with these values of the subset's fields; nil: every key
	Down   bool                // from the greatest key to the smallest
	After  *view.Key           // lists the keys after this one, in the order; nil: from the beginning
	Limit  int                 // maximum number of keys, at least 1
}

// ListedKey is a key of a generation. It may have no item that takes part in answers.
type ListedKey struct {
	Key    view.Key
	Values []string // of the subset's fields, in the key's order
	Live   bool     // it may have speed items that take part in answers; otherwise it has none
}

// KeyList is a part of the keys that a filter selects, in order. It has every key under which a query that began before
// could find something.
type KeyList struct {
	Keys []ListedKey
	Last *view.Key // the last key that was looked at, to go on after; nil: there are no more
}

// mostLooked bounds the keys that one call of ListKeys looks at, where few of them match the filter.
const mostLooked = 20_000

// ListKeys lists keys of the generation: the live keys first, then those of its items, each read after the pointer that
// the Reader was made of. A list may be shorter than the limit although there are more keys.
//
// Errors: *FieldError, *ParameterError: do not retry. Any other is a store's: retry.
func (r Reader) ListKeys(ctx context.Context, filter KeyFilter, parallel runner.Runner) (KeyList, error) {
	in, err := r.keyRange(filter)
	if err != nil {
		return KeyList{}, err
	}
	l := lister{Reader: r, filter: filter, in: in, parallel: parallel}
	if err := l.readLive(ctx); err != nil {
		return KeyList{}, fmt.Errorf("read live keys: %w", err)
	}
	if err := l.readKeys(ctx); err != nil {
		return KeyList{}, fmt.Errorf("read keys: %w", err)
	}
	return l.list, nil
}

// keyRange returns the range of keys that a filter's first fields and its prefix allow.
func (r Reader) keyRange(filter KeyFilter) (viewstore.KeyRange, error) {
	d := r.Program.Definition
	fields := d.FieldNames(filter.Subset)
	if err := checkFields(d.Name, fields, filter.Fields); err != nil {
		return viewstore.KeyRange{}, err
	}
	var first []string // the values of the first fields that may have one value only
	free := len(fields)
	for i, field := range fields {
		values, named := filter.Fields[field]
		if !named {
			free = min(free, i)
		} else if len(first) == i && len(values) == 1 {
			first = append(first, values[0])
		}
	}
	if filter.Prefix != "" && free == len(fields) {
		return viewstore.KeyRange{}, &ParameterError{"prefix", "prefix is the beginning of the first key field without a " +
			"value, but every key field has one"}
	}
	text := ""
	if len(first) == free {
		text = filter.Prefix
	}
	from := d.PrefixOf(filter.Subset, first, text)
	in := viewstore.KeyRange{From: from, To: behindPrefix(from), Down: filter.Down}
	switch {
	case filter.After == nil:
	case filter.Down && (in.To == "" || *filter.After < in.To):
		in.To = *filter.After
	case !filter.Down:
		in.From = max(in.From, *filter.After+"\x00")
	}
	return in, nil
}

// behindPrefix returns the first key after all that begin with a prefix; "": there is none.
func behindPrefix(prefix view.Key) view.Key {
	b := []byte(prefix)
	for n := len(b) - 1; n >= 0; n-- {
		if b[n] != 0xff {
			b[n]++
			return view.Key(b[:n+1])
		}
	}
	return ""
}

// lister lists the keys of one generation.
type lister struct {
	Reader
	filter   KeyFilter
	in       viewstore.KeyRange // what is left to be read
	parallel runner.Runner

	live   []view.Key // in order, of what is left
	isLive map[view.Key]struct{}
	looked int
	list   KeyList
}

func (l *lister) compare(a, b view.Key) int {
	if l.in.Down {
		a, b = b, a
	}
	return strings.Compare(string(a), string(b))
}

// readLive reads the live keys that are in the range. A Kappa generation has none, since its items do not expire.
func (l *lister) readLive(ctx context.Context) error {
	l.isLive = map[view.Key]struct{}{}
	if !l.Generation.HasBase() {
		return nil
	}
	var shards [viewstore.Shards][]view.Key
	err := l.parallel(len(shards), func(i int) (err error) {
		shards[i], err = l.Speed.Live(ctx, l.Generation.SpeedSet(), i, l.Generation.SpeedFrom())
		return err
	})
	for _, key := range slices.Concat(shards[:]...) {
		if key >= l.in.From && (l.in.To == "" || key < l.in.To) {
			l.isLive[key] = struct{}{}
		}
	}
	l.live = slices.SortedFunc(maps.Keys(l.isLive), l.compare)
	return err
}

// readKeys reads the keys of the items round by round, and merges them with the live keys.
func (l *lister) readKeys(ctx context.Context) error {
	l.in.Limit = 16 + l.filter.Limit/8 // of a shard: keys are spread evenly
	for {
		keys, whole, err := l.round(ctx)
		if err != nil {
			return err
		}
		for i, key := range keys {
			l.looked++
			if listed, ok := l.match(key); ok {
				l.list.Keys = append(l.list.Keys, listed)
			}
			isLast := whole && i == len(keys)-1
			if full := len(l.list.Keys) == l.filter.Limit || l.looked == mostLooked; full && !isLast {
				l.list.Last = &key
				return nil
			}
		}
		if whole {
			return nil
		}
		if last := keys[len(keys)-1]; l.in.Down {
			l.in.To = last
		} else {
			l.in.From = last + "\x00"
		}
	}
}

// round returns the next keys in order, at least one of them unless they are the last ones. Every shard is read up to
// the last of these keys at least.
func (l *lister) round(ctx context.Context) (keys []view.Key, whole bool, err error) {
	var shards [viewstore.Shards][]view.Key
	err = l.parallel(len(shards), func(i int) (err error) {
		if l.Generation.HasBase() {
			shards[i], err = l.Base.Keys(ctx, l.Generation.ID, i, l.in)
		} else {
			shards[i], err = l.Speed.Keys(ctx, l.Generation.SpeedSet(), i, l.in)
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	whole = true
	var end view.Key // what comes after it is not known of every shard
	for _, some := range shards {
		if len(some) < l.in.Limit {
			continue
		}
		if last := some[len(some)-1]; whole || l.compare(last, end) < 0 {
			whole, end = false, last
		}
	}
	keys = append(slices.Concat(shards[:]...), l.live...)
	slices.SortFunc(keys, l.compare)
	keys = slices.Compact(keys)
	if !whole {
		keys = slices.DeleteFunc(keys, func(key view.Key) bool { return l.compare(key, end) > 0 })
		l.live = slices.DeleteFunc(l.live, func(key view.Key) bool { return l.compare(key, end) <= 0 })
	}
	return keys, whole, nil
}

// match reads a key, and reports whether the filter selects it.
func (l *lister) match(key view.Key) (ListedKey, bool) {
	d := l.Program.Definition
	subset, values, ok := d.ValuesOf(key)
	if !ok || subset != l.filter.Subset {
		return ListedKey{}, false
	}
	free := false
	for i, field := range d.FieldNames(subset) {
		allowed, named := l.filter.Fields[field]
		switch {
		case named && !slices.Contains(allowed, values[i]):
			return ListedKey{}, false
		case !named && !free:
			free = true
			if !strings.HasPrefix(values[i], l.filter.Prefix) {
				return ListedKey{}, false
			}
		}
	}
	if l.filter.Accept != nil && !l.filter.Accept(values) {
		return ListedKey{}, false
	}
	_, live := l.isLive[key]
	return ListedKey{Key: key, Values: values, Live: live || !l.Generation.HasBase()}, true
}
