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

// Sender has batches posted, several at a time.
type Sender struct {
	// Post posts one request of n events: NDJSON in a zstd frame. It is client.PostEvents.
	Post func(ctx context.Context, body []byte, n int) (client.Receipt, error)

	Concurrency int // requests under way at a time, at least 1
}

// Result is what became of one batch. When Err is set, nothing is known of the events that were to be posted.
type Result struct {
	Accepted int
	Rejected []Rejection // in the order of their lines
	Requests int         // 0 when nothing had to be posted or could be
	Retries  int         // attempts beyond the first
	Bytes    int         // of the batch as NDJSON
	Sent     int         // of it as posted
	Read     int64       // stored bytes of all sources read when the batch was cut
	Err      error
}

// Run posts every batch of the splitter and reports the results in the order of the input, from the calling goroutine.
//
// It stops at the first batch whose fate is unknown, and when ctx ends: then nothing new is posted, and what is under way is waited for
// and reported. It stops, too, where the input cannot be read on, after everything before that was posted.
// Errors: that of the batch; else *InputError; else that of ctx.
//
// A goroutine reads the splitter. It outlives the call only when ctx ended while it waits for input that does not come, such as standard
// input; it posts nothing then.
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

// running is a Run under way. Its queue holds a place for each batch in the order of the input; its length bounds the requests under way.
type running struct {
	queue  chan chan Result
	failed error // why reading ended, nil for the end of the input; to be read once queue is closed
}

type state int

const (
	waiting state = iota // a result is to come
	ended                // no further result
	stopped              // ctx ended, and no further result
)

func (s Sender) start(ctx context.Context, splitter *Splitter) (*running, error) {
	// A window of 1 MiB is within the cap of any decoder that takes requests of 4 MB.
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

// produce starts a request per batch, once the queue has a place for it. Nothing starts after ctx ended.
func (s Sender) produce(ctx context.Context, splitter *Splitter, encoder *zstd.Encoder, queue chan<- chan Result) error {
	for {
		batch, err := splitter.Next()
		if err != nil {
			return errors.Join(exceptEOF(err), splitter.Close())
		}
		place := make(chan Result, 1)
		select {
		case queue <- place:
			go func() { place <- s.post(ctx, batch, encoder) }()
		case <-ctx.Done():
			return errors.Join(ctx.Err(), splitter.Close())
		}
	}
}

// next is the place of the next batch. After ctx has ended it takes only places that are in the queue already.
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

// post has one batch posted and gives each rejected event its line.
func (s Sender) post(ctx context.Context, b Batch, encoder *zstd.Encoder) Result {
	result := Result{Rejected: merged(b, nil), Bytes: len(b.Body), Read: b.Read}
	if len(b.Origins) == 0 {
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
	return result
}

// merged is every rejection of the batch in the order of its lines. Indexes lie within the batch: the client has checked them.
func merged(b Batch, rejected []client.Rejection) []Rejection {
	byIndex := slices.SortedFunc(slices.Values(rejected), func(x, y client.Rejection) int { return cmp.Compare(x.Index, y.Index) })
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
