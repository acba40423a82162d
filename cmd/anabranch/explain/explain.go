// Package explain says how one event lands in the views of a file, and why it does not.
//
// Place in the flow: anabranch views explain prints it. It needs no server: it folds the event alone, with the code
// that the layers run.
package explain

import (
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/fold"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/examples"
	"github.com/anabranch/anabranch/shared/view/fields"
)

// Landing is how an event lands in a view.
type Landing struct {
	Definition view.Definition
	Outcome    Outcome
	Row        fold.Row    // what the event alone gives; only if it counts
	Skips      []view.Skip // what the view cannot use of the event, and why
	Lacks      []string    // a sentence for each field and element that the view reads and that has no usable value
	Timeless   bool        // the event has no time: its window is that of its arrival
	Source, ID string      // of the event
}

// Outcome says whether an event counts in a view.
type Outcome string

// The outcomes.
const (
	Counts  Outcome = "counts"  // in a row
	Passed  Outcome = "passed"  // where is false
	Skipped Outcome = "skipped" // where, a key field or the time cannot be evaluated
)

// Rejected says that ingest would not accept the event.
type Rejected struct{ event.Rejection }

func (r Rejected) Error() string {
	return fmt.Sprintf("ingest would reject the event: %s (%s)", r.Detail, r.Code)
}

// Event explains one event, in JSON, that arrives at the given time.
//
// Shape: one Landing per definition, in their order.
// Errors: Rejected. The text has no event, or several. Not retryable.
func Event(definitions []view.Definition, text []byte, arrival time.Time) ([]Landing, error) {
	lines, rejected, err := examples.Lines(text, arrival)
	switch {
	case err != nil:
		return nil, err
	case len(rejected) > 0:
		return nil, Rejected{rejected[0]}
	}
	batch, err := event.NewFields([]event.Path{{"time"}}).NewBatch(lines)
	switch {
	case err != nil:
		return nil, err
	case batch.Len() == 0:
		return nil, errors.New("there is no event")
	case batch.Len() > 1:
		return nil, fmt.Errorf("there are %d events; explain takes one", batch.Len())
	}
	views, err := fold.Lines(definitions, lines)
	if err != nil {
		return nil, err
	}
	landings := make([]Landing, len(views))
	for i, v := range views {
		landings[i] = landingOf(v)
		landings[i].Timeless = batch.Columns[0][0].Kind == event.Missing
		source, _ := batch.Text(batch.Sources[0], nil)
		id, _ := batch.Text(batch.IDs[0], nil)
		landings[i].Source, landings[i].ID = string(source), string(id)
		if landings[i].Lacks, err = lacks(v.Definition, lines); err != nil {
			return nil, err
		}
		elements, err := elementsLacking(landings[i], lines)
		if err != nil {
			return nil, err
		}
		landings[i].Lacks = append(landings[i].Lacks, elements...)
	}
	return landings, nil
}

func landingOf(v fold.View) Landing {
	l := Landing{Definition: v.Definition, Outcome: Passed, Skips: v.Skips}
	switch {
	case len(v.Rows) > 0:
		l.Outcome, l.Row = Counts, v.Rows[0]
	case len(v.Skips) > 0:
		l.Outcome = Skipped
	}
	return l
}

// lacks returns a sentence for each field that a view reads and that the event lacks, or has with a value that the view
// cannot use.
func lacks(d view.Definition, lines []byte) (sentences []string, err error) {
	watch := fields.New([]view.Definition{d}, 1)
	batch, err := watch.Fields().NewBatch(lines)
	if err != nil {
		return nil, err
	}
	watch.Count(batch)
	for _, w := range watch.Finish(true, 1) {
		if w.Path != nil {
			sentences = append(sentences, sentenceOf(w))
		}
	}
	return sentences, nil
}

func sentenceOf(w fields.Warning) string {
	switch {
	case w.Found != "" && w.Needs == "":
		return fmt.Sprintf("%s is %s", fields.Written(w.Path), w.Found)
	case w.Found != "" && w.Meant != "":
		return fmt.Sprintf("%s is %s, not %s; the sum over its elements is written for example %s", fields.Written(w.Path),
			w.Found, w.Needs, w.Meant)
	case w.Found != "":
		return fmt.Sprintf("%s is %s, not %s", fields.Written(w.Path), w.Found, w.Needs)
	case w.Meant != "":
		return fmt.Sprintf("the event has no %s; it has %s", fields.Written(w.Path), w.Meant)
	}
	return "the event has no " + fields.Written(w.Path)
}

// SkipAt returns the reason for which the view cannot use the event at a place, as view.Definition.PlaceName writes it.
// Empty: it can.
func (l Landing) SkipAt(place string) string {
	for _, s := range l.Skips {
		if s.Name == place {
			return s.Reason.String()
		}
	}
	return ""
}
