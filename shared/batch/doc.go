// Package batch is the layer that makes answers exact. It cuts the archive into numbered runs, each over sealed slots,
// and applies them to the base items of every generation. Then it moves the generation's horizon: queries take every
// slot below the horizon from base items alone.
//
// It knows nothing of the stream or of speed items: once batch has covered a slot, queries ignore the slot's speed
// items.
//
// Its tests are in shared/simulation, because its promises can be checked only together with ingest, speed and queries,
// over stores that fail.
package batch
