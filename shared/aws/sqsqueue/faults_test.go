//go:build emulator

package sqsqueue_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
	"github.com/anabranch/anabranch/localstack/wire/wiretest"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/sqsqueue"
	"github.com/anabranch/anabranch/shared/stream"
)

// TestFaults checks that on nil, the request is in the queue at least once. On an error, it may be in the queue.
func TestFaults(t *testing.T) {
	cfg := awstest.Config(emulator.Start(t).Endpoint)
	reader, url := awstest.Queue(t, cfg, "faults")
	transport := wire.New(http.DefaultTransport, 1)
	cfg.HTTPClient = transport
	opened := 0
	wiretest.Run(t, transport, []wiretest.Site{{Name: "enqueue", Prepare: func(*testing.T) wiretest.Try {
		opened++
		request := stream.Republish{Object: fmt.Sprintf("events/%06d", opened), Lanes: []string{"1.4.0", "1.4.3"}}
		q := sqsqueue.New(sqs.NewFromConfig(cfg), url)
		return wiretest.Try{
			Do: func(ctx context.Context) error { return q.Enqueue(ctx, request) },
			Check: func(t *testing.T, err error) {
				got := takeAll(t, reader, url)
				if err == nil && len(got) == 0 {
					t.Error("it is not in the queue")
				}
				for _, g := range got {
					if diff := cmp.Diff(request, g); diff != "" {
						t.Errorf("in the queue (-want +got):\n%s", diff)
					}
				}
			},
		}
	}}})
}
