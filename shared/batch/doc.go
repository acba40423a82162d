// Package batch is the layer that makes answers exact: it cuts the archive into numbered runs, each over sealed slots, and applies them to
// the base items of every generation; then it moves the generation's horizon, up to which queries trust batch alone.
//
// It knows nothing of the stream or of speed items: what speed keeps of a slot is no longer looked at once batch has covered it.
//
// Its tests are in shared/simulation: what batch promises shows only beside ingest, speed and queries, over stores that fail.
package batch
