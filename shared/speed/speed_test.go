package speed_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

const (
	slotLength = 5 * time.Minute
	retain     = 7 * 24 * time.Hour
	tries      = 3
)

// start is the slot in which the tests' events arrive.
var start = slot.Slot(time.Date(2026, 11, 22, 21, 15, 0, 0, time.UTC).UnixMilli())

// table stores speed items, counts calls, and can be broken by a test.
type table struct {
	memory.Speed
	loads  int // number of Load calls
	loaded int // number of keys in these calls
	puts   []viewstore.SpeedItem
	stored map[viewstore.SpeedKey]viewstore.SpeedItem
}

func (s *table) Load(ctx context.Context, keys []viewstore.SpeedKey) ([]viewstore.SpeedItem, error) {
	s.loads++
	s.loaded += len(keys)
	return s.Speed.Load(ctx, keys)
}

func (s *table) Put(ctx context.Context, item viewstore.SpeedItem, loaded event.Sequence) error {
	s.puts = append(s.puts, item)
	err := s.Speed.Put(ctx, item, loaded)
	if err == nil {
		if s.stored == nil {
			s.stored = map[viewstore.SpeedKey]viewstore.SpeedItem{}
		}
		s.stored[item.SpeedKey] = item
	}
	return err
}

func (s *table) forget() { s.loads, s.loaded, s.puts = 0, 0, nil }

// fixture is a Speed with all of its stores in memory.
type fixture struct {
	*speed.Speed
	items   *table
	seen    *memory.Seen
	archive *memory.Archive
	catalog *memory.Catalog
	calls   []string // calls of catalog, archive and seen items
	codec   *event.Codec
	length  slot.Length
	last    int // last sequence number that was used
}

// byUser is the view of most tests. A page is a day.
func byUser() view.Definition {
	return view.Definition{
		Name: "by_user", Key: []view.KeyField{{Field: "user", Expr: "data.user"}}, Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}, {Name: "amount", Expr: "sum(data.amount)"}},
	}
}

