package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// poster sends events all the time, a request after the other.
type poster struct {
	sent    atomic.Int64 // events acknowledged
	err     error
	stopped sync.WaitGroup
}

// post begins to send the events, so many a request and a request each so often.
func post(ctx context.Context, url string, lines [][]byte, size int, every time.Duration) *poster {
	p := &poster{}
	p.stopped.Go(func() {
		for len(lines) > 0 && p.err == nil {
			n := min(size, len(lines))
			p.err = send(ctx, url, lines[:n])
			lines = lines[n:]
			p.sent.Add(int64(n))
			select {
			case <-ctx.Done():
				p.err = ctx.Err()
			case <-time.After(every):
			}
		}
	})
	return p
}

// end waits until all has been sent.
func (p *poster) end() error {
	p.stopped.Wait()
	return p.err
}

// send sends events in one request, until it is acknowledged: 503 asks for it again.
func send(ctx context.Context, url string, lines [][]byte) error {
	body := bytes.Join(lines, []byte("\n"))
	for range 20 {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/events", bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/x-ndjson")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		if err := response.Body.Close(); err != nil {
			return err
		}
		switch response.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusServiceUnavailable:
			continue
		}
		return fmt.Errorf("send %d events: %s", len(lines), response.Status)
	}
	return errors.New("send: asked for it again 20 times")
}
