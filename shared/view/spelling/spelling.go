// Package spelling suggests what an unknown word may mean, and shortens user text for messages.
//
// Place in the flow: package expression uses it for messages about expressions, package view for definitions, and
// package viewfile for files.
package spelling

import (
	"fmt"
	"strings"
)

// Shorten limits how much of its input an error message repeats.
func Shorten(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// Suggest completes a message about an unknown word. It names the most similar known word, or lists all of them.
func Suggest(word, plural string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Sprintf("the %s are %s", plural, strings.Join(known, ", "))
}

// Nearest returns the known word that word most resembles, if a typing mistake explains the difference: one edit, or
// two when both words have more than four letters. In words of four letters, two edits too easily make another word:
// "name" and "rate" are not misspelt "time" and "data".
func Nearest(word string, known []string) string {
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

// edits counts the insertions, deletions, replacements and swaps of neighbours that lead from a to b, at most one at
// each place.
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
