package serving_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// TestKeyTooLong checks the longest key that a query can name, and that a longer one is refused by name. No view has
// such a key.
func TestKeyTooLong(t *testing.T) {
	s := servingtest.New(t)
	read := func(user string) error {
		_, err := s.Serving.Read(t.Context(), serving.Selection{View: "by_user", Key: map[string][]string{"user": {user}}})
		return err
	}
	if err := read(strings.Repeat("u", 899)); err != nil {
		t.Error(err)
	}
	var refused *serving.ParameterError
	if err := read(strings.Repeat("u", 900)); !errors.As(err, &refused) || refused.Parameter != "user" ||
		refused.Detail != "key field user makes the key longer than 900 bytes: a view skips such events as too large" {
		t.Errorf("error %v", err)
	}
}

// list puts base items and live keys of users.
func list(t *testing.T, s *servingtest.Fixture, stored, live []string) {
	t.Helper()
	for _, user := range stored {
		s.List(t, "g", servingtest.KeyOf(user))
	}
	for i, user := range live {
		item := viewstore.LiveKeys{
			Set: lifecycle.OfDefinition(s.Program.Hash), Slot: servingtest.Horizon + slot.Slot(i-1)*servingtest.SlotMs,
			Keys: []view.Key{servingtest.KeyOf(user)},
		}
		if err := s.Items.PutLive(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
}

// pages lists all keys page by page: a * stands behind those that may have speed items.
func pages(t *testing.T, s *servingtest.Fixture, filter serving.KeyFilter) (all []string) {
	t.Helper()
	selection := serving.KeySelection{View: "by_user", Filter: filter}
	for calls := 0; ; calls++ {
		page, err := s.Keys(t.Context(), selection)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Keys) > filter.Limit || calls > 1000 {
			t.Fatalf("page %d has %d keys", calls, len(page.Keys))
		}
		for _, key := range page.Keys {
			text := strings.Join(key.Values, " ")
			if key.Live {
				text += "*"
			}
			all = append(all, text)
		}
		if selection.Cursor = page.Next; selection.Cursor == "" {
			return all
		}
	}
}

func TestKeys(t *testing.T) {
	s := servingtest.New(t)
	// The first live key belongs to a slot below the horizon, which batch has covered.
	list(t, s, []string{"bob", "ann", "", "annette", "\x00", "zoë"}, []string{"old", "bob", "anna"})
	for _, c := range []struct {
		name   string
		filter serving.KeyFilter
		want   []string
	}{
		{"all", serving.KeyFilter{}, []string{"", "\x00", "ann", "anna*", "annette", "bob*", "zoë"}},
		{"down", serving.KeyFilter{Down: true}, []string{"zoë", "bob*", "annette", "anna*", "ann", "\x00", ""}},
		{"prefix", serving.KeyFilter{Prefix: "ann"}, []string{"ann", "anna*", "annette"}},
		{"prefix, down", serving.KeyFilter{Prefix: "ann", Down: true}, []string{"annette", "anna*", "ann"}},
		{"no such prefix", serving.KeyFilter{Prefix: "anno"}, nil},
		{"one value", serving.KeyFilter{Fields: map[string][]string{"user": {"ann"}}}, []string{"ann"}},
		{"the empty value", serving.KeyFilter{Fields: map[string][]string{"user": {""}}}, []string{""}},
		{"several values", serving.KeyFilter{Fields: map[string][]string{"user": {"bob", "ann", "eve"}}},
			[]string{"ann", "bob*"}},
	} {
		for _, limit := range []int{1, 2, 3, 100} {
			c.filter.Limit = limit
			if got := pages(t, s, c.filter); !slices.Equal(got, c.want) {
				t.Errorf("%s, %d at a time: %q, want %q", c.name, limit, got, c.want)
			}
		}
	}
}

// TestKeysOfSubsets checks that a list has the keys of one subset only, of the full key unless another one is named.
func TestKeysOfSubsets(t *testing.T) {
	s := servingtest.New(t)
	s.Hook(nil)
	p := s.Define(t, func(d *view.Definition) {
		d.Key = []view.KeyField{{Field: "shop", Expr: "data.shop"}, {Field: "user", Expr: "data.user"}}
		d.Rollups = [][]string{{}, {"user"}}
	})
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "h",
		Generations: []lifecycle.Generation{servingtest.Candidate(p, "h", lifecycle.Serving)}})
	s.List(t, "h",
		p.KeyOf(view.FullKey, []string{"", "a"}), p.KeyOf(view.FullKey, []string{"s", "b"}), p.KeyOf(1, nil),
		p.KeyOf(2, []string{"a"}), p.KeyOf(2, []string{"ab"}), p.KeyOf(2, []string{"b"}),
	)
	for _, c := range []struct {
		filter serving.KeyFilter
		want   []string
	}{
		{serving.KeyFilter{}, []string{" a", "s b"}},
		{serving.KeyFilter{Down: true}, []string{"s b", " a"}},
		{serving.KeyFilter{Fields: map[string][]string{"user": {"a"}}}, []string{" a"}},
		{serving.KeyFilter{Subset: 1}, []string{""}},
		{serving.KeyFilter{Subset: 2}, []string{"a", "ab", "b"}},
		{serving.KeyFilter{Subset: 2, Prefix: "a", Down: true}, []string{"ab", "a"}},
	} {
		for _, limit := range []int{1, 2, 100} {
			c.filter.Limit = limit
			if got := pages(t, s, c.filter); !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
			}
		}
	}
}

