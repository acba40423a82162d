package operations_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// at returns the slot some minutes after noon.
func at(minutes int64) slot.Slot {
	return slot.Slot(event.MillisOf(noon)).Add(time.Duration(minutes) * time.Minute)
}

// fixture is the operator layer over a catalog in memory.
type fixture struct {
	*operations.Operations
	catalog *memory.Catalog
}

// newFixture returns a fixture with one view and 9 runs, of which 8 are swept.
func newFixture(t *testing.T, v lifecycle.View) *fixture {
	t.Helper()
	c := &memory.Catalog{}
	for n := range uint64(9) {
		run := lifecycle.Run{N: n + 1, Horizon: at(5 * int64(n+1)), FirstArrival: at(int64(n)).Millis() + 250}
		run.AllObjects, run.AllEvents = 2*int64(run.N), 100*int64(run.N)
		need(t, c.Append(t.Context(), run))
	}
	need(t, c.PutSwept(t.Context(), 8, 0))
	need(t, c.PutView(t.Context(), v))
	return &fixture{
		&operations.Operations{Catalog: c, Sweeps: c, Tries: 8, Now: func() time.Time { return noon.Add(time.Hour) }},
		c,
	}
}

func need(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stored returns the stored view.
func (d *fixture) stored(t *testing.T) lifecycle.View {
	t.Helper()
	d.catalog.Hook = nil
	v, err := d.catalog.View(t.Context(), "v")
	need(t, err)
	return v
}

// generation returns a generation at a run. Its definition is the first letter of its id.
func generation(id string, state lifecycle.State, run uint64) lifecycle.Generation {
	g := lifecycle.Generation{ID: lifecycle.GenerationID(id), Definition: view.Hash(id[:1]), State: state, Run: run}
	if run > 0 {
		g.Horizon = at(5 * int64(run))
	}
	if state == lifecycle.Retained || state == lifecycle.Dropping {
		g.Since = event.MillisOf(noon)
	}
	return g
}

// rich returns a view with a generation in each state; A1 serves.
func rich() lifecycle.View {
	v := lone()
	v.Generations = append(
		v.Generations, generation("B1", lifecycle.Retained, 9), generation("C1", lifecycle.Building, 9),
		generation("D1", lifecycle.Dropping, 4),
	)
	return v
}

func lone() lifecycle.View {
	return lifecycle.View{
		Name:        "v",
		Description: "of tests",
		Serving:     "A1",
		Generations: []lifecycle.Generation{generation("A1", lifecycle.Serving, 9)},
	}
}

// states describes the states of all generations, and everything else that operations change.
func states(v lifecycle.View) string {
	text := "serving " + string(v.Serving)
	for _, g := range v.Generations {
		text += fmt.Sprintf(", %s %s", g.ID, g.State)
	}
	if v.Held != "" {
		text += ", held " + string(v.Held)
	}
	if v.Rebuild != 0 {
		text += ", rebuild"
	}
	return text
}

const before = "serving A1, A1 serving, B1 retained, C1 building, D1 dropping"

type wish struct {
	name       string
	operation  operations.Operation
	generation lifecycle.GenerationID
	before     func() lifecycle.View
	want       string
}

// wishes are operations that succeed.
var wishes = []wish{
	{"switch", operations.Switch, "", rich, "serving C1, A1 retained, B1 dropping, C1 serving, D1 dropping"},
	{"switch, named", operations.Switch, "C1", rich, "serving C1, A1 retained, B1 dropping, C1 serving, D1 dropping"},
	{
		"switch back",
		operations.Switch,
		"B1",
		rich,
		"serving B1, A1 retained, B1 serving, C1 dropping, D1 dropping, held C",
	},
	{"rollback", operations.Rollback, "", rich, "serving B1, A1 retained, B1 serving, C1 dropping, D1 dropping, held C"},
	{
		"rollback, named",
		operations.Rollback,
		"B1",
		rich,
		"serving B1, A1 retained, B1 serving, C1 dropping, D1 dropping, held C",
	},
	{"drop", operations.Drop, "", rich, "serving A1, A1 serving, B1 dropping, C1 building, D1 dropping"},
	{"drop, named", operations.Drop, "B1", rich, "serving A1, A1 serving, B1 dropping, C1 building, D1 dropping"},
	{"abandon", operations.Abandon, "", rich, "serving A1, A1 serving, B1 retained, C1 dropping, D1 dropping, held C"},
	{
		"abandon, named",
		operations.Abandon,
		"C1",
		rich,
		"serving A1, A1 serving, B1 retained, C1 dropping, D1 dropping, held C",
	},
	{
		"abandon a requested rebuild",
		operations.Abandon,
		"",
		func() lifecycle.View { v := lone(); v.Rebuild = 1; return v },
		"serving A1, A1 serving",
	},
	{"rebuild", operations.Rebuild, "", lone, "serving A1, A1 serving, rebuild"},
}

// puts counts the writes of views, and injects the faults into them in order.
func (d *fixture) puts(n *int, faults ...memory.Fault) {
	d.catalog.Hook = func(c memory.Call) memory.Fault {
		if c.Name != "catalog.PutView" && c.Name != "catalog.PutAudit" {
			return memory.Fault{}
		}
		if *n++; *n <= len(faults) {
			return faults[*n-1]
		}
		return memory.Fault{}
	}
}

var errDown = errors.New("the table is down")

// TestDo checks that each operation is one write, and that it returns the status of the view as stored, whatever
// happens to the first writes and their answers.
func TestDo(t *testing.T) {
	lost, failed := memory.Fault{Err: errDown, Applied: true}, memory.Fault{Err: errDown}
	// what a store returns when its client has retried by itself
	lostConflict := memory.Fault{Err: catalog.ErrConflict, Applied: true}
	for _, w := range wishes {
		for name, c := range map[string]struct {
			faults []memory.Fault
			puts   int
		}{
			"": {nil, 1}, ", failed": {[]memory.Fault{failed}, 2}, ", failed twice": {[]memory.Fault{failed, failed}, 3},
			", its answer lost":                  {[]memory.Fault{lost}, 1},
			", its answer lost, and tried again": {[]memory.Fault{lostConflict}, 1},
			", failed, then its answer lost":     {[]memory.Fault{failed, lost}, 2},
		} {
			t.Run(w.name+name, func(t *testing.T) {
				d, puts := newFixture(t, w.before()), 0
				d.puts(&puts, c.faults...)
				status, err := d.Do(t.Context(), "v", w.operation, w.generation)
				need(t, err)
				stored := d.stored(t)
				if diff := cmp.Diff(w.want, states(stored)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if puts != c.puts || stored.Revision != 2 {
					t.Errorf("%d writes, revision %d; want %d, and 2", puts, stored.Revision, c.puts)
				}
				again, err := d.View(t.Context(), "v")
				need(t, err)
				if diff := cmp.Diff(describe(t, again), describe(t, status)); diff != "" {
					t.Errorf("status (-as stored +as answered):\n%s", diff)
				}
			})
		}
	}
}

// TestDoWhileTheViewChanges applies a run between the read and the write. The operation must act on the view as it is
// by then.
func TestDoWhileTheViewChanges(t *testing.T) {
	for _, w := range wishes {
		t.Run(w.name, func(t *testing.T) {
			d, puts := newFixture(t, w.before()), 0
			d.catalog.Hook = func(c memory.Call) memory.Fault {
				if c.Name != "catalog.PutView" {
					return memory.Fault{}
				}
				if puts++; puts == 1 {
					d.change(t, func(v *lifecycle.View) {
						for i := range v.Generations {
							if g := &v.Generations[i]; g.IsKept() {
								g.Run, g.Horizon = 10, at(50)
							}
						}
					})
				}
				return memory.Fault{}
			}
			_, err := d.Do(t.Context(), "v", w.operation, w.generation)
			need(t, err)
			v := d.stored(t)
			if diff := cmp.Diff(w.want, states(v)); diff != "" || v.Revision != 3 {
				t.Errorf("revision %d (-want +got):\n%s", v.Revision, diff)
			}
			if v.Generations[0].Run != 10 {
				t.Errorf("the run is lost: %+v", v)
			}
		})
	}
}

// change changes the stored view while an operation is in progress.
func (d *fixture) change(t *testing.T, do func(*lifecycle.View)) {
	t.Helper()
	hook := d.catalog.Hook
	d.catalog.Hook = nil
	defer func() { d.catalog.Hook = hook }()
	v, err := d.catalog.View(t.Context(), "v")
	need(t, err)
	do(&v)
	need(t, d.catalog.PutView(t.Context(), v))
}

// TestDoMeetsSomebodyElse changes the view between the read and the write.
func TestDoMeetsSomebodyElse(t *testing.T) {
	for _, c := range []struct {
		name      string
		operation operations.Operation
		before    func() lifecycle.View
		meanwhile func(*lifecycle.View)
		want      string
		refusal   string
	}{
		{
			"a run that the candidate lacks", operations.Switch, rich, func(v *lifecycle.View) {
				v.Generations[0].Run, v.Generations[0].Horizon = 10, at(50)
			}, before,
			"generation C1 is behind: it is at run 9, the serving generation is at run 10",
		},
		{
			"the same switch", operations.Switch, rich, func(v *lifecycle.View) { *v = v.Switched("C1", 1) },
			"serving C1, A1 retained, B1 dropping, C1 serving, D1 dropping", "",
		},
		{
			"another definition is deployed", operations.Switch, rich,
			func(v *lifecycle.View) { *v, _ = v.WithDesired(generation("E1", lifecycle.Announced, 0), 0) },
			"serving A1, A1 serving, B1 retained, C1 dropping, D1 dropping, E1 announced",
			"generation C1 was given up; rebuild its definition",
		},
		{
			"a switch, before a rollback: the rollback keeps its generation", operations.Rollback, rich,
			func(v *lifecycle.View) { *v = v.Switched("C1", 1) },
			"serving C1, A1 retained, B1 dropping, C1 serving, D1 dropping",
			"generation B1 was given up; rebuild its definition",
		},
		{
			"the same rollback: it is not undone", operations.Rollback, rich, func(v *lifecycle.View) {
				*v, _ = v.Rollback(lifecycle.Run{N: 9}, 1)
			},
			"serving B1, A1 retained, B1 serving, C1 dropping, D1 dropping, held C", "",
		},
		{
			"the generation to abandon serves by then", operations.Abandon, rich,
			func(v *lifecycle.View) { *v = v.Switched("C1", 1) },
			"serving C1, A1 retained, B1 dropping, C1 serving, D1 dropping",
			"generation C1 serves; switch to another generation first",
		},
		{"the generation to drop is deleted by then", operations.Drop, rich, func(v *lifecycle.View) {
			*v, _ = v.Drop("B1")
			*v = v.Without("B1")
		}, "serving A1, A1 serving, C1 building, D1 dropping", ""},
		{"the same request", operations.Rebuild, lone, func(v *lifecycle.View) {
			v.Rebuild = 1
		}, "serving A1, A1 serving, rebuild", ""},
		{
			"the same request, and batch has begun", operations.Rebuild, lone, func(v *lifecycle.View) {
				v.Generations = append(v.Generations, generation("A2", lifecycle.Building, 0))
			},
			"serving A1, A1 serving, A2 building", "",
		},
		{
			"another definition is built", operations.Rebuild, lone, func(v *lifecycle.View) {
				v.Generations = append(v.Generations, generation("E1", lifecycle.Announced, 0))
			},
			"serving A1, A1 serving, E1 announced",
			"a generation is already announced; wait until it is confirmed, or abandon it",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, met := newFixture(t, c.before()), false
			d.catalog.Hook = func(call memory.Call) memory.Fault {
				if call.Name == "catalog.PutView" && !met {
					met = true
					d.change(t, c.meanwhile)
				}
				return memory.Fault{}
			}
			_, err := d.Do(t.Context(), "v", c.operation, "")
			wantRefusal(t, err, c.refusal)
			if diff := cmp.Diff(c.want, states(d.stored(t))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func wantRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var refusal *lifecycle.Refusal
	switch {
	case want == "" && err == nil:
	case want == "" || !errors.As(err, &refusal) || refusal.Reason != want:
		t.Errorf("error %v, want %q", err, want)
	}
}

// TestRefused checks that a refused operation writes nothing and returns the reason.
func TestRefused(t *testing.T) {
	lagging := func() lifecycle.View {
		v := rich()
		v.Generations[2].Run = 8
		return v
	}
	for _, c := range []struct {
		name       string
		operation  operations.Operation
		generation lifecycle.GenerationID
		before     func() lifecycle.View
		refusal    string
	}{
		{"switch, no generation is building", operations.Switch, "", lone,
			"no generation is being built; name a generation, deploy a definition or rebuild the view"},
		{"switch, behind the head", operations.Switch, "",
			lagging, "generation C1 is behind: it is at run 8, the last run is 9"},
		{"switch, it serves", operations.Switch, "A1", rich, "generation A1 already serves"},
		{"switch, unknown", operations.Switch, "X", rich, "there is no generation X"},
		{"rollback, no generation is retained", operations.Rollback, "",
			lone, "there is no retained generation to go back to"},
		{"rollback, it is building", operations.Rollback, "C1", rich,
			"generation C1 is building, not retained; switch to it instead"},
		{"rollback, it serves", operations.Rollback, "A1", rich, "generation A1 already serves"},
		{"rollback, it was given up", operations.Rollback, "D1", rich, "generation D1 was given up; rebuild its definition"},
		{"rollback, unknown", operations.Rollback, "X", rich, "there is no generation X"},
		{"drop, no generation is retained", operations.Drop, "", lone, "no generation is retained"},
		{"drop, it serves", operations.Drop, "A1", rich, "generation A1 serves; switch to another generation first"},
		{"abandon, no generation is announced or building", operations.Abandon, "",
			lone, "no generation is announced or being built"},
		{"abandon, it is retained", operations.Abandon, "B1", rich,
			"generation B1 is retained, not announced or being built"},
		{
			"rebuild, one is announced", operations.Rebuild, "",
			func() lifecycle.View {
				v := lone()
				v.Generations = append(v.Generations, generation("B1", lifecycle.Announced, 0))
				return v
			},
			"a generation is already announced; wait until it is confirmed, or abandon it",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, puts := newFixture(t, c.before()), 0
			d.puts(&puts)
			status, err := d.Do(t.Context(), "v", c.operation, c.generation)
			wantRefusal(t, err, c.refusal)
			var refusal *lifecycle.Refusal
			if errors.As(err, &refusal) && refusal.Unknown != (c.generation == "X") {
				t.Errorf("unknown is %t", refusal.Unknown)
			}
			if status.View != "" || puts != 0 {
				t.Errorf("%d writes, status %+v", puts, status)
			}
		})
	}
}

// TestRepeated checks that an operation that was done already succeeds without another write.
func TestRepeated(t *testing.T) {
	for _, w := range []wish{
		{"drop", operations.Drop, "D1", rich, before},
		{"abandon", operations.Abandon, "D1", rich, before},
	} {
		t.Run(w.name, func(t *testing.T) {
			d, puts := newFixture(t, w.before()), 0
			d.puts(&puts)
			status, err := d.Do(t.Context(), "v", w.operation, w.generation)
			need(t, err)
			if got := states(d.stored(t)); got != w.want || puts != 0 || status.View != "v" {
				t.Errorf("%d writes, status of %q, the view is %s", puts, status.View, got)
			}
		})
	}
}

// TestDoInVain checks the errors when the view keeps changing, and when the table is down. They say which it is, and
// how often the operation was tried.
func TestDoInVain(t *testing.T) {
	for _, operation := range operations.All() {
		v := rich
		if operation == operations.Rebuild {
			v = lone
		}
		for want, is := range map[string]error{
			"8 tries: catalog is not as read": catalog.ErrConflict, "8 tries: the table is down": errDown,
		} {
			d, puts := newFixture(t, v()), 0
			all := make([]memory.Fault, 100)
			for i := range all {
				all[i].Err = is
			}
			d.puts(&puts, all...)
			_, err := d.Do(t.Context(), "v", operation, "")
			if !errors.Is(err, is) || !strings.Contains(err.Error(), "view v, ") || !strings.Contains(err.Error(), want) ||
				puts != 8 {
				t.Errorf("%s: error %v after %d writes, want %q after 8", operation, err, puts, want)
			}
			if got := d.stored(t); got.Revision != 1 {
				t.Errorf("%s: the view is %s", operation, states(got))
			}
		}
		for _, call := range []string{"catalog.View", "catalog.Head", "catalog.Audit"} {
			if call == "catalog.Head" && operation == operations.Audit {
				continue // the status reads the head after the write
			}
			d := newFixture(t, v())
			d.catalog.Hook = func(c memory.Call) memory.Fault {
				if c.Name == call {
					return memory.Fault{Err: errDown}
				}
				return memory.Fault{}
			}
			if _, err := d.Do(t.Context(), "v", operation, ""); !errors.Is(err, errDown) {
				t.Errorf("%s: %s fails: error %v", operation, call, err)
			}
		}
	}
}

// TestTheLastAnswerIsLost checks that the operation reads back after the last lost answer, too.
func TestTheLastAnswerIsLost(t *testing.T) {
	d, puts := newFixture(t, rich()), 0
	d.Tries = 3
	d.puts(
		&puts, memory.Fault{Err: errDown}, memory.Fault{Err: errDown}, memory.Fault{Err: catalog.ErrConflict, Applied: true},
	)
	status, err := d.Do(t.Context(), "v", operations.Rollback, "")
	need(t, err)
	if *status.Serving != "B1" || puts != 3 || d.stored(t).Revision != 2 {
		t.Errorf("%d writes, status %s", puts, describe(t, status))
	}
}

// TestReadBackFails checks that both errors are returned when the answer of a write is lost and the read fails.
func TestReadBackFails(t *testing.T) {
	d, reads := newFixture(t, rich()), 0
	errGone := errors.New("and now it cannot be read")
	d.catalog.Hook = func(c memory.Call) memory.Fault {
		switch c.Name {
		case "catalog.PutView":
			return memory.Fault{Err: errDown, Applied: true}
		case "catalog.View":
			if reads++; reads > 1 {
				return memory.Fault{Err: errGone}
			}
		}
		return memory.Fault{}
	}
	if _, err := d.Do(t.Context(), "v", operations.Switch, ""); !errors.Is(err, errDown) || !errors.Is(err, errGone) {
		t.Errorf("error %v", err)
	}
}

func TestWrongWishes(t *testing.T) {
	d, puts := newFixture(t, rich()), 0
	d.puts(&puts)
	for _, c := range []struct {
		name       view.Name
		operation  operations.Operation
		generation lifecycle.GenerationID
		want       error
		text       string
	}{
		{"nobody", operations.Switch, "", operations.ErrUnknownView, `unknown view: "nobody"; if it was deployed just now, it is not ready yet`},
		{"nobody", operations.Audit, "", operations.ErrUnknownView, `unknown view: "nobody"; if it was deployed just now, it is not ready yet`},
		{"v", "delete", "", operations.ErrUnknownOperation, `unknown operation: "delete"`},
		{"v", "", "", operations.ErrUnknownOperation, `unknown operation: ""`},
		{"v", operations.Rebuild, "A1", operations.ErrNoGeneration,
			"rebuild: the operation applies to the whole view; omit generation"},
		{"v", operations.Audit, "A1", operations.ErrNoGeneration,
			"audit: the operation applies to the whole view; omit generation"},
	} {
		if _, err := d.Do(t.Context(), c.name, c.operation, c.generation); !errors.Is(err, c.want) || err.Error() != c.text {
			t.Errorf("%s of %s: error %v, want %q", c.operation, c.name, err, c.text)
		}
	}
	if puts != 0 {
		t.Errorf("%d writes", puts)
	}
	if _, err := d.View(t.Context(), "nobody"); !errors.Is(err, operations.ErrUnknownView) {
		t.Errorf("status of nobody: error %v", err)
	}
}

// TestAudit checks that the operation requests an audit, and that the findings of the last audit stay.
func TestAudit(t *testing.T) {
	hour := event.MillisOf(noon.Add(time.Hour))
	found := catalog.Findings{Generation: "A1", Run: 3, Horizon: at(15), Items: 5}
	for _, c := range []struct {
		name   string
		before *catalog.Audit
		fault  memory.Fault
		want   catalog.Audit
		puts   int
	}{
		{"the first", nil, memory.Fault{}, catalog.Audit{View: "v", Revision: 1, Requested: hour}, 1},
		{"the first, its answer lost", nil, memory.Fault{Err: errDown, Applied: true},
			catalog.Audit{View: "v", Revision: 1, Requested: hour}, 1},
		{"the first, failed", nil, memory.Fault{Err: errDown}, catalog.Audit{View: "v", Revision: 1, Requested: hour}, 2},
		{
			"another", &catalog.Audit{View: "v", Requested: 1, Begun: 2, Ended: 3, Findings: found}, memory.Fault{},
			catalog.Audit{View: "v", Revision: 2, Requested: hour, Begun: 2, Ended: 3, Findings: found}, 1,
		},
		{
			"another, its answer lost", &catalog.Audit{View: "v", Requested: 1, Begun: 2, Ended: 3},
			memory.Fault{Err: catalog.ErrConflict, Applied: true},
			catalog.Audit{View: "v", Revision: 2, Requested: hour, Begun: 2, Ended: 3}, 1,
		},
		{"it is requested already", &catalog.Audit{View: "v", Requested: hour}, memory.Fault{},
			catalog.Audit{View: "v", Revision: 1, Requested: hour}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, puts := newFixture(t, rich()), 0
			if c.before != nil {
				need(t, d.catalog.PutAudit(t.Context(), *c.before))
			}
			d.puts(&puts, c.fault)
			status, err := d.Do(t.Context(), "v", operations.Audit, "")
			need(t, err)
			if got := d.stored(t); states(got) != before || got.Revision != 1 {
				t.Errorf("the view is %s, revision %d", states(got), got.Revision)
			}
			got, err := d.catalog.Audit(t.Context(), "v")
			need(t, err)
			if diff := cmp.Diff(c.want, got); diff != "" || puts != c.puts {
				t.Errorf("%d writes, want %d (-want +got):\n%s", puts, c.puts, diff)
			}
			if status.Audit == nil || *status.Audit.Requested != "2026-11-22T13:00:00Z" {
				t.Errorf("status %s", describe(t, status))
			}
		})
	}
}

func describe(t *testing.T, status any) string {
	t.Helper()
	text, err := json.Marshal(status)
	need(t, err)
	return string(text)
}

const headJSON = `{"run":9,"horizon":"2026-11-22T12:45:00Z"}`

func generationJSON(id, state, live, horizon, more string, run, left int, waits string) string {
	return fmt.Sprintf(
		`{"generation":"%s","definition":"%s","architecture":"lambda","state":"%s","live_from":%s,"run":%d,"horizon":%s,%s"runs_left":%d,"ready":%t,"waits":"%s",`+
			`"from":"2026-11-22T12:00:00.25Z"}`,
		id,
		id[:1],
		state,
		live,
		run,
		horizon,
		more,
		left,
		waits == "",
		waits,
	)
}

// TestStatus checks everything that the status says of a view and of the runs.
func TestStatus(t *testing.T) {
	v := rich()
	v.Generations[0].LiveFrom = at(10)
	v.Generations[2] = generation("C1", lifecycle.Building, 7)
	v.Generations[2].Architecture, v.Generations[2].LiveFrom = view.Kappa, at(40)
	v.Generations = append(v.Generations, generation("E1", lifecycle.Announced, 0))
	v.Held, v.Rebuild = "F", 1
	d := newFixture(t, v)
	const since = `"since":"2026-11-22T12:00:00Z",`
	want := `{"view":"v","description":"of tests","serving":"A1","held":"F","rebuild":true,"head":` + headJSON + `,"generations":[` + strings.Join(
		[]string{
			generationJSON("A1", "serving", `"2026-11-22T12:10:00Z"`, `"2026-11-22T12:45:00Z"`, "", 9, 0, ""),
			generationJSON("B1", "retained", "null", `"2026-11-22T12:45:00Z"`, since, 9, 0, ""),
			strings.Replace(generationJSON(
				"C1",
				"building",
				`"2026-11-22T12:40:00Z"`,
				`"2026-11-22T12:35:00Z"`,
				"",
				7,
				2,
				"generation C1 is live from 2026-11-22T12:40:00Z, but its runs end at 2026-11-22T12:35:00Z; wait until they "+
					"reach it",
			), "lambda", "kappa", 1),
			generationJSON(
				"D1",
				"dropping",
				"null",
				`"2026-11-22T12:20:00Z"`,
				since,
				4,
				0,
				"generation D1 was given up; rebuild its definition",
			),
			generationJSON(
				"E1", "announced", "null", "null", "", 0, 9,
				"generation E1 is only announced; wait until batch confirms it at its next tick",
			),
		},
		",",
	) + `],"audit":null}`
	status, err := d.View(t.Context(), "v")
	need(t, err)
	if diff := cmp.Diff(want, describe(t, status)); diff != "" {
		t.Errorf("of one (-want +got):\n%s", diff)
	}
	need(t, d.catalog.PutView(t.Context(), lifecycle.View{Name: "a"}))
	all, err := d.Status(t.Context())
	need(t, err)
	want = `{"head":` + headJSON + `,"swept":{"run":8,"horizon":"2026-11-22T12:40:00Z"},` +
		`"archive":{"objects":18,"events":900},"views":[` +
		`{"view":"a","description":"","serving":null,"head":` + headJSON + `,"generations":[],"audit":null},` + want + `]}`
	if diff := cmp.Diff(want, describe(t, all)); diff != "" {
		t.Errorf("of all (-want +got):\n%s", diff)
	}
}

func TestStatusOfNothing(t *testing.T) {
	c := &memory.Catalog{}
	o := &operations.Operations{Catalog: c, Sweeps: c, Tries: 8, Now: time.Now}
	all, err := o.Status(t.Context())
	need(t, err)
	const nothing = `{"head":{"run":0,"horizon":null},"swept":{"run":0,"horizon":null},` +
		`"archive":{"objects":0,"events":0},"views":[]}`
	if diff := cmp.Diff(nothing, describe(t, all)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	need(
		t,
		c.PutView(
			t.Context(), lifecycle.View{Name: "v", Generations: []lifecycle.Generation{generation("A1", lifecycle.Building, 0)}},
		),
	)
	status, err := o.View(t.Context(), "v")
	need(t, err)
	want := `{"view":"v","description":"","serving":null,"head":{"run":0,"horizon":null},"generations":[` +
		strings.Replace(
			generationJSON("A1", "building", "null", "null", "", 0, 0, "generation A1 is not built yet"),
			`"2026-11-22T12:00:00.25Z"`,
			"null",
			1,
		) + `],"audit":null}`
	if diff := cmp.Diff(want, describe(t, status)); diff != "" {
		t.Errorf("before the first run (-want +got):\n%s", diff)
	}
}

// TestStatusOfAudits checks that findings name the key's fields as long as the audited definition is known.
func TestStatusOfAudits(t *testing.T) {
	parsed, err := viewfile.Parse(
		"views.yaml",
		[]byte("views:\n- name: v\n  key: {zone: data.zone, path: data.path}\n  rollups: [[path], []]\n  window: 1h\n"+
			"  aggregates: {n: count()}\n"),
	)
	need(t, err)
	definition := lifecycle.Define(parsed)[0]
	v := lone()
	v.Generations[0].Definition = definition.Hash
	d := newFixture(t, v)
	need(t, d.catalog.PutDefinition(t.Context(), definition.Hash, definition.Text))
	audit := catalog.Audit{
		View: "v", Requested: event.MillisOf(noon), Begun: event.MillisOf(noon) + 1, Ended: event.MillisOf(noon) + 2000,
		Findings: catalog.Findings{
			Generation: "A1", Run: 9, Horizon: at(45), Items: 10, Windows: 20, Drift: 2, Beyond: 3, Unsettled: 4, Pending: 5,
			Lost: 1,
			Drifts: []catalog.Drift{
				{
					Key:      []string{"eu", `/"a`},
					Start:    1,
					Cause:    catalog.Double,
					Detail:   "run 3",
					Expected: json.RawMessage(`{"n":1}`),
					Stored:   json.RawMessage(`{"n":2}`),
				},
				{Key: []string{"us", "/b"}, Start: 0, Cause: catalog.Deleted, Expected: json.RawMessage(`{"n":1}`)},
				{Subset: 1, Key: []string{"/b"}, Start: 0, Cause: catalog.Deleted},
				{Subset: 2, Start: 0, Cause: catalog.Deleted},
			},
			LostObjects: []string{"events/x"}, Note: "in two parts",
		},
	}
	need(t, d.catalog.PutAudit(t.Context(), audit))
	const auditJSON = `{"requested":"2026-11-22T12:00:00Z","begun":"2026-11-22T12:00:00.001Z","ended":"2026-11-22T12:00:02Z","generation":"%s","run":9,` +
		`"horizon":"2026-11-22T12:45:00Z","items":10,"windows":20,"drift":2,"beyond":3,"unsettled":4,"pending":5,"lost":1,"drifts":[` +
		`{"key":{"%s":"eu","%s":"/\"a"},"start":"1970-01-01T00:00:00.001Z","cause":"double","detail":"run 3","expected":{"n":1},"stored":{"n":2}},` +
		`{"key":{"%[2]s":"us","%[3]s":"/b"},"start":"1970-01-01T00:00:00Z","cause":"deleted","detail":"","expected":{"n":1},"stored":null},` +
		`{"key":{"%[4]s":"/b"},"start":"1970-01-01T00:00:00Z","cause":"deleted","detail":"","expected":null,"stored":null},` +
		`{"key":{},"start":"1970-01-01T00:00:00Z","cause":"deleted","detail":"","expected":null,"stored":null}],` +
		`"lost_objects":["events/x"],"note":"in two parts","error":""}`
	status, err := d.View(t.Context(), "v")
	need(t, err)
	if diff := cmp.Diff(fmt.Sprintf(auditJSON, "A1", "zone", "path", "path"), describe(t, status.Audit)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	audit.Revision, audit.Generation = 1, "gone"
	need(t, d.catalog.PutAudit(t.Context(), audit))
	status, err = d.View(t.Context(), "v")
	need(t, err)
	want := fmt.Sprintf(auditJSON, "gone", "field_1", "field_2", "field_1")
	if diff := cmp.Diff(want, describe(t, status.Audit)); diff != "" {
		t.Errorf("of a generation that is gone (-want +got):\n%s", diff)
	}
	need(
		t,
		d.catalog.PutAudit(
			t.Context(),
			catalog.Audit{View: "v", Revision: 2, Begun: 1, Ended: 2, Findings: catalog.Findings{Error: "no archive"}},
		),
	)
	status, err = d.View(t.Context(), "v")
	need(t, err)
	want = `{"requested":null,"begun":"1970-01-01T00:00:00.001Z","ended":"1970-01-01T00:00:00.002Z","generation":"","run":0,"horizon":null,"items":0,"windows":0,"drift":0,` +
		`"beyond":0,"unsettled":0,"pending":0,"lost":0,"drifts":[],"lost_objects":[],"error":"no archive"}`
	if diff := cmp.Diff(want, describe(t, status.Audit)); diff != "" {
		t.Errorf("one that failed (-want +got):\n%s", diff)
	}
}

// TestStatusFails checks that anything that cannot be read is an error, and never left out of the status.
func TestStatusFails(t *testing.T) {
	d := newFixture(t, rich())
	need(
		t,
		d.catalog.PutAudit(
			t.Context(), catalog.Audit{View: "v", Findings: catalog.Findings{Generation: "A1", Drifts: []catalog.Drift{{}}}},
		),
	)
	one := func(ctx context.Context) error { _, err := d.View(ctx, "v"); return err }
	all := func(ctx context.Context) error { _, err := d.Status(ctx); return err }
	for call, asks := range map[string][]func(context.Context) error{
		"catalog.View": {one}, "catalog.Views": {all}, "catalog.Head": {one, all}, "catalog.Runs": {one, all},
		"catalog.Audit": {one, all}, "catalog.Definition": {one, all},
		"catalog.Swept": {all},
	} {
		for _, ask := range asks {
			d.catalog.Hook = func(c memory.Call) memory.Fault {
				if c.Name == call {
					return memory.Fault{Err: errDown}
				}
				return memory.Fault{}
			}
			if err := ask(t.Context()); !errors.Is(err, errDown) {
				t.Errorf("%s fails: error %v", call, err)
			}
		}
	}
}

// TestMisfit checks that the status says of a Lambda view, and not of a Kappa view, that a build may not fit into the
// memory that batch has written into its lease.
func TestMisfit(t *testing.T) {
	for name, c := range map[string]struct {
		architecture view.Architecture
		memory       int
		want         string
	}{
		"too large":      {view.Lambda, 2048, "a build of 41 M events may not fit into 2048 MB (limit about 32 M)"},
		"large enough":   {view.Lambda, 10240, ""},
		"unknown memory": {view.Lambda, 0, ""},
		"Kappa":          {view.Kappa, 2048, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := lone()
			v.Generations[0].Architecture = c.architecture
			d := newFixture(t, v)
			need(t, d.catalog.Append(t.Context(), lifecycle.Run{N: 10, Horizon: at(50), AllEvents: 41_000_000}))
			need(t, d.catalog.PutLease(t.Context(), catalog.Lease{Name: "batch", Memory: c.memory}))
			status, err := d.View(t.Context(), "v")
			if err != nil || status.Misfit != c.want {
				t.Errorf("%q, %v; want %q", status.Misfit, err, c.want)
			}
		})
	}
}