func newFixture(t testing.TB, definitions ...view.Definition) *fixture {
	t.Helper()
	codec, err := event.NewCodec(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	length, err := slot.NewLength(slotLength)
	if err != nil {
		t.Fatal(err)
	}
	s := &fixture{items: &table{}, seen: &memory.Seen{}, archive: &memory.Archive{}, catalog: &memory.Catalog{},
		codec: codec, length: length}
	note := func(call memory.Call) memory.Fault {
		s.calls = append(s.calls, call.Name)
		return memory.Fault{}
	}
	s.restart()
	for _, d := range definitions {
		s.register(t, lifecycle.View{Name: d.Name,
			Generations: []lifecycle.Generation{{ID: "g", Definition: d.Hash(), State: lifecycle.Building}}}, d)
	}
	s.archive.Hook, s.catalog.Hook, s.seen.Hook = note, note, note
	return s
}

// register puts a view and definitions into the catalog.
func (s *fixture) register(t testing.TB, v lifecycle.View, definitions ...view.Definition) {
	t.Helper()
	for _, d := range definitions {
		if err := s.catalog.PutDefinition(context.Background(), d.Hash(), d.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.catalog.PutView(context.Background(), v); err != nil {
		t.Fatal(err)
	}
}

// restart makes a new environment of the function.
func (s *fixture) restart() {
	s.Speed = &speed.Speed{
		Archive: s.archive, Catalog: s.catalog, Programs: &programs.Cache{}, Items: s.items, Seen: s.seen, Codec: s.codec,
		Layout: archive.Layout{Number: 1, Slot: s.length, Lanes: 4, SpeedWindow: time.Hour}, Retain: retain,
		RetainSeen: retain, Tries: tries,
		Parallel: runner.Sequential, Now: func() time.Time {
			return start.Start().Add(time.Minute)
		}, Log: slog.New(slog.DiscardHandler),
	}
}

// purchase is one event: arrival, user, amount, and event time. An empty at means 10:00.
type purchase struct {
	arrival time.Time
	user    string
	amount  string
	at      string
}

// in returns an arrival in the given slot.
func in(s slot.Slot) time.Time { return s.Start().Add(time.Second) }

// record returns the next record of the stream, in lane n.
func (s *fixture) record(n int, purchases ...purchase) stream.Record {
	var lines []byte
	for i, p := range purchases {
		if p.at == "" {
			p.at = "2026-11-22T10:00:00Z"
		}
		var request ulid.ULID
		if err := request.SetTime(ulid.Timestamp(p.arrival)); err != nil {
			panic(err)
		}
		text := fmt.Sprintf(`{"specversion":"1.0","id":"%d-%d","source":"shop","type":"purchase","time":%q,"data":{"user":%q,"amount":%s}}`,
			s.last, i, p.at, p.user, p.amount)
		lines = event.AppendLine(lines, []byte(text), event.Stamp{Request: request, Index: i})
	}
	return s.raw(lane(n).String(), s.codec.Compress(nil, lines))
}

func (s *fixture) raw(partitionKey string, data []byte) stream.Record {
	s.last++
	return stream.Record{PartitionKey: partitionKey, Sequence: sequence(s.last), Data: data}
}

func sequence(n int) event.Sequence { return event.Sequence(fmt.Sprintf("4954%052d", n)) }

func lane(n int) event.Lane { return event.Lane{Layout: 1, Count: 4, N: n} }

// apply applies records, all of which must be applied.
func (s *fixture) apply(t testing.TB, records ...stream.Record) speed.Report {
	t.Helper()
	applied, report, err := s.Apply(context.Background(), records)
	if err != nil || applied != len(records) {
		t.Fatalf("applied %d of %d records: %v", applied, len(records), err)
	}
	return report
}

// describe describes the content of an item.
func (s *fixture) describe(t testing.TB, d view.Definition, item viewstore.SpeedItem) string {
	t.Helper()
	set, err := view.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	w := set.Programs[0].NewWindows()
	if err := w.MergePage(item.Page, item.States, nil); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s slot %+d lane %d applied %s:", item.Key[:len(item.Key)-1],
		(item.Slot-start)/slot.Slot(slotLength.Milliseconds()), item.Lane.N,
		strings.TrimLeft(string(item.Applied[4:]), "0"))
	for _, window := range w.Sorted() {
		text += fmt.Sprintf(" %s n=%s amount=%s", set.Programs[0].Start(window).Format("15:04"),
			w.AppendValue(nil, 0, window), w.AppendValue(nil, 1, window))
	}
	return text
}

// all describes every stored item.
func (s *fixture) all(t testing.TB, d view.Definition) []string {
	t.Helper()
	var all []string
	for _, item := range s.items.stored {
		all = append(all, s.describe(t, d, item))
	}
	slices.Sort(all)
	return all
}

func (s *fixture) check(t testing.TB, d view.Definition, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.all(t, d)); diff != "" {
		t.Error("items (-want +stored):", diff)
	}
}

// many returns n purchases of k users in turn.
func many(n, k int) []purchase {
	all := make([]purchase, n)
	for i := range all {
		all[i] = purchase{in(start), fmt.Sprintf("u%d", i%k), "1", ""}
	}
	return all
}

// TestCost checks the cost of an invocation: one write per item, and no load of an item that this environment wrote
// last.
func TestCost(t *testing.T) {
	for _, c := range []struct {
		name    string
		records func(*fixture) []stream.Record
		items   int
	}{
		{"one event", func(s *fixture) []stream.Record { return []stream.Record{s.record(0, many(1, 1)...)} }, 1},
		{"1,000 events of one key in one record", func(s *fixture) []stream.Record {
			return []stream.Record{s.record(0, many(1000, 1)...)}
		}, 1},
		{"1,000 events of 10 keys in 10 records", func(s *fixture) []stream.Record {
			var all []stream.Record
			for range 10 {
				all = append(all, s.record(0, many(100, 10)...))
			}
			return all
		}, 10},
		{"two lanes, with records between each other's", func(s *fixture) []stream.Record {
			return []stream.Record{s.record(0, many(5, 5)...), s.record(1, many(5, 5)...), s.record(0, many(5, 5)...),
				s.record(1, many(5, 5)...)}
		}, 10},
		{"two slots", func(s *fixture) []stream.Record {
			return []stream.Record{s.record(0, purchase{in(start), "a", "1", ""},
				purchase{in(s.length.Next(start)), "a", "1", ""})}
		}, 2},
		{"many windows of one page", func(s *fixture) []stream.Record {
			return []stream.Record{s.record(0, purchase{in(start), "a", "1", "2026-11-22T00:00:00Z"},
				purchase{in(start), "a", "1", "2026-11-22T23:59:59Z"})}
		}, 1},
		{"two pages", func(s *fixture) []stream.Record {
			return []stream.Record{s.record(0, purchase{in(start), "a", "1", "2026-11-22T23:59:59Z"},
				purchase{in(start), "a", "1", "2026-11-23T00:00:00Z"})}
		}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t, byUser())
			lanes := map[string]int{}
			count := func(records []stream.Record) []stream.Record {
				clear(lanes)
				for _, r := range records {
					lanes[r.PartitionKey]++
				}
				return records
			}
			for _, step := range []struct {
				name           string
				records        []stream.Record
				restart        bool
				loaded, puts   int
				definitionRead int
			}{
				{"new items", count(c.records(s)), false, c.items, c.items, 1},
				{"items that this environment wrote", count(c.records(s)), false, 0, c.items, 0},
				{"items that another environment wrote", count(c.records(s)), true, c.items, c.items, 1},
			} {
				s.items.forget()
				s.calls = nil
				if step.restart {
					s.restart()
				}
				report := s.apply(t, step.records...)
				requests := len(lanes)
				if step.loaded == 0 {
					requests = 0
				}
				if s.items.loads != requests || s.items.loaded != step.loaded || len(s.items.puts) != step.puts ||
					report.Items != step.puts {
					t.Errorf("%s: %d loads of %d items, %d puts, %d reported; want %d of %d, and %d",
						step.name, s.items.loads, s.items.loaded, len(s.items.puts), report.Items, requests, step.loaded, step.puts)
				}
				// Speed writes one seen item per lane, and reads those of other environments: at first all that matter, then the
				// new ones.
				calls := append([]string{"catalog.Views"}, slices.Repeat([]string{"catalog.Definition"}, step.definitionRead)...)
				read := "seen.After"
				if step.definitionRead > 0 {
					read = "seen.Newest"
				}
				calls = append(calls, slices.Repeat([]string{read, "seen.Put"}, len(lanes))...)
				if diff := cmp.Diff(calls, s.calls); diff != "" {
					t.Errorf("%s: calls of catalog, seen items and archive (-want +made): %s", step.name, diff)
				}
			}
		})
	}
}

