package fold_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// TestCostOfRollups counts the write units of 1,000 events over 100 paths and 4 statuses, with and without roll-ups,
// when an invocation of speed brings 1, 100 or all of them. docs/views.md has these numbers.
func TestCostOfRollups(t *testing.T) {
	d := view.Definition{
		Name: "v", Window: time.Hour, Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
		Key: []view.KeyField{{Field: "path", Expr: "data.path"}, {Field: "status", Expr: "string(data.status)"}},
	}
	rolled := d
	rolled.Rollups = [][]string{{"status"}, {}}
	for _, c := range []struct {
		events            int // of an invocation
		plain, withRolled int64
	}{{1000, 400, 405}, {100, 1000, 1050}, {1, 1000, 3000}} {
		var plain, withRolled int64
		for first := 0; first < 1000; first += c.events {
			var lines []byte
			for i := first; i < first+c.events; i++ {
				text := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"s","type":"t","time":"2026-01-01T00:00:00Z",`+
					`"data":{"path":"/%d","status":%d}}`, i, i%100, 200+(i%100+i/100)%4)
				lines = event.AppendLine(lines, []byte(text), event.Stamp{Request: ulid.ULID{1}, Index: i})
			}
			views, err := fold.Lines([]view.Definition{d, rolled}, lines)
			if err != nil {
				t.Fatal(err)
			}
			plain, withRolled = plain+views[0].Items.WriteUnits, withRolled+views[1].Items.WriteUnits
			if len(views[0].Rows) != len(views[1].Rows) {
				t.Errorf("%d rows without roll-ups, %d with some", len(views[0].Rows), len(views[1].Rows))
			}
		}
		if plain != c.plain || withRolled != c.withRolled {
			t.Errorf("%d events an invocation: %d write units, %d with roll-ups; want %d and %d", c.events, plain, withRolled,
				c.plain, c.withRolled)
		}
	}
}
