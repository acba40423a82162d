// Package expression compiles the expressions of a definition to functions over the columns of an event.Batch. The
// filter and the key fields are CEL over one event; the arguments of aggregates are decimal arithmetic over paths.
//
// Expressions that are common in filters and keys run as closures over the extracted fields. The CEL interpreter runs
// the rest, with equal results. The work for one event is limited: every node of an interpreted part charges a meter
// before it works. What a closure does, it does once over the fields of one event; where it compares two objects or
// arrays, it charges too.
//
// Place in the flow: package view compiles definitions with it, and the fold calls the compiled functions once per
// event. It does not know definitions, keys or windows. The functions are immutable and safe for concurrent use on
// different batches.
//
// Source: docs/design.md, section 4; the CEL language definition, https://github.com/google/cel-spec.
package expression
