package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
)

// finalAnswers compares the rows and the total of every answer, as JSON and byte for byte, with the plain fold of the
// archive. The fold reads every object line by line. Of each identity it counts the first copy, and every copy that is
// further than the batch window from all copies before it. It reads the archive's bytes afresh, and uses another JSON
// decoder and other numbers than the oracle that checks each step.
func (h *history) finalAnswers() {
	events, err := h.archivedWithin(h.layout.DedupeWindow)
	if err != nil {
		h.fail(oracleFinal, "%v", err)
		return
	}
	expected := h.plainFold(events)
	h.likeLambda = h.countsAlike()
	for v := range 2 * views {
		for _, key := range h.keys(v) {
			h.checkNow(v, key)
			a, err := h.query(everywhere, h.observer, v, keyOf(v, key)) // without parts
			if err != nil {
				h.fail(oracleFinal, "view %s, key %q: %v", viewNames[v], key, err)
				return
			}
			g := h.generations[a.Generation].of(v)
			h.endsKappa = h.endsKappa || g.kappa
			if g.kappa && !h.likeLambda {
				h.checkQuietKappa(g, key, a)
				continue
			}
			got, err := json.Marshal(withTotal(a))
			h.must(err)
			if want := rowsJSON(v, key, expected, !g.kappa); !bytes.Equal(got, want) {
				h.fail(oracleFinal, "view %s, key %q:\n%s\nwant\n%s", viewNames[v], key, got, want)
				return
			}
		}
	}
}

var keyField = [views]string{"user", "", "group"}

// keyOf returns the query parameters for a key with its total.
func keyOf(v int, key string) map[string][]string {
	all := map[string][]string{"total": {"true"}}
	switch {
	case key == simulation.AllUsers:
		all["group_by"] = []string{""}
	case v == byUser, v == marks:
		all[keyField[v]] = []string{key}
	}
	return all
}

// withTotal returns the rows of an answer, and its total as the last row. It leaves out keys, error bounds, and the
// number of events without an argument, which package view tests. It leaves out the total's number of ids, too.
func withTotal(a present.Answer) []present.Row {
	rows := slices.Clone(a.Data)
	if len(rows) > 0 {
		rows = append(rows, present.Row{Start: simulation.Total, Values: a.Total.Values, Exact: a.Total.Exact})
	}
	for i := range rows {
		rows[i].Key, rows[i].Errors, rows[i].Skipped = nil, nil, nil
		if rows[i].Start == simulation.Total {
			rows[i].Values = slices.DeleteFunc(slices.Clone(rows[i].Values), isIDs)
		}
	}
	return rows
}

// isIDs selects the number of ids: an estimate in the total of many. checkTotal compares it.
func isIDs(m present.Member) bool { return m.Name == "ids" }

// plainEvent is an event of the archive, as the final fold reads it.
type plainEvent struct {
	simulation.Event
	group, mark string
}

// archivedWithin returns the events that count when duplicates are found within a window.
func (h *history) archivedWithin(window time.Duration) ([]plainEvent, error) {
	type met struct{ arrivals []int64 }
	known := map[[2]string]*met{}
	var all []plainEvent
	for _, o := range h.archiveOrder() {
		body, _, err := h.archive.Get(everywhere, o.key)
		if err != nil {
			return nil, err
		}
		lines, err := h.kit.codec.Decompress(nil, body)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(lines) {
			var e struct {
				simulation.Event
				Data struct {
					Group string          `json:"group"`
					Mark  json.RawMessage `json:"mark"`
				} `json:"data"`
			}
			if err := json.Unmarshal(line, &e.Event); err != nil {
				return nil, err
			}
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, err
			}
			arrival := int64(o.request.Time())
			if e.Event.Time.IsZero() {
				e.Event.Time = time.UnixMilli(arrival).UTC()
			}
			id := [2]string{e.Source, e.ID}
			m := known[id]
			if m == nil {
				m = &met{}
				known[id] = m
			}
			near := slices.ContainsFunc(m.arrivals, func(a int64) bool { return apart(a, arrival) <= window.Milliseconds() })
			m.arrivals = append(m.arrivals, arrival)
			if !near {
				all = append(all, plainEvent{e.Event, e.Data.Group, string(e.Data.Mark)})
			}
		}
	}
	return all, nil
}

// plainFold returns the values that every cell must present.
func (h *history) plainFold(events []plainEvent) map[simulation.Cell]map[string]string {
	simple := make([]simulation.Event, len(events))
	sums := map[simulation.Cell]*big.Rat{}
	counts := map[simulation.Cell]int{}
	for i, e := range events {
		simple[i] = e.Event
		mark, ok := new(big.Rat).SetString(e.mark)
		if !ok {
			h.fail(oracleFinal, "event %s has an invalid mark %q", e.ID, e.mark)
			continue
		}
		for _, start := range []string{e.Time.UTC().Truncate(time.Minute).Format(time.RFC3339), simulation.Total} {
			c := simulation.Cell{View: "marks", Key: e.group, Start: start}
			if sums[c] == nil {
				sums[c] = new(big.Rat)
			}
			sums[c].Add(sums[c], mark)
			counts[c]++
		}
	}
	expected := simulation.Fold(simple)
	maps.Copy(expected, foldSkipped(simple))
	for c, sum := range sums {
		text := strings.TrimSuffix(strings.TrimRight(sum.FloatString(places), "0"), ".")
		expected[c] = map[string]string{"events": fmt.Sprint(counts[c]), "marks": text}
	}
	return expected
}

// rowsJSON returns the expected JSON of the rows of one key and their total, in the form of withTotal.
func rowsJSON(view int, key string, expected map[simulation.Cell]map[string]string, exact bool) []byte {
	var cells []simulation.Cell
	for c := range expected {
		if c.View == viewNames[view] && c.Key == key {
			cells = append(cells, c)
		}
	}
	slices.SortFunc(cells, func(a, b simulation.Cell) int { return strings.Compare(a.Start, b.Start) })
	out := []byte{'['}
	for i, c := range cells {
		if i > 0 {
			out = append(out, ',')
		}
		end := ""
		if start, err := time.Parse(time.RFC3339, c.Start); err == nil {
			end = start.Add(viewWindows[view%views]).Format(time.RFC3339)
		}
		out = fmt.Appendf(out, `{"start":%q,"end":%q,"values":{`, c.Start, end)
		for j, name := range valueNames(view) {
			if name == "ids" && c.Start == simulation.Total {
				continue
			}
			if j > 0 {
				out = append(out, ',')
			}
			out = fmt.Appendf(out, "%q:%s", name, expected[c][name])
		}
		out = fmt.Appendf(out, `},"exact":%v}`, exact)
	}
	return append(out, ']')
}
