package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Match is what a request asks for.
type Match struct {
	Route      Route             // zero unless the method is one of a route
	Parameters map[string]string // values of the path's parameters, without escapes
	// Allow lists the methods of the path, as the header Allow does: those of its routes, HEAD beside GET, and OPTIONS.
	// Empty: no route has the path.
	Allow []string
	// CORS says whether pages of other origins may call the path at all. They may not call an operator's.
	CORS bool
}

// Resolve finds the route of a request by its method and its path as sent, with escapes. HEAD asks for the route of
// GET. The match has no route if no route has the path, or if the path has no such method.
//
// Source: RFC 9110, sections 9.3.2, 9.3.7 and 10.2.1.
func Resolve(method, path string) Match {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var m Match
	for _, r := range Routes() {
		parameters, ok := r.Key.match(path)
		if !ok {
			continue
		}
		m.Allow = append(m.Allow, r.Key.Method())
		if r.Key.Method() == http.MethodGet {
			m.Allow = append(m.Allow, http.MethodHead)
		}
		m.CORS = m.CORS || r.OpensToPages()
		if r.Key.Method() == method {
			m.Route, m.Parameters = r, parameters
		}
	}
	if len(m.Allow) > 0 {
		m.Allow = append(m.Allow, http.MethodOptions)
	}
	return m
}

// match returns the values of the pattern's parameters in a path as sent, and whether the path has the pattern. A
// parameter is one segment that is not empty.
func (k Key) match(path string) (map[string]string, bool) {
	pattern, segments := strings.Split(k.Pattern(), "/"), strings.Split(path, "/")
	if len(pattern) != len(segments) {
		return nil, false
	}
	parameters := map[string]string{}
	for i, segment := range segments {
		text, err := url.PathUnescape(segment)
		name, named := strings.CutPrefix(pattern[i], "{")
		switch {
		case err != nil, named && text == "", !named && text != pattern[i]:
			return nil, false
		case named:
			parameters[strings.TrimSuffix(name, "}")] = text
		}
	}
	return parameters, true
}

// Found reports whether the match has a route.
func (m Match) Found() bool { return m.Route.Key != "" }

// NoMethod returns the message for a request whose path has routes, but none with its method.
func (m Match) NoMethod(method string) string {
	return fmt.Sprintf(
		"no route of this path has the method %.20q; its methods are %s", method, strings.Join(m.Allow, ", "),
	)
}
