package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// poster sends events in the background, one request after another.
type poster struct {
	sent    atomic.Int64 // number of acknowledged events
	err     error
	stopped sync.WaitGroup
}

// post starts to send the events: `size` events per request, with a pause of `every` between requests.
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

// end waits until every event is acknowledged, and returns the first error.
func (p *poster) end() error {
	p.stopped.Wait()
	return p.err
}

// send sends events in one request. It repeats the request, up to 20 times, while the answer is 503.
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
	return fmt.Errorf("send %d events: 20 attempts were answered 503", len(lines))
}
