package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// View is one view as the server describes it.
type View struct {
	Name         string      `json:"name"` // "page_views"
	Description  string      `json:"description"`
	Definition   Text        `json:"definition"` // hash of the serving definition
	Generation   Text        `json:"generation"` // "" before one serves
	Where        string      `json:"where"`      // CEL; "" for every event
	Key          []KeyField  `json:"key"`        // in order; empty for one row per window
	Window       Text        `json:"window"`     // ISO 8601: "PT1H"
	Aggregates   []Aggregate `json:"aggregates"` // in the definition's order
	Horizon      Text        `json:"horizon"`    // RFC 3339, exclusive; "" before the first run
	Architecture Text        `json:"architecture"`
	State        Text        `json:"state"` // state of the generation; "" if the server does not report it

	Warnings []string `json:"warnings"` // those that every answer of the view has now

	Skipped     []Skip `json:"skipped"`      // what the view could not use in the windows from SkippedFrom on
	SkippedFrom Text   `json:"skipped_from"` // RFC 3339
	Error       string `json:"error"`        // what the server could not read of the view; "" for nothing
}

// Skip is the events that a view could not use at one place for one reason.
type Skip struct {
	Place  string `json:"place"`  // "where", "key.path", "aggregates.bytes", "time"
	Reason string `json:"reason"` // "missing"
	Events int64  `json:"events"`
	Batch  int64  `json:"batch"` // of the events, those that batch has counted
	Speed  int64  `json:"speed"` // and those that only speed has
	Exact  bool   `json:"exact"`
	Since  Text   `json:"since"` // RFC 3339, start of the first window
	Sample struct {
		Source string `json:"source"`
		ID     string `json:"id"`
	} `json:"sample"`
}

// IsOfAggregate reports whether the events are in their rows, and only an aggregate lacks their values. Such an event
// counts once for each aggregate that lacks its value.
func (s Skip) IsOfAggregate() bool { return strings.HasPrefix(s.Place, "aggregates.") }

// IsKappa says whether the stream alone maintains the view. Its answers have no horizon.
func (v View) IsKappa() bool { return v.Architecture == "kappa" }

// KeyField is one field of a view's key.
type KeyField struct {
	Field string `json:"field"` // "path"
	Expr  string `json:"expr"`  // "data.path"
}

// Aggregate is one number of a view.
type Aggregate struct {
	Name   string `json:"name"`   // "views"
	Expr   string `json:"expr"`   // "count()"
	Exact  bool   `json:"exact"`  // whether it is exact once batch has its events
	Number bool   `json:"number"` // whether its answer, or each of its readings, is a number
}

// Answer is the answer of a query.
type Answer struct {
	View       string           `json:"view"`
	Key        Object           `json:"key"`
	GroupBy    []string         `json:"group_by"` // key fields of each row of groups; nil for one key
	Plan       *Plan            `json:"plan"`     // what was read; nil for one key
	Next       Text             `json:"next"`     // cursor of the groups that come next; "" when there are none
	Window     Text             `json:"window"`
	Step       Text             `json:"step"`   // ISO 8601; "" where each window is a row
	Zone       Text             `json:"tz"`     // time zone of the rows; "" for UTC
	TZData     Text             `json:"tzdata"` // version of the time zone database
	From       Text             `json:"from"`   // RFC 3339, inclusive; "" if not given
	To         Text             `json:"to"`     // RFC 3339, exclusive; "" if not given
	Definition Text             `json:"definition"`
	Generation Text             `json:"generation"`
	Horizon    Text             `json:"horizon"`  // RFC 3339, exclusive; "" for a Kappa view
	Complete   Text             `json:"complete"` // RFC 3339; Kappa only: speed has all events that arrived before
	Lag        Object           `json:"lag"`      // for example {"batch_seconds":12.3}
	Read       *Reads           `json:"read"`     // what was read for the rows; nil without parts
	Data       []Row            `json:"data"`
	Total      *Row             `json:"total"`   // without start and end; nil if not requested
	Skipped    []Skip           `json:"skipped"` // what the view could not use in the selected windows, under any key
	Warnings   []jsontext.Value `json:"warnings"`
}

// Reads says what an answer with parts was read from.
type Reads struct {
	Batch Items `json:"batch"`
	Speed Items `json:"speed"`
}