// TestCostOfRedelivery checks that applied records cost at most a load, and never a write.
func TestCostOfRedelivery(t *testing.T) {
	s := newFixture(t, byUser())
	records := []stream.Record{s.record(0, many(10, 5)...), s.record(0, many(10, 5)...), s.record(0, many(10, 5)...)}
	s.apply(t, records...)
	before := s.all(t, byUser())
	for _, environment := range []struct {
		name  string
		make  func()
		loads int
	}{{"the environment that wrote", func() {}, 0}, {"a new environment", s.restart, 1}} {
		for _, again := range [][]stream.Record{records, records[1:], records[2:], records[:1], records[:2]} {
			s.items.forget()
			s.calls = nil
			environment.make()
			s.apply(t, again...)
			if s.items.loads != environment.loads || s.items.loaded != 5*environment.loads || len(s.items.puts) != 0 {
				t.Errorf("%s, %d of the records: %d loads of %d items, %d puts", environment.name, len(again), s.items.loads,
					s.items.loaded, len(s.items.puts))
			}
			if slices.Contains(s.calls, "seen.Put") {
				t.Errorf("%s, %d of the records: seen items are written again", environment.name, len(again))
			}
		}
	}
	s.check(t, byUser(), before...)
}

// TestAppliedPosition checks that an item's applied position is the last record of its lane in the batch, whether or
// not that record has an event of the item. All records were considered.
func TestAppliedPosition(t *testing.T) {
	d := byUser()
	a, b := purchase{in(start), "a", "1", ""}, purchase{in(start), "b", "10", ""}
	t.Run("the last record belongs to another item", func(t *testing.T) {
		s := newFixture(t, d)
		s.apply(t, s.record(0, a), s.record(0, b))
		s.check(t, d, "a slot +0 lane 0 applied 2: 10:00 n=1 amount=1", "b slot +0 lane 0 applied 2: 10:00 n=1 amount=10")
	})
	t.Run("two lanes", func(t *testing.T) {
		s := newFixture(t, d)
		s.apply(t, s.record(0, a), s.record(3, a), s.record(0, b), s.record(3, a))
		s.check(t, d, "a slot +0 lane 0 applied 3: 10:00 n=1 amount=1", "a slot +0 lane 3 applied 4: 10:00 n=2 amount=2",
			"b slot +0 lane 0 applied 3: 10:00 n=1 amount=10")
	})
	t.Run("the last record has no line", func(t *testing.T) {
		s := newFixture(t, d)
		s.apply(t, s.record(0, a), s.record(0))
		s.check(t, d, "a slot +0 lane 0 applied 2: 10:00 n=1 amount=1")
	})
	t.Run("the last record is set aside", func(t *testing.T) {
		s := newFixture(t, d)
		s.apply(t, s.record(0, a), s.raw("1.4.0", []byte("no zstd")))
		s.check(t, d, "a slot +0 lane 0 applied 2: 10:00 n=1 amount=1")
	})
	t.Run("sequence numbers of more digits", func(t *testing.T) {
		s := newFixture(t, d)
		first, second := s.record(0, a), s.record(0, b, a)
		first.Sequence, second.Sequence = "4954"+event.Sequence(strings.Repeat("9", 52)), "1"+
			event.Sequence(strings.Repeat("0", 56))
		s.apply(t, first)
		s.apply(t, first, second)
		s.apply(t, second)
		s.check(t, d, "a slot +0 lane 0 applied : 10:00 n=2 amount=2", "b slot +0 lane 0 applied : 10:00 n=1 amount=10")
	})
	t.Run("only records above the position", func(t *testing.T) {
		s := newFixture(t, d)
		first, second, third := s.record(0, a, b), s.record(0, a), s.record(0, b)
		s.apply(t, first)
		s.restart()
		s.apply(t, first, second)
		s.restart()
		s.apply(t, second, third)
		s.check(t, d, "a slot +0 lane 0 applied 2: 10:00 n=2 amount=2", "b slot +0 lane 0 applied 3: 10:00 n=2 amount=20")
	})
}

