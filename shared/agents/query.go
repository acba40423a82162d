package agents

import (
	"fmt"
	"net/url"
)

// answer is an answer to a query of the API: present.Answer.
type answer struct {
	Key        Object   `json:"key"`
	GroupBy    []string `json:"group_by"`
	Plan       Object   `json:"plan"`
	Read       Object   `json:"read"`
	Window     string   `json:"window"`
	Step       string   `json:"step"`
	Zone       string   `json:"tz"`
	From       *string  `json:"from"`
	To         *string  `json:"to"`
	Generation string   `json:"generation"`
	Horizon    *string  `json:"horizon"`
	Complete   *string  `json:"complete"`
	Data       []Object `json:"data"`
	Next       string   `json:"next"`
	Total      Object   `json:"total"`
	Skipped    []Object `json:"skipped"`
	Warnings   []string `json:"warnings"`
}

// until returns the time before which all events are counted; "" where there is none.
func (a answer) until() string {
	switch {
	case a.Horizon != nil:
		return *a.Horizon
	case a.Complete != nil:
		return *a.Complete
	}
	return ""
}

// head returns what the answer of a tool says of an answer of the API.
func (a answer) head() Head {
	h := Head{Horizon: a.Horizon, Complete: a.Complete, Zone: a.Zone, Warnings: a.Warnings}
	if h.Zone == "" {
		h.Zone = "UTC"
	}
	rows := a.Data
	if len(a.Total) > 0 {
		rows = append(rows[:len(rows):len(rows)], a.Total)
	}
	h.Exact = exactOf(rows)
	return h
}

// Rows is the answer of query and of explain_row.
type Rows struct {
	Head
	View    string   `json:"view"`
	Key     Object   `json:"key,omitempty" jsonschema:"Values of the key fields that all rows have."`
	GroupBy []string `json:"group_by,omitempty" jsonschema:"Key fields of the rows. Absent: the rows are those of one key."`
	Plan    Object   `json:"plan,omitempty" jsonschema:"What the answer was read from."`
	Read    Object   `json:"read,omitempty" jsonschema:"Of explain_row: how many items of batch and of speed were read, and the bytes of their states."`
	Window  string   `json:"window,omitempty" jsonschema:"Length of a window, ISO 8601."`
	Step    string   `json:"step,omitempty" jsonschema:"Length of a row, ISO 8601, or all. Absent: each window is a row."`
	From    *string  `json:"from,omitempty"`
	To      *string  `json:"to,omitempty"`
	Rows    []Object `json:"rows" jsonschema:"The rows: start, end, values, exact; key for rows of several keys; errors: bounds of estimates."`
	Total   Object   `json:"total,omitempty" jsonschema:"All rows of the whole range merged into one."`
	Skipped []Object `json:"skipped" jsonschema:"Events of the selected windows that the view could not use, under any key, by place and reason."`
}

func query() tool {
	return tool{
		name: "query", title: "Query a view",
		description: "Answers with rows of a view. With one value for each key field: the rows of that key, one per window " +
			"or step. Otherwise rows of many keys: group_by with step=all, order and limit give the greatest groups.",
		arguments: []argument{
			viewArgument, keyArgument,
			{"from", text, false, "Only windows that start at this time or later: RFC 3339, a date, now, or -24h, -7d."},
			{"to", text, false, "Only windows that start before this time."},
			{"step", text, false, "One row for each 15m, 1h, 1d, 1w, 1mo, 1q or 1y; all: one row per group."},
			{"tz", text, false, "IANA time zone of steps, dates and all times of the answer. Default: UTC."},
			{"fill", text, false, "true: also rows without events."},
			{"total", text, false, "true, for one key: also all rows merged into one."},
			{"values", list, false, `Aggregates and readings: ["views","latency.p99"]. Default: all.`},
			{"group_by", list, false, "Key fields of the groups. []: all keys are one group. Without it, each key is a group."},
			{"order", text, false, "Of groups: by this aggregate over the whole range; -views: the greatest first."},
			{"limit", text, false, "Of groups: at most so many, up to 10000."},
			cursorArgument,
		},
		output: schemaFor[Rows](),
		run: func(c call) (reply, error) {
			return c.rows(c.args.parameters("from", "to", "step", "tz", "fill", "total", "values", "group_by", "order",
				"limit"))
		},
	}
}

