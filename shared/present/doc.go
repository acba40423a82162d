// Package present is the reading and writing of the query API. Parse turns a query string into a selection, and a
// Format turns the serving layer's result into an answer. JSON and CSV are formats. Each works on states and times,
// never on the text of another format.
//
// The package reads no store and no clock. Numbers are exact: their digits come from the states and never pass through
// a float64.
package present
