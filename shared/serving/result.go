package serving

import (
	"slices"
	"time"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// Result holds the rows of a selection in order of time; of many keys, the rows of one group after those of another. A
// window without data has no row. All times are UTC.
type Result struct {
	Selection  Selection
	View       lifecycle.View       // as read, once, at the beginning
	Generation lifecycle.Generation // the view's generation that the rows come from
	Program    *view.Program        // of the generation's definition
	Key        []string             // of one key: its values, in the order of its subset's fields
	Groups     *Groups              // how the rows are grouped; nil for one key without group_by

	// As selected; an end that was not selected is where the rows begin or end; nil without rows.
	From, To *time.Time
	Rows     []Row
	Total    *Row // all rows merged into one; nil unless selected

	// What the view could not use in the selected windows, under any key, by place and reason. A warning says when only
	// some of the windows were read: see Serving.readSkipped.
	Skipped []Skip

	Read     Reads     // what was read from the stores for the rows, without the reads for Skipped
	ReadAt   time.Time // when the reads ended
	Horizon  time.Time // batch has covered what arrived before; zero for a Kappa generation
	Complete time.Time // a Kappa generation has every event that arrived before; zero: unknown, or Lambda
	Warnings []string  // sentences for people: what may be missing, and for which time

	general []string // Warnings but those of skipped events
	read    skipped  // what Warnings say of skipped events
}

// WarningsOf returns the Warnings that the result would have if its selection had only these aggregates, or none. They
// refer to the list of skipped events by a name.
func (r Result) WarningsOf(list string, aggregates ...string) []string {
	isLeftOut := func(v Value) bool { return !slices.Contains(aggregates, v.Name) }
	shown := slices.DeleteFunc(r.Values(), isLeftOut)
	return append(slices.Clone(r.general), r.warningsOfSkipped(list, shown)...)
}

// Bytes returns how much memory the states of the rows take, as Limits.MaxMerged counts it.
func (r Result) Bytes() int {
	all, bytes := map[*view.Windows]bool{}, 0
	for i := range r.Rows {
		for _, states := range []States{r.Rows[i].States, r.Rows[i].Batch, r.Rows[i].Speed} {
			if states.Exist() && !all[states.windows] {
				all[states.windows] = true
				bytes += states.windows.Bytes()
			}
		}
	}
	return bytes
}

// Fields returns the key fields that every row has a value of.
func (r Result) Fields() []view.KeyField {
	if r.Groups != nil {
		return r.Groups.By
	}
	return r.Program.Definition.Key
}

// KeyOf returns the values of a row's Fields.
func (r Result) KeyOf(row *Row) []string {
	if r.Groups != nil {
		return row.Key
	}
	return r.Key
}

// Row is one window, or several merged into one: those of a step, or of the total.
type Row struct {
	Key        []string  // the values of Groups.By that the row's keys have; nil without Groups
	Start, End time.Time // half-open; of a total: the range selected, zero at an end that is open
	Exact      bool      // equal to the fold of the distinct events that arrived before the horizon; see merging.isExact
	Horizon    time.Time // horizon of the row where a run in progress has moved it past the result's; else zero
	States     States    // Batch and Speed merged
	Batch      States    // states from base items; none in a total
	Speed      States    // states from speed items; none in a total

	// What the view could not use in the windows, under any key; none in a total.
	Skips []view.Skip
}

// States are the states of one row, one per aggregate of the definition. The zero States belong to a half without data
// for the row.
type States struct {
	windows *view.Windows
	window  view.Window
}

func statesOf(of *view.Windows, w view.Window) States {
	if !of.Has(w) {
		return States{}
	}
	return States{of, w}
}

// Exist reports whether there are any states.
func (s States) Exist() bool { return s.windows != nil }

// AppendNumber appends the value of aggregate i to dst as JSON: an exact number in plain decimal digits, or null when
// there is no value.
func (s States) AppendNumber(dst []byte, i int) []byte {
	return s.windows.AppendValue(dst, i, s.window)
}

// AppendReadings appends some readings of aggregate i to dst, as a JSON object; without readings, its one value.
func (s States) AppendReadings(dst []byte, i int, readings []aggregate.Reading) []byte {
	return s.windows.AppendReadings(dst, i, s.window, readings)
}

// AppendReading appends one reading of aggregate i to dst, as AppendNumber does.
func (s States) AppendReading(dst []byte, i int, reading aggregate.Reading) []byte {
	return s.windows.AppendReading(dst, i, s.window, reading)
}

// AppendError appends the error bound of aggregate i as a JSON object; nothing when its value is no estimate.
func (s States) AppendError(dst []byte, i int) []byte { return s.windows.AppendError(dst, i, s.window) }

// Agrees reports whether aggregate i has the same function as an aggregate of other states, and states that may be
// those of the same events.
func (s States) Agrees(i int, other States, otherI int) bool {
	return s.windows.AggregateAgrees(i, s.window, other.windows, otherI, other.window)
}

// Skipped returns how many events aggregate i skipped, since they lacked its argument.
func (s States) Skipped(i int) int64 { return s.windows.Skipped(i, s.window) }
