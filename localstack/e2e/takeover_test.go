//go:build emulator

package e2e_test

import (
	"fmt"
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/localstack/stack"
)

// TestTakeOver deletes a stack with its stream and every table. A new stack takes over the archive. Every answer is
// then the fold of the archive, to the digit, and new events count. The slot length follows from the archive.
func TestTakeOver(t *testing.T) {
	if emulator.LocalStackIsChosen() {
		t.Skip("it calls the same services as TestStory")
	}
	t.Parallel()
	w := start(t, stack.Settings{})
	firstTick(t, w)
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	w.send(t, lines)
	w.drain(t)
	w.send(t, lines[:500])       // copies
	time.Sleep(12 * time.Second) // the slot's end and seal delay
	w.takeOver(t, sample.Events)

	bucket := w.copyArchive(t)
	parameters := maps.Clone(short)
	delete(parameters, "Slot")
	if err := w.TakeOver(t.Context(), bucket, stack.Settings{Parameters: parameters, Wire: w.wire.listen}); err != nil {
		t.Fatal(err)
	}
	if got := w.Outputs["ArchiveBucket"]; got != bucket {
		t.Fatalf("the new stack has the archive %s, want %s", got, bucket)
	}
	began := time.Now()
	w.takeOver(t, sample.Events)
	w.verify(t, true)
	t.Logf("every answer is back %.0f s after the new stack was deployed", time.Since(began).Seconds())

	w.send(t, another(t, "-after")[:500])
	w.send(t, lines[:500]) // copies of events that the old stack has archived
	w.drain(t)
	if got := len(distinct(t, w.published(t))); got != 1000 {
		t.Errorf("the new stream holds %d events, want the 1000 that were sent to the new stack", got)
	}
	time.Sleep(12 * time.Second)
	w.takeOver(t, sample.Events+500)
}

// copyArchive copies the archive into a bucket that does not belong to the stack. MiniStack deletes the stack's bucket
// with the stack; AWS keeps it.
func (w *world) copyArchive(t *testing.T) (bucket string) {
	t.Helper()
	client := s3.NewFromConfig(w.ConfigOf("s3"), func(o *s3.Options) { o.UsePathStyle = true })
	from := w.Outputs["ArchiveBucket"]
	bucket = fmt.Sprintf("kept-%d", time.Now().UnixNano())
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &from})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			if _, err := client.CopyObject(t.Context(), &s3.CopyObjectInput{
				Bucket: &bucket, Key: o.Key, CopySource: aws.String(from + "/" + (&url.URL{Path: *o.Key}).EscapedPath()),
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return bucket
}
