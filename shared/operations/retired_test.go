package operations_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
)

func retired() lifecycle.View {
	v := rich()
	v.Retired = event.MillisOf(noon)
	return v
}

// TestDropRetired checks that drop gives up everything of a retired view at once, or one generation when it is named.
// Drop is refused when the view is deployed again meanwhile. The status says since when the view is retired; it does
// not list a view that is dropped.
func TestDropRetired(t *testing.T) {
	takeUp := func(v *lifecycle.View) { v.Retired = 0 }
	drop := func(v *lifecycle.View) { *v, _ = v.DropRetired() }
	const all = "serving , A1 dropping, B1 dropping, C1 dropping, D1 dropping"
	for name, c := range map[string]struct {
		generation lifecycle.GenerationID
		meanwhile  func(*lifecycle.View)
		want       string
		refusal    string
	}{
		"the view":     {"", nil, all, ""},
		"a generation": {"B1", nil, "serving A1, A1 serving, B1 dropping, C1 building, D1 dropping", ""},
		"the serving generation, named": {"A1",
			nil, states(retired()), "generation A1 serves; switch to another generation first"},
		"deployed again meanwhile": {
			"", takeUp, states(retired()),
			"the view is not retired: the deployed views file names it; remove it from the file first",
		},
		"dropped meanwhile": {"", drop, all, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, met := newFixture(t, retired()), c.meanwhile == nil
			d.catalog.Hook = func(call memory.Call) memory.Fault {
				if call.Name == "catalog.PutView" && !met {
					met = true
					d.change(t, c.meanwhile)
				}
				return memory.Fault{}
			}
			_, err := d.Do(t.Context(), "v", operations.Drop, c.generation)
			wantRefusal(t, err, c.refusal)
			if got := states(d.stored(t)); got != c.want {
				t.Errorf("the view is %s, want %s", got, c.want)
			}
		})
	}
	d := newFixture(t, retired())
	status, err := d.View(t.Context(), "v")
	if need(t, err); status.Retired == nil || *status.Retired != noon.UTC().Format(time.RFC3339Nano) {
		t.Errorf("retired %v", status.Retired)
	}
	d.change(t, func(v *lifecycle.View) {
		*v, _ = v.DropRetired()
		*v = v.Without("A1").Without("B1").Without("C1").Without("D1")
	})
	statuses, err := d.Status(t.Context())
	if need(t, err); len(statuses.Views) != 0 {
		t.Errorf("the status lists a dropped view: %+v", statuses.Views)
	}
}
