package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

const views = `views:
  - name: by_user
    key: {user: data.user}
    window: 1m
    aggregates:
      visits: count()
      amount: sum(data.amount)
      least: min(data.amount)
`

const (
	lookback = time.Hour // as for the world's batch
	every    = 24 * time.Hour
)

// world is the simulation's world, with an audit of its own.
type world struct {
	*simulation.World
	t      *testing.T
	audit  *audit.Audit
	hidden *hiding
	sent   int
	ids    int
	call   string // the call before which onCall has run
}

// hiding is an archive that leaves one object out of its listings.
type hiding struct {
	archive.Archive
	key archive.Key
}

func (h *hiding) List(ctx context.Context, from, to archive.Key, limit int) ([]archive.Object, time.Time, error) {
	objects, date, err := h.Archive.List(ctx, from, to, limit)
	return slices.DeleteFunc(objects, func(o archive.Object) bool { return o.Key == h.key }), date, err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, views)
}

func newWorldOf(t *testing.T, views string) *world {
	t.Helper()
	kit, err := simulation.Prepare(views)
	if err != nil {
		t.Fatal(err)
	}
	simulated, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{World: simulated, t: t}
	w.audit = w.newAudit()
	w.hidden = &hiding{Archive: w.Archive}
	w.Batch.Archive = w.hidden
	w.Wait(time.Minute)
	w.tick()
	return w
}

