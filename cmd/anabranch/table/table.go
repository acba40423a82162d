// Package table prints text as aligned columns on a terminal, with numbers aligned to the right.
//
// It is the last step of every command that prints an answer. It changes no number: a cell is text and keeps all its
// digits. Only a text that is longer than any number is cut.
package table

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Column is one column of a Table.
type Column struct {
	Name  string // if all names are "", Print omits the header line
	Right bool   // aligned to the right, for numbers
}

// Table collects rows and prints them once it knows their widths.
type Table struct {
	columns []Column
	rows    [][]string
}

// New returns a table without rows.
func New(columns ...Column) *Table { return &Table{columns: columns} }

// Row adds a row. It fills up missing cells with "" and drops cells beyond the last column.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range row[:min(len(row), len(cells))] {
		row[i] = Cell(cells[i])
	}
	t.rows = append(t.rows, row)
}

// Print writes the table, with two blanks between columns and none at line ends.
func (t *Table) Print(w io.Writer) error {
	rows := t.rows
	if names, any := t.names(); any {
		rows = append([][]string{names}, rows...)
	}
	widths := make([]int, len(t.columns))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
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
		blanks := strings.Repeat(" ", widths[i]-Width(cell))
		if t.columns[i].Right {
			b.WriteString(blanks + cell)
		} else {
			b.WriteString(cell + blanks)
		}
	}
	return b.String()
}

// Width returns how many columns a text takes on a terminal: two for a wide character, as in Chinese, and none for an
// accent that combines with the letter before it.
func Width(text string) int { return uniseg.StringWidth(text) }

// maxCell is the maximum length of a cell, in characters. It is far above the digits of any number.
const maxCell = 999

// Cell returns text that is safe on a terminal and no longer than 999 characters. Behind the start of a longer one it
// says how long the text is.
func Cell(text string) string {
	cut := 0
	for at := range text {
		if cut++; cut > maxCell {
			return fmt.Sprintf("%s... (%d characters)", Printable(text[:at]), utf8.RuneCountInString(text))
		}
	}
	return Printable(text)
}

// Printable returns text that is safe on a terminal: every character that is neither graphic nor a blank becomes a Go
// escape, so that a key or an id can neither move the cursor nor break a line.
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
