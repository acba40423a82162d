package send_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/send"
)

func numbered(lines, perBatch int) *send.Splitter {
	var text strings.Builder
	for i := range lines {
		fmt.Fprintf(&text, "event %d\n", i)
	}
	limits := send.ServerLimits()
	limits.Events = perBatch
	return send.NewSplitter([]send.Source{send.Stream("f", strings.NewReader(text.String()))}, limits)
}

func unpacked(t tester, body []byte) string {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(1<<20)) // a decoder with a low maximum must accept it
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	text, err := decoder.DecodeAll(body, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRunReportsInOrder checks that results are in the order of the input, whatever the order of the answers, and no
// more requests are open than allowed.
func TestRunReportsInOrder(t *testing.T) {
	const batches, concurrency = 1 + 12, 3 // the first is posted alone
	var mu sync.Mutex
	underWay, most, gathered := 0, 0, 0
	release := make(chan struct{})
	bodies := map[string]bool{}
	arrive := func(text string) <-chan struct{} {
		mu.Lock()
		defer mu.Unlock()
		bodies[text] = true
		underWay++
		most = max(most, underWay)
		waitFor := release
		if gathered++; gathered%concurrency == 0 { // the maximum is reached: release all, to end in any order
			close(release)
			release = make(chan struct{})
		}
		return waitFor
	}
	s := send.Sender{Concurrency: concurrency, Post: func(_ context.Context, body []byte, n int) (client.Receipt, error) {
		if text := unpacked(t, body); strings.HasPrefix(text, "event 0\n") {
			mu.Lock()
			defer mu.Unlock()
			bodies[text] = true
			return client.Receipt{Accepted: n, Attempts: 1}, nil
		} else {
			<-arrive(text)
		}
		mu.Lock()
		defer mu.Unlock()
		underWay--
		return client.Receipt{Accepted: n, Attempts: 1}, nil
	}}
	var read []int64
	accepted, requests := 0, 0
	err := s.Run(t.Context(), numbered(batches*10, 10), func(r send.Result) {
		accepted += r.Accepted
		requests += r.Requests
		read = append(read, r.Read)
	})
	if err != nil || accepted != batches*10 || requests != batches || len(bodies) != batches || most != concurrency {
		t.Errorf("%v: %d accepted in %d requests, %d bodies, %d at a time", err, accepted, requests, len(bodies), most)
	}
	for i := 1; i < len(read); i++ {
		if read[i] < read[i-1] {
			t.Errorf("results out of order: %v", read)
		}
	}
}

// TestRunNamesRejectedLines checks that rejected events get their lines, in order with lines that were never sent.
func TestRunNamesRejectedLines(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	text := long + "\n\na\nb\n" + long + "\nc\nd\n" + long + "\n"
	splitter := send.NewSplitter([]send.Source{send.Stream("f", strings.NewReader(text))}, send.ServerLimits())
	s := send.Sender{Concurrency: 1, Post: func(_ context.Context, body []byte, n int) (client.Receipt, error) {
		if got := unpacked(t, body); got != "a\nb\nc\nd\n" || n != 4 {
			t.Errorf("%d events posted: %q", n, got)
		}
		return client.Receipt{Accepted: 2, Attempts: 3, Rejected: []client.Rejection{
			{Index: 3, ID: "id-d", Code: "bad", Pointer: "/data", Detail: "why"}, {Index: 0, Code: "worse"}}}, nil
	}}
	var got []send.Result
	if err := s.Run(t.Context(), splitter, func(r send.Result) { got = append(got, r) }); err != nil {
		t.Fatal(err)
	}
	tooLong := func(line int64) send.Rejection {
		return send.Rejection{
			Origin: send.Origin{Name: "f", Line: line},
			Code:   send.TooLarge,
			Detail: "the line has 307200 bytes, the maximum is 262144; not sent",
		}
	}
	want := []send.Rejection{tooLong(1), {Origin: send.Origin{Name: "f", Line: 3}, Code: "worse"}, tooLong(5),
		{Origin: send.Origin{Name: "f", Line: 7}, ID: "id-d", Code: "bad", Pointer: "/data", Detail: "why"}, tooLong(8)}
	if len(got) != 1 || got[0].Accepted != 2 || got[0].Requests != 1 || got[0].Retries != 2 || got[0].Bytes != 8 ||
		got[0].Sent == 0 {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(want, got[0].Rejected); diff != "" {
		t.Error(diff)
	}
}

func TestRunSendsNothing(t *testing.T) {
	for name, text := range map[string]string{"NoLines": "\n\n", "OnlyTooLong": strings.Repeat("x", 300<<10)} {
		t.Run(name, func(t *testing.T) {
			s := send.Sender{Concurrency: 2, Post: func(context.Context, []byte, int) (client.Receipt, error) {
				t.Error("posted")
				return client.Receipt{}, nil
			}}
			rejected := 0
			err := s.Run(
				t.Context(),
				send.NewSplitter([]send.Source{send.Stream("f", strings.NewReader(text))}, send.ServerLimits()),
				func(r send.Result) { rejected += len(r.Rejected) },
			)
			if err != nil || rejected != strings.Count(name, "Only") {
				t.Errorf("%v, %d rejected", err, rejected)
			}
		})
	}
}

// TestRunStopsAtAFailure checks that the first batch with an unknown fate ends the run, which still reports what other
// batches got acknowledged.
func TestRunStopsAtAFailure(t *testing.T) {
	broken := errors.New("no usable answer")
	const concurrency = 4
	var mu sync.Mutex
	posted := 0
	all := make(chan struct{}) // closed once the maximum of requests is open
	s := send.Sender{Concurrency: concurrency, Post: func(_ context.Context, body []byte, n int) (client.Receipt, error) {
		mu.Lock()
		if posted++; posted == 1+concurrency {
			close(all)
		}
		mu.Unlock()
		if strings.HasPrefix(unpacked(t, body), "event 0\n") { // it is posted alone
			return client.Receipt{Accepted: n, Attempts: 1}, nil
		}
		<-all
		if strings.HasPrefix(unpacked(t, body), "event 1\n") {
			return client.Receipt{Attempts: 8}, broken
		}
		return client.Receipt{Accepted: n, Attempts: 1}, nil
	}}
	accepted, retries, failed := 0, 0, 0
	err := s.Run(t.Context(), numbered(100_000, 1), func(r send.Result) {
		accepted += r.Accepted
		retries += r.Retries
		if r.Err != nil && !errors.Is(r.Err, context.Canceled) {
			failed++
		}
	})
	if !errors.Is(err, broken) || failed != 1 || retries != 7 {
		t.Errorf("%v: %d failed, %d retries", err, failed, retries)
	}
	mu.Lock()
	defer mu.Unlock()
	if accepted != posted-1 || posted > 2*concurrency+2 {
		t.Errorf("%d accepted of %d posted", accepted, posted)
	}
}

// TestRunReportsUnreadableInput checks that the sender posts everything that it read before an error.
func TestRunReportsUnreadableInput(t *testing.T) {
	broken := errors.New("disk on fire")
	limits := send.ServerLimits()
	limits.Events = 2
	splitter := send.NewSplitter(
		[]send.Source{send.Stream("f", io.MultiReader(strings.NewReader("a\nb\nc\nd"), fail{broken}))},
		limits,
	)
	s := send.Sender{Concurrency: 2, Post: func(_ context.Context, _ []byte, n int) (client.Receipt, error) {
		return client.Receipt{Accepted: n, Attempts: 1}, nil
	}}
	accepted := 0
	err := s.Run(t.Context(), splitter, func(r send.Result) { accepted += r.Accepted })
	var input *send.InputError
	if !errors.As(err, &input) || input.Line != 3 || accepted != 3 {
		t.Errorf("%v after %d accepted, want an InputError after line 3", err, accepted)
	}
}

// TestRunEndsWithItsContext checks that if the context ends while the sender waits for input, the run ends after the
// open requests.
func TestRunEndsWithItsContext(t *testing.T) {
	input, writer := io.Pipe()
	t.Cleanup(func() { writer.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	limits := send.ServerLimits()
	limits.Events = 1
	posted := make(chan struct{})
	s := send.Sender{Concurrency: 2, Post: func(_ context.Context, _ []byte, n int) (client.Receipt, error) {
		close(posted)
		<-ctx.Done()
		return client.Receipt{Accepted: n, Attempts: 1}, nil
	}}
	go func() {
		io.Copy(writer, bytes.NewReader([]byte("{\"id\":1}\n"))) // then no more input
		<-posted
		cancel()
	}()
	accepted := 0
	err := s.Run(
		ctx,
		send.NewSplitter([]send.Source{send.Stream("stdin", input)}, limits),
		func(r send.Result) { accepted += r.Accepted },
	)
	if !errors.Is(err, context.Canceled) || accepted != 1 {
		t.Errorf("%v after %d accepted, want the context's error after 1", err, accepted)
	}
}

// TestRunPostsNothingAfterTheEnd checks that after the context has ended, the sender posts nothing.
func TestRunPostsNothingAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := send.Sender{Concurrency: 2, Post: func(context.Context, []byte, int) (client.Receipt, error) {
		t.Error("posted")
		return client.Receipt{}, nil
	}}
	if err := s.Run(ctx, numbered(10, 1), func(send.Result) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}
