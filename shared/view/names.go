package view

import (
	"fmt"
	"slices"
	"strings"
)

const (
	maxName       = 63
	maxKeyFields  = 8
	maxAggregates = 32
)

// reservedFields are the query parameters that no key field may be called.
func reservedFields() []string {
	return []string{"from", "to", "total", "parts", "step", "limit", "order", "format", "cursor"}
}

// checkName judges the name of a view, key field or aggregate; what says of which.
func checkName(what, name string) []fault {
	if validName(name) {
		return nil
	}
	return faultf(0, "%q cannot be %s; need a letter a-z, then up to %d of a-z, 0-9 and _", shorten(name), what, maxName-1)
}

func validName(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != "" && len(name) <= maxName
}

func checkFieldName(field string) []fault {
	if slices.Contains(reservedFields(), field) {
		return faultf(0, "a key field cannot be called %q, which queries use themselves; choose another name", field)
	}
	return checkName("the name of a key field", field)
}

// shorten bounds what an error message repeats of its input.
func shorten(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// suggestion completes a message about an unknown word: the known word it looks like, or all of them.
func suggestion(word, plural string, known []string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Sprintf("the %s are %s", plural, strings.Join(known, ", "))
}

// nearest is the known word that word most looks like, if one is as near as a slip of the fingers: one edit away, two where both have more than
// four letters. Two edits make another word of four letters too easily: "name" and "rate" are not misspelt "time" and "data".
func nearest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		allowed := 1
		if len(k) > 4 && len(word) > 4 {
			allowed = 2
		}
		if len(k) < 3 || len(word) > len(k)+allowed {
			continue
		}
		if d := edits(strings.ToLower(word), strings.ToLower(k)); d <= allowed && d < distance {
			best, distance = k, d
		}
	}
	return best
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that lead from a to b, none twice at one place.
//
// Source: optimal string alignment distance; Damerau 1964.
func edits(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(last[j+1]+1, next[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last = last, next
	}
	return last[len(b)]
}
