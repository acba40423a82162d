package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// load is the events of one experiment. They have one source and one key.
type load struct {
	lab          *Lab
	source, path string
	start        time.Time     // event time of the first event
	step         time.Duration // from the time of one event to the next; 0: all events have one time

	mu   sync.Mutex
	took []time.Duration // of each request, with its repetitions
	sent int64           // accepted events
}

// newLoad returns a load without events. Its event times begin in an hour of 1970 to 1997 that follows from its source.
func (l *Lab) newLoad(experiment string) *load {
	source := "anabranch-first-day/" + l.ID + "/" + experiment
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(source)) // a hash takes everything
	const hours = 27 * 365 * 24
	start := time.Unix(0, 0).UTC().Add(time.Duration(hash.Sum32()%hours) * time.Hour)
	return &load{lab: l, source: source, path: "/" + source, start: start}
}

// post sends n events whose ids begin with a number.
//
// Errors: the client's; events that the server rejects.
func (o *load) post(ctx context.Context, first, n int) error {
	body, err := o.body(first, n)
	if err != nil {
		return err
	}
	began := o.lab.Now()
	receipt, err := o.lab.Server.PostEvents(ctx, body, n)
	if err != nil {
		return fmt.Errorf("send %d events: %w", n, err)
	}
	if receipt.Accepted != n {
		return fmt.Errorf("send %d events: the server rejects %+v", n, receipt.Rejected)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.took = append(o.took, o.lab.Now().Sub(began))
	o.sent += int64(n)
	return nil
}

func (o *load) body(first, n int) ([]byte, error) {
	var lines bytes.Buffer
	out := json.NewEncoder(&lines)
	for i := first; i < first+n; i++ {
		if err := out.Encode(map[string]any{
			"specversion": "1.0", "id": strconv.Itoa(i), "source": o.source, "type": "web.request",
			"time": o.start.Add(time.Duration(i) * o.step).Format(time.RFC3339),
			"data": map[string]any{
				"client": "anabranch-first-day", "method": "GET", "path": o.path, "status": 200, "bytes": 10,
			},
		}); err != nil {
			return nil, err
		}
	}
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return packer.EncodeAll(lines.Bytes(), nil), packer.Close()
}

// connections bounds the requests that are under way at the same time.
const connections = 16

// send sends requests at the rate of Sizes until more reports false. more gets the number of requests so far.
//
// Errors: the first one of post; that of ctx.
func (o *load) send(ctx context.Context, perRequest int, more func(requests int) bool) error {
	sending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	slots := make(chan struct{}, connections)
	began := o.lab.Now()
	for i := 0; sending.Err() == nil && more(i); i++ {
		due := began.Add(time.Duration(float64(i) / o.lab.Sizes.Rate * float64(time.Second)))
		if wait := due.Sub(o.lab.Now()); wait > 0 {
			if o.lab.Wait(sending, wait) != nil {
				break
			}
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := o.post(sending, i*perRequest, perRequest); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(sending)
}

// sum returns the number of accepted events, and of the requests that brought them.
func (o *load) sum() (events int64, requests int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sent, len(o.took)
}

// percentiles formats the middle, the 90th and the 99th percentile of durations in milliseconds.
func percentiles(all []time.Duration) string {
	if len(all) == 0 {
		return notMeasured("no requests")
	}
	sorted := slices.Sorted(slices.Values(all))
	at := func(p int) float64 { return float64(sorted[(len(sorted)-1)*p/100].Microseconds()) / 1000 }
	return fmt.Sprintf("%.1f ms (p50), %.1f ms (p90), %.1f ms (p99), of %d", at(50), at(90), at(99), len(sorted))
}

// notMeasured is the value of a finding that this stack cannot give.
func notMeasured(why string) string { return "not measured here: " + why }
