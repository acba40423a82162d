package dev

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// How long a connection may take for the headers of a request, and stay open between requests, and how long Serve waits
// for open requests once it stops.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	closeTime  = 10 * time.Second
)

// Serve answers requests until ctx ends. Then it gives clients that dawdle a second, and lets the functions that run
// finish, for up to 10 s.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(ctx), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
