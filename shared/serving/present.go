package serving

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// Object is a JSON object whose members keep their order.
type Object []Member

// Member is one name with its value, as JSON text.
type Member struct {
	Name  string
	Value json.RawMessage
}

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), m.Value...)
	}
	return append(out, '}'), nil
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// present makes the answer; complete is nil of a Lambda generation.
func (s *Serving) present(q query, g lifecycle.Generation, m merged, complete *slot.Slot) Answer {
	windows := m.all.Sorted()
	a := Answer{
		View: q.program.Definition.Name, Key: keyObject(q.program.Definition.Key, q.values), Window: view.FormatWindow(q.program.Definition.Window),
		Definition: g.Definition, Generation: g.ID, Data: make([]Row, 0, len(windows)), Warnings: []string{},
	}
	isKappa := g.Architecture == view.Kappa
	if isKappa {
		a.tellComplete(g, complete, s.Now())
	} else {
		a.tellHorizon(g, s.Now(), s.LateAfter)
	}
	a.From, a.To = q.bounds(windows)
	for _, w := range windows {
		a.Data = append(a.Data, q.row(w, g.Horizon, m))
	}
	if q.total {
		a.Total = q.totalOf(windows, a.Data, g.Horizon, m)
		a.Total.Exact = a.Total.Exact && !isKappa
	}
	return a
}

// tellHorizon says how far batch has come.
func (a *Answer) tellHorizon(g lifecycle.Generation, now time.Time, lateAfter time.Duration) {
	var behind time.Duration
	a.Horizon, behind, a.Lag.BatchSeconds = since(g.Horizon, now)
	if lateAfter > 0 && behind > lateAfter {
		a.warn("batch is late: nothing that arrived in the last %s is exact yet", behind.Round(time.Second))
	}
	if g.Horizon < g.Live {
		a.warn("the view is new: what arrived from %s to %s is missing until batch has covered it", formatTime(g.Horizon.Start()), formatTime(g.Live.Start()))
	}
}

// tellComplete says through when a Kappa answer is complete. How far batch has come is nothing to it.
func (a *Answer) tellComplete(g lifecycle.Generation, complete *slot.Slot, now time.Time) {
	if complete != nil {
		a.Complete, _, a.Lag.CompleteSeconds = since(*complete, now)
	}
	switch {
	case g.Horizon < g.Live && g.Run == 0:
		a.warn("replay has not begun: what arrived before %s is missing", formatTime(g.Live.Start()))
	case g.Horizon < g.Live:
		a.warn("replay is under way: what arrived from %s to %s is missing until it has come there", formatTime(g.Horizon.Start()), formatTime(g.Live.Start()))
	case complete == nil:
		a.warn("nothing has been swept yet: what the stream may have lost is not known")
	}
}

func (a *Answer) warn(format string, args ...any) {
	a.Warnings = append(a.Warnings, fmt.Sprintf(format, args...))
}

// since tells an instant, and how long ago it was.
func since(at slot.Slot, now time.Time) (text *string, ago time.Duration, seconds *float64) {
	formatted, ago := formatTime(at.Start()), now.Sub(at.Start())
	n := float64(ago.Milliseconds()) / 1000
	return &formatted, ago, &n
}

func keyObject(fields []view.KeyField, values []string) Object {
	key := Object{}
	for i, f := range fields {
		text, err := json.Marshal(values[i])
		if err != nil {
			panic(err) // a string always marshals
		}
		key = append(key, Member{Name: f.Field, Value: text})
	}
	return key
}

// bounds are the range as asked, or that of the rows.
func (q *query) bounds(windows []view.Window) (from, to *string) {
	pointer := func(t time.Time) *string { text := formatTime(t); return &text }
	if q.from != nil {
		from = pointer(*q.from)
	} else if len(windows) > 0 {
		from = pointer(q.program.Start(windows[0]))
	}
	if q.to != nil {
		to = pointer(*q.to)
	} else if len(windows) > 0 {
		to = pointer(q.program.End(windows[len(windows)-1]))
	}
	return from, to
}

func (q *query) row(w view.Window, horizon slot.Slot, m merged) Row {
	row := Row{
		Start:   formatTime(q.program.Start(w)),
		End:     formatTime(q.program.End(w)),
		Values:  q.presented(m.all, w),
		Skipped: q.skipped(m.all, w),
	}
	if own := m.horizons[q.program.PageOf(w)]; own > horizon {
		horizon = own
		text := formatTime(own.Start())
		row.Horizon = &text
	}
	row.Exact = q.exactAggregates() && !m.speed.Has(w) && !q.program.End(w).After(horizon.Start())
	if q.parts {
		row.Parts = &Parts{Batch: q.part(m.batch, w), Speed: q.part(m.speed, w)}
	}
	return row
}

func (q *query) exactAggregates() bool {
	for _, f := range q.program.Functions {
		if !f.Exact() {
			return false
		}
	}
	return true
}

func (q *query) presented(of *view.Windows, w view.Window) Object {
	values := make(Object, len(q.program.Functions))
	for i, a := range q.program.Definition.Aggregates {
		values[i] = Member{Name: a.Name, Value: of.AppendValue(nil, i, w)}
	}
	return values
}

func (q *query) skipped(of *view.Windows, w view.Window) Object {
	var skipped Object
	for i, a := range q.program.Definition.Aggregates {
		if n := of.Skipped(i, w); n > 0 {
			skipped = append(skipped, Member{Name: a.Name, Value: strconv.AppendInt(nil, n, 10)})
		}
	}
	return skipped
}

func (q *query) part(of *view.Windows, w view.Window) *Object {
	if !of.Has(w) {
		return nil
	}
	values := q.presented(of, w)
	return &values
}

// totalOf is all rows as one. It is exact when each row is, as of the answer's horizon and not ahead of it, and the
// last window asked for has ended by that horizon.
func (q *query) totalOf(windows []view.Window, rows []Row, horizon slot.Slot, m merged) *Total {
	all := m.all.Total(windows)
	exact := len(rows) > 0 || q.to != nil
	for _, row := range rows {
		exact = exact && row.Exact && row.Horizon == nil
	}
	if q.to != nil {
		exact = exact && !q.program.End(q.end-1).After(horizon.Start())
	}
	return &Total{Values: q.presented(all, 0), Skipped: q.skipped(all, 0), Exact: exact}
}
