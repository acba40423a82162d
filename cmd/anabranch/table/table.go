// Package table lays out text for a terminal: aligned columns, numbers to the right.
//
// It is the last step of every command that prints an answer. It changes no number: cells are text, printed with all their digits.
package table

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Column is one column of a Table.
type Column struct {
	Name  string // "" for all of them: no line of names
	Right bool   // aligned to the right, as numbers are
}

// Table collects rows and prints them once their widths are known.
type Table struct {
	columns []Column
	rows    [][]string
}

// New is a table without rows.
func New(columns ...Column) *Table { return &Table{columns: columns} }

// Row adds a row. Missing cells are empty; more cells than columns are not shown.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range row[:min(len(row), len(cells))] {
		row[i] = Printable(cells[i])
	}
	t.rows = append(t.rows, row)
}

// Print writes the table, columns two blanks apart, no blanks at line ends.
func (t *Table) Print(w io.Writer) error {
	rows := t.rows
	if names, any := t.names(); any {
		rows = append([][]string{names}, rows...)
	}
	widths := make([]int, len(t.columns))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(strings.TrimRight(t.line(row, widths), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) names() (names []string, any bool) {
	for _, column := range t.columns {
		names = append(names, Printable(column.Name))
		any = any || column.Name != ""
	}
	return names, any
}

func (t *Table) line(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if t.columns[i].Right {
			b.WriteString(blanks + cell)
		} else {
			b.WriteString(cell + blanks)
		}
	}
	return b.String()
}

// Printable is text as it may go to a terminal: whatever is no graphic character or blank stands as a Go escape, so that a key or an id
// can neither move the cursor nor break a line.
func Printable(text string) string {
	if strings.IndexFunc(text, hidden) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[i])|0x100, 16)[1:])
		case hidden(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func hidden(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) }
