package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Key opens a deployed server: a write, read or admin key, or a token of its issuer. It is sent as "Authorization: Bearer <key>", which is what
// the authorizer of a stack reads unless it was deployed to read another header (functions/authorizer/README.md).
//
// It is a secret: however it is formatted, it shows itself as "(key)".
type Key string

const hidden = "(key)"

// String keeps a key out of whatever is printed.
func (Key) String() string { return hidden }

// GoString does so for %#v.
func (Key) GoString() string { return hidden }

// Check says whether the key can be sent to that server at all: what it is written with, and that nobody on the way can read it. The key is
// not in the error.
//
// Errors: the key has a character that no header takes; the server is asked over plain HTTP, and is not on this machine.
func (k Key) Check(server *url.URL) error {
	switch {
	case k == "":
		return nil
	case strings.ContainsFunc(string(k), func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("it has a blank or another character that no key has; give the key alone, without quotes or a line end")
	case server.Scheme != "https" && !loopback(server.Hostname()):
		return fmt.Errorf("%s would bring it unencrypted, for everybody on the way to read; use https, or no key", server.Redacted())
	}
	return nil
}

// loopback says whether a host is this machine, as far as its name can tell.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// hide takes the key out of an answer that repeats what was sent, as some gateways do.
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