// TestManyKeys lists more keys than one round reads, with filters that few keys match.
func TestManyKeys(t *testing.T) {
	s := servingtest.New(t)
	s.Hook(nil)
	p := s.Define(t, func(d *view.Definition) {
		d.Key = []view.KeyField{{Field: "shop", Expr: "data.shop"}, {Field: "user", Expr: "data.user"}}
	})
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "h",
		Generations: []lifecycle.Generation{servingtest.Candidate(p, "h", lifecycle.Serving)}})
	var all []string
	for n := range 900 {
		values := []string{fmt.Sprintf("s%02d", n%30), fmt.Sprintf("u%04d", n)}
		all = append(all, strings.Join(values, " "))
		key := view.EncodeKey(values)
		item := viewstore.LiveKeys{Set: lifecycle.OfDefinition(p.Hash), Slot: servingtest.Horizon, Keys: []view.Key{key}}
		if n%7 != 0 {
			s.List(t, "h", key)
			continue
		}
		if err := s.Items.PutLive(t.Context(), item); err != nil { // not in the base yet
			t.Fatal(err)
		}
		all[n] += "*"
	}
	slices.Sort(all)
	for _, c := range []struct {
		filter serving.KeyFilter
		is     func(key string) bool
	}{
		{serving.KeyFilter{}, func(string) bool { return true }},
		{serving.KeyFilter{Prefix: "s1"}, func(key string) bool { return strings.HasPrefix(key, "s1") }},
		{serving.KeyFilter{Fields: map[string][]string{"shop": {"s07"}}, Prefix: "u03"},
			func(key string) bool { return strings.HasPrefix(key, "s07 u03") }},
		{serving.KeyFilter{Fields: map[string][]string{"user": {"u0014", "u0899"}}},
			func(key string) bool { return strings.Contains(key, "u0014") || strings.Contains(key, "u0899") }},
		{serving.KeyFilter{Fields: map[string][]string{"user": {"u0014"}}, Prefix: "s14"},
			func(key string) bool { return key == "s14 u0014*" }},
		{serving.KeyFilter{Fields: map[string][]string{"shop": {"s01", "s02"}}, Prefix: "u00"},
			func(key string) bool { return strings.HasPrefix(key, "s01 u00") || strings.HasPrefix(key, "s02 u00") }},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(key string) bool { return !c.is(key) })
		for _, limit := range []int{7, 1000} {
			for _, c.filter.Down = range []bool{false, true} {
				c.filter.Limit = limit
				if got := pages(t, s, c.filter); !slices.Equal(got, want) {
					t.Errorf("%+v: %d keys, want %d", c.filter, len(got), len(want))
				}
				slices.Reverse(want)
			}
		}
	}
}

