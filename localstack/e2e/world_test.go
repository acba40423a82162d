//go:build emulator

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"

	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/localstack/stack"
)

// short are parameters with short times, so that tests can wait for a takeover. The stack's clock is this machine's and
// has no error; HTTP's Date has an error of up to a second.
var short = map[string]string{
	"Slot": "5s", "CommitWithin": "3s", "ClockMargin": "2s", "SealDelay": "6s", "SweepAfter": "5s", "BatchingWindow": "1",
}

// world is a running stack, with the helpers that observe it.
type world struct {
	*stack.Stack
	wire wires  // between the functions and the emulators
	dir  string // directory of files that live as long as the stack

	mu     sync.Mutex
	byHand map[string]int // number of manual invocations of each function, by its output
	before int            // calls of batch before it was last replaced, since its statistics then start again
}

func start(t *testing.T, s stack.Settings) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), byHand: map[string]int{}}
	s.Parameters, s.Log, s.Logs = short, os.Stderr, t.Name()
	s.Wire = w.wire.listen
	var err error
	if w.Stack, err = stack.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.Stop(), w.wire.Close()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return w
}

// reader returns a client with the read key.
func (w *world) reader() sample.Server { return sample.Server{URL: w.URL, Key: w.Keys.Read} }

// anabranch runs the command with a key.
func (w *world) anabranch(ctx context.Context, key string, args ...string) error {
	command := exec.CommandContext(ctx, filepath.Join("..", "..", "build", "anabranch"), args...)
	command.Env = append(os.Environ(), "ANABRANCH_KEY="+key, "ANABRANCH_URL="+w.URL)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	return command.Run()
}

// send sends events with the command, from a file.
func (w *world) send(t *testing.T, lines [][]byte, args ...string) {
	t.Helper()
	w.sendUpTo(t, 1, lines, args...)
}

// sendUpTo sends events, and repeats the command when it gives up, up to the given number of times. That is safe, as
// the command says.
func (w *world) sendUpTo(t *testing.T, times int, lines [][]byte, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, append(bytes.Join(lines, []byte("\n")), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	for range times {
		if err = w.anabranch(t.Context(), w.Keys.Write, append([]string{"send", file}, args...)...); err == nil {
			return
		}
	}
	t.Fatalf("send, %d times: %v", times, err)
}

// post makes one request of ingest, and returns the status of its answer.
func (w *world) post(ctx context.Context, key string, body []byte) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	return do(request, key)
}

func (w *world) get(ctx context.Context, key, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+path, nil)
	if err != nil {
		return 0, err
	}
	return do(request, key)
}

