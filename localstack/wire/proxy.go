package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// Proxy is a Transport that other processes reach over HTTP: set their AWS_ENDPOINT_URL to its URL. It forwards method,
// path, query, headers and Host unchanged. If a fault leaves a call without a response, Proxy closes the connection.
type Proxy struct {
	*Transport
	URL string // for example "http://127.0.0.1:39817"

	server *http.Server
	ended  chan error
}

// Listen starts a Proxy on a free port of 127.0.0.1, for the emulator at target, for example "http://127.0.0.1:4566".
// It breaks nothing yet.
func Listen(target string, seed uint64) (*Proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	if to.Scheme == "" || to.Host == "" {
		return nil, fmt.Errorf(`invalid target %q: must be a URL such as "http://127.0.0.1:4566"`, target)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100, IdleConnTimeout: time.Minute}
	p := &Proxy{Transport: New(transport, seed), URL: "http://" + l.Addr().String(), ended: make(chan error, 1)}
	p.server = &http.Server{Handler: p.handler(to), ReadHeaderTimeout: time.Minute, ConnContext: withConnection}
	go func() { p.ended <- p.server.Serve(l) }()
	return p, nil
}

func (p *Proxy) handler(to *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Transport: p.Transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery // ReverseProxy would drop parameters that it cannot parse
		},
		FlushInterval: -1, // the caller gets everything before the point where a response breaks off
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:      log.New(io.Discard, "", 0), // responses break off on purpose
	}
}

// connection is the context key of the connection of a request.
type connection struct{}

func withConnection(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connection{}, c)
}

// reset makes the caller's connection, if there is one, end with a TCP reset when it closes.
//
// Source: RFC 9293, 3.10.4; socket(7), SO_LINGER.
func reset(ctx context.Context) {
	if c, ok := ctx.Value(connection{}).(*net.TCPConn); ok {
		_ = c.SetLinger(0) // on failure the connection closes normally: the caller gets no response either way
	}
}

// Close stops the proxy and closes the connections to it.
func (p *Proxy) Close() error {
	err := p.server.Close()
	if ended := <-p.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	if idle, ok := p.next.(*http.Transport); ok {
		idle.CloseIdleConnections()
	}
	return err
}
