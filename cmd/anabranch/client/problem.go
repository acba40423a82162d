package client

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Problem is an error answer: a problem document of RFC 9457, or what could be read from any other answer.
type Problem struct {
	Status   int    // HTTP status code
	Type     string // URL of a page about this kind of problem
	Title    string // never empty
	Detail   string
	Instance string
	Code     string // stable, for programs: "unknown_view"
	Pointer  string // JSON pointer (RFC 6901) to the invalid field
	Members  Object // all other members, in the server's order
}

func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	if p.Detail != "" {
		fmt.Fprintf(&b, ": %s", p.Detail)
	}
	if p.Pointer != "" {
		fmt.Fprintf(&b, " (at %s)", p.Pointer)
	}
	return b.String()
}

// problem makes a Problem from an answer outside 2xx.
func problem(answer *http.Response, body []byte) *Problem {
	p := &Problem{Status: answer.StatusCode, Title: http.StatusText(answer.StatusCode)}
	if p.Title == "" {
		p.Title = "unknown status"
	}
	if location := answer.Header.Get("Location"); answer.StatusCode/100 == 3 && location != "" {
		p.Detail = fmt.Sprintf("the server redirects to %s; use that URL instead", location)
		return p
	}
	if mediaType(answer.Header) == "application/problem+json" {
		members, err := decodeObject(body)
		if err != nil {
			p.Detail = fmt.Sprintf("invalid problem document: %v", err)
			return p
		}
		p.fill(members)
		return p
	}
	p.Detail = excerpt(body)
	return p
}

// fill copies the members that have a field of their own and keeps all others.
func (p *Problem) fill(members Object) {
	known := map[string]*string{
		"type": &p.Type, "title": &p.Title, "detail": &p.Detail, "instance": &p.Instance,
		"code": &p.Code, "pointer": &p.Pointer,
	}
	for _, m := range members {
		field, ok := known[m.Name]
		switch {
		case ok && m.Value.Kind() == '"':
			if text := m.Text(); text != "" {
				*field = text
			}
		case m.Name != "status":
			p.Members = append(p.Members, m)
		}
	}
}

func mediaType(header http.Header) string {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return kind
}

// excerpt returns the start of an answer that is no problem document: enough to recognise a proxy or another server.
func excerpt(body []byte) string {
	const most = 200
	text := strings.Join(strings.Fields(string(body)), " ")
	switch {
	case !utf8.ValidString(text):
		return "the answer is not text"
	case len(text) <= most:
		return text
	}
	cut := most
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
