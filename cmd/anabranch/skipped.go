package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// printSkipped prints what a view could not use, one line per place and reason, after a title. It prints nothing when
// there is nothing.
func printSkipped(w io.Writer, title string, all []skippedOf) error {
	if len(all) == 0 {
		return nil
	}
	columns := []table.Column{
		{Name: "skipped at"}, {Name: "because"}, {Name: "events", Right: true}, {Name: "batch", Right: true},
		{Name: "speed", Right: true}, {Name: "since"}, {Name: "for example"},
	}
	t := table.New(columns...)
	for _, s := range all {
		place := s.Place
		if s.view != "" {
			place = s.view + " " + place
		}
		t.Row(place, s.Reason, count(s.Events), count(s.Batch), count(s.Speed), string(s.Since),
			s.Sample.Source+" "+s.Sample.ID)
	}
	if _, err := fmt.Fprintf(w, "\n%s\n", title); err != nil {
		return err
	}
	return t.Print(w)
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// skippedOf is an entry, with the name of its view where several views are listed.
type skippedOf struct {
	view string
	client.Skip
}

func skippedBy(view string, all []client.Skip) (entries []skippedOf) {
	for _, s := range all {
		entries = append(entries, skippedOf{view, s})
	}
	return entries
}
