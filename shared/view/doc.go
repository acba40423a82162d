// Package view defines what to compute. It names each definition by the hash of its normalised text, compiles
// definitions to programs, and folds events into states by key, window and page.
//
// The where and the keys of a definition are CEL expressions over one event. The arguments of its aggregates are
// decimal arithmetic over paths. Package expression compiles both to functions over the columns of an event.Batch.
// Package viewfile reads definitions from YAML.
//
// Place in the flow: package event delivers batches of lines with the fields that Set.Fields asks for. Speed and batch
// fold the batches and store the pages. Serving decodes pages and presents them. Windows are in event time.
//
// The package does not know stamps, slots, lanes, horizons or stores. It has no clock, no randomness and no I/O.
// Programs are immutable and safe for concurrent use.
//
// Source: docs/design.md, sections 2 and 4.
package view
