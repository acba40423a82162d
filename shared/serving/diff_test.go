package serving_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// define stores a definition like the station's, changed.
func (s *station) define(t testing.TB, change func(*view.Definition)) *view.Program {
	t.Helper()
	d := s.program.Definition
	change(&d)
	set, err := view.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.catalog.PutDefinition(context.Background(), d.Hash(), d.Text()); err != nil {
		t.Fatal(err)
	}
	return set.Programs[0]
}

// candidate is a Lambda generation of a program, built as far as the one that serves.
func candidate(p *view.Program, id lifecycle.GenerationID, state lifecycle.State) lifecycle.Generation {
	return lifecycle.Generation{ID: id, Definition: p.Hash, State: state, Run: 1, Horizon: horizon}
}

// against lets generation g serve, with others beside it.
func (s *station) against(t testing.TB, others ...lifecycle.Generation) {
	t.Helper()
	s.pointTo(t, lifecycle.View{Name: "by_user", Serving: "g", Generations: append([]lifecycle.Generation{candidate(s.program, "g", lifecycle.Serving)}, others...)})
}

// putBaseOf puts base items of the purchases of one key into a generation.
func (s *station) putBaseOf(t testing.TB, p *view.Program, id lifecycle.GenerationID, key view.Key, amounts ...amount) {
	t.Helper()
	for page, states := range statesOf(t, p, amounts...) {
		item := viewstore.BaseItem{BaseKey: viewstore.BaseKey{Generation: id, Key: key, Page: page}, Horizon: horizon, States: states}
		if err := s.base.Put(context.Background(), item, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// putSpeedOf puts a speed item of a slot, of one key.
func (s *station) putSpeedOf(t testing.TB, set lifecycle.Set, of slot.Slot, p *view.Program, key view.Key, amounts ...amount) {
	t.Helper()
	for page, states := range statesOf(t, p, amounts...) {
		item := viewstore.SpeedItem{SpeedKey: viewstore.SpeedKey{Set: set, Key: key, Slot: of, Page: page, Lane: laneOne}, Fence: "1", States: states}
		if err := s.items.Put(context.Background(), item, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// keyOf is the key of one user.
func keyOf(user string) view.Key { return view.EncodeKey([]string{user}) }

// pages are all pages of a diff.
func (s *station) pages(t testing.TB, id lifecycle.GenerationID, limit int) []serving.Diff {
	t.Helper()
	var all []serving.Diff
	cursor := ""
	for {
		d, err := s.Diff(context.Background(), "by_user", id, limit, cursor)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
		if d.Next == nil {
			return all
		}
		if cursor = *d.Next; len(all) > 1_000 {
			t.Fatal("the diff does not end")
		}
	}
}

// differing tells the rows of some pages, each once.
func differing(pages []serving.Diff) []string {
	told, seen := []string{}, map[string]bool{}
	side := func(o *serving.Object) string {
		if o == nil {
			return "none"
		}
		text, err := json.Marshal(*o)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	for _, page := range pages {
		for _, row := range page.Rows {
			key := row.Key
			text := fmt.Sprintf("%s %s: %s, %s", side(&key), row.Start[5:16], side(row.Serving), side(row.Candidate))
			if !seen[text] {
				told, seen[text] = append(told, text), true
			}
		}
	}
	return told
}

func checkDiffering(t *testing.T, pages []serving.Diff, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), differing(pages)); diff != "" {
		t.Error("differing (-want +got):", diff)
	}
}

// TestDiff: windows that the two have differently, and those that one has alone, of keys that stand in base items, or in speed items only.
func TestDiff(t *testing.T) {
	const early, late = "2026-11-22T09:30:00Z", "2026-11-22T10:30:00Z"
	s := newStation(t)
	other := s.define(t, func(d *view.Definition) {
		d.Aggregates = []view.Aggregate{{Name: "n", Expr: "count()"}, {Name: "amount", Expr: "sum(data.amount)"}}
	})
	s.against(t, candidate(other, "h", lifecycle.Building))
	s.putBaseOf(t, s.program, "g", keyOf("alike"), amount{early, "1"}, amount{late, "1.50"})
	s.putBaseOf(t, other, "h", keyOf("alike"), amount{early, "1"}, amount{late, "0.5"}, amount{late, "1"})
	s.putBaseOf(t, s.program, "g", keyOf("changed"), amount{early, "1"}, amount{late, "2"})
	s.putBaseOf(t, other, "h", keyOf("changed"), amount{early, "1"}, amount{late, "3"})
	s.putBaseOf(t, s.program, "g", keyOf("stopped"), amount{early, "1"})
	s.putBaseOf(t, other, "h", keyOf("begun"), amount{early, "1"})
	s.putSpeedOf(t, lifecycle.OfDefinition(s.program.Hash), horizon, s.program, keyOf("fresh"), amount{late, "5"})
	s.putSpeedOf(t, lifecycle.OfDefinition(other.Hash), horizon, other, keyOf("fresh"), amount{late, "6"})
	s.putSpeedOf(t, lifecycle.OfDefinition(other.Hash), horizon-slotMs, other, keyOf("covered"), amount{late, "6"})
	pages := s.pages(t, "", 0)
	checkDiffering(t, pages,
		`{"user":"changed"} 11-22T10:00: {"amount":2}, {"amount":3}`,
		`{"user":"stopped"} 11-22T09:00: {"amount":1}, none`,
		`{"user":"begun"} 11-22T09:00: none, {"amount":1}`,
		`{"user":"fresh"} 11-22T10:00: {"amount":5}, {"amount":6}`,
	)
	first := pages[0]
	if first.Serving != (serving.DiffSide{Generation: "g", Definition: s.program.Hash, Architecture: "lambda"}) ||
		first.Candidate != (serving.DiffSide{Generation: "h", Definition: other.Hash, Architecture: "lambda"}) {
		t.Errorf("it is of %+v and %+v", first.Serving, first.Candidate)
	}
	if first.Keys != 3 || first.Windows != 5 || first.Differing != 2 || !first.Comparable {
		t.Errorf("the first page is %+v", first)
	}
	for i, page := range pages {
		if diff := cmp.Diff([][]string{{"amount"}, {}, {"n"}}, [][]string{page.Aggregates, page.OnlyServing, page.OnlyCandidate}); diff != "" {
			t.Errorf("page %d: aggregates of both, serving, candidate (-want +got): %s", i, diff)
		}
	}
	t.Run("the same, named", func(t *testing.T) { checkDiffering(t, s.pages(t, "h", 0), differing(pages)...) })
	t.Run("one row at most", func(t *testing.T) {
		page := s.pages(t, "h", 1)[0]
		if len(page.Rows) != 1 || page.Differing != 2 || page.Windows != 5 {
			t.Errorf("page is %+v", page)
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		page := s.pages(t, "h", 1)[0]
		page.Next = nil
		text, err := json.Marshal(page)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"view":"by_user","serving":{"generation":"g","definition":"` + string(s.program.Hash) + `","architecture":"lambda"},` +
			`"candidate":{"generation":"h","definition":"` + string(other.Hash) + `","architecture":"lambda"},"comparable":true,"reason":"",` +
			`"aggregates":["amount"],"only_serving":[],"only_candidate":["n"],"keys":3,"windows":5,"differing":2,` +
			`"rows":[{"key":{"user":"changed"},"start":"2026-11-22T10:00:00Z","serving":{"amount":2},"candidate":{"amount":3}}],"next":null}`
		if diff := cmp.Diff(want, string(text)); diff != "" {
			t.Error("(-want +got):", diff)
		}
	})
}

// TestDiffOfKappa: a Kappa generation and a Lambda one of the same events differ in nothing, wherever each has them.
func TestDiffOfKappa(t *testing.T) {
	const early, late = "2026-11-22T09:30:00Z", "2026-11-22T10:30:00Z"
	s := newStation(t)
	p := s.kappa(t)
	s.against(t, kappaGeneration(p, "k", lifecycle.Building))
	s.putBase(t, horizon, amount{early, "1"}, amount{late, "2"})
	s.putSpeed(t, horizon, amount{late, "4"})
	s.putKappa(t, p, "k", replayed, amount{early, "1"}, amount{late, "2"})
	s.putKappa(t, p, "k", laneOne, amount{late, "4"})
	pages := s.pages(t, "", 0)
	checkDiffering(t, pages)
	if len(pages) != 3 || pages[0].Candidate.Architecture != "kappa" || pages[0].Keys != 1 || pages[0].Windows != 2 || pages[2].Keys != 0 {
		t.Errorf("pages are %+v", pages)
	}
	s.putKappa(t, p, "k", laneTwo, amount{late, "8"})
	checkDiffering(t, s.pages(t, "", 0), `{"user":"u"} 11-22T10:00: {"amount":6}, {"amount":14}`)
	s.pointTo(t, lifecycle.View{Name: "by_user", Serving: "k", Generations: []lifecycle.Generation{
		candidate(s.program, "g", lifecycle.Retained), kappaGeneration(p, "k", lifecycle.Serving),
	}})
	checkDiffering(t, s.pages(t, "", 0), `{"user":"u"} 11-22T10:00: {"amount":14}, {"amount":6}`)
}

// TestDiffPages: every key is compared, however many there are, once, whatever stores it stands in.
func TestDiffPages(t *testing.T) {
	s := newStation(t)
	s.against(t, candidate(s.program, "h", lifecycle.Retained))
	want := map[string]bool{}
	for i := range 35 {
		user := fmt.Sprintf("user %02d", i)
		s.putBaseOf(t, s.program, "g", keyOf(user), amount{"2026-11-22T10:30:00Z", "1"})
		s.putBaseOf(t, s.program, "h", keyOf(user), amount{"2026-11-22T10:30:00Z", fmt.Sprint(1 + i%2)})
		if i%2 == 1 {
			want[user] = true
		}
	}
	s.putSpeedOf(t, lifecycle.OfDefinition(s.program.Hash), horizon, s.program, keyOf("both"), amount{"2026-11-22T10:30:00Z", "1"})
	pages := s.pages(t, "", 0)
	keys := 0
	for _, page := range pages {
		keys += page.Keys
	}
	if keys != 35+1 || len(pages) != 4+4+1 {
		t.Errorf("%d keys on %d pages", keys, len(pages))
	}
	if got := differing(pages); len(got) != len(want) {
		t.Errorf("%d rows, want %d: %q", len(got), len(want), got)
	}
}

// crowd is a store whose scan returns very many keys at once.
type crowd struct {
	viewstore.Base
	keys []view.Key
}

func (c crowd) Scan(context.Context, lifecycle.GenerationID, string) (items []viewstore.BaseItem, next string, err error) {
	for _, key := range c.keys {
		items = append(items, viewstore.BaseItem{BaseKey: viewstore.BaseKey{Key: key}}, viewstore.BaseItem{BaseKey: viewstore.BaseKey{Key: key, Page: 1}})
	}
	return items, "", nil
}

// TestDiffOfACrowd: of very many keys that one scan returns, a call compares some, and the next goes on behind them.
func TestDiffOfACrowd(t *testing.T) {
	s := newStation(t)
	s.against(t, candidate(s.program, "h", lifecycle.Retained))
	c := crowd{Base: s.base, keys: []view.Key{""}}
	for i := range 450 {
		c.keys = append(c.keys, keyOf(fmt.Sprint(i)))
	}
	s.Serving.Base = c
	var got []int
	for _, page := range s.pages(t, "", 0) {
		got = append(got, page.Keys)
	}
	if diff := cmp.Diff([]int{200, 200, 51, 200, 200, 51, 0}, got); diff != "" {
		t.Error("keys of the pages (-want +got):", diff)
	}
}

// TestDiffOfLongKeys: a key that was too long to be kept whole is told as far as it is known, and compared by the whole of it.
func TestDiffOfLongKeys(t *testing.T) {
	s := newStation(t)
	s.against(t, candidate(s.program, "h", lifecycle.Retained))
	for _, end := range []string{"a", "b"} {
		s.putBaseOf(t, s.program, "g", keyOf(strings.Repeat("x", 2000)+end), amount{"2026-11-22T10:30:00Z", "1"})
	}
	s.putBaseOf(t, s.program, "h", keyOf(strings.Repeat("x", 2000)+"b"), amount{"2026-11-22T10:30:00Z", "1"})
	page := s.pages(t, "", 0)[0]
	if page.Keys != 2 || len(page.Rows) != 1 || !page.Rows[0].KeyIsCut || string(page.Rows[0].Key[0].Value) != `"`+strings.Repeat("x", 798)+`"` {
		t.Errorf("page is %+v", page)
	}
}

// TestDiffMeanwhile: an event that comes in between the two readings is no difference; one that only one of the two ever gets is.
func TestDiffMeanwhile(t *testing.T) {
	const at = "2026-11-22T10:30:00Z"
	s := newStation(t)
	p := s.kappa(t)
	s.against(t, kappaGeneration(p, "k", lifecycle.Building))
	s.putBase(t, horizon, amount{at, "1"})
	s.putKappa(t, p, "k", replayed, amount{at, "1"})
	read := 0
	s.items.Hook = func(call memory.Call) memory.Fault {
		if call.Name == "speed.Pages" {
			if read++; read == 1 {
				s.items.Hook = nil
				s.putKappa(t, p, "k", laneOne, amount{at, "2"})
				s.putSpeed(t, horizon, amount{at, "2"})
			}
		}
		return memory.Fault{}
	}
	page := s.pages(t, "", 0)[0]
	if read != 1 || page.Differing != 0 || page.Windows != 1 {
		t.Errorf("page is %+v", page)
	}
}

// TestDiffIncomparable: where keys or windows are other things, nothing is compared, and it says why.
func TestDiffIncomparable(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*view.Definition)
		want   string
	}{
		{
			"other key fields", func(d *view.Definition) { d.Key = []view.KeyField{{Field: "buyer", Expr: "data.user"}} },
			"the key fields differ: serving has (user), the candidate has (buyer)",
		},
		{"no key field", func(d *view.Definition) { d.Key = nil }, "the key fields differ: serving has (user), the candidate has ()"},
		{"other windows", func(d *view.Definition) { d.Window = 24 * time.Hour }, "the windows differ: serving has PT1H, the candidate has P1D"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStation(t)
			other := s.define(t, c.change)
			s.against(t, candidate(other, "h", lifecycle.Building))
			s.putBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
			page := s.pages(t, "", 0)[0]
			if page.Comparable || page.Reason != c.want || page.Keys != 0 || len(page.Rows) != 0 || page.Rows == nil {
				t.Errorf("page is %+v", page)
			}
		})
	}
	t.Run("another expression of a key field is another view of the same", func(t *testing.T) {
		s := newStation(t)
		other := s.define(t, func(d *view.Definition) { d.Key = []view.KeyField{{Field: "user", Expr: "source"}} })
		s.against(t, candidate(other, "h", lifecycle.Building))
		if page := s.pages(t, "", 0)[0]; !page.Comparable {
			t.Errorf("page is %+v", page)
		}
	})
}

// TestDiffRefused: which two are compared, and what is wrong where there are none.
func TestDiffRefused(t *testing.T) {
	all := func(s *station) []lifecycle.Generation {
		return []lifecycle.Generation{
			candidate(s.program, "old", lifecycle.Retained), candidate(s.program, "new", lifecycle.Building), candidate(s.program, "next", lifecycle.Announced),
			candidate(s.program, "gone", lifecycle.Dropping),
		}
	}
	for _, c := range []struct {
		id      lifecycle.GenerationID
		without int // of the others, the last ones
		want    lifecycle.GenerationID
		refusal string
	}{
		{"", 0, "new", ""},
		{"", 3, "old", ""},
		{"", 4, "", "view by_user: no generation is being built or retained: there is nothing to hold against what serves"},
		{"old", 0, "old", ""},
		{"g", 0, "", "view by_user: generation g serves: name another one to hold against it"},
		{"gone", 0, "", "view by_user: generation gone has been given up: its items are being deleted"},
		{"next", 0, "", "view by_user: generation next is announced only: nothing of it is built yet"},
	} {
		t.Run(fmt.Sprintf("%q, %d fewer", c.id, c.without), func(t *testing.T) {
			s := newStation(t)
			s.against(t, all(s)[:4-c.without]...)
			d, err := s.Diff(context.Background(), "by_user", c.id, 0, "")
			var refusal *lifecycle.Refusal
			if c.refusal == "" && (err != nil || d.Candidate.Generation != c.want) {
				t.Errorf("compared with %s, %v", d.Candidate.Generation, err)
			}
			if c.refusal != "" && (!errors.As(err, &refusal) || err.Error() != c.refusal) {
				t.Errorf("error is %v, want %s", err, c.refusal)
			}
		})
	}
	t.Run("nothing serves", func(t *testing.T) {
		s := newStation(t)
		s.pointTo(t, lifecycle.View{Name: "by_user", Generations: []lifecycle.Generation{candidate(s.program, "g", lifecycle.Building)}})
		var refusal *lifecycle.Refusal
		if _, err := s.Diff(context.Background(), "by_user", "", 0, ""); !errors.As(err, &refusal) {
			t.Errorf("error is %v", err)
		}
	})
	s := newStation(t)
	s.against(t, all(s)...)
	for i := range 12 {
		s.putBaseOf(t, s.program, "g", keyOf(fmt.Sprint(i)), amount{"2026-11-22T10:30:00Z", "1"})
	}
	page, err := s.Diff(context.Background(), "by_user", "new", 0, "")
	if err != nil || page.Next == nil {
		t.Fatal(page, err)
	}
	cursor := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, c := range []struct {
		name   string
		view   view.Name
		id     lifecycle.GenerationID
		limit  int
		cursor string
		want   error
	}{
		{"an unknown view", "nobody", "", 0, "", serving.ErrUnknownView},
		{"an unknown generation", "by_user", "other", 0, "", serving.ErrUnknownGeneration},
		{"fewer than no rows", "by_user", "", -1, "", serving.ErrBadParameter},
		{"too many rows", "by_user", "", 1001, "", serving.ErrBadParameter},
		{"no cursor", "by_user", "", 0, "?", serving.ErrBadParameter},
		{"no cursor within", "by_user", "", 0, cursor("{"), serving.ErrBadParameter},
		{"a cursor before the beginning", "by_user", "", 0, cursor(`{"n":-1}`), serving.ErrBadParameter},
		{"a cursor beyond the end", "by_user", "", 0, cursor(`{"n":9}`), serving.ErrBadParameter},
		{"the cursor of another comparison", "by_user", "old", 0, *page.Next, serving.ErrBadParameter},
		{"the cursor of this one", "by_user", "new", 1000, *page.Next, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := s.Diff(context.Background(), c.view, c.id, c.limit, c.cursor); !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
		})
	}
}

func TestDiffStoresFail(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, name := range []string{"lifecycle.View", "lifecycle.Definition", "base.Scan", "speed.Scan", "base.Pages", "speed.Slots", "speed.Pages"} {
		t.Run(name, func(t *testing.T) {
			s := newStation(t)
			p := s.kappa(t)
			s.against(t, kappaGeneration(p, "k", lifecycle.Building))
			s.putBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
			hook := func(call memory.Call) memory.Fault {
				if call.Name == name {
					return memory.Fault{Err: lost}
				}
				return memory.Fault{}
			}
			s.catalog.Hook, s.base.Hook, s.items.Hook = hook, hook, hook
			var err error
			for cursor := ""; err == nil; {
				var page serving.Diff
				if page, err = s.Diff(context.Background(), "by_user", "", 0, cursor); page.Next == nil {
					break
				} else {
					cursor = *page.Next
				}
			}
			checkInternal(t, err, lost)
		})
	}
}
