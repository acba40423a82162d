// Package programs compiles the definitions that the catalog stores.
package programs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Cache compiles stored definitions and keeps the results, since a hash names the same text for ever. The zero Cache is
// ready to use. It is safe for concurrent use, and layers may share one.
type Cache struct {
	mu   sync.Mutex
	sets map[string]*view.Set
}

// maxSets limits the cache. A function uses one set, or one per view; new sets come only with changed definitions.
const maxSets = 256

// Of returns the definitions with the given hashes, compiled together, in their order.
//
// Errors: the catalog's: retry. A definition that the catalog does not have, or that this release cannot run: do not
// retry. view.ErrVersion: another release can run it. The error names the hash.
func (p *Cache) Of(ctx context.Context, c catalog.Catalog, hashes []view.Hash) (*view.Set, error) {
	name := nameOf(hashes)
	// The lock is held until the set is compiled, so that concurrent callers never compile it twice. Others wait only
	// after a definition has changed.
	p.mu.Lock()
	defer p.mu.Unlock()
	if set, ok := p.sets[name]; ok {
		return set, nil
	}
	definitions := make([]view.Definition, len(hashes))
	for i, hash := range hashes {
		text, err := c.Definition(ctx, hash)
		if err != nil {
			return nil, fmt.Errorf("read definition %s: %w", hash, err)
		}
		definitions[i], err = view.ParseText(text)
		if err == nil && definitions[i].Hash() != hash {
			err = errors.New("the stored text does not match the hash")
		}
		if err != nil {
			return nil, fmt.Errorf("definition %s cannot be run: %w", hash, err)
		}
	}
	set, err := view.Compile(definitions...)
	if err != nil {
		return nil, fmt.Errorf("compile definitions %s: %w", strings.TrimSuffix(name, " "), err)
	}
	if p.sets == nil || len(p.sets) >= maxSets {
		p.sets = map[string]*view.Set{}
	}
	p.sets[name] = set
	return set, nil
}

// OfKept returns the definitions of all generations in use of the views, compiled together, each once, sorted. It
// leaves out definitions that cannot be read or run; unusable has an error for each generation of such a definition.
//
// Errors: those of Of. Those in unusable also name the view, the generation and its state.
func (p *Cache) OfKept(
	ctx context.Context, c catalog.Catalog, views []lifecycle.View,
) (set *view.Set, unusable []error, err error) {
	if set, err = p.Of(ctx, c, lifecycle.Hashes(views)); err == nil {
		return set, nil, nil
	}
	var usable []view.Hash
	for _, v := range views {
		for _, g := range v.Generations {
			if !g.IsKept() {
				continue
			}
			if _, err := p.Of(ctx, c, []view.Hash{g.Definition}); err != nil {
				unusable = append(unusable,
					fmt.Errorf("view %s keeps the generation %s, which is %s: %w", v.Name, g.ID, g.State, err))
				continue
			}
			usable = append(usable, g.Definition)
		}
	}
	slices.Sort(usable)
	set, err = p.Of(ctx, c, slices.Compact(usable))
	return set, unusable, err
}

func nameOf(hashes []view.Hash) string {
	var b strings.Builder
	for _, hash := range hashes {
		b.WriteString(string(hash))
		b.WriteByte(' ')
	}
	return b.String()
}
