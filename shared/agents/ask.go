package agents

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
)

// Problem is why a call has no answer. Code and Detail are those of the API's problem documents.
type Problem struct {
	Status    int    `json:"status"` // of the API's answer; 0: the tool itself refused the call
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Parameter string `json:"parameter"`
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

func badParameter(format string, args ...any) error {
	return &Problem{Code: "bad_parameter", Detail: fmt.Sprintf(format, args...)}
}

// maxBody is the maximum size of an answer of the API, in bytes. Servers answer with 6 MiB at most.
const maxBody = 8 << 20

// get asks a route of the API that a read key opens, and decodes the answer into a value.
//
// Errors: *Problem in the words of the API. Any other error says that no answer came; you may retry.
func (c call) get(into any, query url.Values, path ...string) error {
	request, err := c.request(query, path)
	if err != nil {
		return err
	}
	answer, err := c.API.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer: %w", err)
	case len(body) > maxBody:
		return fmt.Errorf("the answer exceeds %d bytes; narrow from and to", maxBody)
	case answer.StatusCode != http.StatusOK:
		return problemOf(answer, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("the answer is not that of an Anabranch server; check the URL")
	}
	return nil
}

// request returns a request of a route that a read key opens.
func (c call) request(query url.Values, path []string) (*http.Request, error) {
	escaped := make([]string, len(path))
	for i, segment := range path {
		if escaped[i] = url.PathEscape(segment); strings.Trim(segment, ".") == "" {
			escaped[i] = strings.ReplaceAll(segment, ".", "%2E") // so that no server takes it for a step upwards
		}
	}
	where := "/" + strings.Join(escaped, "/")
	if m := api.Resolve(http.MethodGet, where); m.Route.Scope != access.Read {
		return nil, badParameter("view=%.60q is not the name of a view; list_views lists them", c.args.texts["view"])
	}
	request, err := http.NewRequestWithContext(c.ctx, http.MethodGet, "http://api"+where, nil)
	if err != nil {
		return nil, err
	}
	request.URL.RawQuery = query.Encode()
	request.Header.Set("Accept", "application/json, application/problem+json")
	return request, nil
}

// problemOf reads an answer that is no success. A gateway's own answers have other bodies: {"message": "..."}.
func problemOf(answer *http.Response, body []byte) error {
	p := &Problem{Code: "unavailable", Detail: fmt.Sprintf("the API answered with status %d", answer.StatusCode)}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	var gateway struct{ Message string }
	switch {
	case kind == "application/problem+json" && json.Unmarshal(body, p) == nil: // p keeps what the document lacks
	case json.Unmarshal(body, &gateway) == nil && gateway.Message != "":
		p.Detail += ": " + gateway.Message
	}
	p.Status = answer.StatusCode
	if p.Code == "" {
		p.Code = "unavailable"
	}
	switch {
	case p.Code != "unavailable":
	case p.Status == http.StatusUnauthorized:
		p.Code, p.Detail = "unauthorized", "the server requires a key, or rejects the one that it got"
	case p.Status == http.StatusForbidden:
		p.Code, p.Detail = "forbidden", "the key does not permit reading; use a read key"
	}
	return p
}

// printable replaces characters that a terminal or a page would obey instead of show.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
