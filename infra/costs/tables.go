package costs

import (
	"fmt"
	"strconv"
	"strings"
)

// Tables returns the tables of docs/deploy.md by their names, in Markdown.
//
// Errors: a formula is not valid. Do not retry.
func (c Costs) Tables() (map[string]string, error) {
	month, err := c.monthTable()
	if err != nil {
		return nil, err
	}
	idle, err := c.idleTable()
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"month": month, "idle": idle, "arithmetic": c.arithmeticTable(), "per event": c.eventTable(),
		"figures": c.figureTable(List, Quoted, Counted), "assumed": c.AssumedTable(nil),
	}, nil
}

// monthTable has a column of dollars for each workload.
func (c Costs) monthTable() (string, error) {
	head, line := "| ", "|---|"
	rows := make([]string, 0, len(c.Parts)+1)
	for _, p := range c.Parts {
		rows = append(rows, "| "+p.Name)
	}
	rows = append(rows, "| what an idle stack costs, and the metrics that events print")
	sums := "| **sum**"
	for _, w := range c.Workloads {
		dollars, err := c.Dollars(w)
		if err != nil {
			return "", err
		}
		sum, idle := 0.0, 0.0
		for i, d := range dollars {
			sum += d
			if i < len(c.Parts) {
				rows[i] += " | " + money(d)
			} else {
				idle += d
			}
		}
		rows[len(c.Parts)] += " | " + money(idle)
		head, line, sums = head+fmt.Sprintf("| %v ", w["title"]), line+"---:|", sums+" | **"+thousands(sum, 0)+"**"
	}
	return table(head+"|", line, append(rows, sums)), nil
}

// idleTable has the parts that cost without an event.
func (c Costs) idleTable() (string, error) {
	dollars, sum, err := c.IdleDollars()
	if err != nil {
		return "", err
	}
	var rows []string
	for i, p := range c.Idle {
		if !p.Busy {
			rows = append(rows, fmt.Sprintf("| %s | `%s` | %s", p.Name, p.Is, money(dollars[i])))
		}
	}
	rows = append(rows, "| **sum** | | **"+money(sum)+"**")
	return table("| a month | arithmetic | $ |", "|---|---|---:|", rows), nil
}

// arithmeticTable has the formula of each part.
func (c Costs) arithmeticTable() string {
	var rows []string
	for _, s := range c.Steps {
		rows = append(rows, fmt.Sprintf("| `%s`: %s | `%s`", s.Name, s.Says, s.Is))
	}
	for _, p := range c.Parts {
		rows = append(rows, fmt.Sprintf("| %s | `%s`", p.Name, p.Is))
	}
	return table("| part | arithmetic |", "|---|---|", rows)
}

// eventTable has what the keys of the sample decide.
func (c Costs) eventTable() string {
	head, line := "| per event ", "|---|"
	names := []string{"speed_items", "seen_items", "base_items", "archived", "in_kb", "out_kb"}
	rows := make([]string, len(names))
	for i, name := range names {
		rows[i] = "| `" + name + "`"
	}
	for _, w := range c.Workloads {
		head, line = head+fmt.Sprintf("| %v ", w["title"]), line+"---:|"
		for i, name := range names {
			rows[i] += fmt.Sprintf(" | %v", w[name])
		}
	}
	return table(head+"|", line, rows)
}

// figureTable has the figures of some kinds, kind by kind.
func (c Costs) figureTable(kinds ...Kind) string {
	var rows []string
	for _, kind := range kinds {
		for _, f := range c.Figures {
			if f.Kind == kind {
				rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s | %s", f.Name, number(f.Value), f.Unit, f.Kind, f.Source))
			}
		}
	}
	return table("| figure | value | unit | kind | where |", "|---|---:|---|---|---|", rows)
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
		row := fmt.Sprintf("| `%s` | %s | %s", f.Name, number(f.Value), f.Unit)
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
	return table(head, line, rows)
}

func table(head, line string, rows []string) string {
	return head + "\n" + line + "\n" + strings.Join(rows, " |\n") + " |\n"
}

func money(dollars float64) string { return thousands(dollars, 2) }

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// thousands formats a number with commas.
func thousands(value float64, digits int) string {
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
