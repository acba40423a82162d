package main

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// skips says what each view skipped. It is empty when nobody looked.
type skips struct {
	views []client.View
	err   error // the list of views could not be read
}

// loadSkips reads what the views skipped. It does so only for people: the answer in JSON is the status alone. The
// status is of use without it, so an error becomes a note.
func (o *operator) loadSkips(ctx context.Context) (s skips) {
	if o.json {
		return s
	}
	body, err := o.asker.Views(ctx)
	if err == nil {
		s.views, err = client.DecodeViews(body)
	}
	s.err = err
	return s
}

// noteOf returns a note on what a view skipped; "" for a view that is not in the list, since no generation of it is in
// use.
func (s skips) noteOf(name string) string {
	if s.err != nil {
		return fmt.Sprintf("skipped: unknown, the list of views could not be read: %v", s.err)
	}
	for _, v := range s.views {
		switch {
		case v.Name != name:
		case v.Error != "":
			return "skipped: unknown: " + v.Error
		case len(v.Skipped) == 0:
			return "skipped: no event in the windows of the last 7 days"
		default:
			return skippedInAll(v)
		}
	}
	return ""
}

// skippedInAll counts the events that are in no row, and names the worst reason. An event without a usable number is
// missing in one aggregate or several, so it counts for the worst of them only.
func skippedInAll(v client.View) string {
	var lost int64
	var whole, part client.Skip // the worst of each kind
	for _, s := range v.Skipped {
		if s.IsOfAggregate() {
			part = worse(part, s)
			continue
		}
		lost += s.Events
		whole = worse(whole, s)
	}
	text := "skipped in the windows of the last 7 days:"
	if lost > 0 {
		text += fmt.Sprintf(" %d events are in no row, most of them for %s (%s): %d;", lost, whole.Place, whole.Reason,
			whole.Events)
	}
	if part.Events > 0 {
		text += fmt.Sprintf(" %s lacks %d events (%s);", part.Place, part.Events, part.Reason)
	}
	return fmt.Sprintf("%s see anabranch views %s", text, v.Name)
}

func worse(a, b client.Skip) client.Skip {
	if b.Events > a.Events {
		return b
	}
	return a
}
