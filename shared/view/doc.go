// Package view says what to compute. It names each definition by the hash of its normalised text, compiles definitions
// to programs, and folds events into states by key, window and page.
//
// A definition's where and key are CEL expressions over one event. The arguments of its aggregates are decimal
// arithmetic over paths. Package expression compiles both to functions over the columns of an event.Batch. Package
// viewfile reads definitions from YAML.
//
// Place in the flow: package event gives batches of lines and the fields that Set.Fields asks for; speed and batch fold
// them and store the pages; serving decodes pages and presents them. Windows are by event time.
//
// It does not know stamps, slots, lanes, horizons or stores. It has no clock, no randomness, no input or output.
// Programs do not change and are safe for concurrent use.
//
// Source: docs/design.md, sections 2 and 4.
package view
