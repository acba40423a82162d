package programs_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

const views = `
views:
  - name: page_views
    description: Requests per page
    key:
      path: data.path
    window: 1h
    aggregates:
      views: count()
  - name: bytes
    where: data.status < 400
    key: {}
    window: 1m
    aggregates:
      bytes: sum(data.bytes)
`

func definitions(t *testing.T) []view.Definition {
	t.Helper()
	all, err := viewfile.Parse("views.yaml", []byte(views))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// stored returns a catalog with the given definitions.
func stored(t *testing.T, all ...lifecycle.Definition) *memory.Catalog {
	t.Helper()
	c := &memory.Catalog{}
	for _, d := range all {
		if err := c.PutDefinition(t.Context(), d.Hash, d.Text); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// names returns the names of a set's programs, in order.
func names(set *view.Set) (all []view.Name) {
	for _, p := range set.Programs {
		all = append(all, p.Definition.Name)
	}
	return all
}

func TestDefine(t *testing.T) {
	parsed := definitions(t)
	got := lifecycle.Define(parsed)
	want := []lifecycle.Definition{
		{Name: "page_views", Description: "Requests per page", Hash: parsed[0].Hash(), Text: parsed[0].Text()},
		{Name: "bytes", Hash: parsed[1].Hash(), Text: parsed[1].Text()},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProgramsCompileInTheGivenOrder(t *testing.T) {
	all := lifecycle.Define(definitions(t))
	c := stored(t, all...)
	var p programs.Cache
	for _, test := range []struct {
		hashes []view.Hash
		want   []view.Name
	}{
		{[]view.Hash{all[0].Hash, all[1].Hash}, []view.Name{"page_views", "bytes"}},
		{[]view.Hash{all[1].Hash, all[0].Hash}, []view.Name{"bytes", "page_views"}},
		{[]view.Hash{all[1].Hash}, []view.Name{"bytes"}},
	} {
		set, err := p.Of(t.Context(), c, test.hashes)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, names(set)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestProgramsReadADefinitionOnce checks that a definition is read once, even by many callers at once, and that a
// failed read leaves nothing behind.
func TestProgramsReadADefinitionOnce(t *testing.T) {
	all := lifecycle.Define(definitions(t))
	hashes := []view.Hash{all[0].Hash, all[1].Hash}
	c := stored(t, all...)
	fault := errors.New("fault")
	c.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: fault} }
	var p programs.Cache
	if set, err := p.Of(t.Context(), c, hashes); !errors.Is(err, fault) || set != nil {
		t.Fatalf("set %v, error %v; want %v", set, err, fault)
	}
	var (
		lock  sync.Mutex
		reads int
		group sync.WaitGroup
		sets  [8]*view.Set
		errs  [8]error
	)
	c.Hook = func(memory.Call) memory.Fault {
		lock.Lock()
		defer lock.Unlock()
		reads++
		return memory.Fault{}
	}
	for i := range sets {
		group.Go(func() { sets[i], errs[i] = p.Of(t.Context(), c, hashes) })
	}
	group.Wait()
	if err := errors.Join(errs[:]...); err != nil || reads != 2 {
		t.Errorf("%d reads for 2 definitions, error %v", reads, err)
	}
	for _, set := range sets {
		if set != sets[0] {
			t.Error("one set of definitions was compiled more than once")
		}
	}
}

// TestProgramsKeepABoundedNumberOfSets checks that a set that was dropped is compiled again.
func TestProgramsKeepABoundedNumberOfSets(t *testing.T) {
	var all []lifecycle.Definition
	for i := range 300 {
		d := definitions(t)[0]
		d.Name = view.Name(fmt.Sprintf("view_%d", i))
		all = append(all, lifecycle.Define([]view.Definition{d})...)
	}
	c := stored(t, all...)
	reads := 0
	c.Hook = func(memory.Call) memory.Fault { reads++; return memory.Fault{} }
	var p programs.Cache
	for _, d := range append(all, all...) {
		set, err := p.Of(t.Context(), c, []view.Hash{d.Hash})
		if err != nil || len(names(set)) != 1 || names(set)[0] != d.Name {
			t.Fatalf("definition of %s: error %v", d.Name, err)
		}
	}
	if reads <= len(all) {
		t.Errorf("%d reads of %d definitions, twice each: nothing was ever dropped", reads, len(all))
	}
}

func TestProgramsRefuse(t *testing.T) {
	all := lifecycle.Define(definitions(t))
	renamed := all[1]
	renamed.Hash = "00000000000000000000000000000000"
	corrupt := lifecycle.Definition{Hash: "11111111111111111111111111111111", Text: []byte("{")}
	c := stored(t, all[0], renamed, corrupt)
	var p programs.Cache
	for name, test := range map[string]struct {
		hash view.Hash
		says string
	}{
		"a definition that is not there": {all[1].Hash, "not in the catalog"},
		"a text of another hash":         {renamed.Hash, "does not match the hash"},
		"a text that is no definition":   {corrupt.Hash, "cannot be run"},
	} {
		set, err := p.Of(t.Context(), c, []view.Hash{all[0].Hash, test.hash})
		if err == nil || set != nil || !strings.Contains(err.Error(), string(test.hash)) ||
			!strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: set %v, error %v; want one that names %s and says %q", name, set, err, test.hash, test.says)
		}
	}
	if _, err := p.Of(t.Context(), c, []view.Hash{all[1].Hash}); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("error %v, want %v", err, catalog.ErrNotFound)
	}
}
