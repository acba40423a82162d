package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// View is one view as the server describes it.
type View struct {
	Name         string      `json:"name"` // "page_views"
	Description  string      `json:"description"`
	Definition   Text        `json:"definition"` // hash of the definition that serves
	Generation   Text        `json:"generation"` // "" before one serves
	Where        string      `json:"where"`      // CEL; "" for every event
	Key          []KeyField  `json:"key"`        // in order; none: one row per window
	Window       Text        `json:"window"`     // ISO 8601: "PT1H"
	Aggregates   []Aggregate `json:"aggregates"` // in the definition's order
	Horizon      Text        `json:"horizon"`    // RFC 3339, exclusive; "" before the first run
	Architecture Text        `json:"architecture"`
	State        Text        `json:"state"` // of the generation; "" from a server that does not say
}

// IsKappa says whether the stream alone keeps the view: its answers have no horizon.
func (v View) IsKappa() bool { return v.Architecture == "kappa" }

// KeyField is one field of a view's key.
type KeyField struct {
	Field string `json:"field"` // "path"
	Expr  string `json:"expr"`  // "data.path"
}

// Aggregate is one number of a view.
type Aggregate struct {
	Name  string `json:"name"`  // "views"
	Expr  string `json:"expr"`  // "count()"
	Exact bool   `json:"exact"` // whether it is exact once batch has its events
}

// Answer is what a query gives.
type Answer struct {
	View       string           `json:"view"`
	Key        Object           `json:"key"`
	Window     Text             `json:"window"`
	From       Text             `json:"from"` // RFC 3339, inclusive; "" when not asked
	To         Text             `json:"to"`   // RFC 3339, exclusive; "" when not asked
	Definition Text             `json:"definition"`
	Generation Text             `json:"generation"`
	Horizon    Text             `json:"horizon"`  // "" of a Kappa view
	Complete   Text             `json:"complete"` // of a Kappa view: RFC 3339, what arrived before has reached speed
	Lag        Object           `json:"lag"`      // for example {"batch_seconds":12.3}
	Data       []Row            `json:"data"`
	Total      *Row             `json:"total"` // without start and end; nil when not asked
	Warnings   []jsontext.Value `json:"warnings"`
}

// Row is one window.
type Row struct {
	Start   Text   `json:"start"`
	End     Text   `json:"end"`
	Values  Object `json:"values"` // a number per aggregate, in the definition's order
	Exact   bool   `json:"exact"`
	Horizon Text   `json:"horizon"` // where it is beyond the answer's, because a run is in progress; else ""
	Skipped Object `json:"skipped"` // events that an aggregate could not take; nil when none
	Parts   Parts  `json:"parts"`
}

// Parts is how a row splits; each is nil where that arm has nothing, or when parts were not asked.
type Parts struct {
	Batch Object `json:"batch"`
	Speed Object `json:"speed"`
}

// Views is the server's list of views, its bytes as sent: DecodeViews reads them. Errors: as Client.do.
func (c *Client) Views(ctx context.Context) ([]byte, error) {
	return c.read(ctx, c.path("v1", "views"))
}

// View is one view, its bytes as sent: DecodeView reads them. Errors: as Client.do.
func (c *Client) View(ctx context.Context, name string) ([]byte, error) {
	return c.read(ctx, c.path("v1", "views", name))
}

// Query asks a view; parameters are the key fields and from, to, total, parts, format. The bytes are as sent: DecodeAnswer reads those of the
// format json, which an answer has where no other is asked for.
// Errors: as Client.do.
func (c *Client) Query(ctx context.Context, name string, parameters url.Values) ([]byte, error) {
	address := c.path("v1", "views", name, "query")
	if query := parameters.Encode(); query != "" {
		address += "?" + query
	}
	return c.read(ctx, address)
}

func (c *Client) read(ctx context.Context, address string) ([]byte, error) {
	body, _, err := c.do(ctx, request{method: http.MethodGet, url: address,
		header: http.Header{"Accept": {"application/json, application/problem+json"}}})
	return body, err
}

// DecodeViews reads what Views gives.
func DecodeViews(body []byte) ([]View, error) {
	var list struct {
		Views []View `json:"views"`
	}
	err := decode(body, &list, "list of views")
	return list.Views, err
}

// DecodeView reads what View gives.
func DecodeView(body []byte) (View, error) {
	var v View
	err := decode(body, &v, "view")
	return v, err
}

// DecodeAnswer reads what Query gives.
func DecodeAnswer(body []byte) (Answer, error) {
	var a Answer
	err := decode(body, &a, "answer")
	return a, err
}

func decode[T any](body []byte, into *T, what string) error {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("%s: not what an Anabranch server answers: %w", what, err)
	}
	*into = v
	return nil
}
