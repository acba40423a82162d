// Package s3archive keeps the archive in an S3 bucket. It implements the contract of shared/archive over If-None-Match,
// and has no policy. Each object is one request. shared/archive defines the keys and what objects hold.
//
// The role needs s3:PutObject and s3:GetObject, as the layer does. It also needs s3:ListBucket for Get: without it, S3
// answers 403 instead of 404 for a key that holds no object, and that is not ErrNotFound.
package s3archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/anabranch/anabranch/shared/archive"
)

// ErrInFlight means that another put of the same key was in progress. S3 says neither that the object exists nor that
// it does not. Retry.
//
// Source: S3 API Reference, PutObject, 409 ConditionalRequestConflict.
var ErrInFlight = errors.New("another put of the key is in flight")

// maxListed is how many objects S3 returns per request. Source: S3 API Reference, ListObjectsV2.
const maxListed = 1000

// Archive is a bucket.
type Archive struct {
	client *s3.Client
	bucket string
}

var _ archive.Archive = (*Archive)(nil)

// New returns the archive in a bucket. The bucket must exist. New makes no request.
func New(client *s3.Client, bucket string) *Archive { return &Archive{client: client, bucket: bucket} }

// Put implements archive.Archive. An object that exists may also come from this very call: from an attempt whose answer
// was lost.
//
// Errors: archive.ErrExists; ErrInFlight, retryable. Others as archive.Archive says.
func (a *Archive) Put(ctx context.Context, key archive.Key, body []byte) (time.Time, error) {
	// The SDK can rewind the body for another attempt. The checksum lets S3 refuse a body that was damaged in transit.
	out, err := a.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &a.bucket, Key: aws.String(string(key)), Body: bytes.NewReader(body),
		IfNoneMatch: aws.String("*"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return failure(err), fmt.Errorf("put %s: %w", key, classify(err))
	}
	return dateOf(out.ResultMetadata), nil
}

// classify tells the two answers to a put of a key that is taken apart: 412, there is an object; 409, there may be one
// soon.
func classify(err error) error {
	switch response := answer(err); {
	case response == nil:
	case response.StatusCode == http.StatusPreconditionFailed:
		return archive.ErrExists
	case response.StatusCode == http.StatusConflict:
		return fmt.Errorf("%w: %w", ErrInFlight, err)
	}
	return err
}

// Get implements archive.Archive.
func (a *Archive) Get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	out, err := a.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &a.bucket, Key: aws.String(string(key)), ChecksumMode: types.ChecksumModeEnabled,
	})
	if missing := (*types.NoSuchKey)(nil); errors.As(err, &missing) {
		return nil, failure(err), fmt.Errorf("get %s: %w", key, archive.ErrNotFound)
	}
	if err != nil {
		return nil, failure(err), fmt.Errorf("get %s: %w", key, err)
	}
	date := dateOf(out.ResultMetadata)
	body, err := read(out)
	if err != nil {
		return nil, date, fmt.Errorf("get %s: read its body: %w", key, err)
	}
	return body, date, nil
}

// read reads a whole body; the SDK compares it with the object's checksum.
func read(out *s3.GetObjectOutput) ([]byte, error) {
	defer out.Body.Close() // everything was read, or the read error says what matters
	var body bytes.Buffer
	body.Grow(int(aws.ToInt64(out.ContentLength)) + bytes.MinRead)
	if _, err := body.ReadFrom(out.Body); err != nil {
		return nil, err
	}
	if want := aws.ToInt64(out.ContentLength); out.ContentLength != nil && int64(body.Len()) != want {
		return nil, fmt.Errorf("%d of %d bytes: %w", body.Len(), want, io.ErrUnexpectedEOF)
	}
	return body.Bytes(), nil
}

// List implements archive.Archive. It makes one request per 1,000 objects. An empty range takes a request, too, for the
// date.
func (a *Archive) List(ctx context.Context, from, to archive.Key, limit int) (objects []archive.Object, date time.Time,
	err error) {
	in := &s3.ListObjectsV2Input{
		Bucket: &a.bucket, Prefix: optional(commonPrefix(from, to)), StartAfter: optional(before(from)),
		EncodingType: types.EncodingTypeUrl, // a key may hold what XML cannot
	}
	if from >= to {
		limit = 0
	}
	for {
		in.MaxKeys = aws.Int32(int32(max(1, min(limit-len(objects), maxListed))))
		out, err := a.client.ListObjectsV2(ctx, in)
		if err != nil {
			return nil, failure(err), fmt.Errorf("list from %s: %w", from, err)
		}
		date = dateOf(out.ResultMetadata)
		for _, o := range out.Contents {
			name, err := url.QueryUnescape(aws.ToString(o.Key))
			if err != nil {
				return nil, date, fmt.Errorf("list from %s: key %q: %w", from, aws.ToString(o.Key), err)
			}
			key := archive.Key(name)
			if key >= to || len(objects) >= limit {
				return objects, date, nil
			}
			if key >= from {
				objects = append(objects, archive.Object{Key: key, Size: aws.ToInt64(o.Size)})
			}
		}
		if !aws.ToBool(out.IsTruncated) || len(objects) >= limit {
			return objects, date, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// before returns a key smaller than from with as few keys as possible between the two. S3 lists what comes after a key,
// but List includes from. The predecessor of a key's After is exact. Other keys lose their last character, and List
// drops the keys in between; before a slot's objects there are none.
func before(from archive.Key) string {
	if key, ok := strings.CutSuffix(string(from), "\x00"); ok {
		return key
	}
	_, size := utf8.DecodeLastRuneInString(string(from))
	return string(from[:len(from)-size])
}

// commonPrefix returns the common prefix of all keys from one key to the other. It keeps S3 from listing far beyond the
// range.
func commonPrefix(from, to archive.Key) string {
	n := 0
	for n < min(len(from), len(to)) && from[n] == to[n] {
		n++
	}
	for n > 0 && !utf8.ValidString(string(from[:n])) { // cut within a character
		n--
	}
	return string(from[:n])
}

// optional leaves an empty parameter out of a request.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// answer returns S3's answer that refused a request, or nil when there was no answer.
func answer(err error) *smithyhttp.Response {
	if response := (*smithyhttp.ResponseError)(nil); errors.As(err, &response) {
		return response.Response
	}
	return nil
}

// failure returns S3's clock from the answer that refused a request, or the zero time when there was no answer.
func failure(err error) time.Time {
	response := answer(err)
	if response == nil || response.Response == nil {
		return time.Time{}
	}
	return clock(response)
}

// dateOf returns S3's clock from a successful answer.
func dateOf(metadata middleware.Metadata) time.Time {
	response, ok := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	if !ok {
		return time.Time{}
	}
	return clock(response)
}

// clock reads the Date header. It returns the zero time when the header is absent or invalid.
func clock(response *smithyhttp.Response) time.Time {
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date.UTC()
}
