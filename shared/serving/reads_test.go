package serving_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// TestReadsAreBounded counts what a query reads: an item's states, and 200 bytes for the item. The bound is exact: one
// byte less refuses the question.
func TestReadsAreBounded(t *testing.T) {
	s := newPageViewsOf(t, func(d *view.Definition) { d.Aggregates = []view.Aggregate{{Name: "views", Expr: "count()"}} })
	for i := range 3 {
		s.base(t, "/a", fmt.Sprint(i), horizon, amount{"2026-11-22T09:30:00Z", "1"}, amount{"2026-11-21T09:31:00Z", "2"})
	}
	s.live(t, "/a", "0", horizon, amount{"2026-11-22T09:30:00Z", "1"})
	const (
		what   = "the selection has more than %d bytes of items to read, the maximum; narrow from and to"
		many   = "view by_user: too many keys: " + what
		rollup = "; narrow the keys with key.path=VALUE or key.status=VALUE, or add rollups: [[]] to the view's definition"
		one    = "view by_user: too many windows: " + what
	)
	for _, c := range []struct {
		question, refused string
		items, speed      int
		kind              error
	}{
		{"group_by=", many + rollup, 6, 1, serving.ErrTooManyKeys},
		{"path=/a status=0", one, 2, 1, serving.ErrTooManyWindows},
		{"path=/a status=0 total step=1d", one, 2, 1, serving.ErrTooManyWindows},
		{"path=/a status=0 from=11-22T00:00", one, 1, 1, serving.ErrTooManyWindows},
		{"path=/a status=1", one, 2, 0, serving.ErrTooManyWindows},
	} {
		s.MaxRead = 1 << 20
		r, err := s.ask(c.question)
		batch, speed := r.Read.Batch, r.Read.Speed
		if want := (serving.Items{Number: c.speed, Bytes: c.speed * batch.Bytes / batch.Number}); err != nil ||
			batch.Number != c.items || speed != want || batch.Bytes == 0 {
			t.Fatalf("%s: %+v, %v; want %d and %d items", c.question, r.Read, err, c.items, c.speed)
		}
		s.MaxRead = batch.Bytes + speed.Bytes + 200*(batch.Number+speed.Number)
		if _, err := s.ask(c.question); err != nil {
			t.Errorf("%s, %d bytes: %v", c.question, s.MaxRead, err)
		}
		s.MaxRead--
		_, err = s.ask(c.question)
		if want := fmt.Sprintf(c.refused, s.MaxRead); !errors.Is(err, c.kind) ||
			!errors.Is(err, serving.ErrTooMuchRead) || errors.Is(err, serving.ErrTooManyBytes) || err.Error() != want {
			t.Errorf("%s, %d bytes: error %v\nwant %s", c.question, s.MaxRead, err, want)
		}
	}
}

// TestReadsEndAtTheBound checks that a question of too many items does not read all of them first.
func TestReadsEndAtTheBound(t *testing.T) {
	s := newLargeItems(t, 1000)
	for question, kind := range map[string]error{
		"path=/a path=/b path=/c status=1 group_by= step=all": serving.ErrTooManyKeys,
		"path=/a status=1 step=1y":                            serving.ErrTooManyWindows,
	} {
		s.read, s.MaxRead = 0, 20<<20
		if _, err := s.ask(question); !errors.Is(err, kind) {
			t.Errorf("%s: error %v, want %v", question, err, kind)
		}
		if least, most := s.MaxRead-len(s.states), s.MaxRead+20<<20; s.read < least || s.read > most {
			t.Errorf("%s: read %d bytes, want %d to %d", question, s.read, least, most)
		}
	}
}

