package experiments

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// times measures requests to S3 and to the API from this machine, and asks CloudWatch how long the functions took.
func times(ctx context.Context, l *Lab) ([]Finding, error) {
	began := l.Now()
	found := []Finding{{What: "measured from", Value: "this machine: run it in the region, in CloudShell for example"}}
	puts, gets, err := l.timeObjects(ctx)
	if err != nil {
		return found, err
	}
	lists, err := l.timeLists(ctx)
	if err != nil {
		return found, err
	}
	o := l.newLoad("times")
	if err := o.send(ctx, 1, func(n int) bool { return n < l.Sizes.Samples }); err != nil {
		return found, err
	}
	found = append(found,
		Finding{What: "S3 PUT of 1 KB", Value: percentiles(puts)}, Finding{What: "S3 GET of 1 KB", Value: percentiles(gets)},
		Finding{What: "S3 LIST, a page of up to 1,000 objects", Value: percentiles(lists)},
		Finding{What: "POST of one event", Value: percentiles(o.took)},
	)
	if _, _, err := o.await(ctx, false); err != nil {
		return found, err
	}
	if err := l.Wait(ctx, l.Sizes.Shows); err != nil {
		return found, err
	}
	return append(found,
		l.average(ctx, "ingest, with one event a request", "IngestFunction", "ingest_ms", began),
		l.average(ctx, "speed", "SpeedFunction", "speed_ms", began),
		l.average(ctx, "batch, all ticks", "BatchFunction", "", began),
		l.average(ctx, "query", "QueryFunction", "", began),
	), nil
}

// average returns the average duration of a function since a time, as CloudWatch knows it.
func (l *Lab) average(ctx context.Context, what, output, figure string, since time.Time) Finding {
	f := Finding{What: "average duration of " + what}
	ms, calls, err := l.duration(ctx, l.Outputs[output], since, l.Now())
	if err != nil || calls == 0 {
		f.Value = notMeasured(reason(err, "CloudWatch has no metric"))
		return f
	}
	f.Value, f.Figure = fmt.Sprintf("%.1f ms, of %.0f", ms, calls), figure
	return f
}

// timeObjects writes and reads objects in the failure bucket, and deletes them afterwards. It does not write into the
// archive, which keeps everything.
func (l *Lab) timeObjects(ctx context.Context) (puts, gets []time.Duration, err error) {
	bucket, body := l.Outputs["FailureBucket"], bytes.Repeat([]byte("x"), 1024)
	key := func(i int) *string { return aws.String(fmt.Sprintf("first-day/%s/%04d", l.ID, i)) }
	err = l.change(ctx, change{
		what:   "objects below first-day/ in the failure bucket",
		byHand: "delete the objects below first-day/ in the failure bucket; they expire in any case",
		undo: func(ctx context.Context) error {
			for i := range l.Sizes.Samples {
				if _, err := l.S3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: key(i)}); err != nil {
					return err
				}
			}
			return nil
		},
	}, func(ctx context.Context) error {
		for i := range l.Sizes.Samples {
			took, err := l.time(func() error {
				_, err := l.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key(i), Body: bytes.NewReader(body)})
				return err
			})
			if err != nil {
				return err
			}
			puts = append(puts, took)
			if took, err = l.time(func() error { return l.get(ctx, bucket, *key(i)) }); err != nil {
				return err
			}
			gets = append(gets, took)
		}
		return nil
	})
	return puts, gets, err
}

func (l *Lab) get(ctx context.Context, bucket, key string) error {
	got, err := l.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	defer got.Body.Close()
	_, err = io.Copy(io.Discard, got.Body)
	return err
}

// timeLists lists the events of the archive, page by page.
func (l *Lab) timeLists(ctx context.Context) (lists []time.Duration, err error) {
	bucket := l.Outputs["ArchiveBucket"]
	var next *string
	for range l.Sizes.Samples {
		var page *s3.ListObjectsV2Output
		took, err := l.time(func() (err error) {
			page, err = l.S3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
				Bucket: &bucket, Prefix: aws.String("events/dt="), ContinuationToken: next,
			})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list the archive: %w", err)
		}
		lists = append(lists, took)
		next = page.NextContinuationToken // begins again after the last page
	}
	return lists, nil
}

func (l *Lab) time(do func() error) (time.Duration, error) {
	began := l.Now()
	err := do()
	return l.Now().Sub(began), err
}
