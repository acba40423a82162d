package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

// TestKill sends the sample three times at once, with several clients. Meanwhile it kills "anabranch dev" with SIGKILL
// and starts it again on the same directory, several times. No acknowledged event is lost. Once the clients have sent
// again what was not acknowledged, every answer equals that of the sample sent once.
func TestKill(t *testing.T) {
	command := build(t)
	dir := t.TempDir()
	events, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	const size = 100 // events per request
	var chunks [][][]byte
	for start := 0; start < len(events); start += size {
		chunk := events[start:min(start+size, len(events))]
		chunks = append(chunks, slices.Repeat([][][]byte{chunk}, copies)...) // four clients send concurrently, in this order
	}
	acknowledged := make([]bool, len(chunks))
	for life := 0; ; life++ {
		server, kill := live(t, command, dir)
		count := atLeast(t, server, acknowledged, size)
		t.Logf("life %d begins with %d events counted", life, count)
		if life == 3 {
			sendOpen(t, server, chunks, acknowledged, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			complete := func(a sample.Answer) bool { return a.Exact() && a.Requests() == sample.Events }
			if err := server.Wait(ctx, "batch", complete); err != nil {
				t.Fatal(err)
			}
			if _, err := server.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			kill()
			return
		}
		sendOpen(t, server, chunks, acknowledged, kill)
	}
}

// copies is how often the sample is sent.
const copies = 3

// build compiles the command.
func build(t *testing.T) string {
	t.Helper()
	command := filepath.Join(t.TempDir(), "anabranch")
	if out, err := exec.Command("go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return command
}

// live starts one life of the server, and returns a function that kills it.
func live(t *testing.T, command, dir string) (sample.Server, func()) {
	t.Helper()
	server, _, kill := launch(t, command, dir, "--slot=2s", "--commit-within=500ms", "--seal-delay=1s",
		"--batch-every=200ms")
	return server, kill
}

// launch starts the server as a process, and returns a function that kills it.
func launch(t *testing.T, command, dir string, flags ...string) (sample.Server, *os.Process, func()) {
	t.Helper()
	c := exec.Command(command, append([]string{
		"dev", "--views=../../localstack/sample/views.yaml", "--dir=" + dir, "--listen=127.0.0.1:0",
	}, flags...)...)
	out, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var dead atomic.Bool
	kill := func() {
		if !dead.Swap(true) {
			_ = c.Process.Signal(syscall.SIGKILL)
			_ = c.Wait()
		}
	}
	t.Cleanup(kill)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, url, ok := strings.Cut(lines.Text(), "listens on "); ok {
			return sample.Server{URL: url}, c.Process, kill
		}
		t.Log(lines.Text())
	}
	t.Fatal("the server did not start")
	return sample.Server{}, nil, nil
}

// atLeast fails if the server counts fewer events than it acknowledged. Right after a start, the answers have all of
// them.
func atLeast(t *testing.T, server sample.Server, acknowledged []bool, size int) int64 {
	t.Helper()
	answer, err := server.Ask(t.Context(), "traffic", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := int64(0)
	for i := 0; i < len(acknowledged); i += copies {
		if slices.Contains(acknowledged[i:i+copies], true) {
			want += int64(min(size, sample.Events-i/copies*size))
		}
	}
	if got := answer.Requests(); got < want {
		t.Fatalf("%d events are counted, %d were acknowledged", got, want)
	}
	return answer.Requests()
}

// sendOpen sends, with four clients, all chunks that are not acknowledged. If kill is set, it kills the server
// meanwhile.
func sendOpen(t *testing.T, server sample.Server, chunks [][][]byte, acknowledged []bool, kill func()) {
	t.Helper()
	var next, done atomic.Int64
	results := make(chan error)
	for range 4 {
		go func() {
			for i := int(next.Add(1)) - 1; i < len(chunks); i = int(next.Add(1)) - 1 {
				if acknowledged[i] {
					continue
				}
				if err := post(server, chunks[i]); err != nil {
					results <- err
					return
				}
				acknowledged[i] = true
				if done.Add(1) == 60 && kill != nil {
					go kill()
				}
			}
			results <- nil
		}()
	}
	for range 4 {
		if err := <-results; err != nil && kill == nil {
			t.Error(err)
		}
	}
	if kill != nil {
		kill()
	}
}

// post returns nil if all events of the chunk are acknowledged. It asks again if the server was too busy to meet its
// deadline.
func post(server sample.Server, chunk [][]byte) error {
	err := postOnce(server, chunk)
	for try := 0; errors.Is(err, errBusy) && try < 20; try++ {
		err = postOnce(server, chunk)
	}
	return err
}

var errBusy = errors.New("503")

func postOnce(server sample.Server, chunk [][]byte) error {
	response, err := http.Post(
		server.URL+"/v1/events",
		"application/x-ndjson",
		bytes.NewReader(bytes.Join(chunk, []byte("\n"))),
	)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusServiceUnavailable {
		return errBusy
	}
	var answer struct {
		Accepted int `json:"accepted"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || answer.Accepted != len(chunk) {
		return errors.New(response.Status)
	}
	return nil
}
