//go:build emulator

package s3archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
	"github.com/anabranch/anabranch/localstack/wire/wiretest"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
)

// faults is a bucket behind a wire that injects faults.
type faults struct {
	cfg    aws.Config
	bucket string
	opened int
}

func TestFaults(t *testing.T) {
	endpoint := emulator.Start(t).Endpoint
	t.Run("in process", func(t *testing.T) {
		f := &faults{cfg: awstest.Config(endpoint), bucket: "faults"}
		transport := wire.New(http.DefaultTransport, 1)
		f.cfg.HTTPClient = transport
		awstest.Bucket(t, f.cfg, f.bucket)
		f.fill(t, "many/", 1003)
		wiretest.Run(t, transport, append(f.sites(), wiretest.Site{Name: "list in two requests", Prepare: f.list}))
	})
	t.Run("over connections", func(t *testing.T) {
		proxy, err := wire.Listen(endpoint, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := proxy.Close(); err != nil {
				t.Errorf("close the proxy: %v", err)
			}
		}()
		f := &faults{cfg: awstest.Config(proxy.URL), bucket: "proxied"}
		// A new connection for each request: on a used one, Go's client itself retries requests that can be retried.
		f.cfg.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		awstest.Bucket(t, f.cfg, f.bucket)
		wiretest.Run(t, proxy.Transport, f.sites())
	})
}

func (f *faults) sites() []wiretest.Site {
	return []wiretest.Site{
		{Name: "put", Prepare: f.put},
		{Name: "put over another object", Prepare: f.putOver},
		{Name: "get", Prepare: f.get},
		{Name: "get a free key", Prepare: f.getNothing},
	}
}

// open returns an archive with its own client, and a key that no other try has used.
func (f *faults) open() (*s3archive.Archive, archive.Key) {
	f.opened++
	return s3archive.New(s3.NewFromConfig(f.cfg), f.bucket), archive.Key(fmt.Sprintf("events/%06d", f.opened))
}

// fill puts n objects. The length of a body is the number of digits of the object's number.
func (f *faults) fill(t *testing.T, prefix string, n int) {
	t.Helper()
	a, _ := f.open()
	var group sync.WaitGroup
	for part := range 8 {
		group.Go(func() {
			for i := part; i < n; i += 8 {
				if _, err := a.Put(t.Context(), numbered(prefix, i), fmt.Append(nil, i)); err != nil {
					t.Errorf("fill: %v", err)
				}
			}
		})
	}
	group.Wait()
}

func numbered(prefix string, i int) archive.Key { return archive.Key(fmt.Sprintf("%s%06d", prefix, i)) }

func wantObject(t *testing.T, a *s3archive.Archive, key archive.Key, want []byte) {
	t.Helper()
	if got, _, err := a.Get(t.Context(), key); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s holds %q, error %v; want %q", key, got, err, want)
	}
}

// put puts an object. On nil, the object is durable. ErrExists may come from its own earlier attempt. After any other
// error, retrying is safe.
func (f *faults) put(*testing.T) wiretest.Try {
	a, key := f.open()
	body := []byte("the body of " + key)
	return wiretest.Try{
		Do: func(ctx context.Context) error {
			_, err := a.Put(ctx, key, body)
			return err
		},
		Lost:  archive.ErrExists,
		Fails: map[wire.Kind]error{wire.Conflict: s3archive.ErrInFlight},
		Check: func(t *testing.T, err error) {
			if err != nil && !errors.Is(err, archive.ErrExists) {
				if _, err := a.Put(t.Context(), key, body); err != nil && !errors.Is(err, archive.ErrExists) {
					t.Errorf("put again: %v", err)
				}
			}
			wantObject(t, a, key, body)
		},
	}
}

// putOver puts over another object, which must never succeed, whatever the answers.
func (f *faults) putOver(t *testing.T) wiretest.Try {
	a, key := f.open()
	first := []byte("first")
	if _, err := a.Put(t.Context(), key, first); err != nil {
		t.Fatal(err)
	}
	return wiretest.Try{
		Do: func(ctx context.Context) error {
			_, err := a.Put(ctx, key, []byte("second"))
			return err
		},
		Want: archive.ErrExists, Lost: archive.ErrExists,
		Fails: map[wire.Kind]error{wire.Conflict: s3archive.ErrInFlight},
		Check: func(t *testing.T, _ error) { wantObject(t, a, key, first) },
	}
}

func (f *faults) get(t *testing.T) wiretest.Try {
	a, key := f.open()
	body := bytes.Repeat([]byte("0123456789"), 1000)
	if _, err := a.Put(t.Context(), key, body); err != nil {
		t.Fatal(err)
	}
	var got []byte
	return wiretest.Try{
		Do: func(ctx context.Context) (err error) {
			got, _, err = a.Get(ctx, key)
			return err
		},
		Fails: map[wire.Kind]error{wire.Reset: syscall.ECONNRESET}, // the SDK does not retry once the body has begun
		Check: func(t *testing.T, err error) {
			if err == nil && !bytes.Equal(got, body) {
				t.Errorf("%d bytes were read, want %d", len(got), len(body))
			}
		},
	}
}

// getNothing gets a free key. ErrNotFound must mean that the key is free, not that S3 gave no answer.
func (f *faults) getNothing(*testing.T) wiretest.Try {
	a, key := f.open()
	return wiretest.Try{
		Do: func(ctx context.Context) error {
			_, _, err := a.Get(ctx, key)
			return err
		},
		Want: archive.ErrNotFound,
		Check: func(t *testing.T, err error) {
			if err == nil {
				t.Error("it was found")
			}
		},
	}
}

// list lists objects. The listing must be complete, since an object that it leaves out is missing from the run.
func (f *faults) list(*testing.T) wiretest.Try {
	a, _ := f.open()
	var got []archive.Object
	return wiretest.Try{
		Do: func(ctx context.Context) (err error) {
			got, _, err = a.List(ctx, "many/", "many0", 2000)
			return err
		},
		Check: func(t *testing.T, err error) {
			if err != nil {
				return
			}
			want := make([]archive.Object, 1003)
			for i := range want {
				want[i] = archive.Object{Key: numbered("many/", i), Size: int64(len(fmt.Sprint(i)))}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("listing (-want +got):\n%.1000s", diff)
			}
		},
	}
}
