package api

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/access"
)

// Origins are the web pages of other origins that may call the API, each as a browser writes its origin:
// "https://shop.example", or "*" for every page. Empty: none.
//
// Source: Fetch Standard, section 3.2 (CORS protocol).
type Origins []string

// What a page of an allowed origin may send (methods and headers), what it sees of an answer, and for how many seconds
// its browser remembers that. A page never sends cookies along: the API knows only keys.
const (
	CORSMethods = "GET, HEAD, POST"
	CORSHeaders = "authorization, content-encoding, content-type, if-none-match, x-api-key"
	CORSExposed = "allow, anabranch-next, anabranch-warnings, etag, retry-after"
	CORSMaxAge  = "600"
)

// OpensToPages reports whether pages of allowed origins may call the route: those that write, read, or need no key. An
// operator's routes stay closed to them.
func (r Route) OpensToPages() bool { return r.Scope != access.Admin }

// ParseOrigins checks origins as somebody wrote them, and leaves out empty ones. Error: one that no browser sends.
func ParseOrigins(texts []string) (Origins, error) {
	var all Origins
	for _, text := range texts {
		text = strings.TrimSpace(text)
		switch {
		case text == "":
		case text == "*":
			all = append(all, text)
		default:
			if err := checkOrigin(text); err != nil {
				return nil, fmt.Errorf("invalid origin %.100q: %w", text, err)
			}
			all = append(all, strings.ToLower(text))
		}
	}
	return all, nil
}

func checkOrigin(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errors.New(`must be "*", or http:// or https:// and a host, such as "https://shop.example"`)
	case strings.Contains(u.Host, "*"):
		return errors.New(`a star stands alone; name each host, or write "*" for every page`)
	case u.Port() == "80" && u.Scheme == "http", u.Port() == "443" && u.Scheme == "https":
		return fmt.Errorf("browsers leave out the usual port: write %s://%s", u.Scheme, u.Hostname())
	case !strings.EqualFold(u.Scheme+"://"+u.Host, text):
		return fmt.Errorf("must end after the host and port: %s://%s", u.Scheme, u.Host)
	}
	return nil
}

// Allow reports whether pages of an origin may call the API.
func (o Origins) Allow(origin string) bool {
	return origin != "" && (slices.Contains(o, "*") || slices.Contains(o, strings.ToLower(origin)))
}

// Headers returns the headers that tell a browser that a page of an origin may see the answer to a request; for a
// preflight, also what the page may ask. None if the origin may not call.
func (o Origins) Headers(origin string, preflight bool) map[string]string {
	if len(o) == 0 {
		return nil
	}
	headers := map[string]string{"vary": "origin"} // the answer to another origin differs
	if !o.Allow(origin) {
		return headers
	}
	headers["access-control-allow-origin"] = origin
	headers["access-control-expose-headers"] = CORSExposed
	if preflight {
		headers["access-control-allow-methods"] = CORSMethods
		headers["access-control-allow-headers"] = CORSHeaders
		headers["access-control-max-age"] = CORSMaxAge
	}
	return headers
}
