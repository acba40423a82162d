package lifecycle

import (
	"slices"

	"github.com/anabranch/anabranch/shared/view"
)

// Definition is a view's definition as the catalog keeps it: what a view is to be.
type Definition struct {
	Name        view.Name
	Description string
	Hash        view.Hash
	Text        []byte

	Architecture view.Architecture
}

// Define converts definitions of views into the catalog's form.
func Define(definitions []view.Definition) []Definition {
	all := make([]Definition, len(definitions))
	for i, d := range definitions {
		all[i] = Definition{
			Name:         d.Name,
			Description:  d.Description,
			Hash:         d.Hash(),
			Text:         d.Text(),
			Architecture: d.Architecture,
		}
	}
	return all
}

// Hashes returns the definitions of all generations in use, each once, sorted.
func Hashes(views []View) []view.Hash {
	var all []view.Hash
	for _, v := range views {
		for _, g := range v.Generations {
			if g.IsKept() {
				all = append(all, g.Definition)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
