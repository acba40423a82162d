package main

import (
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// printRows prints a table with a row per window, the parts of each below it if the server gave any, and the total
// last. Below the table it says what the mark of an estimate means.
func printRows(w io.Writer, a client.Answer) error {
	rows := a.Data
	if a.Total != nil {
		total := *a.Total
		total.Start, total.End = "total", ""
		rows = append(slices.Clone(rows), total)
	}
	if err := newAnswerTable(a, rows).Print(w); err != nil {
		return err
	}
	if note := estimates(rows); note != "" {
		_, err := fmt.Fprintf(w, "\n%s\n", table.Printable(note))
		return err
	}
	return nil
}

func newAnswerTable(a client.Answer, rows []client.Row) *table.Table {
	names := numbers(rows)
	columns := leadColumns(a)
	lead := len(columns)
	for _, name := range names {
		columns = append(columns, table.Column{Name: name.String(), Right: true})
	}
	columns = append(columns, table.Column{Name: "exact"}, table.Column{Name: header("skipped", rows, skipped)},
		table.Column{Name: header("horizon", rows, ownHorizon)})
	t := table.New(columns...)
	for _, r := range rows {
		row := append(leadCells(a, r), cells(r.Values, r.Errors, names)...)
		t.Row(append(row, yesNo(r.Exact), skipped(r), ownHorizon(r))...)
		addPart(t, lead, "  batch", r.Parts.Batch, r, names)
		addPart(t, lead, "  speed", r.Parts.Speed, r, names)
	}
	return t
}

// addPart adds the row of batch or speed if the server gave it. lead is the number of columns before the values. What
// is an estimate in the row is marked in its parts.
func addPart(t *table.Table, lead int, name string, values client.Object, of client.Row, names []number) {
	if values != nil {
		row := make([]string, lead)
		row[0] = name
		t.Row(append(row, cells(values, of.Errors, names)...)...)
	}
}

// number is what one column shows: an aggregate, or a reading of one.
type number struct{ aggregate, reading string }

// String returns the name as a query writes it: views, latency.p99.
func (n number) String() string {
	if n.reading == "" {
		return n.aggregate
	}
	return n.aggregate + "." + n.reading
}

// numbers returns all columns, in the server's order.
func numbers(rows []client.Row) (all []number) {
	add := func(n number) {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	for _, r := range rows {
		for _, object := range []client.Object{r.Values, r.Parts.Batch, r.Parts.Speed} {
			for _, m := range object {
				readings := m.Object()
				for _, reading := range readings {
					add(number{m.Name, reading.Name})
				}
				if readings == nil {
					add(number{aggregate: m.Name})
				}
			}
		}
	}
	return all
}

// cells returns the values of the names, with all their digits; "-" for null, which is a min, max or mean of nothing,
// and for a top of nothing. An estimate begins with ~.
func cells(values, errors client.Object, names []number) []string {
	row := make([]string, len(names))
	for i, name := range names {
		value, ok := values.Find(name.aggregate)
		if ok && name.reading != "" {
			value, ok = client.Member{Value: value}.Object().Find(name.reading)
		}
		if !ok {
			continue
		}
		mark := ""
		if _, estimated := errors.Find(name.aggregate); estimated {
			mark = "~"
		}
		row[i] = valueText(client.Member{Value: value}, mark)
	}
	return row
}

// valueText returns a value for a cell, with the mark before its number. Of top it returns the values with their counts
// or weights, as in "/a: ~12, /b: ~7".
func valueText(value client.Member, mark string) string {
	list, isList := value.Objects()
	switch {
	case value.Value.Kind() == 'n', isList && len(list) == 0:
		return "-"
	case !isList:
		return mark + value.Text()
	}
	texts := make([]string, len(list))
	for i, of := range list {
		var words []string
		for _, m := range of {
			words = append(words, m.Text())
		}
		texts[i] = strings.Join(words, ": "+mark)
	}
	return strings.Join(texts, ", ")
}

// estimates says how far the estimates of the rows may be off; "" if there are none. Of several bounds of an aggregate
// it says the widest.
func estimates(rows []client.Row) string {
	type bound struct {
		kind string
		size *big.Rat
		text string
	}
	widest := map[string]bound{}
	var names []string
	for _, r := range rows {
		for _, m := range r.Errors {
			for _, b := range m.Object() {
				size, ok := new(big.Rat).SetString(b.Text())
				if !ok {
					continue
				}
				before, known := widest[m.Name]
				if !known {
					names = append(names, m.Name)
				}
				if !known || size.Cmp(before.size) > 0 {
					widest[m.Name] = bound{b.Name, size, b.Text()}
				}
			}
		}
	}
	notes := make([]string, len(names))
	for i, name := range names {
		b := widest[name]
		if notes[i] = name + " within " + b.text; b.kind == "relative" {
			percent := new(big.Rat).Mul(b.size, big.NewRat(100, 1)).FloatString(2)
			notes[i] = name + " within " + strings.TrimRight(strings.TrimRight(percent, "0"), ".") + " %"
		}
	}
	if len(notes) == 0 {
		return ""
	}
	return "~ is an estimate: " + strings.Join(notes, ", ")
}
