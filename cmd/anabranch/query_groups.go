package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// Groups are the flags for queries over many keys.
type Groups struct {
	By     *string `help:"Merge keys with the same values of these fields, with commas between them; empty: all keys." placeholder:"FIELDS"`
	Top    *int    `help:"List this many groups, the greatest in --order first. Default order: the view's first number." placeholder:"N"`
	Order  string  `help:"Order groups by an aggregate, or by a reading such as latency.p95; - in front: the greatest first." placeholder:"NAME"`
	Limit  *int    `help:"List at most this many groups." placeholder:"N"`
	Cursor string  `help:"Go on where an earlier answer ended."`
}

// isSet reports whether the flags ask for groups, which then have one row each.
func (g *Groups) isSet() bool { return g.By != nil || g.Top != nil || g.Order != "" }

// set sets the parameters of the HTTP query.
func (g *Groups) set(p url.Values) error {
	switch {
	case g.Top != nil && *g.Top < 1:
		return fmt.Errorf("--top %d: must be above 0", *g.Top)
	case g.Limit != nil && *g.Limit < 1:
		return fmt.Errorf("--limit %d: must be above 0", *g.Limit)
	case g.Top != nil && g.Limit != nil:
		return fmt.Errorf("--top %d and --limit %d: write one of them; --top also sets the order", *g.Top, *g.Limit)
	}
	if g.By != nil {
		p.Set("group_by", *g.By)
	}
	for _, n := range []*int{g.Top, g.Limit} {
		if n != nil {
			p.Set("limit", strconv.Itoa(*n))
		}
	}
	for name, text := range map[string]string{"order": g.Order, "cursor": g.Cursor} {
		if text != "" {
			p.Set(name, text)
		}
	}
	return nil
}

// orderTop sets the order that --top has where none is given: the view's first aggregate that is a number, the greatest
// first.
func (g *Groups) orderTop(ctx context.Context, server *client.Client, view string, p url.Values) error {
	if g.Top == nil || g.Order != "" {
		return nil
	}
	body, err := server.View(ctx, view)
	if err != nil {
		return err
	}
	described, err := client.DecodeView(body)
	if err != nil {
		return err
	}
	order := orderOf(described)
	if order == "" {
		return usage("--top %d: no aggregate of view %s is a number to order by; write --limit %[1]d", *g.Top, view)
	}
	p.Set("order", order)
	return nil
}

// orderOf is the order by a view's first aggregate that is a number, the greatest first; "" if the view has none. Of
// quantiles it is p95, as on the page.
func orderOf(v client.View) string {
	at := slices.IndexFunc(v.Aggregates, func(a client.Aggregate) bool { return a.Number })
	switch {
	case at < 0:
		return ""
	case strings.HasPrefix(strings.TrimSpace(v.Aggregates[at].Expr), "quantiles"):
		return "-" + v.Aggregates[at].Name + ".p95"
	}
	return "-" + v.Aggregates[at].Name
}

// groupHead adds what an answer says about its groups and its rows.
func groupHead(head *table.Table, a client.Answer) {
	if a.Plan != nil {
		from := fmt.Sprintf("%d keys", a.Plan.Keys)
		if a.Plan.Keys == 1 {
			from = "1 key"
		}
		if a.Plan.From == "rollup" {
			from += fmt.Sprintf(" of the roll-up %v", a.Plan.Rollup)
		}
		head.Row("read", from)
	}
	switch {
	case string(a.Step) == wholeRange && a.From == "" && a.To == "": // no row, so no range
	case string(a.Step) == wholeRange:
		head.Row("range", orDash(string(a.From))+" to "+orDash(string(a.To)))
	case a.Step != "":
		head.Row("step", string(a.Step))
	}
}

// more says how to go on behind the groups of an answer; --top asks for no others.
func (g *Groups) more(next string) string {
	if next == "" || g.Top != nil {
		return ""
	}
	return "there are more groups: --cursor " + table.Cell(next)
}

// leadColumns returns the columns before the values: those of the key, and of the time.
func leadColumns(a client.Answer) (columns []table.Column) {
	for _, field := range a.GroupBy {
		columns = append(columns, table.Column{Name: field})
	}
	switch {
	case string(a.Step) != wholeRange:
		return append(columns, table.Column{Name: "start"}, table.Column{Name: "end"})
	case len(columns) == 0:
		return []table.Column{{Name: "group"}}
	}
	return columns
}

// leadCells returns the cells of a row below the leadColumns.
func leadCells(a client.Answer, r client.Row) []string {
	var row []string
	for _, field := range a.GroupBy {
		value, _ := r.Key.Find(field)
		row = append(row, client.Member{Value: value}.Text())
	}
	if string(a.Step) != wholeRange {
		row = append(row, string(r.Start), string(r.End))
	} else if len(row) == 0 {
		row = append(row, "all keys")
	}
	return row
}
