package costs

import (
	"fmt"
	"strconv"
	"strings"
)

// IdleTable has the parts that cost without an event, in Markdown.
//
// Errors: those of Bill.
func (c Costs) IdleTable() (string, error) {
	bill, err := c.IdleBill(nil)
	if err != nil {
		return "", err
	}
	var rows []string
	for _, l := range bill.Idle {
		rows = append(rows, fmt.Sprintf("| %s | `%s` | %s", l.Name, l.Is, Money(l.Dollars)))
	}
	rows = append(rows, "| **sum** | | **"+Money(bill.Sum())+"**")
	return Table("| a month | arithmetic | $ |", "|---|---|---:|", rows), nil
}

// ArithmeticTable has the formula of each part that events cost, in Markdown.
func (c Costs) ArithmeticTable() string {
	var rows []string
	for _, s := range c.Steps {
		rows = append(rows, fmt.Sprintf("| `%s`: %s | `%s`", s.Name, s.Says, s.Is))
	}
	for _, p := range append(append([]Part{}, c.Parts...), c.Kept...) {
		rows = append(rows, fmt.Sprintf("| %s | `%s`", p.Name, p.Is))
	}
	return Table("| part | arithmetic |", "|---|---|", rows)
}

// FigureTable has the figures of some kinds, kind by kind, in Markdown.
func (c Costs) FigureTable(kinds ...Kind) string {
	var rows []string
	for _, kind := range kinds {
		for _, f := range c.Figures {
			if f.Kind == kind {
				rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s | %s", f.Name, Number(f.Value), f.Unit, f.Kind, f.Source))
			}
		}
	}
	return Table("| figure | value | unit | kind | where |", "|---|---:|---|---|---|", rows)
}

// NotMeasured is what AssumedTable says of a figure that nobody has measured.
const NotMeasured = "not measured here"

// AssumedTable has the figures that nobody has measured, with what was measured instead, by name of the figure. nil
// leaves the last column out.
func (c Costs) AssumedTable(measured map[string]string) string {
	head, line := "| figure | assumed | unit |", "|---|---:|---|"
	if measured != nil {
		head, line = head+" measured |", line+"---:|"
	}
	var rows []string
	for _, f := range c.Figures {
		if f.Kind != Assumed {
			continue
		}
		row := fmt.Sprintf("| `%s` | %s | %s", f.Name, Number(f.Value), f.Unit)
		if f.Source != "" {
			row += "; " + f.Source
		}
		if measured != nil {
			found, ok := measured[f.Name]
			if !ok {
				found = NotMeasured
			}
			row += " | " + found
		}
		rows = append(rows, row)
	}
	return Table(head, line, rows)
}

// Table joins the lines of a table in Markdown. Each row lacks its last "|".
func Table(head, line string, rows []string) string {
	return head + "\n" + line + "\n" + strings.Join(rows, " |\n") + " |\n"
}

// Money writes dollars with cents.
func Money(dollars float64) string { return Thousands(dollars, 2) }

// Number writes a number with the digits that it has.
func Number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// Thousands writes a number with commas and some digits behind the point.
func Thousands(value float64, digits int) string {
	text := strconv.FormatFloat(value, 'f', digits, 64)
	whole, rest, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if digits == 0 {
		return whole
	}
	return whole + "." + rest
}
