package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// printSkipped prints what a view could not use, after a title: a line for each place and reason, and one for all
// aggregates that have a reason in common. It prints nothing when there is nothing.
func printSkipped(w io.Writer, title string, all []skippedOf) error {
	if len(all) == 0 {
		return nil
	}
	columns := []table.Column{
		{Name: "skipped at"}, {Name: "because"}, {Name: "events", Right: true}, {Name: "batch", Right: true},
		{Name: "speed", Right: true}, {Name: "since"}, {Name: "for example"},
	}
	t := table.New(columns...)
	groups := groupedSkips(all)
	for _, g := range groups {
		first := g[0]
		t.Row(g.places(), first.Reason, g.count(func(s client.Skip) int64 { return s.Events }),
			g.count(func(s client.Skip) int64 { return s.Batch }), g.count(func(s client.Skip) int64 { return s.Speed }),
			g.since(), first.Sample.Source+" "+first.Sample.ID)
	}
	if _, err := fmt.Fprintf(w, "\n%s\n", title); err != nil {
		return err
	}
	if err := t.Print(w); err != nil || len(groups) == len(all) {
		return err
	}
	_, err := fmt.Fprintln(w, "Aggregates with one reason share a line; -o json lists each.")
	return err
}

// skipGroup is what becomes one line: a place, or the aggregates of a view that lack a value for one reason. The first
// lacks most.
type skipGroup []skippedOf

// groupedSkips puts the aggregates of a view that have the same reason together.
func groupedSkips(all []skippedOf) (groups []skipGroup) {
	for _, s := range all {
		at := slices.IndexFunc(groups, func(g skipGroup) bool {
			return s.IsOfAggregate() && g[0].IsOfAggregate() && g[0].view == s.view && g[0].Reason == s.Reason
		})
		if at < 0 {
			groups, at = append(groups, nil), len(groups)
		}
		groups[at] = append(groups[at], s)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b skippedOf) int { return cmp.Compare(b.Events, a.Events) })
	}
	return groups
}

// places names up to three places, and counts the others.
func (g skipGroup) places() string {
	const most = 3
	text := g[0].Place
	if g[0].view != "" {
		text = g[0].view + " " + text
	}
	shown := min(len(g), most)
	for _, s := range g[1:shown] {
		text += ", " + s.Place
	}
	if more := len(g) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// count writes a number of events that all places of the group have, or the least and the greatest.
func (g skipGroup) count(of func(client.Skip) int64) string {
	least, most := of(g[0].Skip), of(g[0].Skip)
	for _, s := range g {
		least, most = min(least, of(s.Skip)), max(most, of(s.Skip))
	}
	if least == most {
		return count(most)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// since is the first window of the group. All texts have the same form.
func (g skipGroup) since() string {
	first := g[0].Since
	for _, s := range g {
		first = min(first, s.Since)
	}
	return string(first)
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
