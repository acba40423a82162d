package present

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/spreadsheet"
	"github.com/anabranch/anabranch/shared/view"
)

// presentCSV writes a header and one record per row. The name of a column is the path of its number in the JSON
// answer: key.path, values.views, values.latency.p99. A cell is empty where JSON has null or nothing. The horizon of a
// record is the row's own, or else the answer's. Skipped counts are written even when they are 0. window_skipped counts
// the window's events that are in no row of any key; its name is its own, since an aggregate may be called "where" or
// "time".
//
// Source: RFC 4180.
func presentCSV(w tagged, r serving.Result, parts bool) (rows int, err error) {
	columns := columnsOf(r, parts)
	var text []byte
	for i, c := range columns {
		text = append(appendSeparator(text, i), c.name...)
	}
	text = append(text, "\r\n"...)
	if _, err := w.Write(text); err != nil {
		return 0, err
	}
	for i := range r.Rows {
		text = text[:0]
		for j, c := range columns {
			text = c.cell(appendSeparator(text, j), &r.Rows[i])
		}
		if _, err := w.Write(append(text, "\r\n"...)); err != nil {
			return i, err
		}
	}
	return len(r.Rows), nil
}

func appendSeparator(dst []byte, column int) []byte {
	if column == 0 {
		return dst
	}
	return append(dst, ',')
}

// column is a column: its name, which needs no quotes, and the function that appends the cell of a row.
type column struct {
	name string
	cell func(dst []byte, row *serving.Row) []byte
}

func columnsOf(r serving.Result, parts bool) []column {
	var c columns
	for i, k := range r.Fields() {
		c.add("key."+k.Field, func(dst []byte, row *serving.Row) []byte { return appendText(dst, r.KeyOf(row)[i]) })
	}
	c.add("start", func(dst []byte, row *serving.Row) []byte { return append(dst, timeIn(row.Start, r.Selection)...) })
	c.add("end", func(dst []byte, row *serving.Row) []byte { return append(dst, timeIn(row.End, r.Selection)...) })
	shown := r.Values()
	c.addNumbers("values.", shown, func(row *serving.Row) serving.States { return row.States })
	c.add("exact", func(dst []byte, row *serving.Row) []byte { return strconv.AppendBool(dst, row.Exact) })
	c.add("horizon", func(dst []byte, row *serving.Row) []byte { return appendFirst(dst, row.Horizon, r.Horizon) })
	c.add("complete", func(dst []byte, _ *serving.Row) []byte { return appendFirst(dst, r.Complete) })
	c.addBounds(r, shown)
	c.addSkips(r.Program.Definition)
	if parts {
		c.addNumbers("parts.batch.", shown, func(row *serving.Row) serving.States { return row.Batch })
		c.addNumbers("parts.speed.", shown, func(row *serving.Row) serving.States { return row.Speed })
	}
	return c
}

type columns []column

func (c *columns) add(name string, cell func([]byte, *serving.Row) []byte) {
	*c = append(*c, column{name, cell})
}

// addNumbers adds the numbers of some of the states of a row.
func (c *columns) addNumbers(prefix string, shown []serving.Value, states func(*serving.Row) serving.States) {
	for _, n := range numbersOf(shown) {
		c.add(prefix+n.name, func(dst []byte, row *serving.Row) []byte { return n.append(dst, states(row)) })
	}
}

// addBounds adds the errors of estimates, and the events of a row that an aggregate could not use.
func (c *columns) addBounds(r serving.Result, shown []serving.Value) {
	for _, v := range shown {
		i := v.Aggregate
		if !r.Program.Functions[i].Exact() {
			c.add("errors."+v.Name, func(dst []byte, row *serving.Row) []byte {
				return appendText(dst, string(row.States.AppendError(nil, i)))
			})
		}
		if r.Program.MaySkip(i) {
			c.add("skipped."+v.Name, func(dst []byte, row *serving.Row) []byte {
				return strconv.AppendInt(dst, row.States.Skipped(i), 10)
			})
		}
	}
}

// addSkips adds the events of a window that are in no row: by where, by each key field, and by the time.
func (c *columns) addSkips(d view.Definition) {
	var places []view.Place
	if d.Where != "" {
		places = append(places, view.Place{Part: view.WherePart})
	}
	for i := range d.Key {
		places = append(places, view.Place{Part: view.KeyPart, Index: i})
	}
	for _, place := range append(places, view.Place{Part: view.TimePart}) {
		c.add("window_skipped."+d.PlaceName(place), func(dst []byte, row *serving.Row) []byte {
			var n int64
			for _, s := range row.Skips {
				if s.Place == place {
					n += s.Events
				}
			}
			return strconv.AppendInt(dst, n, 10)
		})
	}
}

// number is what one column shows of the states of a row: an aggregate, or one of its readings.
type number struct {
	name      string // "views", "latency.p99"
	aggregate int
	reading   aggregate.Reading // the zero Reading of an aggregate with one value
}

func numbersOf(values []serving.Value) (all []number) {
	for _, v := range values {
		if len(v.Readings) == 0 {
			all = append(all, number{name: v.Name, aggregate: v.Aggregate})
		}
		for _, reading := range v.Readings {
			all = append(all, number{v.Name + "." + reading.Name, v.Aggregate, reading})
		}
	}
	return all
}

// append appends the number, or nothing where there are no states or no number.
func (n number) append(dst []byte, of serving.States) []byte {
	if !of.Exist() {
		return dst
	}
	at := len(dst)
	dst = of.AppendReading(dst, n.aggregate, n.reading)
	switch value := dst[at:]; value[0] {
	case 'n': // null
		return dst[:at]
	case '"':
		var text string
		_ = json.Unmarshal(value, &text) // a value is valid JSON
		return appendText(dst[:at], text)
	case '[':
		return appendText(dst[:at], string(value))
	}
	return dst
}

func appendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, time.RFC3339Nano) }

// appendFirst appends the first time that is not zero, or nothing when there is none.
func appendFirst(dst []byte, times ...time.Time) []byte {
	for _, t := range times {
		if !t.IsZero() {
			return appendTime(dst, t)
		}
	}
	return dst
}

// appendText appends text from an event or a query, so that no spreadsheet program reads it as a formula.
func appendText(dst []byte, text string) []byte {
	text = spreadsheet.AsText(strings.ToValidUTF8(text, "\uFFFD"))
	if !strings.ContainsAny(text, "\",\r\n") && text == strings.TrimSpace(text) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(text, `"`, `""`)...)
	return append(dst, '"')
}
