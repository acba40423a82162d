package handler_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// newKappaFixture returns a fixture that serves purchases from a Kappa generation. The generation has the items of the
// test, and its live half begins with the given slot.
func newKappaFixture(t *testing.T, live slot.Slot) *fixture {
	t.Helper()
	s, ctx := newFixture(t), context.Background()
	at := strings.Index(views, "  - name: purchases\n")
	all, err := viewfile.Parse(
		"views.yaml",
		[]byte("views:\n"+strings.Replace(views[at:], "purchases\n", "purchases\n    architecture: kappa\n", 1)),
	)
	if err != nil {
		t.Fatal(err)
	}
	set, err := view.Compile(all...)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Catalog.View(ctx, "purchases")
	if err != nil {
		t.Fatal(err)
	}
	g := v.Generations[0]
	g.ID, g.Definition, g.Architecture, g.LiveFrom = "01KDVDNA00KAPPAKAPPAKAPPAK", set.Programs[0].Hash, view.Kappa, live
	v.Serving, v.Generations = g.ID, []lifecycle.Generation{g}
	if err := s.Catalog.PutDefinition(ctx, g.Definition, all[0].Text()); err != nil {
		t.Fatal(err)
	}
	if err := s.Catalog.PutView(ctx, v); err != nil {
		t.Fatal(err)
	}
	one, two := event.Lane{Layout: 1, Count: 2}, event.ReplayLane
	for lane, purchases := range map[event.Lane][]string{
		one: {`"2026-01-01T00:10:00Z" 9007199254740993`, `"2026-01-01T00:10:00Z" "a lot"`, `"2026-01-01T02:00:00Z" 1`},
		two: {`"2026-01-01T00:20:00Z" 0.25`, `"2026-01-01T01:59:59.999Z" 1e3`},
	} {
		s.putPurchases(t, set, g.ID, lane, purchases)
	}
	return s
}

// putPurchases puts the Kappa items of some purchases. Each purchase is a time and an amount in JSON.
func (s *fixture) putPurchases(
	t *testing.T, set *view.Set, g lifecycle.GenerationID, lane event.Lane, purchases []string,
) {
	t.Helper()
	var lines []byte
	var rows []int32
	for i, purchase := range purchases {
		at, amount, _ := strings.Cut(purchase, " ")
		text := fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"shop","type":"purchase","time":%s,"data":{"user":"ann ü","amount":%s}}`, i,
			at, amount,
		)
		lines = event.AppendLine(lines, []byte(text), event.Stamp{Request: ulid.ULID{1}, Index: i})
		rows = append(rows, int32(i))
	}
	var b event.Batch
	if err := set.Fields().Scan(lines, &b); err != nil {
		t.Fatal(err)
	}
	d := set.Programs[0].NewDelta()
	d.Fold(&b, rows)
	for page := range d.Pages() {
		key := viewstore.SpeedKey{
			Set:  lifecycle.OfGeneration(g),
			Key:  page.Key,
			Slot: viewstore.NoSlot,
			Page: page.Page,
			Lane: lane,
		}
		item := viewstore.SpeedItem{SpeedKey: key, Applied: "1", States: page.AppendPage(nil)}
		if err := s.Items.Put(context.Background(), item, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKappa checks a query of a Kappa view before the sweep, after it, and while replay runs. It also checks the
// description of the view.
func TestKappa(t *testing.T) {
	s := newKappaFixture(t, 0)
	golden(t, "kappa-view.http", s.call(t, "view.json", asCaptured))
	golden(t, "kappa-query-unswept.http", s.call(t, "query.json", asCaptured))
	if err := s.Catalog.PutSwept(context.Background(), 1, 0); err != nil {
		t.Fatal(err)
	}
	golden(t, "kappa-query.http", s.call(t, "query.json", asCaptured))
	later := newKappaFixture(t, slot.Slot(s.Clock.UnixMilli()))
	golden(t, "kappa-query-replaying.http", later.call(t, "query.json", asCaptured))
}
