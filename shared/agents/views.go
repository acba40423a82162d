package agents

import (
	"encoding/json"
	"strings"
	"time"
)

// description is a view as the API describes it: present.Description.
type description struct {
	Name         string          `json:"name"`
	Description  string          `json:"description,omitempty"`
	Architecture string          `json:"architecture"`
	State        string          `json:"state"`
	Definition   string          `json:"definition,omitempty"`
	Generation   string          `json:"generation,omitempty"`
	Where        string          `json:"where,omitempty"`
	Key          []Object        `json:"key"`
	Rollups      [][]string      `json:"rollups,omitempty"`
	Window       string          `json:"window"`
	Aggregates   []Object        `json:"aggregates"`
	Horizon      *string         `json:"horizon"`
	Complete     *string         `json:"complete,omitempty"`
	Lag          json.RawMessage `json:"lag,omitempty"`
	Warnings     []string        `json:"warnings"`
	Skipped      []Object        `json:"skipped"`
	SkippedFrom  string          `json:"skipped_from"`
	Error        string          `json:"error,omitempty"`
}

// namesOf returns a member of each of some objects: the names of key fields or of aggregates.
func namesOf(objects []Object, member string) []string {
	names := []string{}
	for _, o := range objects {
		var members map[string]any
		if json.Unmarshal(o, &members) == nil {
			name, _ := members[member].(string)
			names = append(names, name)
		}
	}
	return names
}

// loadViews returns the descriptions of all views, or of the view that the call names. Those are left out that earlier
// answers have had.
func (c call) loadViews() (views []description, err error) {
	if name, ok := c.args.texts["view"]; ok {
		d, err := c.loadView(name)
		return []description{d}, err
	}
	var all struct{ Views []description }
	if err := c.get(&all, nil, "v1", "views"); err != nil {
		return nil, err
	}
	for _, d := range all.Views { // in order of name
		if d.Name > c.at.API {
			views = append(views, d)
		}
	}
	return views, nil
}

func (c call) loadView(name string) (d description, err error) {
	return d, c.get(&d, nil, "v1", "views", name)
}

// Views is the answer of list_views and of status.
type Views struct {
	Head
	Views []Object `json:"views" jsonschema:"The views, in order of name."`
}

// viewsReply returns an answer with an object for each view. Its horizon is the oldest of the views that have one.
func viewsReply(views []description, show func(description) any) reply {
	out := &Views{Head: Head{Zone: "UTC"}}
	for _, d := range views {
		out.Views = append(out.Views, objectOf(show(d)))
		if d.Horizon != nil && (out.Horizon == nil || earlier(*d.Horizon, *out.Horizon)) {
			out.Horizon = d.Horizon
		}
	}
	if len(views) == 0 {
		out.Empty = &Empty{Kind: NoViews, Detail: "no view is deployed, or this was the last answer"}
	}
	return reply{head: &out.Head, value: out, lists: []*[]Object{&out.Views}, byName: nameOf}
}

func nameOf(view Object) string {
	var named struct{ Name string }
	_ = json.Unmarshal(view, &named) // it was made by objectOf
	return named.Name
}

func earlier(a, b string) bool {
	x, errX := time.Parse(time.RFC3339, a)
	y, errY := time.Parse(time.RFC3339, b)
	return errX == nil && errY == nil && x.Before(y)
}

func listViews() tool {
	return tool{
		name: "list_views", title: "List views",
		description: "Lists the views: what each counts, its key fields, window, aggregates, and how fresh it is. " +
			"The horizon of the answer is the oldest of all views.",
		arguments: []argument{cursorArgument}, output: schemaFor[Views](),
		run: func(c call) (reply, error) {
			views, err := c.loadViews()
			return viewsReply(views, listed), err
		},
	}
}

// listed returns what list_views shows of a view.
func listed(d description) any {
	return struct {
		Name         string   `json:"name"`
		Description  string   `json:"description,omitempty"`
		Architecture string   `json:"architecture"`
		State        string   `json:"state"`
		Key          []string `json:"key"`
		Window       string   `json:"window"`
		Aggregates   []string `json:"aggregates"`
		Horizon      *string  `json:"horizon"`
		Error        string   `json:"error,omitempty"`
	}{
		d.Name, d.Description, d.Architecture, d.State, namesOf(d.Key, "field"), d.Window, namesOf(d.Aggregates, "name"),
		d.Horizon, d.Error,
	}
}

// Description is the answer of describe_view.
type Description struct {
	Head
	View        Object   `json:"view,omitempty" jsonschema:"The view without its lists."`
	Key         []Object `json:"key" jsonschema:"Key fields in order, each with the expression that gives its value."`
	Aggregates  []Object `json:"aggregates" jsonschema:"Numbers of each row, each with its expression. exact: whether the number is exact once its row is."`
	Skipped     []Object `json:"skipped" jsonschema:"Events that the view could not use, by place and reason, in the windows from skipped_from on."`
	SkippedFrom string   `json:"skipped_from"`
}

