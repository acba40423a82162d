// Package respond writes the HTTP answers of the functions behind the API: values, and problem details for errors. It
// packs answers for clients that accept gzip, and refuses answers that Lambda would not return.
package respond

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Problem is an application/problem+json body. Type and Code are stable, for programs. Detail is for people and
// contains nothing internal.
//
// Source: RFC 9457.
type Problem struct {
	Type      string `json:"type"` // address of the page about the code; Fail fills it in
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	Parameter string `json:"parameter,omitempty"` // the query parameter that is wrong
	Accepted  *int   `json:"accepted,omitempty"`
	Rejected  any    `json:"rejected,omitempty"`
}

// errorPages is where the pages about the codes are: docs/errors has one for each.
const errorPages = "https://github.com/anabranch/anabranch/blob/main/docs/errors/"

// JSON answers with a value. Error: *TooLarge; not retryable.
func (t To) JSON(status int, value any) (events.APIGatewayV2HTTPResponse, error) {
	return t.encode(status, "application/json", value)
}

// Fail answers with a problem, of any size. Status 503 asks the client to retry.
func (t To) Fail(p Problem) (events.APIGatewayV2HTTPResponse, error) {
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	p.Type = errorPages + p.Code + ".md"
	t.Max = 0
	r, err := t.encode(p.Status, "application/problem+json", p)
	if p.Status == http.StatusServiceUnavailable && err == nil {
		r.Headers["retry-after"] = "1"
	}
	return r, err
}

func (t To) encode(status int, contentType string, value any) (events.APIGatewayV2HTTPResponse, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("encode answer: %w", err)
	}
	body := t.NewWriter(contentType)
	if _, err := body.Write(text); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	return body.Answer(status)
}

// printable returns JSON with escapes in place of the characters that a terminal or a page would obey instead of show:
// DEL, C1 controls, those that change the direction of text, and whatever else is not graphic. Keys come from events,
// so anybody may choose them. JSON has such characters only in strings, where an escape means the same.
func printable(body []byte) []byte {
	hidden := func(r rune) bool { return r >= 0x7f && r != utf8.RuneError && !unicode.IsGraphic(r) }
	if bytes.IndexFunc(body, hidden) < 0 {
		return body
	}
	var out []byte
	for i := 0; i < len(body); {
		r, size := utf8.DecodeRune(body[i:])
		switch {
		case !hidden(r):
			out = append(out, body[i:i+size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}

// Body is the request's body as the client sent it.
func Body(r events.APIGatewayV2HTTPRequest) ([]byte, error) {
	if !r.IsBase64Encoded {
		return []byte(r.Body), nil
	}
	body, err := base64.StdEncoding.DecodeString(r.Body)
	if err != nil {
		return nil, fmt.Errorf("body is not valid base64: %w", err)
	}
	return body, nil
}
