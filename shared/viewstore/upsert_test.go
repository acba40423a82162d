package viewstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// base is a store of one item whose puts go as the script says; puts beyond it succeed.
type base struct {
	viewstore.Base
	stored  *viewstore.BaseItem
	script  []string
	puts    int
	loadErr error
}

var errLost = errors.New("no answer")

func (b *base) Put(_ context.Context, item viewstore.BaseItem, loaded slot.Slot) error {
	b.puts++
	step := "write"
	if len(b.script) > 0 {
		step, b.script = b.script[0], b.script[1:]
	}
	var now slot.Slot
	if b.stored != nil {
		now = b.stored.Horizon
	}
	switch {
	case step == "lose the request":
		return errLost
	case step == "another writes": // the half of it
		b.stored = &viewstore.BaseItem{BaseKey: item.BaseKey, Horizon: item.Horizon / 2, States: []byte("another's")}
		return viewstore.ErrConflict
	case now != loaded:
		return viewstore.ErrConflict
	}
	b.stored = &item
	if step == "lose the answer" {
		return errLost
	}
	return nil
}

func (b *base) Load(context.Context, []viewstore.BaseKey) ([]viewstore.BaseItem, error) {
	if b.stored == nil || b.loadErr != nil {
		return nil, b.loadErr
	}
	return []viewstore.BaseItem{*b.stored}, nil
}

func TestUpsert(t *testing.T) {
	key := viewstore.BaseKey{Generation: "g", Key: "k", Page: 1}
	item := func(horizon slot.Slot, states string) *viewstore.BaseItem {
		return &viewstore.BaseItem{BaseKey: key, Horizon: horizon, States: []byte(states)}
	}
	errLoad, errNext := errors.New("cannot load"), errors.New("cannot merge")
	for _, c := range []struct {
		name    string
		stored  *viewstore.BaseItem
		stale   bool // the caller has loaded nothing
		script  []string
		loadErr error
		nextErr error

		wrote  bool
		states string // that are stored in the end
		puts   int
		err    error
	}{
		{name: "none is stored", wrote: true, states: "+new", puts: 1},
		{name: "one is stored", stored: item(10, "old"), wrote: true, states: "old+new", puts: 1},
		{name: "nothing to change", stored: item(100, "old"), states: "old"},
		{name: "the loaded item is stale", stored: item(10, "old"), stale: true, wrote: true, states: "old+new", puts: 2},
		{name: "the loaded item is stale, the stored one complete", stored: item(100, "old"), stale: true, states: "old",
			puts: 1},
		{name: "another is first", script: []string{"another writes"}, wrote: true, states: "another's+new", puts: 2},
		{name: "a request is lost", script: []string{"lose the request"}, wrote: true, states: "+new", puts: 2},
		{name: "an answer is lost", script: []string{"lose the answer"}, states: "+new", puts: 1},
		{
			name: "the last answer is lost", script: []string{"lose the request", "lose the request", "lose the answer"},
			states: "+new", puts: 3,
		},
		{
			name: "all requests are lost", script: []string{"lose the request", "lose the request", "lose the request"},
			puts: 3, err: errLost,
		},
		{
			name: "all requests are lost, and one is stored", stored: item(10, "old"),
			script: []string{"lose the request", "lose the request", "lose the request"}, states: "old", puts: 3, err: errLost,
		},
		{
			name: "the stored item cannot be loaded again", script: []string{"lose the request"}, loadErr: errLoad, puts: 1,
			err: errLoad,
		},
		{name: "the stored item cannot be merged", stored: item(10, "old"), nextErr: errNext, states: "old", err: errNext},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &base{stored: c.stored, script: c.script, loadErr: c.loadErr}
			var loaded viewstore.BaseItem
			if c.stored != nil && !c.stale {
				loaded = *c.stored
			}
			next := func(loaded viewstore.BaseItem) (viewstore.BaseItem, error) {
				if loaded.Horizon >= 100 || c.nextErr != nil {
					return loaded, c.nextErr
				}
				return *item(100, string(loaded.States)+"+new"), nil
			}
			wrote, err := viewstore.Upsert(t.Context(), b, key, loaded, 3, next)
			states := ""
			if b.stored != nil {
				states = string(b.stored.States)
			}
			if wrote != c.wrote || states != c.states || b.puts != c.puts || !errors.Is(err, c.err) {
				t.Errorf("wrote %v, stored %q after %d puts, error %v; want %v, %q, %d, %v",
					wrote, states, b.puts, err, c.wrote, c.states, c.puts, c.err)
			}
		})
	}
}

// pages is a store that knows one page.
type pages struct {
	viewstore.Base
	asked []viewstore.BaseKey
	err   error
}

func (p *pages) Load(_ context.Context, keys []viewstore.BaseKey) ([]viewstore.BaseItem, error) {
	p.asked = keys
	return []viewstore.BaseItem{{BaseKey: keys[1], Horizon: 7}}, p.err
}

func TestLoadPages(t *testing.T) {
	b := &pages{}
	keys := []view.PageKey{{Key: "a", Page: 1}, {Key: "b", Page: 2}}
	loaded, err := viewstore.LoadPages(t.Context(), b, lifecycle.GenerationID("g"), keys)
	if err != nil || len(loaded) != 1 || loaded[keys[1]].Horizon != 7 {
		t.Errorf("loaded %+v, error %v; want the item of the second page", loaded, err)
	}
	if len(b.asked) != 2 || b.asked[0] != (viewstore.BaseKey{Generation: "g", Key: "a", Page: 1}) {
		t.Errorf("asked for %+v", b.asked)
	}
	b.err = errLost
	if _, err := viewstore.LoadPages(t.Context(), b, "g", keys); !errors.Is(err, errLost) {
		t.Errorf("error %v, want %v", err, errLost)
	}
}
