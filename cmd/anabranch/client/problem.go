package client

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Problem is an answer that is not the one asked for: a problem document of RFC 9457, or what could be made out of anything else.
type Problem struct {
	Status   int    // of the HTTP answer
	Type     string // the address of a page about this kind of problem
	Title    string // never empty
	Detail   string
	Instance string
	Code     string // stable, for programs: "unknown_view"
	Pointer  string // JSON pointer of RFC 6901 to the field at fault
	Members  Object // all others, in the server's order
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

// problem makes a Problem of an answer outside 2xx.
func problem(answer *http.Response, body []byte) *Problem {
	p := &Problem{Status: answer.StatusCode, Title: http.StatusText(answer.StatusCode)}
	if p.Title == "" {
		p.Title = "unknown status"
	}
	if location := answer.Header.Get("Location"); answer.StatusCode/100 == 3 && location != "" {
		p.Detail = fmt.Sprintf("the server sends us to %s; name that server instead", location)
		return p
	}
	if mediaType(answer.Header) == "application/problem+json" {
		members, err := decodeObject(body)
		if err != nil {
			p.Detail = fmt.Sprintf("with a problem document that cannot be read: %v", err)
			return p
		}
		p.fill(members)
		return p
	}
	p.Detail = excerpt(body)
	return p
}

// fill takes the members that have a meaning of their own and keeps the rest.
func (p *Problem) fill(members Object) {
	known := map[string]*string{
		"type": &p.Type, "title": &p.Title, "detail": &p.Detail, "instance": &p.Instance, "code": &p.Code, "pointer": &p.Pointer,
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

// excerpt is the start of an answer that is no problem document: enough to know a proxy or another server by.
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
