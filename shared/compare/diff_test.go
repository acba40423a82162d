package compare_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

const slotMs = servingtest.SlotMs

var horizon = servingtest.Horizon

type amount = servingtest.Amount

func compareIn(
	s *servingtest.Fixture, name view.Name, id lifecycle.GenerationID, limit int, cursor string,
) (compare.Diff, error) {
	c := compare.Comparer{Stores: s.Stores}
	return c.Diff(context.Background(), name, id, limit, cursor)
}

// pagesOf returns all pages of a diff.
func pagesOf(t testing.TB, s *servingtest.Fixture, id lifecycle.GenerationID, limit int) []compare.Diff {
	t.Helper()
	var all []compare.Diff
	cursor := ""
	for {
		d, err := compareIn(s, "by_user", id, limit, cursor)
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

// differing describes the rows of some pages.
func differing(pages []compare.Diff) []string {
	rows, seen := []string{}, map[string]bool{}
	side := func(o *present.Object) string {
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
				rows, seen[text] = append(rows, text), true
			}
		}
	}
	return rows
}

func checkDiffering(t *testing.T, pages []compare.Diff, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), differing(pages)); diff != "" {
		t.Error("differing (-want +got):", diff)
	}
}

// TestDiff checks windows that differ, and windows that only one generation has, of keys in base items and of keys that
// are only in speed items.
func TestDiff(t *testing.T) {
	const early, late = "2026-11-22T09:30:00Z", "2026-11-22T10:30:00Z"
	s := servingtest.New(t)
	other := s.Define(t, func(d *view.Definition) {
		d.Aggregates = []view.Aggregate{{Name: "n", Expr: "count()"}, {Name: "amount", Expr: "sum(data.amount)"}}
	})
	s.Against(t, servingtest.Candidate(other, "h", lifecycle.Building))
	s.PutBaseOf(t, s.Program, "g", servingtest.KeyOf("alike"), amount{early, "1"}, amount{late, "1.50"})
	s.PutBaseOf(t, other, "h", servingtest.KeyOf("alike"), amount{early, "1"}, amount{late, "0.5"}, amount{late, "1"})
	s.PutBaseOf(t, s.Program, "g", servingtest.KeyOf("changed"), amount{early, "1"}, amount{late, "2"})
	s.PutBaseOf(t, other, "h", servingtest.KeyOf("changed"), amount{early, "1"}, amount{late, "3"})
	s.PutBaseOf(t, s.Program, "g", servingtest.KeyOf("stopped"), amount{early, "1"})
	s.PutBaseOf(t, other, "h", servingtest.KeyOf("begun"), amount{early, "1"})
	s.PutSpeedOf(
		t, lifecycle.OfDefinition(s.Program.Hash), horizon, s.Program, servingtest.KeyOf("fresh"), amount{late, "5"},
	)
	s.PutSpeedOf(t, lifecycle.OfDefinition(other.Hash), horizon, other, servingtest.KeyOf("fresh"), amount{late, "6"})
	s.PutSpeedOf(
		t, lifecycle.OfDefinition(other.Hash), horizon-slotMs, other, servingtest.KeyOf("covered"), amount{late, "6"},
	)
	pages := pagesOf(t, s, "", 0)
	checkDiffering(t, pages,
		`{"user":"changed"} 11-22T10:00: {"amount":2}, {"amount":3}`,
		`{"user":"stopped"} 11-22T09:00: {"amount":1}, none`,
		`{"user":"begun"} 11-22T09:00: none, {"amount":1}`,
		`{"user":"fresh"} 11-22T10:00: {"amount":5}, {"amount":6}`,
	)
	first := pages[0]
	serves := compare.DiffSide{Generation: "g", Definition: s.Program.Hash, Architecture: "lambda", State: "serving"}
	builds := compare.DiffSide{Generation: "h", Definition: other.Hash, Architecture: "lambda", State: "building"}
	if first.Serving != serves || first.Candidate != builds {
		t.Errorf("it is of %+v and %+v", first.Serving, first.Candidate)
	}
	if first.Keys != 3 || first.Windows != 5 || first.Differing != 2 || !first.Comparable {
		t.Errorf("the first page is %+v", first)
	}
	for i, page := range pages {
		if diff := cmp.Diff([][]string{{"amount"}, {}, {"n"}},
			[][]string{page.Aggregates, page.OnlyServing, page.OnlyCandidate}); diff != "" {
			t.Errorf("page %d: aggregates of both, serving, candidate (-want +got): %s", i, diff)
		}
	}
	t.Run("the same, named", func(t *testing.T) { checkDiffering(t, pagesOf(t, s, "h", 0), differing(pages)...) })
	t.Run("one row at most", func(t *testing.T) {
		page := pagesOf(t, s, "h", 1)[0]
		if len(page.Rows) != 1 || page.Differing != 2 || page.Windows != 5 {
			t.Errorf("page is %+v", page)
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		page := pagesOf(t, s, "h", 1)[0]
		page.Next = nil
		text, err := json.Marshal(page)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"view":"by_user","serving":{"generation":"g","definition":"` + string(s.Program.Hash) +
			`","architecture":"lambda","state":"serving"},"candidate":{"generation":"h","definition":"` + string(other.Hash) +
			`","architecture":"lambda","state":"building"},"comparable":true,"reason":"",` +
			`"aggregates":["amount"],"only_serving":[],"only_candidate":["n"],"keys":3,"windows":5,"differing":2,` +
			`"rows":[{"key":{"user":"changed"},"start":"2026-11-22T10:00:00Z","serving":{"amount":2},"candidate":{"amount":3}}],"next":null}`
		if diff := cmp.Diff(want, string(text)); diff != "" {
			t.Error("(-want +got):", diff)
		}
	})
}

// TestDiffOfKappa checks that a Kappa and a Lambda generation of the same events do not differ, wherever each stores
// them.
func TestDiffOfKappa(t *testing.T) {
	const early, late = "2026-11-22T09:30:00Z", "2026-11-22T10:30:00Z"
	s := servingtest.New(t)
	p := s.Kappa(t)
	s.Against(t, servingtest.KappaGeneration(p, "k", lifecycle.Building))
	s.PutBase(t, horizon, amount{early, "1"}, amount{late, "2"})
	s.PutSpeed(t, horizon, amount{late, "4"})
	s.PutKappa(t, p, "k", servingtest.Replayed, amount{early, "1"}, amount{late, "2"})
	s.PutKappa(t, p, "k", servingtest.LaneOne, amount{late, "4"})
	pages := pagesOf(t, s, "", 0)
	checkDiffering(t, pages)
	if len(pages) != 3 || pages[0].Candidate.Architecture != "kappa" || pages[0].Keys != 1 || pages[0].Windows != 2 ||
		pages[2].Keys != 0 {
		t.Errorf("pages are %+v", pages)
	}
	s.PutKappa(t, p, "k", servingtest.LaneTwo, amount{late, "8"})
	checkDiffering(t, pagesOf(t, s, "", 0), `{"user":"u"} 11-22T10:00: {"amount":6}, {"amount":14}`)
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "k", Generations: []lifecycle.Generation{
		servingtest.Candidate(s.Program, "g", lifecycle.Retained), servingtest.KappaGeneration(p, "k", lifecycle.Serving),
	}})
	checkDiffering(t, pagesOf(t, s, "", 0), `{"user":"u"} 11-22T10:00: {"amount":14}, {"amount":6}`)
}

