//go:build emulator

package e2e_test

import (
	"context"
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
// then the fold of the archive, to the digit, and new events count. The slot length follows from the archive. One view
// is a Kappa view, in both stacks. In the new one, replay alone fills it, since it is live only once a speed window has
// passed.
func TestTakeOver(t *testing.T) {
	if emulator.LocalStackIsChosen() {
		t.Skip("it calls the same services as TestStory")
	}
	t.Parallel()
	w := start(t, stack.Settings{})
	asKappa := func() { w.deployViews(t, pageViews, pageViews+"    architecture: kappa\n") }
	asKappa()
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
	w.replayed(t)

	bucket := w.copyArchive(t)
	parameters := maps.Clone(short)
	delete(parameters, "Slot")
	if err := w.TakeOver(t.Context(), bucket, stack.Settings{Parameters: parameters, Wire: w.wire.listen}); err != nil {
		t.Fatal(err)
	}
	asKappa()
	if got := w.Outputs["ArchiveBucket"]; got != bucket {
		t.Fatalf("the new stack has the archive %s, want %s", got, bucket)
	}
	began := time.Now()
	w.takeOver(t, sample.Events)
	w.replayed(t)
	w.verify(t, false)
	t.Logf("every answer is back %.0f s after the new stack was deployed", time.Since(began).Seconds())

	w.send(t, another(t, "-after")[:500])
	w.send(t, lines[:500]) // copies of events that the old stack has archived
	w.drain(t)
	if got := len(distinct(t, w.published(t))); got != 1000 {
		t.Errorf("the new stream holds %d events, want the 1000 that were sent to the new stack", got)
	}
	time.Sleep(12 * time.Second)
	w.takeOver(t, sample.Events+500)
	w.replayed(t)
	w.verify(t, false)
}

// replayed invokes replay until every value of the Kappa view is that of the archive. Copies count once, also those
// that clients have sent to both stacks. No row of a Kappa view is exact.
func (w *world) replayed(t *testing.T) {
	t.Helper()
	lines := distinct(t, w.archived(t))
	began := time.Now()
	for ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute); ; time.Sleep(time.Second) {
		defer cancel()
		w.tickBoth(t, ctx)
		_, err := w.reader().VerifyPageViews(ctx, lines, false)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("the Kappa view is not the fold of the archive: %v", err)
		}
	}
	a, err := w.reader().Ask(t.Context(), "page_views", map[string][]string{"path": {"/favicon.ico"}})
	if err != nil || a.Exact() || a.Requests() == 0 {
		t.Fatalf("a Kappa view answers %d requests, exact %v, %v", a.Requests(), a.Exact(), err)
	}
	t.Logf("replay had brought everything %.0f s later", time.Since(began).Seconds())
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