// TestSlots checks that speed folds a definition from its live slot on, in the slots that batch has not covered.
func TestSlots(t *testing.T) {
	d := byUser()
	hour := slot.Slot(time.Hour.Milliseconds())
	for _, c := range []struct {
		name        string
		generations []lifecycle.Generation
		want        []int // slots folded, from start
	}{
		{"no run", []lifecycle.Generation{{}}, []int{-1, 0, 1}},
		{"the horizon is before", []lifecycle.Generation{{Horizon: start - hour, Run: 1}}, []int{-1, 0, 1}},
		{"the horizon is at the slot", []lifecycle.Generation{{Horizon: start, Run: 1}}, []int{0, 1}},
		{"the horizon is a millisecond above", []lifecycle.Generation{{Horizon: start + 1, Run: 1}}, []int{1}},
		{"the horizon is beyond", []lifecycle.Generation{{Horizon: start + hour, Run: 1}}, nil},
		{"live at the slot", []lifecycle.Generation{{LiveFrom: start}}, []int{0, 1}},
		{"live beyond", []lifecycle.Generation{{LiveFrom: start + hour}}, nil},
		{"live before, the horizon at the slot", []lifecycle.Generation{{LiveFrom: start - hour, Horizon: start, Run: 1}},
			[]int{0, 1}},
		{"the horizon before, live at the slot", []lifecycle.Generation{{LiveFrom: start, Horizon: start - hour, Run: 1}},
			[]int{0, 1}},
		{
			"two generations of one definition: every slot that either needs",
			[]lifecycle.Generation{{Horizon: start + hour, Run: 9}, {Horizon: start, Run: 1}}, []int{0, 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			v := lifecycle.View{Name: d.Name}
			for i, g := range c.generations {
				g.ID, g.Definition = lifecycle.GenerationID(fmt.Sprint("g", i)), d.Hash()
				v.Generations = append(v.Generations, g)
			}
			s.register(t, v, d)
			length := slot.Slot(slotLength.Milliseconds())
			report := s.apply(t, s.record(0, purchase{in(start - length), "a", "1", ""}, purchase{in(start), "a", "1", ""},
				purchase{in(start + length), "a", "1", ""}))
			var want []string
			for _, n := range c.want {
				want = append(want, fmt.Sprintf("a slot %+d lane 0 applied 1: 10:00 n=1 amount=1", n))
			}
			slices.Sort(want)
			s.check(t, d, want...)
			if len(s.items.puts) != len(want) || report.Views[0].Folded != int64(len(want)) {
				t.Errorf("%d puts, %d events folded, want %d", len(s.items.puts), report.Views[0].Folded, len(want))
			}
		})
	}
	t.Run("the edges of a slot", func(t *testing.T) {
		s := newFixture(t)
		s.register(t, lifecycle.View{Name: d.Name,
			Generations: []lifecycle.Generation{{ID: "g", Definition: d.Hash(), Horizon: start, Run: 1}}}, d)
		s.apply(t, s.record(0, purchase{start.Start().Add(-time.Millisecond), "a", "1", ""},
			purchase{start.Start(), "b", "1", ""},
			purchase{start.Start().Add(slotLength - time.Millisecond), "b", "1", ""}, purchase{start.Start().Add(slotLength),
				"c", "1", ""}))
		s.check(t, d, "b slot +0 lane 0 applied 1: 10:00 n=2 amount=2", "c slot +1 lane 0 applied 1: 10:00 n=1 amount=1")
	})
}

