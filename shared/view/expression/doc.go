// Package expression compiles the expressions of a definition to functions over the columns of an event.Batch: the
// filter and the key fields, which are CEL over one event, and the arguments of aggregates, which are decimal
// arithmetic over paths.
//
// What is common in filters and keys runs as closures over the extracted fields. The CEL interpreter runs the rest,
// with equal results.
//
// Place in the flow: package view compiles a definition with it; the fold calls what it made once per event. It knows
// neither definitions nor keys nor windows. What it returns does not change and is safe for concurrent use on different
// batches.
//
// Source: docs/design.md, section 4; the CEL language definition, https://github.com/google/cel-spec.
package expression