// TestKeysOfKappa lists the keys of a Kappa generation: each of its keys may have speed items.
func TestKeysOfKappa(t *testing.T) {
	s := servingtest.New(t)
	g := servingtest.KappaGeneration(s.Kappa(t), "k", lifecycle.Serving)
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "k", Generations: []lifecycle.Generation{g}})
	for _, user := range []string{"b", "a"} {
		key := viewstore.SpeedKey{Set: g.SpeedSet(), Key: servingtest.KeyOf(user)}
		if err := s.Items.Put(t.Context(), viewstore.SpeedItem{SpeedKey: key, Applied: "1"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := pages(t, s, serving.KeyFilter{Limit: 1}); !slices.Equal(got, []string{"a*", "b*"}) {
		t.Errorf("keys %q", got)
	}
}

// TestKeysInOrderOfReads checks that the pointer is read first, then live keys, then entries.
func TestKeysInOrderOfReads(t *testing.T) {
	s := servingtest.New(t)
	s.Calls = nil
	pages(t, s, serving.KeyFilter{Limit: 10})
	calls := slices.Compact(slices.Clone(s.Calls))
	if got := strings.Join(calls, " "); got != "catalog.View catalog.Definition speed.Live base.Keys" {
		t.Errorf("calls %s", got)
	}
}

// TestKeysAcrossASwitch checks that later pages come from the generation of the first one, and that they end with it.
func TestKeysAcrossASwitch(t *testing.T) {
	s := servingtest.New(t)
	list(t, s, []string{"a", "b", "c"}, nil)
	selection := serving.KeySelection{View: "by_user", Filter: serving.KeyFilter{Limit: 1}}
	page, err := s.Keys(t.Context(), selection)
	if err != nil || page.Next == "" {
		t.Fatalf("page %+v, %v", page, err)
	}
	selection.Cursor = page.Next
	old := servingtest.Candidate(s.Program, "g", lifecycle.Retained)
	next := servingtest.Candidate(s.Program, "h", lifecycle.Serving)
	point := func() {
		s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "h", Generations: []lifecycle.Generation{old, next}})
	}
	point()
	page, err = s.Keys(t.Context(), selection)
	if err != nil || page.Generation.ID != "g" || page.Keys[0].Values[0] != "b" {
		t.Errorf("page %+v, %v; want the next key of the generation of the first page", page, err)
	}
	old.State = lifecycle.Dropping
	point()
	if _, err = s.Keys(t.Context(), selection); !errors.Is(err, serving.ErrCursorGone) {
		t.Errorf("error %v, want %v", err, serving.ErrCursorGone)
	}
}

func TestKeysRefuses(t *testing.T) {
	s := servingtest.New(t)
	lost := errors.New("lost")
	for _, c := range []struct {
		selection serving.KeySelection
		fails     string
		want      string
	}{
		{selection: serving.KeySelection{View: "nobody"}, want: "unknown view"},
		{selection: serving.KeySelection{Filter: serving.KeyFilter{Fields: map[string][]string{"shop": {"a"}}}},
			want: `unknown key field "shop"; view by_user has user`},
		{selection: serving.KeySelection{Filter: serving.KeyFilter{
			Prefix: "a", Fields: map[string][]string{"user": {"a"}},
		}},
			want: "prefix is the beginning of the first key field without a value, but every key field has one"},
		{selection: serving.KeySelection{Cursor: "!"}, want: "invalid cursor: send the next of an earlier page"},
		{selection: serving.KeySelection{Cursor: "e30"}, want: "invalid cursor: send the next of an earlier page"},
		{fails: "speed.Live", want: "view by_user: read live keys: lost"},
		{fails: "base.Keys", want: "view by_user: read keys: lost"},
	} {
		s.Fail(c.fails, lost)
		if c.selection.View == "" {
			c.selection.View = "by_user"
		}
		c.selection.Filter.Limit = 10
		if _, err := s.Keys(t.Context(), c.selection); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %s", c, err, c.want)
		}
	}
}
