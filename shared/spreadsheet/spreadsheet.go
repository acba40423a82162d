// Package spreadsheet keeps texts of events from running as formulas in spreadsheet programs.
//
// Place in the flow: whatever writes CSV calls it: the answers of queries, and anabranch keys.
package spreadsheet

import "strings"

// AsText returns a text for a cell. When a spreadsheet program would read the text as a formula, AsText puts an
// apostrophe before it. Text that begins with an apostrophe gets another one. So a reader that removes one apostrophe
// has the original text.
//
// Source: OWASP, CSV Injection.
func AsText(text string) string {
	if text != "" && strings.ContainsRune("=+-@'\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