// TestExpires checks that an item lives for the retention time after its slot.
func TestExpires(t *testing.T) {
	s := newFixture(t, byUser())
	s.apply(t, s.record(0, purchase{start.Start(), "a", "1", ""},
		purchase{start.Start().Add(slotLength - time.Millisecond), "a", "1", ""}))
	if len(s.items.puts) != 1 {
		t.Fatalf("%d puts, want 1", len(s.items.puts))
	}
	if want := viewstore.ExpiryAt(time.Date(2026, 11, 29, 21, 20, 0, 0, time.UTC)); s.items.puts[0].Expires != want {
		t.Errorf("expires at %s, want 7 days after the end of the slot", time.Unix(int64(s.items.puts[0].Expires), 0).UTC())
	}
}

// TestCannotRun checks a live definition that this version cannot run. The invocation fails before it applies anything,
// so the records stay in the stream.
func TestCannotRun(t *testing.T) {
	d := byUser()
	for _, c := range []struct {
		name, text string
		is         error
	}{
		{"of a later engine", strings.Replace(string(d.Text()), `"engine":2`, `"engine":3`, 1), view.ErrVersion},
		{"not a definition", "views: []", nil},
		{"an expression that does not compile", strings.Replace(string(d.Text()), "data.user", "data.user +", 1), nil},
		{"the text of another definition", string(view.Definition{Name: "x",
			Window: time.Hour, Aggregates: d.Aggregates}.Text()), nil},
		{"no text", "", catalog.ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t, d)
			const hash = view.Hash("0123456789abcdef0123456789abcdef")
			if c.text != "" {
				if err := s.catalog.PutDefinition(context.Background(), hash, []byte(c.text)); err != nil {
					t.Fatal(err)
				}
			}
			s.register(t, lifecycle.View{Name: "other", Generations: []lifecycle.Generation{{ID: "h", Definition: hash}}})
			applied, _, err := s.Apply(context.Background(),
				[]stream.Record{s.record(0, many(3, 3)...), s.raw("1.4.0", []byte("no zstd"))})
			if err == nil || !strings.Contains(err.Error(), string(hash)) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error is %v, want one that names the definition", err)
			}
			if applied != 0 || len(s.items.puts) != 0 || slices.Contains(s.calls, "archive.Put") {
				t.Errorf("applied %d records, put %d items", applied, len(s.items.puts))
			}
		})
	}
}

// TestCatalogRead checks that every invocation reads the live views from the catalog, so changes take effect at once.
func TestCatalogRead(t *testing.T) {
	d, ctx := byUser(), context.Background()
	s := newFixture(t)
	if report := s.apply(t, s.record(0, many(1, 1)...)); len(report.Views) != 0 || report.Events != 1 {
		t.Fatalf("without views: %+v", report)
	}
	s.register(t, lifecycle.View{Name: d.Name, Generations: []lifecycle.Generation{{ID: "g", Definition: d.Hash()}}}, d)
	s.apply(t, s.record(0, many(1, 1)...))
	s.check(t, d, "u0 slot +0 lane 0 applied 2: 10:00 n=1 amount=1")
	v, err := s.catalog.View(ctx, d.Name)
	if err != nil {
		t.Fatal(err)
	}
	v.Generations[0].Horizon = s.length.Next(start)
	if err := s.catalog.PutView(ctx, v); err != nil {
		t.Fatal(err)
	}
	s.apply(t, s.record(0, many(1, 1)...))
	s.check(t, d, "u0 slot +0 lane 0 applied 2: 10:00 n=1 amount=1")
	s.catalog.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errLost} }
	if applied, _, err := s.Apply(ctx, []stream.Record{s.record(0, many(1, 1)...)}); !errors.Is(err, errLost) ||
		applied != 0 {
		t.Errorf("without a catalog: applied %d, %v", applied, err)
	}
}

var errLost = errors.New("lost on the way")

func keyOf(user int) view.Key { return view.EncodeKey([]string{fmt.Sprint("u", user)}) }
