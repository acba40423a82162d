package dev

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/aws/respond"
)

// guard keeps web pages out. The server asks for no key, and every page in a browser on this machine can send requests
// to it. So it looks at the two headers that a page cannot choose: Host and Origin.
type guard struct {
	hosts   []string // further names of this server, in lower case
	origins api.Origins
}

// check returns the problem with a request that a foreign page may have sent, or nil.
func (g guard) check(r *http.Request, m api.Match) *respond.Problem {
	if name := hostname(r.Host); !g.isOurs(name) {
		return &respond.Problem{Status: http.StatusForbidden, Code: "foreign_host",
			Detail: fmt.Sprintf("%.100q is not a name of this server; ask for 127.0.0.1 or localhost, "+
				"or start the server with --host=%.100s", name, name)}
	}
	origin := r.Header.Get("Origin")
	if origin == "" || isOwn(origin, r.Host) || m.CORS && g.origins.Allow(origin) {
		return nil
	}
	detail := fmt.Sprintf("pages of %.100q may not call this server; to let them write and query, "+
		"start it with --cors-origins=%.100s", origin, origin)
	if !m.CORS {
		detail = fmt.Sprintf("pages of %.100q may not call this path", origin)
	}
	return &respond.Problem{Status: http.StatusForbidden, Code: "foreign_origin", Detail: detail}
}

// isOurs reports whether a host name means this server. A page can make a name of its own domain lead here (DNS
// rebinding), but neither an address nor a name without a dot, such as a container's.
func (g guard) isOurs(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil || !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") ||
		slices.Contains(g.hosts, name)
}

// hostname returns the name or address in a header Host, in lower case, without port, brackets and a dot at its end.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// isOwn reports whether an origin is this server's own, under the name that the request used.
func isOwn(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
