// Package servingtest provides a Serving over stores in memory, for tests of code that reads views. Tests put items
// into the stores directly.
package servingtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// SlotMs is the length of a slot, in milliseconds.
const SlotMs = slot.Slot(300_000)

// Horizon is the horizon in most tests: 11:00, in the middle of a day. A page is a day.
var Horizon = slot.Slot(time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC).UnixMilli())

// UserKey is the key that Read queries.
var UserKey = KeyOf("u")

// KeyOf returns the key of one user.
func KeyOf(user string) view.Key { return view.EncodeKey([]string{user}) }

// Two lanes of the stream, and the lane of replay.
var (
	LaneOne  = event.Lane{Layout: 1, Count: 2}
	LaneTwo  = event.Lane{Layout: 1, Count: 2, N: 1}
	Replayed = event.ReplayLane
)

// Fixture is a Serving with its stores. Generation g serves the view by_user, which sums purchases by user and hour.
type Fixture struct {
	*serving.Serving
	Catalog *memory.Catalog
	Base    *Base
	Items   *memory.Speed
	Program *view.Program
	Calls   []string // names of the calls of the stores
}

// Base records which pages of a key were read.
type Base struct {
	memory.Base
	From, To view.Page
}

// Pages implements viewstore.Base.
func (b *Base) Pages(
	ctx context.Context, g lifecycle.GenerationID, key view.Key, from, to view.Page, after string,
) ([]viewstore.BaseItem, string, error) {
	if key != view.SkippedKey {
		b.From, b.To = from, to
	}
	return b.Base.Pages(ctx, g, key, from, to, after)
}

// New returns a fixture without items, 90 seconds after the horizon.
func New(t testing.TB) *Fixture {
	t.Helper()
	d := view.Definition{
		Name: "by_user", Key: []view.KeyField{{Field: "user", Expr: "data.user"}}, Window: time.Hour,
		Aggregates: []view.Aggregate{{Name: "amount", Expr: "sum(data.amount)"}},
	}
	s := &Fixture{Catalog: &memory.Catalog{}, Base: &Base{}, Items: &memory.Speed{}}
	s.Program = s.store(t, d)
	s.PointTo(t, lifecycle.View{Name: d.Name, Serving: "g", Generations: []lifecycle.Generation{
		{ID: "g", Definition: d.Hash(), State: lifecycle.Serving, Run: 1, Horizon: Horizon},
	}})
	s.Hook(func(call memory.Call) memory.Fault {
		s.Calls = append(s.Calls, call.Name)
		return memory.Fault{}
	})
	s.Serving = &serving.Serving{
		Stores: serving.Stores{Catalog: s.Catalog, Programs: &programs.Cache{}, Base: s.Base, Speed: s.Items},
		Sweeps: s.Catalog, Parallel: runner.Sequential,
		Limits: serving.Limits{MaxRows: 1000, MaxKeys: 100, MaxRead: 64 << 20},
		Now:    func() time.Time { return Horizon.Start().Add(90 * time.Second) },
	}
	return s
}

// Hook sets the hook of every store; nil removes it.
func (s *Fixture) Hook(hook func(memory.Call) memory.Fault) {
	s.Catalog.Hook, s.Base.Hook, s.Items.Hook = hook, hook, hook
}

// Fail makes all calls with this name fail.
func (s *Fixture) Fail(name string, err error) {
	s.Hook(func(call memory.Call) memory.Fault {
		if call.Name == name {
			return memory.Fault{Err: err}
		}
		return memory.Fault{}
	})
}

// Before returns a hook that calls do before each call with this name.
func Before(name string, do func()) func(memory.Call) memory.Fault {
	return func(call memory.Call) memory.Fault {
		if call.Name == name {
			do()
		}
		return memory.Fault{}
	}
}

// store compiles a definition and puts it into the catalog.
func (s *Fixture) store(t testing.TB, d view.Definition) *view.Program {
	t.Helper()
	set, err := view.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Catalog.PutDefinition(context.Background(), d.Hash(), d.Text()); err != nil {
		t.Fatal(err)
	}
	return set.Programs[0]
}

// Define stores a changed copy of the fixture's definition.
func (s *Fixture) Define(t testing.TB, change func(*view.Definition)) *view.Program {
	t.Helper()
	d := s.Program.Definition
	change(&d)
	return s.store(t, d)
}

