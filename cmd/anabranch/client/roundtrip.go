package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// RoundTrip implements http.RoundTripper: it sends a GET request for a path and a query to the server, with the key and
// with retries. A refusal of the server is an answer, too: a problem document.
//
// Errors: as do, without those that hold a *Problem.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return nil, errors.New("only GET requests can be repeated safely")
	}
	address := strings.TrimSuffix(c.path(), "/") + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	answer, _, err := c.do(r.Context(), request{method: r.Method, url: address, header: r.Header.Clone()})
	if err == nil {
		return responseOf(r, http.StatusOK, answer.header, answer.body), nil
	}
	var p *Problem
	if !errors.As(err, &p) {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"status": p.Status, "code": p.Code, "detail": p.Detail})
	if err != nil {
		return nil, err
	}
	return responseOf(r, p.Status, http.Header{"Content-Type": {"application/problem+json"}}, body), nil
}

func responseOf(r *http.Request, status int, header http.Header, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}
}
