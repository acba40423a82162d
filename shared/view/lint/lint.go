// Package lint checks a views file before it is deployed: what is wrong, and what is legal but likely a slip.
//
// Place in the flow: anabranch views lint prints its reports.
package lint

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/examples"
	"github.com/anabranch/anabranch/shared/view/fields"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// Report is what lint says of a file.
type Report struct {
	Views    int                // views of the file; 0 if it has errors
	Events   int                // events in which the fields were looked for
	Errors   []viewfile.Problem // in the order of the file, at most 50; such a file cannot be deployed
	Warnings []viewfile.Problem // in the order of the file; none if there are errors

	Rejected []event.Rejection // of the events: those that ingest would reject
}

// Check checks a file. events are events to look for the fields in, one JSON object a line; nil: none.
//
// Errors: there are too many events. Not retryable.
func Check(file string, text, events []byte) (Report, error) {
	located, err := viewfile.ParseLocated(file, text)
	var problems viewfile.Problems
	if errors.As(err, &problems) {
		return Report{Errors: problems}, nil
	}
	r := Report{Views: len(located), Warnings: repeated(located)}
	if events != nil {
		err = r.lookFor(located, events)
	}
	slices.SortStableFunc(r.Warnings, func(a, b viewfile.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r, err
}

// repeated warns of aggregates, and of views, that are the same under two names.
func repeated(located []viewfile.Located) (warnings []viewfile.Problem) {
	views := map[view.Hash]view.Name{}
	for _, l := range located {
		unnamed := l.Definition
		unnamed.Name = ""
		hash := unnamed.Hash()
		if first, twice := views[hash]; twice {
			warnings = append(warnings, l.Problem(view.Place{Part: view.NamePart}, 0,
				fmt.Sprintf("view %s computes the same as view %s; each costs its own writes", l.Name, first)))
		} else {
			views[hash] = l.Name
		}
		aggregates := map[string]string{}
		for i, a := range l.Aggregates {
			// Equal aggregates have equal texts in the definition of a view with one aggregate.
			text := string(view.Definition{Aggregates: []view.Aggregate{{Name: "n", Expr: a.Expr}}}.Text())
			if first, twice := aggregates[text]; twice {
				warnings = append(warnings, l.Problem(view.Place{Part: view.AggregatePart, Index: i}, 0,
					fmt.Sprintf("aggregate %s computes the same as aggregate %s; remove one", a.Name, first)))
			} else {
				aggregates[text] = a.Name
			}
		}
	}
	return warnings
}

// lookFor warns of fields and types that no event has.
func (r *Report) lookFor(located []viewfile.Located, events []byte) error {
	lines, rejected, err := examples.Lines(events, time.Unix(0, 0))
	if err != nil {
		return err
	}
	r.Rejected = rejected
	definitions := make([]view.Definition, len(located))
	byName := map[view.Name]viewfile.Located{}
	for i, l := range located {
		definitions[i], byName[l.Name] = l.Definition, l
	}
	watch := fields.New(definitions, math.MaxInt)
	batch, err := watch.Fields().NewBatch(lines)
	if err != nil {
		return err
	}
	r.Events = batch.Len()
	watch.Count(batch)
	for _, w := range watch.Finish(true, 1) {
		r.Warnings = append(r.Warnings, locate(byName[w.View], w))
	}
	return nil
}

// locate returns a warning at the place of what it warns of.
func locate(l viewfile.Located, w fields.Warning) viewfile.Problem {
	place, text, found := view.Place{Part: view.WherePart}, l.Where, w.Type
	if w.Path != nil {
		place, text, _ = l.ReaderOf(w.Path)
		found = fields.Written(w.Path)
	}
	at := 0
	if before, _, ok := strings.Cut(text, found); ok {
		at = utf8.RuneCountInString(before)
	}
	return l.Problem(place, at, w.Text)
}
