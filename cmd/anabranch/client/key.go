package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Key authenticates the client to a deployed server: a write, read or admin key, or a token of its issuer. The client
// sends it as "Authorization: Bearer <key>", the header that a stack's authorizer reads by default
// (functions/authorizer/README.md).
//
// It is a secret: every way to format it gives "(key)".
type Key string

const hidden = "(key)"

// String returns "(key)", which keeps the key out of all output.
func (Key) String() string { return hidden }

// GoString returns "(key)", for %#v.
func (Key) GoString() string { return hidden }

// Check says whether the client may send the key to that server: its characters must be valid in a header, and nobody
// on the way may read it. The error never contains the key.
//
// Errors: an invalid character; plain HTTP to a server that is not on this machine.
func (k Key) Check(server *url.URL) error {
	switch {
	case k == "":
		return nil
	case strings.ContainsFunc(string(k), func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("invalid character (blank, control or non-ASCII); give the key alone, without quotes or a line end")
	case server.Scheme != "https" && !loopback(server.Hostname()):
		return fmt.Errorf("the key would travel unencrypted to %s; use https, or no key", server.Redacted())
	}
	return nil
}

// loopback says whether a host name means this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// hide removes the key from an answer that echoes the request, as some gateways do.
func (k Key) hide(p *Problem) *Problem {
	if k == "" {
		return p
	}
	for _, text := range []*string{&p.Type, &p.Title, &p.Detail, &p.Instance, &p.Code, &p.Pointer} {
		*text = strings.ReplaceAll(*text, string(k), hidden)
	}
	for i, m := range p.Members {
		p.Members[i] = Member{Name: strings.ReplaceAll(m.Name, string(k), hidden),
			Value: jsontext.Value(strings.ReplaceAll(string(m.Value), string(k), hidden))}
	}
	return p
}