// Kappa stores the fixture's definition as a Kappa definition.
func (s *Fixture) Kappa(t testing.TB) *view.Program {
	t.Helper()
	return s.Define(t, func(d *view.Definition) { d.Architecture = view.Kappa })
}

// PointTo stores a view over whatever revision is stored.
func (s *Fixture) PointTo(t testing.TB, v lifecycle.View) {
	t.Helper()
	if stored, err := s.Catalog.View(context.Background(), v.Name); err == nil {
		v.Revision = stored.Revision
	}
	if err := s.Catalog.PutView(context.Background(), v); err != nil {
		t.Fatal(err)
	}
}

// MoveTo moves the horizon of the first generation.
func (s *Fixture) MoveTo(t testing.TB, to slot.Slot) {
	t.Helper()
	v, err := s.Catalog.View(context.Background(), "by_user")
	if err != nil {
		t.Fatal(err)
	}
	v.Generations[0].Horizon = to
	s.PointTo(t, v)
}

// Against lets generation g serve, with others beside it.
func (s *Fixture) Against(t testing.TB, others ...lifecycle.Generation) {
	t.Helper()
	all := append([]lifecycle.Generation{Candidate(s.Program, "g", lifecycle.Serving)}, others...)
	s.PointTo(t, lifecycle.View{Name: "by_user", Serving: "g", Generations: all})
}

// Candidate is a Lambda generation of a program, built as far as the one that serves.
func Candidate(p *view.Program, id lifecycle.GenerationID, state lifecycle.State) lifecycle.Generation {
	return lifecycle.Generation{ID: id, Definition: p.Hash, State: state, Run: 1, Horizon: Horizon}
}

// KappaGeneration is one that replay has brought up to run 1.
func KappaGeneration(p *view.Program, id lifecycle.GenerationID, state lifecycle.State) lifecycle.Generation {
	return lifecycle.Generation{
		ID: id, Definition: p.Hash, State: state, Architecture: view.Kappa,
		LiveFrom: Horizon - 12*SlotMs, Run: 1, Horizon: Horizon,
	}
}

// Amount is one purchase: when, and how much.
type Amount [2]string