// TestDiffPages checks that every key is compared once, however many there are, and whatever stores hold it.
func TestDiffPages(t *testing.T) {
	s := servingtest.New(t)
	s.Against(t, servingtest.Candidate(s.Program, "h", lifecycle.Retained))
	want := map[string]bool{}
	for i := range 35 {
		user := fmt.Sprintf("user %02d", i)
		s.PutBaseOf(t, s.Program, "g", servingtest.KeyOf(user), amount{"2026-11-22T10:30:00Z", "1"})
		s.PutBaseOf(t, s.Program, "h", servingtest.KeyOf(user), amount{"2026-11-22T10:30:00Z", fmt.Sprint(1 + i%2)})
		if i%2 == 1 {
			want[user] = true
		}
	}
	s.PutSpeedOf(
		t, lifecycle.OfDefinition(s.Program.Hash), horizon, s.Program, servingtest.KeyOf("both"),
		amount{"2026-11-22T10:30:00Z", "1"},
	)
	pages := pagesOf(t, s, "", 0)
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

func (c crowd) Scan(
	context.Context, lifecycle.GenerationID, string,
) (items []viewstore.BaseItem, next string, err error) {
	for _, key := range c.keys {
		items = append(
			items, viewstore.BaseItem{BaseKey: viewstore.BaseKey{Key: key}},
			viewstore.BaseItem{BaseKey: viewstore.BaseKey{Key: key, Page: 1}},
		)
	}
	return items, "", nil
}

// TestDiffOfRollups compares definitions of which one, or both, have a roll-up. Rows are compared wherever both
// definitions keep them.
func TestDiffOfRollups(t *testing.T) {
	const early = "2026-11-22T09:30:00Z"
	rolled := func(d *view.Definition) { d.Rollups = [][]string{{}} }
	both := func(d *view.Definition) {
		rolled(d)
		d.Aggregates = append(d.Aggregates, view.Aggregate{Name: "n", Expr: "count()"})
	}
	for _, c := range []struct {
		name               string
		serving, candidate func(*view.Definition)
		want               []string
	}{
		{"new", func(*view.Definition) {}, rolled, nil},
		{"removed", rolled, func(*view.Definition) {}, nil},
		{"in both", rolled, both, []string{`{} 11-22T09:00: {"amount":7}, {"amount":8}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := servingtest.New(t)
			p, q := s.Define(t, c.serving), s.Define(t, c.candidate)
			s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "p", Generations: []lifecycle.Generation{
				servingtest.Candidate(p, "p", lifecycle.Serving), servingtest.Candidate(q, "q", lifecycle.Building),
			}})
			for user, amounts := range map[string][2]string{"alike": {"1", "1"}, "changed": {"1", "2"}, "stopped": {"1"},
				"begun": {"", "1"}} {
				for i, g := range []lifecycle.GenerationID{"p", "q"} {
					program := []*view.Program{p, q}[i]
					if amounts[i] != "" {
						s.PutBaseOf(t, program, g, program.KeyOf(view.FullKey, []string{user}), amount{early, amounts[i]})
					}
				}
			}
			for i, g := range []lifecycle.GenerationID{"p", "q"} {
				if program := []*view.Program{p, q}[i]; len(program.Definition.Rollups) > 0 {
					s.PutBaseOf(t, program, g, program.KeyOf(1, nil), amount{early, []string{"7", "8"}[i]})
				}
			}
			for i, program := range []*view.Program{p, q} {
				s.PutSpeedOf(t, lifecycle.OfDefinition(program.Hash), horizon, program,
					program.KeyOf(view.FullKey, []string{"fresh"}), amount{early, []string{"5", "6"}[i]})
			}
			checkDiffering(t, pagesOf(t, s, "", 0), slices.Insert([]string{
				`{"user":"changed"} 11-22T09:00: {"amount":1}, {"amount":2}`,
				`{"user":"stopped"} 11-22T09:00: {"amount":1}, none`,
				`{"user":"begun"} 11-22T09:00: none, {"amount":1}`,
				`{"user":"fresh"} 11-22T09:00: {"amount":5}, {"amount":6}`,
			}, 2, c.want...)...)
		})
	}
}

// TestDiffOfACrowd checks a scan that returns very many keys. One call compares some of them, and the next call
// continues after these.
func TestDiffOfACrowd(t *testing.T) {
	s := servingtest.New(t)
	s.Against(t, servingtest.Candidate(s.Program, "h", lifecycle.Retained))
	c := crowd{Base: s.Base, keys: []view.Key{""}}
	for i := range 450 {
		c.keys = append(c.keys, servingtest.KeyOf(fmt.Sprint(i)))
	}
	s.Serving.Base = c
	var got []int
	for _, page := range pagesOf(t, s, "", 0) {
		got = append(got, page.Keys)
	}
	if diff := cmp.Diff([]int{200, 200, 51, 200, 200, 51, 0}, got); diff != "" {
		t.Error("keys of the pages (-want +got):", diff)
	}
}

// TestDiffMeanwhile checks events that come between the two reads: they are no difference. An event that only one
// generation ever gets is one.
func TestDiffMeanwhile(t *testing.T) {
	const at = "2026-11-22T10:30:00Z"
	s := servingtest.New(t)
	p := s.Kappa(t)
	s.Against(t, servingtest.KappaGeneration(p, "k", lifecycle.Building))
	s.PutBase(t, horizon, amount{at, "1"})
	s.PutKappa(t, p, "k", servingtest.Replayed, amount{at, "1"})
	read := 0
	s.Items.Hook = func(call memory.Call) memory.Fault {
		if call.Name == "speed.Pages" {
			if read++; read == 1 {
				s.Items.Hook = nil
				s.PutKappa(t, p, "k", servingtest.LaneOne, amount{at, "2"})
				s.PutSpeed(t, horizon, amount{at, "2"})
			}
		}
		return memory.Fault{}
	}
	page := pagesOf(t, s, "", 0)[0]
	if read != 1 || page.Differing != 0 || page.Windows != 1 {
		t.Errorf("page is %+v", page)
	}
}

// TestDiffIncomparable checks that generations with other keys or windows are not compared, and that the answer says
// why.
func TestDiffIncomparable(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*view.Definition)
		want   string
	}{
		{
			"other key fields", func(d *view.Definition) { d.Key = []view.KeyField{{Field: "buyer", Expr: "data.user"}} },
			"the key fields differ: the serving generation has (user), the other one has (buyer)",
		},
		{"no key field", func(d *view.Definition) {
			d.Key = nil
		}, "the key fields differ: the serving generation has (user), the other one has ()"},
		{"other windows", func(d *view.Definition) {
			d.Window = 24 * time.Hour
		}, "the windows differ: the serving generation has PT1H, the other one has P1D"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := servingtest.New(t)
			other := s.Define(t, c.change)
			s.Against(t, servingtest.Candidate(other, "h", lifecycle.Building))
			s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
			page := pagesOf(t, s, "", 0)[0]
			if page.Comparable || page.Reason != c.want || page.Keys != 0 || len(page.Rows) != 0 || page.Rows == nil {
				t.Errorf("page is %+v", page)
			}
		})
	}
	t.Run("another expression of a key field can be compared", func(t *testing.T) {
		s := servingtest.New(t)
		other := s.Define(t, func(d *view.Definition) { d.Key = []view.KeyField{{Field: "user", Expr: "source"}} })
		s.Against(t, servingtest.Candidate(other, "h", lifecycle.Building))
		if page := pagesOf(t, s, "", 0)[0]; !page.Comparable {
			t.Errorf("page is %+v", page)
		}
	})
}

// TestDiffRefused checks which generations are compared, and the errors when there is nothing to compare.
func TestDiffRefused(t *testing.T) {
	all := func(s *servingtest.Fixture) []lifecycle.Generation {
		return []lifecycle.Generation{
			servingtest.Candidate(s.Program, "old", lifecycle.Retained),
			servingtest.Candidate(s.Program, "new", lifecycle.Building),
			servingtest.Candidate(s.Program, "next", lifecycle.Announced),
			servingtest.Candidate(s.Program, "gone", lifecycle.Dropping),
		}
	}
	for _, c := range []struct {
		id      lifecycle.GenerationID
		without int // number of other generations to leave out, from the end
		want    lifecycle.GenerationID
		refusal string
	}{
		{"", 0, "new", ""},
		{"", 3, "old", ""},
		{"", 4, "", "view by_user: no generation is being built or retained: there is nothing to compare with the serving " +
			"one"},
		{"old", 0, "old", ""},
		{"g", 0, "", "view by_user: generation g serves: name another generation to compare with it"},
		{"gone", 0, "", "view by_user: generation gone was given up: its items are being deleted"},
		{"next", 0, "", "view by_user: generation next is only announced: nothing of it is built yet"},
	} {
		t.Run(fmt.Sprintf("%q, %d fewer", c.id, c.without), func(t *testing.T) {
			s := servingtest.New(t)
			s.Against(t, all(s)[:4-c.without]...)
			d, err := compareIn(s, "by_user", c.id, 0, "")
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
		s := servingtest.New(t)
		s.PointTo(
			t,
			lifecycle.View{
				Name:        "by_user",
				Generations: []lifecycle.Generation{servingtest.Candidate(s.Program, "g", lifecycle.Building)},
			},
		)
		var refusal *lifecycle.Refusal
		if _, err := compareIn(s, "by_user", "", 0, ""); !errors.As(err, &refusal) {
			t.Errorf("error is %v", err)
		}
	})
	s := servingtest.New(t)
	s.Against(t, all(s)...)
	for i := range 12 {
		s.PutBaseOf(t, s.Program, "g", servingtest.KeyOf(fmt.Sprint(i)), amount{"2026-11-22T10:30:00Z", "1"})
	}
	page, err := compareIn(s, "by_user", "new", 0, "")
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
		{"an unknown generation", "by_user", "other", 0, "", compare.ErrUnknownGeneration},
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
			if _, err := compareIn(s, c.view, c.id, c.limit, c.cursor); !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
		})
	}
}

func TestDiffStoresFail(t *testing.T) {
	lost := errors.New("lost on the way")
	for _, name := range []string{"catalog.View", "catalog.Definition", "base.Scan", "speed.Scan", "base.Pages",
		"speed.Slots", "speed.Pages"} {
		t.Run(name, func(t *testing.T) {
			s := servingtest.New(t)
			p := s.Kappa(t)
			s.Against(t, servingtest.KappaGeneration(p, "k", lifecycle.Building))
			s.PutBase(t, horizon, amount{"2026-11-22T10:30:00Z", "1"})
			s.Fail(name, lost)
			var err error
			for cursor := ""; err == nil; {
				var page compare.Diff
				if page, err = compareIn(s, "by_user", "", 0, cursor); page.Next == nil {
					break
				} else {
					cursor = *page.Next
				}
			}
			checkInternal(t, err, lost)
		})
	}
}

func checkInternal(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
	for _, clients := range []error{serving.ErrUnknownView, serving.ErrBadParameter, compare.ErrUnknownGeneration} {
		if errors.Is(err, clients) {
			t.Errorf("error is %v, which blames the client", err)
		}
	}
}

// TestDiffLeavesOutSkipped checks that items of what the views could not use are no key of a diff, in either store.
func TestDiffLeavesOutSkipped(t *testing.T) {
	const late = "2026-11-22T10:30:00Z"
	s := servingtest.New(t)
	other := s.Define(t, func(d *view.Definition) {
		d.Aggregates = []view.Aggregate{{Name: "n", Expr: "count()"}, {Name: "amount", Expr: "sum(data.amount)"}}
	})
	s.Against(t, servingtest.Candidate(other, "h", lifecycle.Building))
	s.PutBaseOf(t, s.Program, "g", servingtest.UserKey, amount{late, "1"})
	s.PutBaseOf(t, other, "h", servingtest.UserKey, amount{late, `"a lot"`}, amount{late, "1"})
	s.PutSpeedOf(t, lifecycle.OfDefinition(other.Hash), horizon, other, servingtest.UserKey, amount{late, `"a lot"`})
	pages := pagesOf(t, s, "", 0)
	checkDiffering(t, pages)
	if n := pages[0].Keys; n != 1 {
		t.Errorf("%d keys are compared, want 1", n)
	}
}
