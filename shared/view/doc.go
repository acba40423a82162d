// Package view says what to compute: it reads definitions from YAML, names each by the hash of its normalised text, compiles them to closures
// over the columns of an event.Batch, and folds events into states by key, window and page.
//
// A definition's where and key are CEL expressions over one event; the arguments of its aggregates are decimal arithmetic over paths. What is
// common in where and key runs as closures over the extracted fields, the rest in the CEL interpreter, with equal results.
//
// Place in the flow: package event gives batches of lines and the fields that Set.Fields asks for; speed and batch fold them and store the pages;
// serving decodes pages and presents them. Windows are by event time.
//
// It does not know stamps, slots, lanes, horizons or stores. It has no clock, no randomness, no input or output. Programs do not change and are
// safe for concurrent use.
//
// Source: docs/design.md, sections 2 and 4; the CEL language definition, https://github.com/google/cel-spec.
package view
