package serving

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
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

func (s *Serving) present(q query, g catalog.Generation, m merged) Answer {
	windows := m.all.Sorted()
	a := Answer{
		View: q.program.Definition.Name, Key: q.keyObject(), Window: view.FormatWindow(q.program.Definition.Window),
		Definition: g.Definition, Generation: g.ID, Horizon: formatTime(g.Horizon.Start()),
		Data: make([]Row, 0, len(windows)), Warnings: []string{},
	}
	behind := s.Now().Sub(g.Horizon.Start())
	a.Lag.BatchSeconds = float64(behind.Milliseconds()) / 1000
	if s.LateAfter > 0 && behind > s.LateAfter {
		a.Warnings = append(a.Warnings, fmt.Sprintf("batch is late: nothing that arrived in the last %s is exact yet", behind.Round(time.Second)))
	}
	if g.Horizon < g.Live {
		a.Warnings = append(a.Warnings, fmt.Sprintf("the view is new: what arrived from %s to %s is missing until batch has covered it",
			formatTime(g.Horizon.Start()), formatTime(g.Live.Start())))
	}
	a.From, a.To = q.bounds(windows)
	for _, w := range windows {
		a.Data = append(a.Data, q.row(w, g.Horizon, m))
	}
	if q.total {
		a.Total = q.totalOf(windows, a.Data, g.Horizon, m)
	}
	return a
}

func (q *query) keyObject() Object {
	key := Object{}
	for i, f := range q.program.Definition.Key {
		text, err := json.Marshal(q.values[i])
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

// totalOf is all rows as one. It is exact when they are, and the range asked for has ended by the horizon.
func (q *query) totalOf(windows []view.Window, rows []Row, horizon slot.Slot, m merged) *Total {
	all := m.all.Total(windows)
	exact := len(rows) > 0 || q.to != nil
	for _, row := range rows {
		exact = exact && row.Exact
	}
	if q.to != nil {
		exact = exact && !q.to.After(horizon.Start())
	}
	return &Total{Values: q.presented(all, 0), Skipped: q.skipped(all, 0), Exact: exact}
}
