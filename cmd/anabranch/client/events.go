package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
)

// Receipt is what became of the events of one request.
type Receipt struct {
	Accepted int         `json:"accepted"` // durable in the archive
	Rejected []Rejection `json:"rejected"` // as sent by the server
	Attempts int         `json:"-"`        // made for this receipt
}

// Rejection is one event that was not accepted.
type Rejection struct {
	Index   int    `json:"index"`   // of the event in its request, 0 for the first
	ID      string `json:"id"`      // "" when the event has none that could be read
	Code    string `json:"code"`    // "duplicate_key"
	Pointer string `json:"pointer"` // JSON pointer into the event; "" for the whole
	Detail  string `json:"detail"`
}

// PostEvents sends one request of n events, NDJSON in one zstd frame, and makes the same bytes again when that may help: copies of
// one identity count once (docs/design.md 3.5).
//
// Errors: as Client.do. A receipt comes also with an error, for its Attempts. That all events were rejected (422) is a receipt, no error.
func (c *Client) PostEvents(ctx context.Context, body []byte, n int) (Receipt, error) {
	q := request{method: http.MethodPost, url: c.path("v1", "events"), body: body, header: http.Header{
		"Accept": {"application/json, application/problem+json"}, "Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"zstd"}}}
	answer, attempts, err := c.do(ctx, q)
	var refused *Problem
	if errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity {
		if receipt, ok := refused.receipt(); ok {
			return checked(receipt, attempts, n)
		}
	}
	if err != nil {
		return Receipt{Attempts: attempts}, err
	}
	var receipt Receipt
	if err := decode(answer, &receipt, "receipt"); err != nil {
		return Receipt{Attempts: attempts}, &GaveUp{attempts, err}
	}
	return checked(receipt, attempts, n)
}

// receipt is the part of a 422 that says what became of each event.
func (p *Problem) receipt() (Receipt, bool) {
	accepted, ok := p.Members.Find("accepted")
	rejected, also := p.Members.Find("rejected")
	var r Receipt
	if !ok || !also || json.Unmarshal(accepted, &r.Accepted) != nil || json.Unmarshal(rejected, &r.Rejected) != nil {
		return Receipt{}, false
	}
	return r, true
}

// checked refuses a receipt that does not say exactly once what became of each of n events: nothing may be counted from it.
func checked(r Receipt, attempts, n int) (Receipt, error) {
	r.Attempts = attempts
	seen := make(map[int]bool, len(r.Rejected))
	for _, rejection := range r.Rejected {
		if rejection.Index < 0 || rejection.Index >= n || seen[rejection.Index] {
			return Receipt{Attempts: attempts}, &GaveUp{attempts, fmt.Errorf(
				"the server's answer does not add up: it rejects event %d of %d, or rejects it twice", rejection.Index, n)}
		}
		seen[rejection.Index] = true
	}
	if r.Accepted+len(r.Rejected) != n {
		return Receipt{Attempts: attempts}, &GaveUp{attempts, fmt.Errorf(
			"the server's answer does not add up: %d accepted and %d rejected of %d events", r.Accepted, len(r.Rejected), n)}
	}
	return r, nil
}