func describeView() tool {
	return tool{
		name: "describe_view", title: "Describe a view",
		description: "Describes one view: which events count, the expressions of its key fields and aggregates, its " +
			"window, roll-ups, freshness, and the events that it could not use.",
		arguments: []argument{viewArgument, cursorArgument}, output: schemaFor[Description](),
		run: func(c call) (reply, error) {
			d, err := c.loadView(c.args.texts["view"])
			if err != nil {
				return reply{}, err
			}
			if err := c.checkGeneration(d.Generation); err != nil {
				return reply{}, err
			}
			out := &Description{Key: d.Key, Aggregates: d.Aggregates, Skipped: d.Skipped, SkippedFrom: d.SkippedFrom,
				Head: Head{Horizon: d.Horizon, Complete: d.Complete, Zone: "UTC", Warnings: d.Warnings}}
			out.Exact = exactOf(d.Skipped)
			d.Horizon, d.Complete, d.Warnings, d.Skipped, d.SkippedFrom = nil, nil, nil, nil, ""
			out.View = objectOf(about{description: d})
			return reply{head: &out.Head, value: out, lists: []*[]Object{&out.Key, &out.Aggregates, &out.Skipped},
				pin: cursor{Generation: d.Generation}}, nil
		},
	}
}

// about is a description without what an answer has elsewhere.
type about struct {
	description
	Key         *int `json:"key,omitempty"`
	Aggregates  *int `json:"aggregates,omitempty"`
	Horizon     *int `json:"horizon,omitempty"`
	Warnings    *int `json:"warnings,omitempty"`
	Skipped     *int `json:"skipped,omitempty"`
	SkippedFrom *int `json:"skipped_from,omitempty"`
}

// exactOf reports whether every count of skipped events is exact; nil without any.
func exactOf(skipped []Object) *bool {
	if len(skipped) == 0 {
		return nil
	}
	all := true
	for _, s := range skipped {
		var of struct{ Exact bool }
		all = json.Unmarshal(s, &of) == nil && of.Exact && all
	}
	return &all
}

// checkGeneration refuses a cursor whose earlier answers came from another generation of the view.
func (c call) checkGeneration(id string) error {
	if c.at.Generation != "" && c.at.Generation != id {
		return &Problem{Code: "cursor_gone",
			Detail: "the cursor belongs to a generation that no longer answers; begin again without a cursor"}
	}
	return nil
}

func status() tool {
	view := viewArgument
	view.required = false
	return tool{
		name: "status", title: "Show the freshness of views",
		description: "Shows for each view whether it answers, how fresh it is, what it could not use, and the warnings " +
			"that every answer of it has now. skipped counts the events that are in no row; skipped_values counts the values " +
			"that aggregates lack of events that are in rows: one for each event and aggregate. Both cover the windows from " +
			"skipped_from on. The horizon of the answer is the oldest of all views.",
		arguments: []argument{view, cursorArgument}, output: schemaFor[Views](),
		run: func(c call) (reply, error) {
			views, err := c.loadViews()
			return viewsReply(views, fresh), err
		},
	}
}

// countSkipped counts the events that are in no row, and the values that aggregates lack. An event that is in a row
// counts among the values once for each aggregate that lacks its value.
func countSkipped(skipped []Object) (events, values int64) {
	for _, s := range skipped {
		var of struct {
			Place  string
			Events int64
		}
		_ = json.Unmarshal(s, &of) // it was decoded from the API's answer
		if strings.HasPrefix(of.Place, "aggregates.") {
			values += of.Events
		} else {
			events += of.Events
		}
	}
	return events, values
}

// fresh returns what status shows of a view.
func fresh(d description) any {
	skipped, values := countSkipped(d.Skipped)
	return struct {
		Name         string          `json:"name"`
		Architecture string          `json:"architecture"`
		State        string          `json:"state"`
		Horizon      *string         `json:"horizon"`
		Complete     *string         `json:"complete,omitempty"`
		Lag          json.RawMessage `json:"lag,omitempty"`
		Late         bool            `json:"late"`
		Skipped      int64           `json:"skipped"`
		Values       int64           `json:"skipped_values"`
		SkippedFrom  string          `json:"skipped_from"`
		Warnings     []string        `json:"warnings"`
		Error        string          `json:"error,omitempty"`
	}{
		d.Name, d.Architecture, d.State, d.Horizon, d.Complete, d.Lag, isLate(d.Warnings), skipped, values,
		d.SkippedFrom, d.Warnings, d.Error,
	}
}
