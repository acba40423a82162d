// Package compare holds a candidate, the generation that may serve a view next, against the one that serves. Diff goes
// through all keys, a page at a time; a shadow read lets the candidate answer a query that has been answered. Both read
// rows as the serving layer does.
//
// It writes nothing.
package compare
