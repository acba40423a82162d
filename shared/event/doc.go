// Package event defines an event: a CloudEvents 1.0 event, its identity, the line that archive and stream keep for it,
// its stamp and its lane.
//
// Validate validates an event once, strictly, when it arrives. From then on the event is a line: its compacted JSON,
// with the text of numbers unchanged and the stamp as last member. All later code reads lines in batches (Batch, which
// Fields fills), and only the fields that some definition uses. Codec compresses lines for archive and stream.
//
// The package knows no clock, no store and no view. No format lives longer than those of the line and the stamp, so
// their golden tests never change.
package event