// PagesOf are the pages of some purchases under a key, and of those that the view could not use.
func PagesOf(t testing.TB, p *view.Program, key view.Key, amounts ...Amount) map[view.PageKey][]byte {
	t.Helper()
	set, err := view.Compile(p.Definition)
	if err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for i, a := range amounts {
		text := fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"s","type":"t","time":%q,"data":{"user":"u","amount":%s}}`, i, a[0], a[1])
		lines = event.AppendLine(lines, []byte(text), event.Stamp{Request: ulid.ULID{1}, Index: i})
	}
	var b event.Batch
	if err := set.Fields().Scan(lines, &b); err != nil {
		t.Fatal(err)
	}
	rows := make([]int32, b.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	d := set.Programs[0].NewDelta()
	d.Fold(&b, rows)
	pages := map[view.PageKey][]byte{}
	for page := range d.Pages() {
		at := page.PageKey
		if at.Key != view.SkippedKey {
			at.Key = key
		}
		pages[at] = page.Encode()
	}
	return pages
}

// List stores an item without windows for each key of a generation, so that the key is listed.
func (s *Fixture) List(t testing.TB, id lifecycle.GenerationID, keys ...view.Key) {
	t.Helper()
	for _, key := range keys {
		item := viewstore.BaseItem{BaseKey: viewstore.BaseKey{Generation: id, Key: key}, Horizon: Horizon}
		if err := s.Base.Put(t.Context(), item, slot.Beginning); err != nil {
			t.Fatal(err)
		}
	}
}

// PutBase puts base items of the purchases into generation g, at a horizon, in place of those that are there.
func (s *Fixture) PutBase(t testing.TB, at slot.Slot, amounts ...Amount) {
	t.Helper()
	s.putBase(t, s.Program, "g", UserKey, at, amounts)
}

// PutBaseOf puts base items of the purchases of one key into a generation.
func (s *Fixture) PutBaseOf(t testing.TB, p *view.Program, id lifecycle.GenerationID, key view.Key, amounts ...Amount) {
	t.Helper()
	s.putBase(t, p, id, key, Horizon, amounts)
}

// PutBaseAt is PutBaseOf at another horizon.
func (s *Fixture) PutBaseAt(
	t testing.TB, p *view.Program, id lifecycle.GenerationID, key view.Key, at slot.Slot, amounts ...Amount,
) {
	t.Helper()
	s.putBase(t, p, id, key, at, amounts)
}

func (s *Fixture) putBase(
	t testing.TB, p *view.Program, id lifecycle.GenerationID, key view.Key, at slot.Slot, amounts []Amount,
) {
	t.Helper()
	for page, states := range PagesOf(t, p, key, amounts...) {
		key := viewstore.BaseKey{Generation: id, Key: page.Key, Page: page.Page}
		stored, err := s.Base.Load(context.Background(), []viewstore.BaseKey{key})
		if err != nil {
			t.Fatal(err)
		}
		var loaded slot.Slot
		if len(stored) > 0 {
			loaded = stored[0].Horizon
		}
		item := viewstore.BaseItem{BaseKey: key, Horizon: at, States: states}
		if err := s.Base.Put(context.Background(), item, loaded); err != nil {
			t.Fatal(err)
		}
	}
}

// PutSpeed puts speed items of the purchases, of a slot.
func (s *Fixture) PutSpeed(t testing.TB, of slot.Slot, amounts ...Amount) {
	t.Helper()
	s.PutSpeedOf(t, lifecycle.OfDefinition(s.Program.Hash), of, s.Program, UserKey, amounts...)
}

// PutSpeedOf puts speed items of a set, of one slot and key.
func (s *Fixture) PutSpeedOf(
	t testing.TB, set lifecycle.Set, of slot.Slot, p *view.Program, key view.Key, amounts ...Amount,
) {
	t.Helper()
	s.putSpeed(t, viewstore.SpeedKey{Set: set, Key: key, Slot: of, Lane: LaneOne}, p, amounts)
}

// PutKappa puts items of a Kappa generation.
func (s *Fixture) PutKappa(
	t testing.TB, p *view.Program, id lifecycle.GenerationID, lane event.Lane, amounts ...Amount,
) {
	t.Helper()
	key := viewstore.SpeedKey{Set: lifecycle.OfGeneration(id), Key: UserKey, Slot: viewstore.NoSlot, Lane: lane}
	s.putSpeed(t, key, p, amounts)
}

func (s *Fixture) putSpeed(t testing.TB, key viewstore.SpeedKey, p *view.Program, amounts []Amount) {
	t.Helper()
	for page, states := range PagesOf(t, p, key.Key, amounts...) {
		key.Key, key.Page = page.Key, page.Page
		item := viewstore.SpeedItem{SpeedKey: key, Applied: "1", States: states}
		if err := s.Items.Put(context.Background(), item, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// Read reads the user's rows; parameters are names and values of a selection: from, to, step, tz, fill,
// total and values.
func (s *Fixture) Read(t testing.TB, parameters ...string) serving.Result {
	t.Helper()
	result, err := s.Try(parameters...)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Try is Read, with its error.
func (s *Fixture) Try(parameters ...string) (result serving.Result, err error) {
	selection := serving.Selection{View: "by_user", Key: map[string][]string{"user": {"u"}}}
	for i := 0; i < len(parameters); i += 2 {
		switch name, value := parameters[i], parameters[i+1]; name {
		case "from":
			selection.From = parse(value)
		case "to":
			selection.To = parse(value)
		case "total":
			selection.Total = value == "true"
		case "values":
			selection.Values = strings.Split(value, ",")
		case "fill":
			selection.Fill = value == "true"
		case "step":
			selection.Step, err = calendar.ParseStep(value)
		case "tz":
			selection.Zone, err = calendar.LoadZone(value)
		default:
			selection.Key[name] = []string{value}
		}
		if err != nil {
			panic(err) // a test writes it right
		}
	}
	return s.Serving.Read(context.Background(), selection)
}

func parse(text string) *time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err) // a test writes it right
	}
	return &t
}

// Number is the number of a row's first aggregate.
func Number(s serving.States) string { return string(s.AppendNumber(nil, 0)) }

// Rows tells a result's rows.
func Rows(r serving.Result) []string {
	const minute = "01-02T15:04"
	all := []string{}
	for _, row := range r.Rows {
		text := fmt.Sprintf("%s %s exact=%v", row.Start.Format(minute), Number(row.States), row.Exact)
		if !row.Horizon.IsZero() {
			text += " as of " + row.Horizon.Format(minute)
		}
		all = append(all, text)
	}
	return all
}
