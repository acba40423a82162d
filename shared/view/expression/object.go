package expression

import (
	"cmp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// object is a map whose macros visit the keys in one order, whatever map it is made of. CEL visits the keys of a Go map
// in a random order, and so data.m.map(k, k)[0] would differ from layer to layer.
type object struct {
	traits.Mapper
	keys []ref.Val // sorted; nil: not asked for yet
}

// newObject makes an object of decoded members.
func newObject(members map[string]any) *object {
	return &object{Mapper: types.DefaultTypeAdapter.NativeToValue(members).(traits.Mapper)}
}

func (o *object) sorted() []ref.Val {
	if o.keys == nil {
		o.keys = make([]ref.Val, 0, sizeOf(o))
		for all := o.Mapper.Iterator(); all.HasNext() == types.True; {
			o.keys = append(o.keys, all.Next())
		}
		slices.SortFunc(o.keys, compareKeys)
	}
	return o.keys
}

// compareKeys orders the keys of a map by type, then by value. No two are equal.
func compareKeys(a, b ref.Val) int {
	if c := strings.Compare(a.Type().TypeName(), b.Type().TypeName()); c != 0 {
		return c
	}
	switch a := a.(type) {
	case types.String:
		return cmp.Compare(a, b.(types.String))
	case types.Int:
		return cmp.Compare(a, b.(types.Int))
	case types.Uint:
		return cmp.Compare(a, b.(types.Uint))
	case types.Double:
		return cmp.Compare(a, b.(types.Double))
	case types.Bool:
		return compareBools(bool(a), bool(b.(types.Bool)))
	}
	return 0
}

// Fold implements traits.Foldable.
func (o *object) Fold(f traits.Folder) {
	for _, key := range o.sorted() {
		if !f.FoldEntry(key, o.Get(key)) {
			return
		}
	}
}

// Iterator implements traits.Iterable.
func (o *object) Iterator() traits.Iterator {
	return types.NewRefValList(types.DefaultTypeAdapter, o.sorted()).Iterator()
}