// TestItemsInMemoryAreBounded asks for keys with many times more items than are read ahead. What is in memory at each
// read is bounded all the same, and no item is left out.
func TestItemsInMemoryAreBounded(t *testing.T) {
	const bound = 16<<20 + 3*viewstore.MostRead // read ahead; just merged, being read, and the rows
	for _, c := range []struct {
		question    string
		keys, items int
		parallel    runner.Runner
	}{
		{"path=/a status=1 step=1y total", 1, 1000, runner.Sequential},
		{"path=/a status=1 status=2 group_by= step=all", 2, 500, runner.Parallel(4)},
		{"path=/a path=/b path=/c path=/d status=1 status=2 status=3 status=4 group_by=path step=all", 16, 64,
			runner.Parallel(16)},
	} {
		s := newLargeItems(t, c.items)
		s.MaxRead, s.Parallel = 1<<30, c.parallel
		before := heap()
		s.measure = true
		r, err := s.ask(c.question)
		if err != nil {
			t.Fatal(err)
		}
		want := serving.Items{Number: c.keys * c.items, Bytes: c.keys * c.items * len(s.states)}
		if r.Read != (serving.Reads{Batch: want}) || want.Bytes < 4*bound {
			t.Errorf("%s: read %+v, want %+v", c.question, r.Read, want)
		}
		if s.peak > before+bound {
			t.Errorf("%s: up to %d bytes in memory, %d before; the items have %d", c.question, s.peak, before, want.Bytes)
		}
		for _, row := range r.Rows {
			views := want.Number / len(r.Rows) * rowsOfLargeItem
			if got := string(row.States.AppendNumber(nil, 0)); got != fmt.Sprint(views) {
				t.Errorf("%s: %s views, want %d", c.question, got, views)
			}
		}
	}
}

// TestMemoryOfKeysIsFreed asks for keys with many small items. Nothing of a key stays in memory once it is merged.
func TestMemoryOfKeysIsFreed(t *testing.T) {
	const question = "path=/a path=/b path=/c path=/d status=1 status=2 status=3 status=4 group_by= step=all"
	s := newLargeItems(t, 60_000)
	for _, s.states = range servingtest.PagesOf(t, s.p, servingtest.UserKey, amount{"1970-01-01T00:30:00Z", "1"}) {
	}
	s.MaxRead = 1 << 30
	before := heap()
	s.measure = true
	r, err := s.ask(question)
	if err != nil || r.Read.Batch.Number != 16*60_000 {
		t.Fatalf("read %+v, error %v", r.Read, err)
	}
	// Of one key: two parts and the horizons. Of all keys, the horizons alone have 40 MB.
	if s.peak > before+24<<20 {
		t.Errorf("up to %d bytes in memory, %d before", s.peak, before)
	}
}

// largeItems is a store of base items that are made when they are read: each key has as many, with the same states.
type largeItems struct {
	*pageViews
	viewstore.Base
	items  int
	states []byte

	mu      sync.Mutex
	read    int  // bytes of the states that were read
	measure bool // the memory, at each read
	peak    uint64
}

const rowsOfLargeItem = 1000

func newLargeItems(t *testing.T, items int) *largeItems {
	t.Helper()
	s := newPageViewsOf(t, func(d *view.Definition) {
		d.Aggregates = []view.Aggregate{{Name: "views", Expr: "count()"}, {Name: "top", Expr: "top(data.amount, 100)"}}
	})
	s.Hook(nil)
	var amounts []amount
	for i := range rowsOfLargeItem {
		amounts = append(amounts, amount{"1970-01-01T00:30:00Z", fmt.Sprintf(`"%0100d"`, i)})
	}
	all := &largeItems{pageViews: s, Base: s.Fixture.Base, items: items}
	for _, all.states = range servingtest.PagesOf(t, s.p, servingtest.UserKey, amounts...) {
	}
	s.Serving.Stores.Base = all
	return all
}

// Pages implements viewstore.Base.
func (l *largeItems) Pages(
	_ context.Context, g lifecycle.GenerationID, key view.Key, _, _ view.Page, after string,
) (items []viewstore.BaseItem, next string, err error) {
	if key == view.SkippedKey {
		return nil, "", nil
	}
	from, bytes := 0, 0
	if after != "" {
		if from, err = strconv.Atoi(after); err != nil {
			return nil, "", err
		}
	}
	for ; from < l.items && bytes+len(l.states) <= viewstore.MostRead; from++ {
		bytes += len(l.states)
		items = append(items, viewstore.BaseItem{
			BaseKey: viewstore.BaseKey{Generation: g, Key: key, Page: view.Page(from)}, Horizon: horizon,
			States: slices.Clone(l.states),
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read += bytes; l.measure {
		l.peak = max(l.peak, heap())
	}
	if from < l.items {
		next = strconv.Itoa(from)
	}
	return items, next, nil
}

// heap returns the size of what is in memory and reachable, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
