package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/anabranch/anabranch/shared/aws/respond"
)

// connection reads one request's body and writes its answer, each within its time. When the server stops, only
// graceTime is left to both.
type connection struct {
	http.ResponseWriter
	control  *http.ResponseController
	stopping context.Context
	limit    time.Duration // for the body to arrive
	release  func()        // must be called before the request's handler returns
}

const graceTime = time.Second

// newConnection begins the time in which the body must arrive, also one that nobody reads: the server skips its rest.
func newConnection(stopping context.Context, w http.ResponseWriter, limit time.Duration) *connection {
	c := &connection{
		ResponseWriter: w, control: http.NewResponseController(w), stopping: stopping, limit: limit,
	}
	_ = c.control.SetReadDeadline(c.within(limit)) // fails only without a connection; then a read fails as well
	done := make(chan struct{})
	stop := context.AfterFunc(stopping, func() {
		defer close(done)
		soon := time.Now().Add(graceTime)
		// A connection that is gone needs no deadline. The read's comes last: once it passes, write sets its own.
		_ = c.control.SetWriteDeadline(soon)
		_ = c.control.SetReadDeadline(soon)
	})
	c.release = func() {
		if !stop() {
			<-done // it must not touch the next request
		}
	}
	return c
}

// within returns the end of a time from now. While the server stops, it is graceTime.
func (c *connection) within(limit time.Duration) time.Time {
	if c.stopping.Err() != nil {
		limit = min(limit, graceTime)
	}
	return time.Now().Add(limit)
}

// read returns the whole body, or the problem with it: too large, cut short, malformed, or too slow.
func (c *connection) read(r *http.Request) ([]byte, *respond.Problem) {
	body, err := io.ReadAll(http.MaxBytesReader(c.ResponseWriter, r.Body, maxPayload))
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case err == nil:
		_ = c.control.SetReadDeadline(time.Time{})
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, &respond.Problem{Status: http.StatusRequestEntityTooLarge, Code: "request_too_large",
			Detail: "the body exceeds the maximum of 6 MB as sent"}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		if c.stopping.Err() != nil {
			p := unavailable(stoppingText)
			return nil, &p
		}
		return nil, &respond.Problem{Status: http.StatusRequestTimeout, Code: "request_timeout",
			Detail: fmt.Sprintf("only %d bytes of the body arrived within %s; send the request again", len(body), c.limit)}
	}
	return nil, &respond.Problem{Status: http.StatusBadRequest, Code: "malformed_request",
		Detail: fmt.Sprintf("the body cannot be read after its first %d bytes: %s", len(body), err)}
}

// write sends the answer and waits until it has left.
func (c *connection) write(status int, body []byte, limit time.Duration) error {
	_ = c.control.SetWriteDeadline(c.within(limit)) // fails only without a connection; then the write fails as well
	c.WriteHeader(status)
	if _, err := c.Write(body); err != nil {
		return err
	}
	return c.control.Flush()
}
