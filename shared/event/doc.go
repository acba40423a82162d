// Package event says what happened: a CloudEvents 1.0 event, its identity, the line under which archive and stream keep it, its stamp and
// its lane.
//
// An event is judged once, strictly, when it comes in (Judge); from then on it is a line: its JSON compacted, number text untouched, with
// the stamp as last member. Everything later reads lines in batches (Batch, filled by Fields), and only the fields that some definition asks
// for. Codec compresses lines for archive and stream alike.
//
// The package knows no clock, no store and no view. The formats of the line and the stamp live longest of all: their golden tests never
// change.
package event
