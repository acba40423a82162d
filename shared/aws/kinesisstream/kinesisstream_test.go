package kinesisstream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/kinesisstream"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

func open(t *testing.T, answers ...awstest.Answer) (*awstest.Wire, *kinesisstream.Stream) {
	t.Helper()
	wire, cfg := awstest.NewWire(t, answers...)
	return wire, kinesisstream.New(kinesis.NewFromConfig(cfg), "events")
}

// put returns an answer to PutRecords with n records; some are refused.
func put(n int, refused ...int) awstest.Answer {
	results := make([]string, n)
	for i := range results {
		results[i] = `{"ShardId":"shardId-000000000000","SequenceNumber":"4954"}`
	}
	for i, at := range refused {
		code := []string{"ProvisionedThroughputExceededException", "InternalFailure"}[i%2]
		results[at] = `{"ErrorCode":"` + code + `","ErrorMessage":"as the test requested"}`
	}
	return awstest.JSON(fmt.Sprintf(`{"FailedRecordCount":%d,"Records":[%s]}`, len(refused), strings.Join(results, ",")))
}

// entries returns n entries of size bytes each, in the lanes of a layout with four lanes.
func entries(n, size int) []stream.Entry {
	all := make([]stream.Entry, n)
	for i := range all {
		all[i] = stream.Entry{Lane: event.Lane{Layout: 1, Count: 4, N: i % 4}, Data: make([]byte, size)}
	}
	return all
}

// counts returns the number of records of each request.
func counts(t *testing.T, wire *awstest.Wire) (all []int) {
	t.Helper()
	for _, r := range wire.Requests() {
		if r.Operation() != "PutRecords" {
			t.Errorf("operation %s", r.Operation())
		}
		all = append(all, bytes.Count(r.Body, []byte(`"PartitionKey"`))) // decoding megabytes takes long
	}
	return all
}

func TestPublishSendsTheLaneAsPartitionKeyWithItsHashKey(t *testing.T) {
	wire, s := open(t, put(3))
	failed, err := s.Publish(t.Context(), []stream.Entry{
		{Lane: event.Lane{Layout: 1, Count: 4, N: 0}, Data: []byte("a")},
		{Lane: event.Lane{Layout: 1, Count: 4, N: 3}, Data: []byte("b")},
		{Lane: event.Lane{Layout: 2, Count: 8, N: 1}},
	})
	if err != nil || failed != nil {
		t.Errorf("failed %v, error %v", failed, err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(`{"StreamName":"events","Records":[
		{"PartitionKey":"1.4.0","ExplicitHashKey":"0","Data":"YQ=="},
		{"PartitionKey":"1.4.3","ExplicitHashKey":"255211775190703847597530955573826158592","Data":"Yg=="},
		{"PartitionKey":"2.8.1","ExplicitHashKey":"42535295865117307932921825928971026432","Data":""}]}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, wire.Requests()[0].JSON(t)); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestPublishReturnsTheRecordsThatWereNotPut(t *testing.T) {
	wire, s := open(t, put(500, 0, 7, 499), put(500), put(100, 1, 99))
	failed, err := s.Publish(t.Context(), entries(1100, 1))
	if diff := cmp.Diff([]int{0, 7, 499, 1001, 1099}, failed); diff != "" || err != nil {
		t.Errorf("error %v, failed (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]int{500, 500, 100}, counts(t, wire)); diff != "" {
		t.Errorf("records per request (-want +got):\n%s", diff)
	}
}

func TestPublishKeepsRequestsBelow5MB(t *testing.T) {
	const lane = len("1.4.0")
	for name, test := range map[string]struct {
		n, size int
		want    []int
	}{
		"the largest records": {11, stream.MaxRecord, []int{5, 5, 1}},
		"exactly 5 MB":        {21, 512<<10 - lane, []int{10, 10, 1}},
		"one byte more":       {21, 512<<10 - lane + 1, []int{9, 9, 3}},
		"one":                 {1, 10, []int{1}},
		"500 small ones":      {500, 1, []int{500}},
		"501":                 {501, 1, []int{500, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var answers []awstest.Answer
			for _, n := range test.want {
				answers = append(answers, put(n))
			}
			wire, s := open(t, answers...)
			if failed, err := s.Publish(t.Context(), entries(test.n, test.size)); err != nil || failed != nil {
				t.Errorf("failed %v, error %v", failed, err)
			}
			if diff := cmp.Diff(test.want, counts(t, wire)); diff != "" {
				t.Errorf("records per request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPublishNothing(t *testing.T) {
	_, s := open(t)
	if failed, err := s.Publish(t.Context(), nil); err != nil || failed != nil {
		t.Errorf("failed %v, error %v", failed, err)
	}
}

func TestPublishFails(t *testing.T) {
	limit := awstest.Failure("LimitExceededException")
	t.Run("as a whole, after a request that was made", func(t *testing.T) {
		_, s := open(t, put(500, 3), awstest.Failure("ResourceNotFoundException"))
		failed, err := s.Publish(t.Context(), entries(600, 1))
		var missing *types.ResourceNotFoundException
		if !errors.As(err, &missing) || failed != nil {
			t.Errorf("failed %v, error %v", failed, err)
		}
	})
	t.Run("when the stream is throttled as a whole", func(t *testing.T) {
		_, s := open(t, limit, limit, limit)
		if _, err := s.Publish(t.Context(), entries(1, 1)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("when every answer is lost", func(t *testing.T) {
		_, s := open(t, awstest.Answer{}, awstest.Answer{}, awstest.Answer{})
		if _, err := s.Publish(t.Context(), entries(1, 1)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("when results are missing", func(t *testing.T) {
		_, s := open(t, put(1))
		if _, err := s.Publish(t.Context(), entries(2, 1)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("before any request when a record is too large", func(t *testing.T) {
		_, s := open(t)
		if _, err := s.Publish(t.Context(), append(entries(1, 1), entries(1, stream.MaxRecord+1)...)); err == nil {
			t.Error("no error")
		}
	})
}

func TestALostAnswerIsTriedAgain(t *testing.T) {
	wire, s := open(t, awstest.Answer{}, put(2))
	if failed, err := s.Publish(t.Context(), entries(2, 1)); err != nil || failed != nil {
		t.Errorf("failed %v, error %v", failed, err)
	}
	if diff := cmp.Diff([]int{2, 2}, counts(t, wire)); diff != "" {
		t.Errorf("records per request (-want +got):\n%s", diff)
	}
}
