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

// Proxy is a Transport that processes reach over HTTP, as AWS_ENDPOINT_URL: it hands method, path, query, headers and Host on untouched. A call
// whose fault is that no answer comes has its connection closed.
type Proxy struct {
	*Transport
	URL string // for example "http://127.0.0.1:39817"

	server *http.Server
	ended  chan error
}

// Listen starts a Proxy on a free port of 127.0.0.1, for the emulator at target: "http://127.0.0.1:4566". It breaks nothing yet.
func Listen(target string, seed uint64) (*Proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	if to.Scheme == "" || to.Host == "" {
		return nil, fmt.Errorf(`target %q is not a URL such as "http://127.0.0.1:4566"`, target)
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
			r.Out.URL.RawQuery = r.In.URL.RawQuery // not as cleaned up
		},
		FlushInterval: -1, // what breaks off has arrived until there
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:      log.New(io.Discard, "", 0), // answers that break off are meant to
	}
}

// connection is the key of a request's connection in its context.
type connection struct{}

func withConnection(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connection{}, c)
}

// reset has the caller's connection, where there is one, be reset when it closes.
//
// Source: RFC 9293, 3.10.4; socket(7), SO_LINGER.
func reset(ctx context.Context) {
	if c, ok := ctx.Value(connection{}).(*net.TCPConn); ok {
		_ = c.SetLinger(0) // where that cannot be done the connection closes: the caller has no answer either way
	}
}

// Close ends the proxy and the connections to it.
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