// rows asks a query and returns its rows.
func (c call) rows(parameters url.Values) (reply, error) {
	view, at := c.args.texts["view"], c.at
	for name, pinned := range map[string]string{"from": at.From, "to": at.To, "cursor": at.API} {
		if pinned != "" {
			parameters.Set(name, pinned)
		}
	}
	var a answer
	if err := c.get(&a, parameters, "v1", "views", view, "query"); err != nil {
		return reply{}, err
	}
	if err := c.checkGeneration(a.Generation); err != nil {
		return reply{}, err
	}
	out := rowsOf(view, a)
	if len(a.Data) == 0 && a.Next == "" && c.args.texts["cursor"] == "" {
		var err error
		if out.Empty, err = c.whyEmpty(view, a, parameters); err != nil {
			return reply{}, err
		}
		exact := a.Horizon != nil && hasEnded(a) // nothing of a Kappa view is exact
		out.Exact = &exact
	}
	pin := cursor{Generation: a.Generation}
	if parameters.Has("from") && a.From != nil {
		pin.From = *a.From
	}
	if parameters.Has("to") && a.To != nil {
		pin.To = *a.To
	}
	return reply{head: &out.Head, value: out, lists: []*[]Object{&out.Rows, &out.Skipped}, after: a.Next, pin: pin}, nil
}

func rowsOf(view string, a answer) *Rows {
	return &Rows{
		Head: a.head(), View: view, Key: a.Key, GroupBy: a.GroupBy, Plan: a.Plan, Read: a.Read, Window: a.Window,
		Step: a.Step,
		From: a.From, To: a.To, Rows: a.Data, Total: a.Total, Skipped: a.Skipped,
	}
}

// Keys is the answer of list_keys.
type Keys struct {
	Head
	View string   `json:"view"`
	Keys []Object `json:"keys" jsonschema:"The keys, in the order of their fields."`
}

func listKeys() tool {
	return tool{
		name: "list_keys", title: "List the keys of a view",
		description: "Lists keys of a view in the order of their fields. Whatever query could find under a key is listed, " +
			"a few seconds after its first event.",
		arguments: []argument{
			viewArgument, keyArgument,
			{"prefix", text, false, "Beginning of the first key field without a value."},
			{"order", text, false, "key, or -key for the greatest key first."},
			{"limit", text, false, "At most so many keys, up to 1000. Default: 100."},
			cursorArgument,
		},
		output: schemaFor[Keys](),
		run:    call.keys,
	}
}

// page is a page of keys of the API: present.Keys.
type page struct {
	Generation string   `json:"generation"`
	Keys       []Object `json:"keys"`
	Next       string   `json:"next"`
	Warnings   []string `json:"warnings"`
}

func (c call) keys() (reply, error) {
	view, parameters := c.args.texts["view"], c.args.parameters("prefix", "order", "limit")
	if c.at.API != "" {
		parameters.Set("cursor", c.at.API)
	}
	d, err := c.loadView(view) // before the keys, so that its horizon is not later than they are
	if err != nil {
		return reply{}, err
	}
	var p page
	if err := c.get(&p, parameters, "v1", "views", view, "keys"); err != nil {
		return reply{}, err
	}
	if err := c.checkGeneration(p.Generation); err != nil {
		return reply{}, err
	}
	out := &Keys{View: view, Keys: p.Keys, Head: Head{Horizon: d.Horizon, Complete: d.Complete, Zone: "UTC",
		Warnings: append(p.Warnings, d.Warnings...)}}
	if p.Generation != d.Generation { // a list goes on in the generation in which it began, while that exists
		out.Horizon, out.Complete = nil, nil
		out.Warnings = append(out.Warnings, fmt.Sprintf("these are the keys of generation %s; another one, %s, answers now: "+
			"begin again without a cursor for its keys", p.Generation, d.Generation))
	}
	if len(p.Keys) == 0 && p.Next == "" && c.args.texts["cursor"] == "" {
		if out.Empty, err = c.whyNoKeys(d, parameters); err != nil {
			return reply{}, err
		}
	}
	return reply{head: &out.Head, value: out, lists: []*[]Object{&out.Keys}, after: p.Next,
		pin: cursor{Generation: p.Generation}}, nil
}

// countKeys returns how many keys a view has with some values, up to one; -1: the API did not look at all of them.
func (c call) countKeys(view string, values url.Values) (int, error) {
	parameters := url.Values{"limit": {"1"}}
	for name, given := range values {
		if isKey(name) {
			parameters[name] = given
		}
	}
	var p page
	if err := c.get(&p, parameters, "v1", "views", view, "keys"); err != nil {
		return 0, fmt.Errorf("list keys: %w", err)
	}
	if len(p.Keys) == 0 && p.Next != "" {
		return -1, nil
	}
	return len(p.Keys), nil
}