func (w *world) newAudit() *audit.Audit {
	w.t.Helper()
	layout, _, err := archive.ReadLayout(w.t.Context(), w.Archive, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	codec, err := event.NewCodec(8 << 20)
	if err != nil {
		w.t.Fatal(err)
	}
	return &audit.Audit{
		Archive: w.Archive, Catalog: w.Catalog, Audits: w.Catalog, Programs: &programs.Cache{}, Base: w.Base, Codec: codec,
		Layout:   layout,
		Lease:    w.keeper(),
		Lookback: lookback, Every: every, Tries: 5, Workers: 3, Parallel: runner.Sequential, Now: func() time.Time {
			return w.Clock
		}, Log: slog.New(slog.DiscardHandler),
	}
}

// leaseFor is how long a lease of these worlds lasts. Nobody renews it, since nothing here takes time.
const leaseFor = 2 * time.Minute

func (w *world) keeper() lease.Keeper {
	never := func(context.Context, time.Duration, func(context.Context) bool) (stop func()) { return func() {} }
	return lease.Keeper{
		Leases: w.Catalog, For: leaseFor, Memory: 2048, Now: func() time.Time { return w.Clock }, Repeat: never,
		NewID: func() (ulid.ULID, error) { w.ids++; return ulid.ULID{byte(w.ids >> 8), byte(w.ids)}, nil },
		Log:   slog.New(slog.DiscardHandler),
	}
}

func (w *world) tick() {
	w.t.Helper()
	if _, err := w.Tick(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// visit returns an event with the given id, of a user, at a minute of the world's first day.
func visit(id int, user string, minute int) string {
	at := time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC).Format(time.RFC3339)
	return fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"shop","type":"visit","time":"%s","data":{"user":"%s","amount":%d}}`, id, at, user, id%7)
}

// send archives one request with n events of the user, one per minute. It returns the key of the object.
func (w *world) send(user string, n int, more ...string) archive.Key {
	w.t.Helper()
	var events []string
	for _, user := range append(more, user) {
		for i := range n {
			w.sent++
			events = append(events, visit(w.sent, user, i))
		}
	}
	return w.sendThese(events...)
}

func (w *world) sendThese(events ...string) archive.Key {
	w.t.Helper()
	before := w.objects()
	if _, err := w.Send(w.t.Context(), events...); err != nil {
		w.t.Fatal(err)
	}
	for _, key := range w.objects() {
		if !slices.Contains(before, key) {
			return key
		}
	}
	w.t.Fatal("nothing was archived")
	return ""
}

func (w *world) objects() (keys []archive.Key) {
	w.t.Helper()
	objects, _, err := w.Archive.List(w.t.Context(), archive.FirstEvent, archive.EndOfEvents, 100_000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// run sends events of the users, and lets batch make one run of them.
func (w *world) run(users ...string) {
	w.t.Helper()
	for _, user := range users {
		w.send(user, 3)
		w.Wait(time.Second)
	}
	w.Wait(time.Minute)
	w.tick()
}

func (w *world) view() lifecycle.View {
	w.t.Helper()
	v, err := w.Catalog.View(w.t.Context(), "by_user")
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) generation() lifecycle.Generation {
	w.t.Helper()
	v := w.view()
	g, ok := v.Generation(v.Serving)
	if !ok {
		w.t.Fatal("nothing serves")
	}
	return g
}

func (w *world) items() []viewstore.BaseItem {
	w.t.Helper()
	var all []viewstore.BaseItem
	for after := ""; ; {
		items, next, err := w.Base.Scan(w.t.Context(), w.generation().ID, after)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, items...)
		if after = next; after == "" {
			return all
		}
	}
}

func (w *world) itemOf(user string) viewstore.BaseItem {
	w.t.Helper()
	for _, item := range w.items() {
		if item.Key == view.EncodeKey([]string{user}) {
			return item
		}
	}
	w.t.Fatalf("no item of user %s", user)
	return viewstore.BaseItem{}
}

// overwrite puts an item in place of the stored one.
func (w *world) overwrite(item viewstore.BaseItem) {
	w.t.Helper()
	stored, err := w.Base.Load(w.t.Context(), []viewstore.BaseKey{item.BaseKey})
	if err != nil {
		w.t.Fatal(err)
	}
	loaded := viewstore.BaseItem{}
	if len(stored) > 0 {
		loaded = stored[0]
	}
	if err := w.Base.Put(w.t.Context(), item, loaded.Horizon); err != nil {
		w.t.Fatal(err)
	}
}

// deleteItem deletes one item. The store can only delete whole generations, so all other items are put again.
func (w *world) deleteItem(user string) {
	w.t.Helper()
	gone, items := w.itemOf(user), w.items()
	for after := ""; ; {
		next, err := w.Base.Drop(w.t.Context(), gone.Generation, after)
		if err != nil {
			w.t.Fatal(err)
		}
		if after = next; after == "" {
			break
		}
	}
	for _, item := range items {
		if item.BaseKey != gone.BaseKey {
			w.overwrite(item)
		}
	}
}

// foldAgain folds some objects of a run into the items once more, as if batch had folded them twice. want selects the
// objects.
func (w *world) foldAgain(n uint64, want func(archive.Key) bool) {
	w.t.Helper()
	ctx := w.t.Context()
	set, err := w.audit.Programs.Of(ctx, w.Catalog, []view.Hash{w.generation().Definition})
	if err != nil {
		w.t.Fatal(err)
	}
	reader := runs.Reader{Archive: w.Archive, Catalog: w.Catalog, Codec: w.audit.Codec, Layout: w.audit.Layout,
		Parallel: runner.Sequential}
	run, err := reader.Get(ctx, n)
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := reader.Manifest(ctx, run)
	if err != nil {
		w.t.Fatal(err)
	}
	in, err := reader.Read(ctx, set.Fields(), m)
	if err != nil {
		w.t.Fatal(err)
	}
	delta := set.Programs[0].NewDelta()
	for b := range in.Batches {
		if want(m.Objects[b].Key) {
			rows, _ := in.Rows(b, nil, nil)
			delta.Fold(in.Batches[b], rows)
		}
	}
	for page := range delta.Pages() {
		items, err := w.Base.Load(ctx, []viewstore.BaseKey{{Generation: w.generation().ID, Key: page.Key, Page: page.Page}})
		if err != nil || len(items) != 1 {
			w.t.Fatalf("loaded %d items, error %v", len(items), err)
		}
		windows := set.Programs[0].For(page.Key).NewWindows()
		if err := windows.MergePage(page.Page, items[0].States, nil); err != nil {
			w.t.Fatal(err)
		}
		page.MergeInto(windows)
		items[0].States = windows.AppendPage(nil, page.Page)
		w.overwrite(items[0])
	}
}

// ask requests an audit of the view.
func (w *world) ask() {
	w.t.Helper()
	one, err := w.Catalog.Audit(w.t.Context(), "by_user")
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		w.t.Fatal(err)
	}
	one.View = "by_user"
	one = one.WithRequest(w.Clock)
	if err := w.Catalog.PutAudit(w.t.Context(), one); err != nil {
		w.t.Fatal(err)
	}
}

// audited runs a requested audit and returns its stored findings.
func (w *world) audited() catalog.Findings {
	w.t.Helper()
	w.ask()
	report, err := w.audit.Tick(w.t.Context())
	if err != nil || len(report.Views) != 1 || report.Due != 0 {
		w.t.Fatalf("tick: %+v, error %v", report, err)
	}
	stored, err := w.Catalog.Audit(w.t.Context(), "by_user")
	if err != nil || stored.Ended < stored.Begun || stored.Begun < stored.Requested {
		w.t.Fatalf("audit is %+v, error %v", stored, err)
	}
	return stored.Findings
}

// wantClean checks that an audit finds no drift in a generation that has reached the head.
func (w *world) wantClean() catalog.Findings {
	w.t.Helper()
	found := w.audited()
	if g := w.generation(); found.Generation != g.ID || found.Run != g.Run || found.Horizon != g.Horizon {
		w.t.Errorf("audited generation %s at run %d, want %s at %d", found.Generation, found.Run, g.ID, g.Run)
	}
	if found.Drift != 0 || len(found.Drifts) != 0 || found.Unsettled != 0 || found.Lost != 0 || found.Pending != 0 ||
		found.Error != "" {
		w.t.Errorf("a clean system has the findings %+v", found)
	}
	if int(found.Items) != len(w.items()) || found.Windows == 0 {
		w.t.Errorf("%d items and %d windows compared, of %d items", found.Items, found.Windows, len(w.items()))
	}
	return found
}

// wantDrifts checks that an audit finds the given number of drifting windows for each of the users, all with the cause,
// and with a detail that contains all the parts.
func (w *world) wantDrifts(windows int, users []string, cause catalog.Cause, parts ...string) catalog.Findings {
	w.t.Helper()
	found := w.audited()
	perUser := map[string]int{}
	for _, d := range found.Drifts {
		perUser[d.Key[0]]++
		if d.Cause != cause {
			w.t.Errorf("cause of %v is %s (%s), want %s", d.Key, d.Cause, d.Detail, cause)
		}
		for _, part := range parts {
			if !strings.Contains(d.Detail, part) {
				w.t.Errorf("detail of %v is %q, want one with %q", d.Key, d.Detail, part)
			}
		}
	}
	for _, user := range users {
		if perUser[user] != windows {
			w.t.Errorf("%d windows of %s drift, want %d", perUser[user], user, windows)
		}
	}
	if len(perUser) != len(users) || found.Drift != int64(windows*len(users)) || found.Unsettled != 0 ||
		found.Error != "" {
		w.t.Errorf("found %+v", found)
	}
	return found
}

// onCall calls do once, right before the n-th call of any store. The result reports whether that happened.
func (w *world) onCall(n int, do func()) func() bool {
	called := false
	hook := func(c memory.Call) memory.Fault {
		if n--; n == -1 {
			called, w.call = true, c.Name
			do()
		}
		return memory.Fault{}
	}
	w.Base.Hook, w.Catalog.Hook, w.Archive.Hook = hook, hook, hook
	return func() bool {
		w.Base.Hook, w.Catalog.Hook, w.Archive.Hook = nil, nil, nil
		return called
	}
}
