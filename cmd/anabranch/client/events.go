package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
)

// Receipt is the result of one request with events.
type Receipt struct {
	Accepted int         `json:"accepted"` // number of events that are durable in the archive
	Rejected []Rejection `json:"rejected"` // in the server's order
	Attempts int         `json:"-"`        // number of attempts that the client made
}

// Rejection is one event that was not accepted.
type Rejection struct {
	Index   int    `json:"index"`   // index of the event in its request, from 0
	ID      string `json:"id"`      // "" if the event has no readable id
	Code    string `json:"code"`    // "duplicate_key"
	Pointer string `json:"pointer"` // JSON pointer into the event; "" for the whole
	Detail  string `json:"detail"`
}

// PostEvents posts one request of n events, NDJSON in one zstd frame. It repeats the same bytes after a transient
// failure: copies of one identity count once (docs/design.md 3.5).
//
// Errors: as Client.do. A receipt comes with an error too, for its Attempts. An answer that rejects all events (422) is
// a receipt, not an error.
func (c *Client) PostEvents(ctx context.Context, body []byte, n int) (Receipt, error) {
	q := request{method: http.MethodPost, url: c.path("v1", "events"), body: body, header: http.Header{
		"Accept": {
			"application/json, application/problem+json",
		}, "Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"zstd"}}}
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
	if err := decode(answer.body, &receipt, "receipt"); err != nil {
		return Receipt{Attempts: attempts}, &GaveUp{attempts, err}
	}
	return checked(receipt, attempts, n)
}

// receipt reads the receipt in a 422.
func (p *Problem) receipt() (Receipt, bool) {
	accepted, ok := p.Members.Find("accepted")
	rejected, also := p.Members.Find("rejected")
	var r Receipt
	if !ok || !also || json.Unmarshal(accepted, &r.Accepted) != nil || json.Unmarshal(rejected, &r.Rejected) != nil {
		return Receipt{}, false
	}
	return r, true
}

// checked refuses a receipt that does not report each of the n events exactly once: nothing may be counted from it.
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
