// Package compare compares a candidate, the generation that may serve a view next, with the generation that serves.
// Diff goes through all keys, one page at a time. A shadow read makes the candidate answer a query that was already
// answered. Both read rows through the serving layer.
//
// It writes nothing.
package compare
