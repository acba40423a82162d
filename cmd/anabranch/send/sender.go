package send

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// Sender posts batches, several at a time.
type Sender struct {
	// Post posts one request of n events: NDJSON in a zstd frame. See client.Client.PostEvents.
	Post func(ctx context.Context, body []byte, n int) (client.Receipt, error)

	Concurrency int // maximum number of concurrent requests, at least 1
}

// Result is the outcome of one batch. If Err is set, the fate of the posted events is unknown.
type Result struct {
	Accepted int
	Rejected []Rejection // in the order of their lines
	Requests int         // 0 if nothing was posted
	Retries  int         // attempts beyond the first
	Bytes    int         // size of the batch as NDJSON
	Sent     int         // size of the batch as posted, compressed
	Read     int64       // stored bytes read from all sources when the batch was cut
	Unlike   []Unlike    // the sources that begin in the batch and of which nothing was accepted
	Err      error

	stop bool // whether the last of them goes on
}

// Run posts every batch of the splitter. It reports the results in the order of the input, on the calling goroutine.
//
// It stops at the first batch with an error, and when ctx ends: it then posts nothing new, waits for the open requests
// and reports them. If the input becomes unreadable, it first posts everything before that point.
// It posts the first lines of a source and waits for the answer before it posts more of that source. If nothing of them
// was accepted, it stops.
// Errors: that of the batch; else *InputError or *Stopped; else that of ctx.
//
// A goroutine reads the splitter. It outlives the call only if ctx ends while it waits for input, for example on
// standard input. It then posts nothing.
func (s Sender) Run(ctx context.Context, splitter *Splitter, report func(Result)) error {
	posting, stop := context.WithCancel(ctx)
	defer stop()
	run, err := s.start(posting, splitter)
	if err != nil {
		return err
	}
	var failed error
	for {
		pending, state := run.next(posting)
		switch {
		case state == waiting:
			result := <-pending
			report(result)
			if result.Err != nil && failed == nil {
				failed = result.Err
				stop()
			}
			continue
		case failed != nil:
			return failed
		case state == stopped:
			return ctx.Err()
		}
		return run.failed
	}
}

// running is a Run in progress. Its queue holds one place per batch, in the order of the input. The length of the queue
// bounds the open requests.
type running struct {
	queue  chan chan Result
	failed error // why reading ended; nil at the end of the input; valid once queue is closed
}

type state int

const (
	waiting state = iota // a result will come
	ended                // no further result
	stopped              // ctx has ended; no further result
)

func (s Sender) start(ctx context.Context, splitter *Splitter) (*running, error) {
	// Decoders that accept requests of 4 MB accept a window of 1 MiB.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	r := &running{queue: make(chan chan Result, s.Concurrency-1)}
	go func() {
		defer close(r.queue)
		r.failed = s.produce(ctx, splitter, encoder, r.queue)
	}()
	return r, nil
}

// produce starts one request per batch, as soon as the queue has a place. It starts nothing after ctx has ended.
func (s Sender) produce(
	ctx context.Context,
	splitter *Splitter,
	encoder *zstd.Encoder,
	queue chan<- chan Result,
) error {
	for {
		batch, err := splitter.Next()
		if err != nil {
			return errors.Join(exceptEOF(err), splitter.Close())
		}
		place, first := make(chan Result, 1), make(chan Result, 1)
		select {
		case queue <- place:
			go func() {
				result := s.post(ctx, batch, encoder)
				first <- result
				place <- result
			}()
		case <-ctx.Done():
			return errors.Join(ctx.Err(), splitter.Close())
		}
		if n := len(batch.Begun); n > 0 && batch.Begun[n-1].GoesOn {
			if result := <-first; result.stop {
				return errors.Join(&Stopped{result.Unlike[len(result.Unlike)-1]}, splitter.Close())
			}
		}
	}
}

// next returns the place of the next batch. After ctx has ended it returns only places that are already in the queue.
func (r *running) next(ctx context.Context) (<-chan Result, state) {
	select {
	case place, open := <-r.queue:
		return taken(place, open)
	case <-ctx.Done():
	}
	select {
	case place, open := <-r.queue:
		return taken(place, open)
	default:
		return nil, stopped
	}
}

func taken(place <-chan Result, open bool) (<-chan Result, state) {
	if !open {
		return nil, ended
	}
	return place, waiting
}

// post posts one batch and adds to each rejection the line of its event.
func (s Sender) post(ctx context.Context, b Batch, encoder *zstd.Encoder) Result {
	result := Result{Rejected: merged(b, nil), Bytes: len(b.Body), Read: b.Read}
	if len(b.Origins) == 0 {
		result.Unlike, result.stop = unlike(b, nil)
		return result
	}
	if result.Err = ctx.Err(); result.Err != nil {
		return result
	}
	body := encoder.EncodeAll(b.Body, nil)
	receipt, err := s.Post(ctx, body, len(b.Origins))
	if receipt.Attempts > 0 {
		result.Requests, result.Retries, result.Sent = 1, receipt.Attempts-1, len(body)
	}
	if err != nil {
		result.Err = err
		return result
	}
	result.Accepted = receipt.Accepted
	result.Rejected = merged(b, receipt.Rejected)
	result.Unlike, result.stop = unlike(b, receipt.Rejected)
	return result
}

// merged returns all rejections of the batch in the order of its lines. The client has checked that the indexes are
// valid.
func merged(b Batch, rejected []client.Rejection) []Rejection {
	byIndex := slices.SortedFunc(
		slices.Values(rejected),
		func(x, y client.Rejection) int { return cmp.Compare(x.Index, y.Index) },
	)
	all := make([]Rejection, 0, len(b.TooLong)+len(rejected))
	unsent := b.TooLong
	for _, r := range byIndex {
		for len(unsent) > 0 && unsent[0].Before <= r.Index {
			all, unsent = append(all, unsent[0].Rejection), unsent[1:]
		}
		all = append(all, Rejection{Origin: b.Origins[r.Index], ID: r.ID, Code: r.Code, Pointer: r.Pointer, Detail: r.Detail})
	}
	for _, u := range unsent {
		all = append(all, u.Rejection)
	}
	return all
}

func exceptEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
