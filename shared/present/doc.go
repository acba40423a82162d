// Package present is how the query API reads and writes: Parse makes a selection of a query string, and a Format makes
// an answer of what the serving layer has read. JSON is one format, CSV another; each works on states and times, and
// none on another one's text.
//
// It reads no store and no clock. Numbers are exact: their digits come from the states and pass through no float64.
package present