// Items says how many items were read, and how many bytes their states have.
type Items struct {
	Number int `json:"items"`
	Bytes  int `json:"bytes"`
}

// Plan says what an answer for many keys was read from.
type Plan struct {
	From   string   `json:"from"`   // "keys" or "rollup"
	Rollup []string `json:"rollup"` // key fields of the roll-up
	Keys   int      `json:"keys"`   // number of keys that were read
}

// Row is one window.
type Row struct {
	Key     Object `json:"key"` // of groups; nil for one key
	Start   Text   `json:"start"`
	End     Text   `json:"end"`
	Values  Object `json:"values"` // one value per aggregate, in the server's order; an object where it has readings
	Exact   bool   `json:"exact"`
	Horizon Text   `json:"horizon"` // set if above the answer's horizon, during a run; else ""
	Errors  Object `json:"errors"`  // per aggregate whose value is an estimate, an object with its error bound
	Skipped Object `json:"skipped"` // per aggregate, events without a usable argument; nil for none
	Parts   Parts  `json:"parts"`
}

// Parts is a row split into batch and speed. Each is nil if it has no data or if parts were not requested.
type Parts struct {
	Batch Object `json:"batch"`
	Speed Object `json:"speed"`
}

// Views reads the list of views. It returns the server's bytes, for DecodeViews. Errors: as Client.do.
func (c *Client) Views(ctx context.Context) ([]byte, error) {
	return c.read(ctx, c.path("v1", "views"))
}

// View reads one view. It returns the server's bytes, for DecodeView. Errors: as Client.do.
func (c *Client) View(ctx context.Context, name string) ([]byte, error) {
	return c.read(ctx, c.path("v1", "views", name))
}

// Aside is what an answer has beside its body, in a format whose body has rows only, such as csv.
type Aside struct {
	Warnings []string
	Next     string // cursor of the groups that come next; "" when there are none
}

// Query queries a view. The parameters are those of docs/http.md. It returns the server's bytes; DecodeAnswer reads
// those of the default format, json.
//
// Errors: as Client.do.
func (c *Client) Query(
	ctx context.Context, name string, parameters url.Values,
) (body []byte, aside Aside, err error) {
	address := c.path("v1", "views", name, "query")
	if query := parameters.Encode(); query != "" {
		address += "?" + query
	}
	answer, err := c.get(ctx, address)
	if err != nil {
		return answer.body, aside, err
	}
	if text := answer.header.Get("Anabranch-Warnings"); text != "" {
		err = decode([]byte(text), &aside.Warnings, "header Anabranch-Warnings")
	}
	aside.Next = answer.header.Get("Anabranch-Next")
	return answer.body, aside, err
}

// Keys is a page of the keys of a view.
type Keys struct {
	Keys     []Object `json:"keys"`
	Next     *string  `json:"next"` // cursor of the next page; nil after the last
	Warnings []string `json:"warnings"`
}

// Keys reads a page of the keys of a view. Errors: as Client.do.
func (c *Client) Keys(ctx context.Context, name string, parameters url.Values) (page Keys, err error) {
	body, err := c.read(ctx, c.path("v1", "views", name, "keys")+"?"+parameters.Encode())
	if err != nil {
		return Keys{}, err
	}
	return page, decode(body, &page, "keys")
}

func (c *Client) read(ctx context.Context, address string) ([]byte, error) {
	answer, err := c.get(ctx, address)
	return answer.body, err
}

func (c *Client) get(ctx context.Context, address string) (reply, error) {
	answer, _, err := c.do(ctx, request{method: http.MethodGet, url: address,
		header: http.Header{"Accept": {"application/json, application/problem+json"}}})
	return answer, err
}

// DecodeViews reads the result of Views.
func DecodeViews(body []byte) ([]View, error) {
	var list struct {
		Views []View `json:"views"`
	}
	err := decode(body, &list, "list of views")
	return list.Views, err
}

// DecodeView reads the result of View.
func DecodeView(body []byte) (View, error) {
	var v View
	err := decode(body, &v, "view")
	return v, err
}

// DecodeAnswer reads the result of Query in the format json.
func DecodeAnswer(body []byte) (Answer, error) {
	var a Answer
	err := decode(body, &a, "answer")
	return a, err
}

func decode[T any](body []byte, into *T, what string) error {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("invalid %s: %w; is this an Anabranch server?", what, err)
	}
	*into = v
	return nil
}