func do(request *http.Request, key string) (int, error) {
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// batchByHand invokes batch until it has worked. While another tick works, an invocation does nothing.
func (w *world) batchByHand(ctx context.Context) error {
	for {
		body, err := w.invoke(ctx, "BatchFunction")
		if err != nil {
			return err
		}
		var answer struct{ Skipped bool }
		if err := json.Unmarshal(body, &answer); err != nil || !answer.Skipped {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until no other tick works: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// invoke invokes a function, named by the template's output, through Lambda's API, as `aws lambda invoke` does. It
// returns what the function answers.
func (w *world) invoke(ctx context.Context, output string) ([]byte, error) {
	w.mu.Lock()
	w.byHand[output]++
	w.mu.Unlock()
	url := *w.Config.BaseEndpoint + "/2015-03-31/functions/" + w.Outputs[output] + "/invocations"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || response.Header.Get("X-Amz-Function-Error") != "") {
		err = fmt.Errorf("invoke %s: %s: %s", output, response.Status, body)
	}
	return body, err
}

// handCalls returns how often a function was invoked manually.
func (w *world) handCalls(output string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byHand[output]
}

// replaceBatch deploys another batch function.
func (w *world) replaceBatch(t *testing.T, bootstrap string) {
	t.Helper()
	w.before += w.Host.Stats(stack.Batch).Calls
	if err := w.Replace(t.Context(), stack.Batch, bootstrap); err != nil {
		t.Fatal(err)
	}
}

// drain waits until speed has applied everything that is in the stream now.
func (w *world) drain(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	if err := w.Stream.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("speed was done with the stream %.1f s later", time.Since(began).Seconds())
}

// takeOver invokes batch until it has counted the given number of events.
func (w *world) takeOver(t *testing.T, events int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // a killed tick holds its lease for two
	defer cancel()
	for {
		if err := w.batchByHand(ctx); err != nil {
			t.Fatal(err)
		}
		a, err := w.reader().Ask(ctx, "traffic", nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Exact() && a.Requests() == events {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("batch has not taken over: %d requests of %d, exact %v", a.Requests(), events, a.Exact())
		case <-time.After(time.Second):
		}
	}
}

// verify compares every value with a fold of the archive that shares no code with Anabranch.
func (w *world) verify(t *testing.T, exact bool) {
	t.Helper()
	began := time.Now()
	lines := distinct(t, w.archived(t))
	verified, err := w.reader().VerifyLines(t.Context(), lines, exact)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verified {
		t.Logf("%-25s %5d keys %6d rows %6d values: all right, exact %v", v.What, v.Keys, v.Rows, v.Values, exact)
	}
	t.Logf("%d distinct events, verified in %.0f s", len(lines), time.Since(began).Seconds())
}

var eventKey = regexp.MustCompile(`^events/dt=\d{4}-\d\d-\d\d/slot=\d{6}/[0-9A-HJKMNP-TV-Z]{26}\.ndjson\.zst$`)

// archived returns the lines of all event objects, in the order of the archive.
func (w *world) archived(t *testing.T) (lines [][]byte) {
	t.Helper()
	client := s3.NewFromConfig(w.ConfigOf("s3"), func(o *s3.Options) { o.UsePathStyle = true })
	bucket := w.Outputs["ArchiveBucket"]
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	pages := s3.NewListObjectsV2Paginator(
		client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("events/dt=")},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			if !eventKey.MatchString(*o.Key) {
				t.Fatalf("object %s is none of Anabranch's", *o.Key)
			}
			got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(got.Body)
			if err := errors.Join(err, got.Body.Close()); err != nil {
				t.Fatal(err)
			}
			text, err := decoder.DecodeAll(body, nil)
			if err != nil {
				t.Fatalf("object %s: %v", *o.Key, err)
			}
			lines = append(lines, bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))...)
		}
	}
	return lines
}

// published are the lines of all records of the stream, shard by shard.
func (w *world) published(t *testing.T) (lines [][]byte) {
	t.Helper()
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	stream := w.Outputs["StreamName"]
	shards, err := w.Kinesis.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &stream})
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range shards.Shards {
		at, err := w.Kinesis.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: &stream, ShardId: shard.ShardId, ShardIteratorType: kinesistypes.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			t.Fatal(err)
		}
		for iterator, empty := at.ShardIterator, 0; iterator != nil && empty < 3; {
			got, err := w.Kinesis.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range got.Records {
				text, err := decoder.DecodeAll(r.Data, nil)
				if err != nil {
					t.Fatalf("record %s: %v", *r.SequenceNumber, err)
				}
				lines = append(lines, bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))...)
			}
			if iterator, empty = got.NextShardIterator, empty+1; len(got.Records) > 0 {
				empty = 0
			}
		}
	}
	return lines
}

// distinct returns the first line of each identity.
func distinct(t *testing.T, lines [][]byte) (first [][]byte) {
	t.Helper()
	met := map[[2]string]bool{}
	for _, line := range lines {
		var e struct{ Source, ID string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if id := [2]string{e.Source, e.ID}; !met[id] {
			met[id] = true
			first = append(first, line)
		}
	}
	return first
}

// items counts the items of a table.
func (w *world) items(t *testing.T, output string) (n int) {
	t.Helper()
	client := dynamodb.NewFromConfig(w.ConfigOf("dynamodb"))
	table := w.Outputs[output]
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &table, Select: dynamotypes.SelectCount})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += int(page.Count)
	}
	return n
}

// another returns the sample's events as new events, with a suffix on their ids.
func another(t *testing.T, suffix string) [][]byte {
	t.Helper()
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	others := make([][]byte, len(lines))
	for i, line := range lines {
		var e map[string]json.RawMessage
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		var id string
		if err := json.Unmarshal(e["id"], &id); err != nil {
			t.Fatal(err)
		}
		e["id"] = fmt.Appendf(nil, "%q", id+suffix)
		if others[i], err = json.Marshal(e); err != nil {
			t.Fatal(err)
		}
	}
	return others
}
