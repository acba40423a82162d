package host

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// runtimeAPI returns the Runtime API for the bootstrap. It serves only this process, so requests need not identify
// themselves.
//
// Source: AWS Lambda Developer Guide, runtimes-api.
func (p *process) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", p.respond)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", p.fail)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", p.failInit)
	return mux
}

// next waits for a call and gives it to the process.
func (p *process) next(w http.ResponseWriter, r *http.Request) {
	if p.atWork() != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the process must answer its current call first")
		return
	}
	p.first.Do(func() {
		p.coldStart = time.Since(p.started)
		close(p.ready)
	})
	var c *call
	select {
	case c = <-p.calls:
	case <-r.Context().Done(): // the process has ended
		return
	}
	deadline := p.begin(c)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(c.payload)))
	header.Set("Lambda-Runtime-Aws-Request-Id", c.id)
	header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
	header.Set("Lambda-Runtime-Invoked-Function-Arn", p.arn)
	header.Set("Lambda-Runtime-Trace-Id", c.trace)
	_, _ = w.Write(c.payload) // it fails only if the process has ended, which wait notices
}

// begin makes a call the current one, starts its time-out and returns its deadline.
func (p *process) begin(c *call) (deadline time.Time) {
	deadline = time.Now().Add(p.timeout)
	p.mu.Lock()
	p.current, p.request = c, c.id
	p.mu.Unlock()
	c.deadline <- deadline
	return deadline
}

// end returns the current call if it has this id, and makes it answered. It returns false for any other id.
func (p *process) end(id string) (*call, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.current
	if c == nil || c.id != id {
		return nil, false
	}
	p.current = nil
	return c, true
}

func (p *process) respond(w http.ResponseWriter, r *http.Request) {
	body, err := read(w, r)
	if tooLarge(err) {
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse)
		p.finish(w, r, answer{err: platform(TypeTooLarge, message)}, http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	// A streamed response can fail after it has begun: its trailers then hold the error.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		details, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil {
			details = nil // the kind of the error is still known
		}
		p.finish(w, r, answer{err: posted(details, kind)}, http.StatusAccepted)
		return
	}
	p.finish(w, r, answer{response: body}, http.StatusAccepted)
}

func (p *process) fail(w http.ResponseWriter, r *http.Request) {
	body, err := read(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	p.finish(w, r, answer{err: posted(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))}, http.StatusAccepted)
}

// finish gives an answer to the caller that waits for it, and confirms it to the process.
func (p *process) finish(w http.ResponseWriter, r *http.Request, a answer, status int) {
	c, ok := p.end(r.PathValue("id"))
	if !ok {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "the process has no call with this id")
		return
	}
	c.answer <- a
	if status != http.StatusAccepted {
		refuse(w, status, "RequestEntityTooLarge", a.err.Error())
		return
	}
	accept(w)
}

func (p *process) failInit(w http.ResponseWriter, r *http.Request) {
	body, err := read(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	p.mu.Lock()
	p.initial = posted(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))
	p.mu.Unlock()
	accept(w)
}

func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
}

func tooLarge(err error) bool {
	var limit *http.MaxBytesError
	return errors.As(err, &limit)
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`) // an error changes nothing: the process has ended
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(platform(kind, message).Payload) // an error changes nothing: the process has ended
}
